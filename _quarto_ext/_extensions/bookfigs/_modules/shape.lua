--- Shapes of decoded JSON: `shape(value, path)` is nil, or what is wrong and where.

local shape = {}

local function kind(value)
  if value == nil then
    return "nothing"
  elseif value == pandoc.json.null then
    return "null"
  elseif type(value) ~= "table" then
    return type(value)
  end
  local found = pandoc.utils.type(value)
  -- Decoded lists have a type of their own in pandoc before 3.2.1, so in Quarto 1.4, 1.5.
  return (found == "List" or found == "HsLua JSON array") and "list" or "object"
end

local function expect(wanted)
  return function(value, path)
    local found = kind(value)
    if found ~= wanted then
      return ("%s has to be %s, found %s"):format(path, wanted, found)
    end
  end
end

local is_string = expect("string")
local is_list = expect("list")
local is_object = expect("object")

--- A string without control characters, which XML cannot hold.
function shape.string(value, path)
  local fault = is_string(value, path)
  if not fault and value:find("[\0-\8\11\12\14-\31\127]") then
    fault = ("%s must not have control characters"):format(path)
  end
  return fault
end

--- A string or null.
function shape.maybe_string(value, path)
  if value ~= pandoc.json.null then
    return shape.string(value, path)
  end
end

--- True or false.
shape.boolean = expect("boolean")

--- A number that counts something.
function shape.count(value, path)
  if math.tointeger(value) == nil or value < 0 then
    return ("%s has to be a count, found %s"):format(path, kind(value))
  end
end

--- Something of a shape, or nothing: a field that older manifests do not have.
function shape.optional(item)
  return function(value, path)
    if value ~= nil then
      return item(value, path)
    end
  end
end

--- The name of a language: it becomes a class, or part of a fence.
function shape.word(value, path)
  local fault = shape.string(value, path)
  if not fault and not value:match("^[%w+#_-]+$") then
    fault = ("%s has to be one word"):format(path)
  end
  return fault
end

--- One of the given strings.
function shape.one_of(...)
  local words = pandoc.List { ... }
  return function(value, path)
    if not words:includes(value) then
      return ("%s has to be one of: %s"):format(path, table.concat(words, ", "))
    end
  end
end

--- A list with items of one shape.
function shape.list(item)
  return function(value, path)
    local fault = is_list(value, path)
    for index, each in ipairs(fault and {} or value) do
      fault = fault or item(each, ("%s[%d]"):format(path, index))
    end
    return fault
  end
end

local function member(path, key)
  return path == "" and key or path .. "." .. key
end

--- An object whose values, under whatever names, have one shape.
function shape.map(item)
  return function(value, path)
    local fault = is_object(value, path)
    for key, each in pairs(fault and {} or value) do
      fault = fault or item(each, member(path, key))
    end
    return fault
  end
end

--- An object with at least these fields, a table from name to shape.
function shape.record(fields)
  return function(value, path)
    local fault = is_object(value, path)
    for key, field in pairs(fault and {} or fields) do
      fault = fault or field(value[key], member(path, key))
    end
    return fault
  end
end

return shape
