--- What the author's div asks for.

local embed = {}

local TOO_MUCH = "the div may hold one paragraph, its caption, and nothing else "
  .. "(in Quarto, before the filter runs: list it at pre-ast)"

local KINDS = { fig = "figure", lst = "listing" }

local SHOWN = pandoc.List { "code", "output", "both" }
local NOT_SHOWN = "show has to be one of: " .. table.concat(SHOWN, ", ")

--- Classes and attributes of places that are narrower than the page.
local NARROW = { "column", "column-margin", "aside" }
local LAYOUT = { "layout", "layout-ncol", "layout-nrow" }

--- The attribute of embeds that stand in such a place.
embed.NARROW = "bookfigs-narrow"

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

local function is_narrow(div)
  local found = div.attributes[embed.NARROW] or div.attributes["fig-column"] == "margin"
  for _, class in ipairs(NARROW) do
    found = found or div.classes:includes(class)
  end
  return found and true or false
end

--- Whether a div lays out what stands in it side by side.
function embed.lays_out(div)
  for _, name in ipairs(LAYOUT) do
    if div.attributes[name] then
      return true
    end
  end
  return false
end

--- Whether a div lays out what stands in it side by side, or in the margin.
function embed.is_narrowing(div)
  return embed.lays_out(div) or is_narrow(div)
end

--- A div of which each figure knows that its place is narrow.
function embed.narrowed(div)
  div.content = div.content:walk {
    Div = function(inner)
      if inner.classes:includes("bookfigs") then
        inner.attributes[embed.NARROW] = "true"
        return inner
      end
    end,
  }
  return div
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
  if given.show and not SHOWN:includes(given.show) then
    return nil, NOT_SHOWN
  end
  local caption_key = prefix .. "-cap"
  local taken = { width = true, ["fig-alt"] = true, [caption_key] = caption ~= nil }
  taken["code-line-numbers"], taken.show, taken[embed.NARROW] = true, true, true
  local attr = embed.attr_without(div.attr, "bookfigs", taken)
  attr.classes = without(without(attr.classes, "number-lines"), "numberLines")
  return {
    kind = kind,
    name = slug:gsub("-", "_"),
    attr = attr,
    caption = caption,
    caption_key = caption_key,
    written_caption = given[prefix .. "-cap"],
    alt = given["fig-alt"],
    width = given.width,
    is_narrow = is_narrow(div),
    numbers = numbers(div),
    shows = given.show or "both",
  }
end

return embed
