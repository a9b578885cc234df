--- Shortcodes in prose: `{{< val figure.value >}}`, `{{< data figure >}}`.
-- Quarto parses them; plain pandoc leaves them in the text.

local modules = ...

local shortcode = {}

local WRITTEN = "%f[{]{{<%s*(%l+)%s+(.-)%s*>}}"

local function unquoted(argument)
  return argument:match("^\"(.*)\"$") or argument:match("^'(.*)'$") or argument
end

local function words(string)
  local found = pandoc.List()
  for word in string:gmatch("%S+") do
    found:insert(unquoted(word))
  end
  return found
end

--- Whether a shortcode stands in a string for which there is a handler.
function shortcode.is_in(string, handlers)
  for name in string:gmatch(WRITTEN) do
    if handlers[name] then
      return true
    end
  end
  return false
end

--- A string with each shortcode replaced for which there is a handler: a function
-- from its arguments to a text or nil.
function shortcode.fill_string(string, handlers)
  return (string:gsub(WRITTEN, function(name, arguments)
    return handlers[name] and (handlers[name](words(arguments)) or "")
  end))
end

local function token(inline)
  if inline.t == "Str" then
    return inline.text
  elseif inline.t == "Space" or inline.t == "SoftBreak" then
    return " "
  elseif inline.t == "Quoted" then
    return ('"%s"'):format(pandoc.utils.stringify(inline.content))
  end
end

local function is_open(string)
  local tail = string:match(".*{{<(.*)$")
  return tail ~= nil and not tail:find(">}}", 1, true)
end

-- The text of the tokens from `first` until no shortcode is open, and the last
-- of them; nil if the shortcode is never closed.
local function run(inlines, first)
  local string = token(inlines[first])
  local last = first
  while string and is_open(string) do
    last = last + 1
    local following = inlines[last] and token(inlines[last])
    string = following and string .. following
  end
  return string, last
end

-- The inlines of a string in which shortcodes stand; nil if none is ours.
local function parts(string, handlers)
  local filled, position, is_ours = pandoc.Inlines {}, 1, false
  for start, name, arguments, stop in string:gmatch("()" .. WRITTEN .. "()") do
    if handlers[name] then
      filled:extend(modules.text.inlines(string:sub(position, start - 1)))
      filled:extend(handlers[name](words(arguments)) or {})
      position, is_ours = stop, true
    end
  end
  filled:extend(modules.text.inlines(string:sub(position)))
  return is_ours and filled or nil
end

--- Inlines, as plain pandoc reads them, with each shortcode replaced for which there
-- is a handler: a function from its arguments to inlines or nil.
function shortcode.fill(inlines, handlers)
  local filled = pandoc.Inlines {}
  local index = 1
  while index <= #inlines do
    local string, last = run(inlines, index)
    local found = last > index and string and parts(string, handlers)
    if found then
      filled:extend(found)
    else
      filled:insert(inlines[index])
      last = index
    end
    index = last + 1
  end
  return filled
end

--- The name and the arguments of a span as which Quarto parses a shortcode, or nil.
function shortcode.asked(span)
  local parameters = span.classes:includes("quarto-shortcode__") and span.content or {}
  local found = pandoc.List()
  for _, parameter in ipairs(parameters) do
    found:insert(parameter.attributes and parameter.attributes["data-value"])
  end
  return found:remove(1), found
end

return shortcode
