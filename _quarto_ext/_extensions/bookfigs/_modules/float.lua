--- A div of class bookfigs, filled with its figure or listing and a caption.

local modules = ...
local embed, format, host, text = modules.embed, modules.format, modules.host, modules.text

local float = {}

local NO_CAPTIONS = "Quarto before 1.5 writes no captions in markdown: take a later one"

-- Words in an attribute, with their values filled in as `write` has them.
local function filled(state, words, here, write)
  local function text_of(arguments)
    local entry = modules.value.find(state.registry, arguments, here.place)
    return entry and write(entry)
  end
  return words and modules.shortcode.fill_string(words, { val = text_of })
end

local function as_text(entry)
  return entry.text
end

local function figure(state, request, entry, here, place)
  local kind, registry = format.image(FORMAT), state.registry
  local path, contents = registry:image(entry, request.name, kind, here.folder, place)
  if path == nil then
    return nil
  end
  local dark
  local wanted = host.has_style() and format.may_turn_dark(FORMAT)
  if wanted and entry.images[format.DARK] then
    dark = registry:image(entry, request.name, format.DARK, here.folder, place)
  end
  host.pack_image(path, kind, contents)
  request.alt = filled(state, request.alt, here, as_text)
  return pandoc.Blocks { pandoc.Plain(modules.figure.render(entry, request, path, dark)) }
end

local function panel(state, request, entry, here, place)
  if state.panels.kind ~= "page" or request.kind ~= "figure" then
    return pandoc.Blocks {}
  end
  local links = modules.data.links(state.registry, entry, request.name, here, place)
  local claims = state.registry:claims_of(request.name)
  return modules.panel.below_figure(entry, claims, links, request.is_narrow)
end

-- Quarto numbers a div that holds the content and, last, the caption. A caption
-- in an attribute is left to it, but for its values. Images stand in a Plain: from a
-- Para, Quarto copies the image's attributes, `alt` among them, to the div.
local function for_quarto(state, request, entry, content, here)
  local caption, written = request.caption, request.written_caption
  if caption == nil and written == nil then
    caption = text.caption(entry.caption)
  elseif caption == nil then
    local markdown = filled(state, written, here, modules.value.markdown)
    request.attr.attributes[request.caption_key] = markdown
  end
  if #content > 1 and host.is_before("1.6") then -- in Typst and markdown they take one
    content = pandoc.Blocks { pandoc.Div(content) }
  end
  if caption then
    content:insert(pandoc.Para(caption))
  end
  return pandoc.Div(content, request.attr)
end

local function for_pandoc(state, request, entry, content, here)
  local caption = request.caption
  if caption == nil and request.written_caption then
    local handlers = state:shortcodes(here)
    caption = modules.shortcode.fill(text.markdown(request.written_caption), handlers)
  end
  caption = caption or text.caption(entry.caption)
  local attr = embed.without_float_attributes(request.attr)
  return state.crossref[request.kind](state.crossref, attr, content, caption)
end

local function listing(state, request, entry, here, place)
  state.listings:insert { name = request.name, entry = entry, chapter = here.chapter }
  local blocks = modules.listing.render(entry, request)
  if blocks == nil then
    local what = ("listing %s has no output to show"):format(request.name)
    state.problems:add { place = place, what = what }
  end
  return blocks
end

local function assembled(state, request, entry, content, here)
  if host.quarto then
    return for_quarto(state, request, entry, content, here)
  end
  return for_pandoc(state, request, entry, content, here)
end

-- What it becomes outside of layouts and margins.
local function placed(request, entry, float)
  if request.kind == "listing" then
    return host.placed(float, modules.listing.height(entry, request))
  end
  return pandoc.Blocks { float }
end

--- The div filled, and what opens below it; nil where that is impossible, which is
-- then a problem.
function float.fill(state, div, here)
  local place = modules.problems.place(here.place, "#", div.identifier)
  local request, fault = embed.parse(div)
  if request == nil then
    state.problems:add { place = place, what = fault }
    return nil
  end
  if format.is_markdown(FORMAT) and host.is_before("1.5") then
    state.problems:add { place = place, what = NO_CAPTIONS }
  end
  local entry = state.registry:entry(request.kind, request.name, place)
  local make = request.kind == "figure" and figure or listing
  local content = entry and make(state, request, entry, here, place)
  if not content then
    return nil
  end
  local below = panel(state, request, entry, here, place)
  if request.is_narrow then -- one cell of a layout, or one thing in the margin
    content:extend(below)
    return assembled(state, request, entry, content, here)
  end
  local blocks = placed(request, entry, assembled(state, request, entry, content, here))
  blocks:extend(below)
  return blocks
end

return float
