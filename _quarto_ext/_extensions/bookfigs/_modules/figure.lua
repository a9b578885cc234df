--- A figure: its image, which Quarto or the crossref module makes a float.

local modules = ...

local figure = {}

--- The image of an entry. `request.alt` and `request.width` win over the entry's.
function figure.render(entry, request, source)
  local alt = request.alt or entry.alt
  local attributes = { width = request.width or entry.width }
  if modules.host.quarto then
    attributes.alt = modules.text.attribute(alt)
  end
  local attr = pandoc.Attr("", {}, attributes)
  return pandoc.Image(modules.text.inlines(alt), source, "", attr)
end

return figure
