--- Paths and contents of files.

local files = {}

--- What is wrong with a file that is not there.
files.MISSING = "is missing"

--- The bytes of a file, or nil where there is none.
function files.read(path)
  local file = io.open(path, "rb")
  if file == nil then
    return nil
  end
  local contents = file:read("a")
  file:close()
  return contents
end

local function collapse(path)
  local parts = pandoc.List()
  for _, part in ipairs(pandoc.path.split(pandoc.path.normalize(path))) do
    if part == ".." and #parts > 0 and parts[#parts] ~= ".." then
      parts:remove()
    elseif part ~= "." then
      parts:insert(part)
    end
  end
  return pandoc.path.join(parts)
end

--- `path` as seen from `folder` (both absolute), with forward slashes.
function files.relative(path, folder)
  local relative = pandoc.path.make_relative(collapse(path), collapse(folder), true)
  return (relative:gsub("\\", "/"))
end

--- The contents of `{ path, sha1 }` of a manifest, or nil and what is wrong.
function files.verified(folder, file)
  local contents = files.read(pandoc.path.join { folder, file.path })
  if contents == nil then
    return nil, files.MISSING
  end
  if pandoc.utils.sha1(contents) ~= file.sha1 then
    return nil, "is not the one that the manifest was written for"
  end
  return contents
end

return files
