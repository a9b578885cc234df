--- Fills a document from the manifest, or ends the process.
-- Everything that is wrong with the document is said at once.

local modules = ...
local claim, embed, evidence = modules.claim, modules.embed, modules.evidence
local format, host, problems = modules.format, modules.host, modules.problems
local data, garbled, panel = modules.data, modules.garbled, modules.panel
local shortcode = modules.shortcode
local value, walk = modules.value, modules.walk

local document = {}

local TOO_LATE = "the filter runs too late, Quarto has parsed this div already: list it as "
  .. "`{path: bookfigs, at: pre-ast}` (from Quarto 1.8) or "
  .. "`{path: _extensions/bookfigs/bookfigs.lua, at: pre-ast}` (from Quarto 1.4)"

local IN_MATH = "a value cannot stand in math: %s; write it before or after the formula"

local UNREAD = "a div of class %s was read as text, as until Quarto 1.8 each is that has a "
  .. "shortcode in double quotes: write '… {{< val NAME >}} …': %s …"

local NO_LAYOUT = "Quarto before 1.6 cannot lay out side by side in markdown: take a later one"

local NO_TEXT = "%s %s has signs that TeX would run, and cannot stand in math or attributes"

local NO_DIV = "what is of class %s has to be a div: ::: {#fig-NAME .bookfigs}"

-- How the ids of Quarto's floats begin.
local FLOATS = pandoc.List { "fig", "lst", "tbl", "vid" }

-- What the shortcodes become at a place in a document, by name.
local function shortcodes(state, here, is_text)
  return {
    val = function(arguments)
      local entry = value.find(state.registry, arguments, here.place)
      return entry and value.render(entry, is_text)
    end,
    data = function(arguments)
      local path = data.find(state.registry, arguments, here.folder, here.place)
      return path and data.render(path)
    end,
  }
end

-- What Quarto takes as text, in math and attributes, where nothing escapes a command
-- of TeX.
local function as_text(state, name, arguments, filled, here)
  local said = filled and pandoc.utils.stringify(filled) or ""
  if said:find("\\") or said:find("^^", 1, true) then
    state.problems:add { place = here.place, what = NO_TEXT:format(name, arguments[1]) }
  end
  return said
end

local function open(meta)
  local source, found = host.source(), problems.new()
  local option, fault = modules.options.read(meta)
  if fault then
    fault.place = source.place
    found:add(fault)
    found:stop_if_any()
  end
  return {
    source = source,
    problems = found,
    registry = modules.registry.new(source, option.manifest, found),
    crossref = modules.crossref.new(not format.numbers_captions(FORMAT)),
    panels = panel.new(option.panels),
    claims = pandoc.List(),
    listings = pandoc.List(),
    shortcodes = shortcodes,
  }
end

-- Plain pandoc would print a shortcode in math as a formula. Quarto fills it.
local function refuse_in_math(state, math, here)
  if shortcode.is_in(math.text, shortcodes(state, here)) then
    state.problems:add { place = here.place, what = IN_MATH:format(math.text) }
  end
end

-- Quarto fills a value in math from 1.10 on; before, it garbles it.
local function fill_math(state, math, here)
  local written = garbled.restored(math.text)
  if written ~= math.text then
    math.text = shortcode.fill_string(written, {
      val = function(arguments)
        local entry = value.find(state.registry, arguments, here.place)
        return entry and as_text(state, "val", arguments, value.render(entry, true), here)
      end,
    })
    return math
  end
end

local function refuse_unread_div(state, paragraph, here)
  local class, said = garbled.unread_div(paragraph)
  if class then
    state.problems:add { place = here.place, what = UNREAD:format(class, said) }
  end
end

-- Quarto reads captions in attributes as markdown, but fills shortcodes in attributes
-- with text, in which an exponent has signs that fonts lack.
local function fill_captions(state, element, here)
  local function written(arguments)
    local entry = value.find(state.registry, arguments, here.place)
    return entry and value.markdown(entry)
  end
  for name, given in pairs(element.attributes) do
    local words = garbled.restored(given)
    if words ~= given and shortcode.is_in(words, { val = written }) then
      element.attributes[name] = words
    end
    if name:find("%-cap$") and shortcode.is_in(words, { val = written }) then
      element.attributes[name] = shortcode.fill_string(words, { val = written })
    end
  end
  return element
end

-- Quarto fills shortcodes itself, later; here it is seen whether it can.
local function look_at_shortcodes(doc, state)
  local function fill(element, here)
    return fill_captions(state, element, here)
  end
  return walk(doc, state.source, {
    Div = fill,
    CodeBlock = fill,
    Para = function(paragraph, here) refuse_unread_div(state, paragraph, here) end,
    Plain = function(paragraph, here) refuse_unread_div(state, paragraph, here) end,
    Math = function(math, here) return fill_math(state, math, here) end,
    Span = function(span, here)
      local name, arguments = shortcode.asked(span)
      local handler = name and shortcodes(state, here)[name]
      if handler then
        handler(arguments)
      end
    end,
  }, { "{{<", ":::", table.unpack(garbled.WORDS) })
