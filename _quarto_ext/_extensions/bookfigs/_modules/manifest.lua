--- The manifest: the one document that the extension reads.

local modules = ...
local files, shape = modules.files, modules.shape

local SCHEMA = 1
local LOCATION = pandoc.path.join { "_bookfigs", "manifest.json" }

local manifest = {}

local file = shape.record { path = shape.string, sha1 = shape.string }
local verdict = shape.one_of("holds", "fails", "inconclusive", "not applicable here")

local run = shape.record {
  device = shape.string,
  date = shape.string,
  commit = shape.maybe_string,
}

local figure = shape.record {
  caption = shape.string,
  alt = shape.string,
  width = shape.string,
  images = shape.map(file),
  evidence = shape.list(file),
  data = shape.optional(shape.map(file)),
  measured = shape.optional(shape.list(run)),
  outdated = shape.maybe_string,
}

local proven = shape.record {
  executed = shape.count,
  executable = shape.count,
  caught = shape.count,
  counted = shape.count,
  equivalent = shape.count,
  tests = shape.list(shape.string),
}

local listing = shape.record {
  caption = shape.string,
  language = shape.word,
  code = shape.string,
  source = shape.string,
  symbol = shape.maybe_string,
  outdated = shape.maybe_string,
  numbers = shape.optional(shape.boolean),
  callouts = shape.optional(shape.list(shape.record { text = shape.string })),
  output = shape.optional(shape.string),
  evidence = shape.optional(proven),
}

local value = shape.record {
  text = shape.string,
  figure = shape.string,
  outdated = shape.maybe_string,
}

local row = shape.record {
  device = shape.string,
  verdict = verdict,
  statistic = shape.string,
  expected = shape.string,
  date = shape.string,
  commit = shape.maybe_string,
}

local claim = shape.record {
  sentence = shape.string,
  verdict = verdict,
  figure = shape.string,
  source = shape.string,
  rows = shape.list(row),
  outdated = shape.maybe_string,
}

local document = shape.record {
  generator = shape.string,
  figures = shape.map(figure),
  listings = shape.map(listing),
  values = shape.map(value),
  claims = shape.map(claim),
}

--- The nearest `_bookfigs/manifest.json` in a folder or above it, or nil.
function manifest.nearest(folder)
  local path = pandoc.path.join { folder, LOCATION }
  if files.read(path) then
    return path
  end
  local parent = pandoc.path.directory(folder)
  return parent ~= folder and manifest.nearest(parent) or nil
end

local function newer(decoded)
  local what = "the manifest has schema %g, and this extension reads schema %d at most: "
    .. "take the extension of the bookfigs that wrote it (%s)"
  local generator = type(decoded.generator) == "string" and decoded.generator
  return what:format(decoded.schema, SCHEMA, generator or "it does not say which")
end

--- The manifest in a text; or nil, what is wrong with it, and whether writing
-- it again would not help.
function manifest.decode(text)
  local readable, decoded = pcall(pandoc.json.decode, text, false)
  if not readable or decoded == nil then
    return nil, "the manifest is not JSON"
  end
  local schema = type(decoded) == "table" and decoded.schema
  if math.type(schema) and schema > SCHEMA then
    return nil, newer(decoded), true
  end
  if schema ~= SCHEMA then
    return nil, ("the manifest is not of schema %d"):format(SCHEMA)
  end
  local fault = document(decoded, "")
  if fault then
    return nil, "the manifest is damaged: " .. fault
  end
  return decoded
end

--- Whether the entry carries a reason why it does not follow from its sources.
function manifest.is_outdated(entry)
  return type(entry.outdated) == "string"
end

return manifest
