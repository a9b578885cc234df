--- The options of a document: its metadata `bookfigs`, or `extensions: bookfigs`.

local options = {}

local FORM = "the metadata `bookfigs` has to be of the form `manifest: path`, "
  .. "`panels: page` or both"
local PANELS = pandoc.List { "page", "footnote", "none" }
local KNOWN = { manifest = true, panels = true }

local function given(meta)
  local here, others = meta.bookfigs, meta.extensions
  if here == nil and pandoc.utils.type(others) == "table" then
    here = others.bookfigs
  end
  return here
end

local function is_text(value)
  return type(value) == "string" or pandoc.utils.type(value) == "Inlines"
end

local function panels(value)
  if value == nil or value == true then
    return "page"
  elseif value == false then
    return "none"
  end
  local asked = is_text(value) and pandoc.utils.stringify(value)
  if PANELS:includes(asked) then
    return asked
  end
  local what = "the option panels of bookfigs has to be one of: %s"
  return nil, { what = what:format(table.concat(PANELS, ", ")) }
end

--- `{ manifest = path or nil, panels = one of three words }`; or nil and a problem
-- without a place.
function options.read(meta)
  local here = given(meta)
  if here == nil then
    return { panels = "page" }
  elseif pandoc.utils.type(here) ~= "table" then
    return nil, { what = FORM }
  end
  for name in pairs(here) do
    if not KNOWN[name] then
      local what = ("bookfigs has no option %s"):format(name)
      return nil, { what = what, asked = name, among = KNOWN }
    end
  end
  if here.manifest ~= nil and not is_text(here.manifest) then
    return nil, { what = FORM }
  end
  local wanted, problem = panels(here.panels)
  local path = here.manifest and pandoc.utils.stringify(here.manifest)
  return wanted and { manifest = path, panels = wanted }, problem
end

return options
