--- The table of evidence: every claim made, on every device.

local modules = ...
local inlines = modules.text.inlines

local evidence = {}

local HEADER = { "Claim", "Verdict", "Statistic", "Device", "Date", "Source" }
local WIDTHS = { 0.27, 0.09, 0.21, 0.12, 0.11, 0.20 }

-- The name of the file is enough to find it, and fits a column.
local function source(claim, row)
  local cell = pandoc.Inlines { modules.text.code(pandoc.path.filename(claim.source)) }
  if type(row.commit) == "string" then
    cell:insert(pandoc.Space())
    cell:extend(inlines("at " .. row.commit))
  end
  return cell
end

local function cells(claim, row)
  local plain = pandoc.List { claim.sentence, row.verdict, row.statistic, row.device, row.date }
  local line = plain:map(function(string) return { pandoc.Plain(inlines(string)) } end)
  line:insert { pandoc.Plain(source(claim, row)) }
  return line
end

--- The table of some claims, one row for each of their rows.
function evidence.render(claims, caption)
  local lines = pandoc.List()
  for _, claim in ipairs(claims) do
    for _, row in ipairs(claim.rows) do
      lines:insert(cells(claim, row))
    end
  end
  local header = pandoc.List(HEADER):map(function(title) return { pandoc.Plain(title) } end)
  local aligns = header:map(function() return pandoc.AlignLeft end)
  local simple = pandoc.SimpleTable(caption or {}, aligns, WIDTHS, header, lines)
  return pandoc.utils.from_simple_table(simple)
end

return evidence
