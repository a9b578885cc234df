--- A listing: highlighted code with what is said of its lines and what it prints.
-- Quarto or the crossref module makes a float of it.
-- The marks of its call-outs are comments in the code, so that every format shows them.

local modules = ...
local format, text = modules.format, modules.text

local listing = {}

local TITLE = "Output"

-- Typst's own blocks of code have no numbers; it is told how to print their lines.
-- (Where pandoc highlights for Typst, it numbers them, and there is no such block.)
local TYPST_NUMBERS = "#[#show raw.where(block: true): it => { show raw.line: line => "
  .. "[#box(width: 1.6em, align(right, text(fill: luma(110))[#line.number]))#h(0.8em)#line.body]"
  .. "; it }"
local TYPST_END = "]"

local function numbered(code)
  code.classes:insert("numberLines")
  if not format.is_typst(FORMAT) then
    return pandoc.Blocks { code }
  end
  local first, last = pandoc.RawBlock("typst", TYPST_NUMBERS), pandoc.RawBlock("typst", TYPST_END)
  return pandoc.Blocks { first, code, last }
end

local function callouts(entry)
  local items = pandoc.List(entry.callouts):map(function(callout)
    return { pandoc.Plain(text.caption(callout.text)) }
  end)
  local attributes = pandoc.ListAttributes(1, "Decimal", "TwoParens")
  local list = pandoc.OrderedList(items, attributes)
  return pandoc.Div({ list }, pandoc.Attr("", { "bookfigs-callouts" }))
end

local function output(entry, is_alone)
  local printed = text.code_block(entry.output)
  if format.is_page(FORMAT) then
    printed.attributes.tabindex = "0" -- with keys, too, a line that is too wide is scrolled
  end
  local blocks = pandoc.Blocks { printed }
  if not is_alone then
    -- Quarto centers what stands in a float of LaTeX.
    blocks:insert(1, pandoc.Para {
      pandoc.RawInline("latex", "{\\raggedright "),
      pandoc.Strong { pandoc.Str(TITLE) },
      pandoc.RawInline("latex", "\\par}"),
    })
  end
  return pandoc.Div(blocks, pandoc.Attr("", { "bookfigs-output" }))
end

local function code(entry, request)
  local block = text.code_block(entry.code, entry.language)
  local wants_numbers = request.numbers
  if wants_numbers == nil then
    wants_numbers = entry.numbers
  end
  local blocks = wants_numbers and numbered(block) or pandoc.Blocks { block }
  if entry.callouts and #entry.callouts > 0 then
    blocks:insert(callouts(entry))
  end
  return blocks
end

local function lines_of(string)
  return select(2, string:gsub("\n$", ""):gsub("\n", "")) + 1
end

-- Letters on a line of print, and lines that surround a caption, code or output.
local WIDTH, AROUND = 75, 2

local function lines_of_callouts(entry)
  local lines = 1
  for _, callout in ipairs(entry.callouts or {}) do
    lines = lines + 1 + #callout.text // WIDTH
  end
  return lines
end

--- How many lines of a page an entry takes at most.
function listing.height(entry, request)
  local lines = AROUND + 1 + #entry.caption // WIDTH
  if request.shows ~= "output" then
    lines = lines + AROUND + lines_of(entry.code) + lines_of_callouts(entry)
  end
  if request.shows ~= "code" and entry.output then
    lines = lines + AROUND + lines_of(entry.output)
  end
  return lines
end

--- The blocks of an entry; nil where only its output is asked for, and there is none.
-- `request.shows` is code, output or both; `request.numbers`, if it is not nil, wins
-- over the entry's.
function listing.render(entry, request)
  local has_output = entry.output and entry.output ~= ""
  if request.shows == "output" then
    return has_output and pandoc.Blocks { output(entry, true) } or nil
  end
  local blocks = code(entry, request)
  if has_output and request.shows == "both" then
    blocks:insert(output(entry))
  end
  return blocks
end

return listing