end

local function fill_shortcodes(doc, state)
  if host.quarto then
    return look_at_shortcodes(doc, state)
  end
  return walk(doc, state.source, {
    Inlines = function(inlines, here)
      return shortcode.fill(inlines, shortcodes(state, here))
    end,
    Math = function(math, here) refuse_in_math(state, math, here) end,
  }, { "{{<" })
end

local function fill_data(state, span, here)
  local attributes = span.attributes
  local arguments = pandoc.List { attributes.ref or "", attributes.format }
  local path = data.find(state.registry, arguments, here.folder, here.place)
  local words = #span.content > 0 and here.descend(panel.quieten(span.content)) or nil
  return path and data.render(path, words), false
end

-- In a float, the last paragraph is its caption.
local function quieten_caption(div)
  local last = div.content[#div.content]
  local is_float = FLOATS:includes(div.identifier:match("^(%l+)%-"))
    or div.classes:includes("bookfigs-evidence")
  if last and last.t == "Para" and is_float then
    div.content[#div.content] = panel.quieten(last)
  end
end

local function quieten_caption_of_table(tbl)
  local caption = tbl.caption
  caption.long = panel.quieten(caption.long)
  tbl.caption = caption
  return tbl
end

local function fill_div(state, div, here)
  state.shows_evidence = state.shows_evidence or div.classes:includes("bookfigs-evidence")
  if div.classes:includes("claim") then
    return claim.fill(state, div, here)
  end
  if embed.lays_out(div) and format.is_markdown(FORMAT) and host.is_before("1.6") then
    local place = problems.place(here.place, "#", div.identifier)
    state.problems:add { place = place, what = NO_LAYOUT }
  end
  quieten_caption(div)
  if div.classes:includes("bookfigs") then
    return modules.float.fill(state, div, here)
  end
  return embed.is_narrowing(div) and embed.narrowed(div) or div
end

-- A figure, listing or table among words would vanish.
local function refuse_span(state, span, here)
  for _, class in ipairs { "bookfigs", "bookfigs-evidence" } do
    if span.classes:includes(class) then
      local place = problems.place(here.place, "#", span.identifier)
      state.problems:add { place = place, what = NO_DIV:format(class) }
    end
  end
end

local function fill_embeds(doc, state)
  local quiet = panel.quieten
  return walk(doc, state.source, {
    Div = function(div, here) return fill_div(state, div, here) end,
    Span = function(span, here)
      if span.classes:includes("claim") then
        return claim.fill(state, span, here)
      elseif span.classes:includes("bookfigs-data") then
        return fill_data(state, span, here)
      end
      refuse_span(state, span, here)
    end,
    Header = quiet,
    Link = quiet,
    Image = quiet,
    Figure = quiet,
    Table = quieten_caption_of_table,
    Note = state.panels.kind == "footnote" and quiet or nil,
  }, { '"claim"', "bookfigs" })
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
    first = pandoc.Div(tables[1](), attr)
    first.content:insert(caption and pandoc.Para(caption) or nil)
  else
    caption = state.crossref:table_caption(attr.identifier, caption)
    first = pandoc.Div(tables[1](caption), attr)
  end
  local second = tables[2] and pandoc.Div(tables[2](), pandoc.Attr("", { "bookfigs-claims" }))
  return pandoc.Blocks { first, second }
end

local function fill_evidence(doc, state, chapters)
  if not state.shows_evidence then
    return doc
  end
  return (walk(doc, state.source, {
    Div = function(div, here)
      if div.classes:includes("bookfigs-evidence") then
        return fill_table(state, div, here, chapters)
      end
    end,
  }, { "bookfigs-evidence" }))
end

--- The document with everything that it embeds.
function document.fill(doc)
  local state = open(doc.meta)
  local filled, chapters = fill_embeds(fill_shortcodes(doc, state), state)
  filled = fill_evidence(filled, state, chapters)
  state.problems:stop_if_any()
  filled = state.panels:place(filled)
  if state.registry.decoded then -- else nothing of it stands on this page
    host.add_style()
  end
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

-- The handler of a shortcode, as Quarto calls it.
local function handler(name)
  return function(arguments, _, meta, _, context)
    for_shortcodes = for_shortcodes or open(meta)
    local state = for_shortcodes
    local given = pandoc.List(arguments):map(pandoc.utils.stringify)
    local is_text = context == "text"
    local filled = shortcodes(state, state.source, is_text)[name](given)
    if is_text then
      as_text(state, name, given, filled, state.source)
    end
    state.problems:stop_if_any()
    return filled
  end
end

--- The handlers of Quarto's shortcodes.
document.value, document.data = handler("val"), handler("data")

return document
