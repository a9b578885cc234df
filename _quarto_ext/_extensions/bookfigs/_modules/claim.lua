--- A claim: a sentence of the author that evidence stands for.

local modules = ...
local embed, format, panel, problems = modules.embed, modules.format, modules.panel, modules.problems

local claim = {}

local function summary(entry)
  local texts = entry.rows:map(function(row)
    return table.concat({ row.verdict, row.statistic, row.device, row.date }, ", ")
  end)
  return table.concat(texts, "; ")
end

-- The Span or Div without its markup; in HTML it keeps a class to be styled by.
local function marked(entry, name, element, kind)
  local attr = embed.attr_without(element.attr, "claim", { ref = true, [panel.QUIET] = true })
  if format.is_html(FORMAT) and kind ~= "none" then
    attr.classes:insert("bookfigs-claim")
    attr.attributes["data-claim"] = name
    if kind == "title" then
      attr.attributes.title = modules.text.attribute(summary(entry))
    end
  elseif attr == pandoc.Attr() then
    return element.content
  end
  element.attr = attr
  return element
end

local function with_note(blocks, note)
  local last = blocks[#blocks]
  if last and (last.t == "Para" or last.t == "Plain") then
    last.content:insert(note)
  else
    blocks:insert(pandoc.Plain { note })
  end
  return blocks
end

--- What a claim becomes: the author's words, and behind them what `panels` shows of the
-- entry. `links` is a function that makes links to its data.
function claim.render(entry, name, element, panels, links)
  local is_quiet = element.attributes[panel.QUIET] ~= nil
  local kind, is_block = panels.kind, element.t == "Div"
  if kind == "page" and is_block then
    element.content:extend(panel.below_claim(entry, links()))
  elseif kind == "footnote" and is_block then
    element.content = with_note(element.content, panel.note(entry))
  end
  local words = marked(entry, name, element, kind)
  if is_block or is_quiet or (kind ~= "page" and kind ~= "footnote") then
    return words
  end
  local inlines = pandoc.Inlines(words)
  inlines:extend(kind == "page" and panels:button(entry, links()) or { panel.note(entry) })
  return inlines
end

--- What the author's element becomes; nil, and then a problem, where it names no claim.
function claim.fill(state, element, here)
  local name = element.attributes.ref
  if name == nil then
    local what = ("the claim “%s” has no ref"):format(pandoc.utils.stringify(element))
    state.problems:add { place = here.place, what = what }
    return nil
  end
  local place = problems.place(here.place, "claim ", name)
  local entry = state.registry:claim(name, place)
  element.content = here.descend(element.content)
  state.claims:insert { name = name, entry = entry, chapter = here.chapter }
  local function links()
    local figure = state.registry:manifest().figures[entry.figure]
    return figure and modules.data.links(state.registry, figure, entry.figure, here, place) or {}
  end
  return entry and claim.render(entry, name, element, state.panels, links), false
end

return claim
