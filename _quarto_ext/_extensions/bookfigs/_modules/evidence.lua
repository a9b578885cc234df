--- The tables of evidence: every claim made, on every device, and every listing shown.

local modules = ...
local inlines = modules.text.inlines

local evidence = {}

local HEADER = { "Claim", "Verdict", "Statistic", "Device", "Date", "Source" }
local WIDTHS = { 0.24, 0.11, 0.17, 0.12, 0.15, 0.21 }

local OF_FIGURE = { "Claim", "Verdict", "Statistic", "Expected", "Device" }
local OF_FIGURE_WIDTHS = { 0.32, 0.11, 0.23, 0.18, 0.16 }

local LISTINGS = { "Listing", "Lines executed", "Changes caught", "Tests" }
local LISTING_WIDTHS = { 0.26, 0.13, 0.15, 0.46 }

local SHOWN = 3

local TITLE = "Evidence"

-- The name of the file is enough to find it, and fits a column.
local function source(claim, row)
  local cell = modules.text.name(pandoc.path.filename(claim.source))
  if type(row.commit) == "string" then
    cell:insert(pandoc.Space())
    cell:extend(inlines("at " .. row.commit))
  end
  return cell
end

local function plain(strings)
  return pandoc.List(strings):map(function(string) return { pandoc.Plain(inlines(string)) } end)
end

local function cells(claim, row)
  local line = plain { claim.sentence, row.verdict, row.statistic, row.device }
  line:insert { pandoc.Plain(modules.text.date(row.date)) }
  line:insert { pandoc.Plain(source(claim, row)) }
  return line
end

local function cells_of_figure(claim, row)
  return plain { claim.sentence, row.verdict, row.statistic, row.expected, row.device }
end

-- A line for each row of each claim.
local function lines_of(claims, make)
  local lines = pandoc.List()
  for _, claim in ipairs(claims) do
    for _, row in ipairs(claim.rows) do
      lines:insert(make(claim, row))
    end
  end
  return lines
end

local function escape_bar(code)
  code.text = code.text:gsub("|", "\\|")
  return code
end

-- Typst spreads words over a narrow column, unless it is told not to.
local function ragged(made)
  local first = pandoc.RawBlock("typst", "#[#set par(justify: false)")
  return pandoc.Blocks { first, made, pandoc.RawBlock("typst", "]") }
end

-- On a narrow page a table is scrolled, with a mouse or with keys.
local function scrolled(made)
  local attributes = { { "tabindex", "0" }, { "role", "group" }, { "aria-label", TITLE } }
  return pandoc.Blocks { pandoc.Div({ made }, pandoc.Attr("", { "bookfigs-wide" }, attributes)) }
end

local function placed(made)
  if modules.format.is_typst(FORMAT) then
    return ragged(made)
  end
  return modules.format.is_page(FORMAT) and scrolled(made) or pandoc.Blocks { made }
end

local function grid(titles, widths, lines, caption)
  local header = pandoc.List(titles):map(function(title) return { pandoc.Plain(title) } end)
  local aligns = header:map(function() return pandoc.AlignLeft end)
  local simple = pandoc.SimpleTable(caption or {}, aligns, widths, header, lines)
  local made = pandoc.utils.from_simple_table(simple)
  if modules.format.splits_code_in_tables(FORMAT) then
    made = made:walk { Code = escape_bar }
  end
  return placed(made)
end

--- The table of some claims, as blocks, one row for each of their rows.
function evidence.render(claims, caption)
  return grid(HEADER, WIDTHS, lines_of(claims, cells), caption)
end

--- The table of the claims of one figure, which says itself when it was measured.
function evidence.of_figure(claims)
  return grid(OF_FIGURE, OF_FIGURE_WIDTHS, lines_of(claims, cells_of_figure))
end

-- A test's name is a sentence; its parameters are left out. Only tests have a path.
local function witness(name)
  local path = name:match("^(.-)::")
  if path == nil then
    return { said = "its program" }
  end
  local said = name:gsub("%[.*$", ""):match("([^:]*)$"):gsub("^test_", ""):gsub("_", " ")
  return { file = pandoc.path.filename(path), said = said }
end

local function witnesses(names)
  local found, seen = pandoc.List(), {}
  for _, name in ipairs(names) do
    local each = witness(name)
    local key = (each.file or "") .. "/" .. each.said
    if not seen[key] then
      seen[key] = true
      found:insert(each)
    end
  end
  return found
end

-- Who executed the lines, by file, each once; at most so many are spelled out.
local function tests(names)
  local cell, file = pandoc.Inlines {}, nil
  local found = witnesses(names)
  for index = 1, math.min(#found, SHOWN) do
    local each = found[index]
    if index > 1 then
      cell:extend { pandoc.Str(";"), pandoc.Space() }
    end
    if each.file and each.file ~= file then
      cell:extend(modules.text.name(each.file))
      cell:extend { pandoc.Str(":"), pandoc.Space() }
    end
    file = each.file
    cell:extend(inlines(each.said))
  end
  if #found > SHOWN then
    cell:extend(inlines(("; and %d more"):format(#found - SHOWN)))
  end
  return cell
end

-- The title of a caption, which its first bold words are; else all of it.
local function title(entry)
  local caption, found = modules.text.caption(entry.caption), nil
  caption:walk {
    Strong = function(strong) found = found or strong.content end,
  }
  return found or caption
end

local function listing_cells(entry)
  local proven = entry.evidence
  local changes = ("%d of %d"):format(proven.caught, proven.counted)
  if proven.equivalent > 0 then
    changes = changes .. ("; %d equivalent"):format(proven.equivalent)
  end
  return pandoc.List {
    { pandoc.Plain(title(entry)) },
    { pandoc.Plain(inlines(("%d of %d"):format(proven.executed, proven.executable))) },
    { pandoc.Plain(inlines(changes)) },
    { pandoc.Plain(tests(proven.tests)) },
  }
end

--- The table of some listings, as blocks, that have evidence.
function evidence.listings(entries, caption)
  local lines = pandoc.List(entries):map(listing_cells)
  return grid(LISTINGS, LISTING_WIDTHS, lines, caption)
end

return evidence
