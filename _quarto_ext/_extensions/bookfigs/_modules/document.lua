--- Fills a document from the manifest, or ends the process.
-- Everything that is wrong with the document is said at once.

local modules = ...
local claim, embed, evidence = modules.claim, modules.embed, modules.evidence
local format, host, problems = modules.format, modules.host, modules.problems
local value, walk = modules.value, modules.walk

local document = {}

local TOO_LATE = "the filter runs too late, Quarto has parsed this div already: list it as "
  .. "`{path: bookfigs, at: pre-ast}` (from Quarto 1.8) or "
  .. "`{path: _extensions/bookfigs/bookfigs.lua, at: pre-ast}` (from Quarto 1.4)"

local function open(option)
  local source, found = host.source(), problems.new()
  return {
    source = source,
    problems = found,
    registry = modules.registry.new(source, option, found),
    crossref = modules.crossref.new(not format.numbers_captions(FORMAT)),
    claims = pandoc.List(),
    listings = pandoc.List(),
  }
end

local function fill_values(doc, state)
  return walk(doc, state.source, {
    Inlines = function(inlines, here)
      return value.fill(inlines, state.registry:values(here.place))
    end,
    Span = function(span, here)
      local name = value.asked(span)
      if name then
        state.registry:values(here.place)(name)
      end
    end,
  })
end

local function fill_claim(state, element, here)
  local name = element.attributes.ref
  if name == nil then
    local what = ("the claim “%s” has no ref"):format(pandoc.utils.stringify(element))
    state.problems:add { place = here.place, what = what }
    return nil
  end
  local entry = state.registry:claim(name, problems.place(here.place, "claim ", name))
  state.claims:insert { name = name, entry = entry, chapter = here.chapter }
  return entry and claim.render(entry, name, element, format.is_html(FORMAT))
end

local function fill_embeds(doc, state)
  local function fill(element, here)
    if element.classes:includes("claim") then
      return fill_claim(state, element, here)
    elseif element.t == "Div" and element.classes:includes("bookfigs") then
      return modules.float.fill(state, element, here)
    end
  end
  return walk(doc, state.source, { Div = fill, Span = fill })
end

-- The claims or listings of a chapter, or all where it is nil, each once.
local function made_in(claims, chapter)
  local seen = {}
  return claims:filter(function(made)
    local is_new = not seen[made.name] and (chapter == nil or made.chapter == chapter)
    seen[made.name] = seen[made.name] or is_new
    return is_new
  end)
end

local function entries(made)
  local known = made:filter(function(each) return each.entry ~= nil end)
  return known:map(function(each) return each.entry end)
end

-- The tables that there is something for, each as a function of its caption.
local function evidence_tables(state, chapter)
  local claims = made_in(state.claims, chapter)
  local proven = made_in(state.listings, chapter):filter(function(each)
    return each.entry.evidence ~= nil
  end)
  local tables = pandoc.List()
  if #claims > 0 then
    tables:insert(function(caption) return evidence.render(entries(claims), caption) end)
  end
  if #proven > 0 then
    tables:insert(function(caption) return evidence.listings(entries(proven), caption) end)
  end
  return tables
end

local function fill_table(state, div, here, chapters)
  local place = problems.place(here.place, "#", div.identifier)
  local caption, fault = embed.paragraph(div)
  local tables = evidence_tables(state, chapters > 1 and here.chapter or nil)
  if #tables == 0 then
    fault = fault or "the table of evidence is empty: no claim is made here"
  end
  if fault then
    state.problems:add { place = place, what = fault }
    return nil
  end
  local attr = embed.attr_without(div.attr, "bookfigs-evidence", {})
  attr.classes:insert("bookfigs-claims")
  local first
  if host.quarto then
    first = pandoc.Div({ tables[1](), caption and pandoc.Para(caption) }, attr)
  else
    caption = state.crossref:table_caption(attr.identifier, caption)
    first = pandoc.Div({ tables[1](caption) }, attr)
  end
  local second = tables[2] and pandoc.Div({ tables[2]() }, pandoc.Attr("", { "bookfigs-claims" }))
  return pandoc.Blocks { first, second }
end

local function fill_evidence(doc, state, chapters)
  return (walk(doc, state.source, {
    Div = function(div, here)
      if div.classes:includes("bookfigs-evidence") then
        return fill_table(state, div, here, chapters)
      end
    end,
  }))
end

--- The document with everything that it embeds.
function document.fill(doc)
  local state = open(doc.meta.bookfigs)
  local filled, chapters = fill_embeds(fill_values(doc, state), state)
  filled = fill_evidence(filled, state, chapters)
  state.problems:stop_if_any()
  host.add_style()
  return host.quarto and filled or state.crossref:resolve(filled)
end

--- Ends the process where Quarto has made a float of a div before the filter
-- saw it: the float is empty by then and would stay so.
function document.refuse_parsed_float(float)
  if float.classes:includes("bookfigs") or float.classes:includes("bookfigs-evidence") then
    local found = problems.new()
    local place = problems.place(host.source().place, "#", float.identifier)
    found:add { place = place, what = TOO_LATE }
    found:stop_if_any()
  end
end

local for_shortcodes

--- The handler of Quarto's shortcode `val`.
function document.value(arguments, _, meta)
  for_shortcodes = for_shortcodes or open(meta.bookfigs)
  local source, registry = for_shortcodes.source, for_shortcodes.registry
  local entry = registry:values(source.place)(pandoc.utils.stringify(arguments[1] or ""))
  for_shortcodes.problems:stop_if_any()
  return value.render(entry)
end

return document
