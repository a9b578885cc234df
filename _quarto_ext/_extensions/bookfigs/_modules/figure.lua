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
-- whose width is that of the page, and too wide for a margin or a column. It is the
-- width that the image has by itself.
function figure.render(entry, request, source, dark)
  local alt = request.alt or entry.alt
  local usual = not modules.format.fits_images(FORMAT) and entry.width or nil
  local width = request.width or request.is_narrow and "100%" or usual
  local attributes = pandoc.List() -- in order, as they are written
  if width then
    attributes:insert { "width", width }
  end
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
