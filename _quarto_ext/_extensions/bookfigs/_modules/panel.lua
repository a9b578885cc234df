--- Panels: what stands behind a claim or figure, for the reader who opens them.
-- No script is needed. Among words a button opens a popover, which stands after the
-- paragraph, since a paragraph holds no blocks; among blocks it is a `details`.

local modules = ...
local format, text = modules.format, modules.text

local panel = {}
panel.__index = panel

--- The attribute of claims that stand where nothing can be opened.
panel.QUIET = "bookfigs-quiet"

local TITLE = "Evidence"
local SUMMARY = "Evidence and data"
local BUTTON = '<button type="button" class="bookfigs-open" popovertarget="%s" '
  .. 'aria-label="%s"><span aria-hidden="true">✓</span></button>'
local POPOVER = '<div popover id="%s" class="bookfigs-panel" role="group" aria-label="%s">'
local DETAILS = '<details class="bookfigs-panel">\n<summary>%s</summary>'
local IDENTIFIER = "bookfigs-panel-%d"

--- The panels of one document. `wanted` is the option of that name.
function panel.new(wanted)
  return setmetatable({ kind = panel.kind(wanted), count = 0, waiting = {} }, panel)
end

--- What the format at hand gets: a page has panels; elsewhere it is a footnote, a
-- title or nothing.
function panel.kind(wanted)
  if wanted == "none" then
    return "none"
  elseif format.is_page(FORMAT) then
    return "page"
  elseif wanted == "footnote" then
    return "footnote"
  end
  return format.is_html(FORMAT) and "title" or "none"
end

local function raw(html, ...)
  return pandoc.RawBlock("html", html:format(...))
end

local function wrapped(first, blocks, last)
  local all = pandoc.Blocks { first }
  all:extend(blocks)
  all:insert(last)
  return all
end

local function measured(row)
  local at = type(row.commit) == "string" and row.commit ~= "" and " at commit " .. row.commit
  return row.date .. (at or "")
end

local function joined(list, separator)
  local inlines = pandoc.Inlines {}
  for index, each in ipairs(list) do
    if index > 1 then
      inlines:extend { pandoc.Str(separator), pandoc.Space() }
    end
    inlines:extend(each)
  end
  return inlines
end

local function facts(pairs_of)
  local items = pandoc.List(pairs_of):map(function(pair)
    local said = type(pair[2]) == "string" and text.inlines(pair[2]) or pair[2]
    return { { pandoc.Str(pair[1]) }, { { pandoc.Plain(said) } } }
  end)
  return pandoc.DefinitionList(items)
end

local function of_row(row)
  return facts {
    { "Verdict", row.verdict },
    { "Statistic", row.statistic },
    { "Expected", row.expected },
    { "Device", row.device },
    { "Measured", measured(row) },
  }
end

local function of_claim(entry, links)
  local blocks = pandoc.Blocks { pandoc.Para(text.inlines(entry.sentence)) }
  for _, row in ipairs(entry.rows) do
    blocks:insert(of_row(row))
  end
  if #links > 0 then
    blocks:insert(facts { { "Data", joined(links, ",") } })
  end
  return blocks
end

-- A table, or where that is too wide the same as lists.
local function of_claims(claims, is_narrow)
  if not is_narrow then
    local attr = pandoc.Attr("", { "bookfigs-claims" })
    return pandoc.Blocks { pandoc.Div(modules.evidence.of_figure(claims), attr) }
  end
  local blocks = pandoc.Blocks {}
  for _, claim in ipairs(claims) do
    blocks:extend(of_claim(claim, {}))
  end
  return blocks
end

local function of_figure(entry, claims, links, is_narrow)
  local runs = pandoc.List(entry.measured or {}):map(function(run)
    return text.inlines(("%s, %s"):format(run.device, measured(run)))
  end)
  local about = pandoc.List()
  if #runs > 0 then
    about:insert { "Measured", joined(runs, ";") }
  end
  if #links > 0 then
    about:insert { "Data", joined(links, ",") }
  end
  local blocks = #claims > 0 and of_claims(claims, is_narrow) or pandoc.Blocks {}
  if #about > 0 then
    blocks:insert(facts(about))
  end
  return blocks
end

--- A button, as inlines, that opens what is said of a claim; `place` puts that into
-- the document.
function panel:button(entry, links)
  self.count = self.count + 1
  local identifier = IDENTIFIER:format(self.count)
  local first, last = raw(POPOVER, identifier, TITLE), raw("</div>")
  self.waiting[identifier] = wrapped(first, of_claim(entry, links), last)
  return pandoc.Inlines { pandoc.RawInline("html", BUTTON:format(identifier, TITLE)) }
end

local function details(blocks)
  return wrapped(raw(DETAILS, SUMMARY), blocks, raw("</details>"))
end

--- What is said of a claim, as blocks.
function panel.below_claim(entry, links)
  return details(of_claim(entry, links))
end

--- What is said of a figure and of its claims, as blocks; none if there is nothing.
function panel.below_figure(entry, claims, links, is_narrow)
  local blocks = of_figure(entry, claims, links, is_narrow)
  return #blocks > 0 and details(blocks) or blocks
end

--- What is said of a claim, as a footnote.
function panel.note(entry)
  local rows = pandoc.List(entry.rows):map(function(row)
    local said = "%s, expected %s; %s, %s"
    return text.inlines(said:format(row.statistic, row.expected, row.device, measured(row)))
  end)
  local inlines = text.inlines(TITLE .. ": " .. entry.verdict .. ".")
  for _, row in ipairs(rows) do
    inlines:insert(pandoc.Space())
    inlines:extend(row)
    inlines:insert(pandoc.Str("."))
  end
  return pandoc.Note { pandoc.Para(inlines) }
end

--- A copy of an element in which nothing can be opened: a heading, which is repeated in
-- the table of contents, a link, or a caption.
function panel.quieten(element)
  return element:walk {
    Span = function(span)
      if span.classes:includes("claim") then
        span.attributes[panel.QUIET] = "true"
        return span
      end
    end,
  }
end

local PARAGRAPHS = { "Para", "Plain", "LineBlock" }

-- The popovers that the buttons of a paragraph open, each once.
function panel:opened_by(block)
  local found = pandoc.Blocks {}
  block:walk {
    RawInline = function(inline)
      local identifier = inline.text:match('popovertarget="([^"]+)"')
      if identifier and self.waiting[identifier] then
        found:extend(self.waiting[identifier])
        self.waiting[identifier] = nil
      end
    end,
  }
  return found
end

-- A paragraph and its popovers. Those of a footnote in it belong into the footnote.
-- Where there is no button nothing is looked at: see `walk`.
function panel:followed(block)
  if not tostring(block):find("popovertarget", 1, true) then
    return nil, false
  end
  block = block:walk {
    Note = function(note)
      note.content = self:placed(note.content)
      return note
    end,
  }
  local blocks = pandoc.Blocks { block }
  blocks:extend(self:opened_by(block))
  return blocks, false
end

function panel:placed(content)
  local filter = { traverse = "topdown" }
  for _, name in ipairs(PARAGRAPHS) do
    filter[name] = function(block) return self:followed(block) end
  end
  return content:walk(filter)
end

--- The document with each popover after the paragraph whose button opens it.
function panel:place(doc)
  return self.count > 0 and self:placed(doc) or doc
end

return panel
