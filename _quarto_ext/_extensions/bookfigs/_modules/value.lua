--- Values: numbers in the prose, written `{{< val figure.value >}}`.
-- Quarto parses the shortcode; plain pandoc leaves it in the text.

local modules = ...

local value = {}

local SHORTCODE = "%f[{]{{<%s*val%s+(.-)%s*>}}"

--- The inlines of an entry.
function value.render(entry)
  return modules.text.inlines(entry.text)
end

local function unquoted(argument)
  return argument:match("^\"(.*)\"$") or argument:match("^'(.*)'$") or argument
end

--- A string with each shortcode replaced; `resolve` maps a name to an entry or nil.
function value.fill_string(string, resolve)
  return (string:gsub(SHORTCODE, function(argument)
    local entry = resolve(unquoted(argument))
    return entry and entry.text or ""
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

--- Inlines with each shortcode replaced, as plain pandoc reads them.
function value.fill(inlines, resolve)
  local filled = pandoc.Inlines {}
  local index = 1
  while index <= #inlines do
    local string, last = run(inlines, index)
    local is_ours = last > index and string and string:find(SHORTCODE)
    if is_ours then
      filled:extend(modules.text.inlines(value.fill_string(string, resolve)))
    else
      filled:insert(inlines[index])
      last = index
    end
    index = last + 1
  end
  return filled
end

--- The name that a span, as which Quarto parses a shortcode, asks for; or nil.
function value.asked(span)
  local parameters = span.classes:includes("quarto-shortcode__") and span.content or {}
  local words = pandoc.List()
  for _, parameter in ipairs(parameters) do
    words:insert(parameter.attributes and parameter.attributes["data-value"])
  end
  if words[1] == "val" then
    return words[2] or ""
  end
end

return value
