--- Data of a figure, to be taken along: a link to a file beside the manifest.
-- Written `{{< data figure >}}`, `{{< data figure json >}}`, or as a span of class
-- bookfigs-data with the attributes `ref` and `format`.

local modules = ...

local data = {}

local USUAL = "csv"
local FORMS = "data takes the name of a figure and, if it likes, a format"

--- The path of a figure's data in a format as seen from a folder; nil, and then a
-- problem, where there is none.
function data.find(registry, arguments, folder, file)
  local name, kind = arguments[1] or "", arguments[2] or USUAL
  local place = modules.problems.place(file, "data ", name)
  if #arguments > 2 then
    registry.problems:add { place = place, what = FORMS }
    return nil
  end
  local figure = registry:entry("figure", name, place)
  return figure and registry:data(figure, name, kind, folder, place)
end

--- A link to a file, as inlines: `content` or, without it, the name of the file. Where
-- a link would lead nowhere, the words alone.
function data.render(path, content)
  local name = pandoc.path.filename(path)
  content = content or pandoc.Inlines { modules.text.code(name) }
  if not modules.format.links_to_files(FORMAT) then
    return content
  end
  local attributes = modules.format.is_page(FORMAT) and { download = name } or {}
  return pandoc.Inlines { pandoc.Link(content, path, "", pandoc.Attr("", {}, attributes)) }
end

--- Links to all data of a figure, as a list of inlines.
function data.links(registry, figure, name, here, place)
  local links = pandoc.List()
  for _, kind in ipairs(modules.names.of(figure.data or {})) do
    local path = registry:data(figure, name, kind, here.folder, place)
    if path then
      links:insert(data.render(path))
    end
  end
  return links
end

return data
