--- What the author's div asks for.

local embed = {}

local TOO_MUCH = "the div may hold one paragraph, its caption, and nothing else "
  .. "(in Quarto, before the filter runs: list it at pre-ast)"

local KINDS = { fig = "figure", lst = "listing" }

local function without(list, unwanted)
  return list:filter(function(each) return each ~= unwanted end)
end

--- A copy of an Attr without one class and without the named attributes.
function embed.attr_without(attr, class, names)
  local attributes = pandoc.List()
  for key, value in pairs(attr.attributes) do
    if not names[key] then
      attributes:insert { key, value }
    end
  end
  return pandoc.Attr(attr.identifier, without(attr.classes, class), attributes)
end

--- A copy of an Attr without what only Quarto's floats understand.
function embed.without_float_attributes(attr)
  local names = {}
  for key in pairs(attr.attributes) do
    names[key] = key:match("^fig%-") or key:match("^lst%-")
  end
  return embed.attr_without(attr, nil, names)
end

--- The inlines of the one paragraph that a div may hold, or nil and, if the
-- div holds anything else, what is wrong.
function embed.paragraph(div)
  local only = div.content[1]
  if only == nil then
    return nil
  end
  if #div.content > 1 or (only.t ~= "Para" and only.t ~= "Plain") then
    return nil, TOO_MUCH
  end
  return only.content
end

-- Whether the author asks for numbered lines; nil if nothing is said of it.
local function numbers(div)
  local given = div.attributes["code-line-numbers"]
  if given then
    return given ~= "false"
  end
  local asked = div.classes:includes("number-lines") or div.classes:includes("numberLines")
  return asked or nil
end

--- What a `.bookfigs` div asks for, or nil and what is wrong with it.
-- The name of `#lst-linear-scan` and of `#lst-linear_scan` is `linear_scan`.
function embed.parse(div)
  local prefix, slug = div.identifier:match("^(%l+)%-(.+)$")
  local kind = KINDS[prefix]
  if kind == nil then
    return nil, "a div of class bookfigs needs an id of the form fig-NAME or lst-NAME"
  end
  local caption, fault = embed.paragraph(div)
  if fault then
    return nil, fault
  end
  local given = div.attributes
  local taken = { width = true, ["fig-alt"] = true, [prefix .. "-cap"] = caption ~= nil }
  taken["code-line-numbers"] = true
  local attr = embed.attr_without(div.attr, "bookfigs", taken)
  attr.classes = without(without(attr.classes, "number-lines"), "numberLines")
  return {
    kind = kind,
    name = slug:gsub("-", "_"),
    attr = attr,
    caption = caption,
    written_caption = given[prefix .. "-cap"],
    alt = given["fig-alt"],
    width = given.width,
    numbers = numbers(div),
  }
end

return embed
