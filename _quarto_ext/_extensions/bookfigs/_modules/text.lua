--- Strings of the manifest as parts of the document that nothing interprets.

local modules = ...

local text = {}

-- A caption is markdown in which no construct reaches an output format
-- unescaped, carries attributes, or ends up outside the caption.
local CAPTION = "markdown" .. table.concat {
  "-raw_html",
  "-raw_tex",
  "-raw_attribute",
  "-native_divs",
  "-native_spans",
  "-fenced_divs",
  "-bracketed_spans",
  "-link_attributes",
  "-inline_code_attributes",
  "-yaml_metadata_block",
  "-pandoc_title_block",
}

-- How these constructs begin. Pandoc takes several times as long for the name of that
-- format as for a caption, so one that has none of them is read as markdown.
local BEGINNINGS = { "[<\\{]", ":::", "%-%-%-", "^%s*%%" }

local function format_of(caption)
  for _, beginning in ipairs(BEGINNINGS) do
    if caption:find(beginning) then
      return CAPTION
    end
  end
  return "markdown"
end

-- Quarto looks for shortcodes in code, math and attributes of the parsed document
-- as well. Each of the next three functions hides `{{<` from it. (Pandoc escapes
-- the targets of links by itself.)

--- For attributes: an invisible word joiner between the signs.
function text.attribute(string)
  if not modules.host.quarto then
    return string
  end
  return (string:gsub("{{<", "{{\u{2060}<"))
end

local function hide_in_code(code)
  if modules.host.quarto and code.text:find("{{<", 1, true) then
    code.attributes.shortcodes = "false"
  end
  return code
end

local function hide_in_math(math)
  if modules.host.quarto then
    math.text = math.text:gsub("{{<", "{{ <")
  end
  return math
end

local function spelled(string, word_of)
  local inlines = pandoc.Inlines {}
  for word in string:gmatch("%S+") do
    if #inlines > 0 then
      inlines:insert(pandoc.Space())
    end
    inlines:extend(word_of(word))
  end
  return inlines
end

--- Words as they are, for what is no more than text: alternative texts, attributes.
function text.plain(string)
  return spelled(string, function(word) return { pandoc.Str(word) } end)
end

--- Words in print, with signs that its fonts have.
function text.inlines(string)
  return spelled(string, modules.signs.word)
end

--- A piece of code as an inline, in one line: a break would end a row of a table.
function text.code(string)
  return hide_in_code(pandoc.Code((string:gsub("%s+", " "))))
end

-- The parts of a string, which end behind signs of a pattern. An extension is no part.
local function parts(string, signs)
  local marked = string:gsub(signs, "%0\0"):gsub("%.%z(%w+)$", ".%1")
  local found = pandoc.List()
  for part in marked:gmatch("%Z+") do
    found:insert(part)
  end
  return found
end

-- What `make` makes of the parts, with places between them at which a line may end.
local function in_parts(string, signs, make)
  local mark = modules.format.break_mark(FORMAT)
  if mark == nil then
    return pandoc.Inlines { make(string) }
  end
  local inlines = pandoc.Inlines {}
  for index, part in ipairs(parts(string, signs)) do
    if index > 1 then
      inlines:insert(mark)
    end
    inlines:insert(make(part))
  end
  return inlines
end

local NAME = "[_/.]+"
local ESCAPED = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }

local function html_of_name(name)
  local escaped = parts(name, NAME):map(function(part) return (part:gsub("[&<>]", ESCAPED)) end)
  return pandoc.RawInline("html", ("<code>%s</code>"):format(table.concat(escaped, "<wbr/>")))
end

--- The name of a file as code, as inlines, which fits a column: its lines end behind
-- `_`, `/` and `.`.
function text.name(name)
  if modules.format.is_html(FORMAT) then
    return pandoc.Inlines { html_of_name(name) } -- one piece, since code has a background
  end
  return in_parts(name, NAME, text.code)
end

--- A date, as inlines, which fits a column.
function text.date(date)
  return spelled(date, function(word) return in_parts(word, "%-", pandoc.Str) end)
end

-- The end of what LaTeX prints to the letter, unless pandoc highlights it.
local VERBATIM_END = "\\end{verbatim}"

--- A program as it is, highlighted; without a language, an output.
function text.code_block(string, language)
  if modules.format.is_latex(FORMAT) and not language and string:find(VERBATIM_END, 1, true) then
    language = "default"
  end
  return hide_in_code(pandoc.CodeBlock(string:gsub("\n$", ""), pandoc.Attr("", { language })))
end

--- The inlines of markdown that the author wrote.
function text.markdown(markdown)
  return pandoc.utils.blocks_to_inlines(pandoc.read(markdown).blocks)
end

local LINKED = { http = true, https = true, mailto = true }

-- Whether a reader may follow a target: no `javascript:`, however it is written.
local function is_followed(target)
  local scheme = target:gsub("[%s%c]", ""):match("^(%a[%w+.-]*):")
  return scheme == nil or LINKED[scheme:lower()] == true
end

-- Whether an image lies in the book: some formats copy what it names into the page.
local function is_inside(source)
  return not (source:find(":", 1, true) or source:find("..", 1, true) or source:find("^[/\\]"))
end

local function unlinked(link)
  return not is_followed(link.target) and link.content or nil
end

local function described(image)
  return not is_inside(image.src) and image.caption or nil
end

--- The inlines of a caption of the manifest, given as markdown.
function text.caption(markdown)
  local blocks = pandoc.read(markdown, format_of(markdown)).blocks
  local inlines = pandoc.utils.blocks_to_inlines(blocks, { pandoc.Space() })
  local is_ascii = not markdown:find("[\x80-\xff]")
  return inlines:walk {
    Str = not is_ascii and function(str) return modules.signs.word(str.text) end or nil,
    Code = hide_in_code,
    Math = hide_in_math,
    Link = unlinked,
    Image = described,
  }
end

return text
