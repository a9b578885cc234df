--- What an output format asks for, by its pandoc name.

local format = {}

format.MIME = { svg = "image/svg+xml", pdf = "application/pdf", png = "image/png" }

--- The kind of image that is the twin of the SVG for dark pages.
format.DARK = "dark.svg"

local SLIDES = { "^revealjs", "^slidy", "^s5", "^dzslides", "^slideous" }
local HTML = { "^html", "^chunkedhtml", "^epub", table.unpack(SLIDES) }
local MARKDOWN = { "^markdown", "^gfm", "^commonmark" }
local LATEX = { "^latex", "^beamer" }

local function any(name, patterns)
  for _, pattern in ipairs(patterns) do
    if name:match(pattern) then
      return true
    end
  end
  return false
end

--- Whether classes and titles reach a reader.
function format.is_html(name)
  return any(name, HTML)
end

--- Whether a reader has a page that opens something: no slide, no book reader.
function format.is_page(name)
  return any(name, { "^html5?$", "^chunkedhtml" })
end

--- Whether a link to a file beside the document leads anywhere.
function format.links_to_files(name)
  return any(name, { "^html", "^chunkedhtml", table.unpack(SLIDES) }) or any(name, MARKDOWN)
end

--- Whether it is markdown of some kind.
function format.is_markdown(name)
  return any(name, MARKDOWN)
end

--- The kind of image to embed: vectors where the format can, PNG elsewhere.
function format.image(name)
  if any(name, LATEX) then
    return "pdf"
  end
  local svg = any(name, HTML) or any(name, MARKDOWN) or name:match("^typst")
  return svg and "svg" or "png"
end

--- Whether an image of no said width is as wide as it is made, or else as its column. With
-- one it would run out of a column that is narrower.
function format.fits_images(name)
  return any(name, LATEX) or format.is_typst(name)
end

--- Whether a reader may turn a page dark. Slides have one theme, and Quarto gives
-- the space of a slide to its image only where there is a single one.
function format.may_turn_dark(name)
  return name:match("^html") ~= nil
end

--- Whether LaTeX sets it.
function format.is_latex(name)
  return any(name, LATEX)
end

--- Whether Typst sets it.
function format.is_typst(name)
  return name:match("^typst") ~= nil
end

--- Whether a `|` ends the cell of a table even inside code, unless it is escaped.
-- Pandoc escapes it in words only.
function format.splits_code_in_tables(name)
  return any(name, { "^gfm", "^commonmark_x" })
end

--- An inline at which a line may end, in formats that end none within code by
-- themselves; else nil.
function format.break_mark(name)
  if any(name, LATEX) then
    return pandoc.RawInline("latex", "\\allowbreak{}")
  end
  return format.is_typst(name) and pandoc.Str("\u{200b}") or nil
end

--- Whether pandoc's output of the format numbers figures and tables by itself.
function format.numbers_captions(name)
  return any(name, LATEX) or any(name, { "^typst", "^context" })
end

return format
