--- A figure: its image, which Quarto or the crossref module makes a float.
-- Where pages may be dark it has a twin, and `bookfigs.css` shows one of the two.

local modules = ...

local figure = {}

local LIGHT, DARK = "bookfigs-light", "bookfigs-dark"

local function image(alt, source, classes, attributes)
  local attr = pandoc.Attr("", classes, attributes)
  return pandoc.Image(modules.text.plain(alt), source, "", attr)
end

--- The images of an entry, as inlines: the light one, and its twin if there is a
-- `dark` source. `request.alt` and `request.width` win over the entry's,
-- whose width is that of the page, and too wide for a margin or a column.
function figure.render(entry, request, source, dark)
  local alt = request.alt or entry.alt
  local width = request.width or request.is_narrow and "100%" or entry.width
  local attributes = pandoc.List { { "width", width } } -- in order, as they are written
  if modules.host.quarto then
    attributes:insert { "alt", modules.text.attribute(alt) }
  end
  if dark == nil then
    return pandoc.Inlines { image(alt, source, {}, attributes) }
  end
  local light = image(alt, source, { LIGHT }, attributes)
  attributes:insert { "loading", "lazy" } -- a page that stays light does not fetch it
  return pandoc.Inlines { light, image(alt, dark, { DARK }, attributes) }
end

return figure
