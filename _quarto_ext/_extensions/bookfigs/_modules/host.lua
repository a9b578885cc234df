--- Who runs the filter, Quarto or plain pandoc, and on which document.

local modules = ...

local host = {}

--- Whether Quarto runs it. Plain pandoc has no cross-references and shortcodes.
host.quarto = quarto ~= nil

local STANDARD_INPUT = "standard input"

local function absolute(path)
  if pandoc.path.is_absolute(path) then
    return path
  end
  return pandoc.path.join { pandoc.system.get_working_directory(), path }
end

local function quarto_input()
  local path = quarto.doc.input_file
  local project = quarto.project.directory
  if project then
    return path, modules.files.relative(path, project)
  end
  return path, pandoc.path.filename(path)
end

local function pandoc_input()
  local path = PANDOC_STATE.input_files[1]
  if path == nil or path == "-" then
    return absolute(STANDARD_INPUT), STANDARD_INPUT
  end
  return absolute(path), path
end

--- The document: `place` names it in messages, `folder` is absolute, and
-- `project` is the folder that the path of a manifest is relative to.
function host.source()
  local path, place = (host.quarto and quarto_input or pandoc_input)()
  local folder = pandoc.path.directory(path)
  local project = host.quarto and quarto.project.directory
  return { place = place, folder = folder, project = project or folder }
end

--- Whether the document is a page that is given `bookfigs.css`: HTML by Quarto, but
-- no EPUB.
function host.has_style()
  return host.quarto and quarto.doc.is_format("html:js")
end

--- Gives pages the style of figures and claims; other formats need none.
function host.add_style()
  if host.has_style() then
    quarto.doc.add_html_dependency { name = "bookfigs", stylesheets = { "bookfigs.css" } }
  end
end

-- Quarto lets listings stand where they are or at the top of a page, and LaTeX lets
-- none of them be higher than most of a page: one that is holds up all later ones, to
-- the end of the book. Whoever has chosen another placement keeps it.
local PLACEMENT = [[
\makeatletter
\def\bookfigs@usual{h}
\AtBeginDocument{%
  \@ifundefined{fps@codelisting}{}{%
    \ifx\fps@codelisting\bookfigs@usual\def\fps@codelisting{!htbp}\fi}}
\makeatother
]]

local is_placed = false

--- Lets listings in LaTeX stand on pages of their own; other formats need nothing.
function host.place_listings()
  if host.quarto and not is_placed and modules.format.is_latex(FORMAT) then
    is_placed = true
    quarto.doc.include_text("in-header", PLACEMENT)
  end
end

--- Lets plain pandoc pack an image wherever it was started; Quarto finds it.
function host.pack_image(source, format, contents)
  if not host.quarto then
    pandoc.mediabag.insert(source, modules.format.MIME[format], contents)
  end
end

return host
