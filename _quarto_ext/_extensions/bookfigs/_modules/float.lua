--- A div of class bookfigs, filled with its figure or listing and a caption.

local modules = ...
local embed, format, host, text = modules.embed, modules.format, modules.host, modules.text

local float = {}

local function figure(state, request, entry, here, place)
  local kind = format.image(FORMAT)
  local path, contents = state.registry:image(entry, request.name, kind, here.folder, place)
  if path == nil then
    return nil
  end
  local dark
  local wanted = host.has_style() and format.may_turn_dark(FORMAT)
  if wanted and entry.images[format.DARK] then
    dark = state.registry:image(entry, request.name, format.DARK, here.folder, place)
  end
  host.pack_image(path, kind, contents)
  local resolve = state.registry:values(here.place)
  request.alt = request.alt and modules.value.fill_string(request.alt, resolve)
  return modules.figure.render(entry, request, path, dark)
end

-- Quarto numbers a div that holds the content and, last, the caption. A caption
-- in an attribute is left to it. Images stand in a Plain: from a Para, Quarto
-- copies the image's attributes, `alt` among them, to the div.
local function for_quarto(request, entry, content)
  local caption = request.caption
  if caption == nil and request.written_caption == nil then
    caption = text.caption(entry.caption)
  end
  local body = request.kind == "figure" and pandoc.Blocks { pandoc.Plain(content) } or content
  if caption then
    body:insert(pandoc.Para(caption))
  end
  return pandoc.Div(body, request.attr)
end

local function for_pandoc(state, request, entry, content, here)
  local caption = request.caption
  if caption == nil and request.written_caption then
    local resolve = state.registry:values(here.place)
    caption = modules.value.fill(text.markdown(request.written_caption), resolve)
  end
  caption = caption or text.caption(entry.caption)
  local attr = embed.without_float_attributes(request.attr)
  return state.crossref[request.kind](state.crossref, attr, content, caption)
end

--- The div filled, or nil where that is impossible, which is then a problem.
function float.fill(state, div, here)
  local place = modules.problems.place(here.place, "#", div.identifier)
  local request, fault = embed.parse(div)
  if request == nil then
    state.problems:add { place = place, what = fault }
    return nil
  end
  local entry = state.registry:entry(request.kind, request.name, place)
  local content
  if entry and request.kind == "figure" then
    content = figure(state, request, entry, here, place)
  elseif entry then
    content = modules.listing.render(entry, request)
    state.listings:insert { name = request.name, entry = entry, chapter = here.chapter }
  end
  if content == nil then
    return nil
  elseif host.quarto then
    return for_quarto(request, entry, content)
  end
  return for_pandoc(state, request, entry, content, here)
end

return float
