--- Who runs the filter, Quarto or plain pandoc, and on which document.

local modules = ...

local host = {}

--- Whether Quarto runs it. Plain pandoc has no cross-references and shortcodes.
host.quarto = quarto ~= nil

--- Whether a Quarto runs it that is older than a version.
function host.is_before(version)
  local own = host.quarto and quarto.version
  return type(own) == "userdata" and own < pandoc.types.Version(version)
end

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
-- What is higher than all of a page would run over its end: \bookfigslines, which says
-- before a listing how many lines it takes, has it set smaller, and if that does not
-- help, has it be no float but go on on the next page.
local IN_LATEX = [[
\makeatletter
\def\bookfigs@usual{h}
\newcommand\bookfigs@fits[2]{{#2\ifdim#1\baselineskip>\textheight
  \aftergroup\@secondoftwo\else\aftergroup\@firstoftwo\fi}}
\newcommand\bookfigs@set[1]{\global\let\bookfigs@size#1}
\newcommand\bookfigslines[1]{%
  \bookfigs@fits{#1}\normalsize{\bookfigs@set\relax}{%
    \bookfigs@fits{#1}\small{\bookfigs@set\small}{%
      \bookfigs@fits{#1}\footnotesize{\bookfigs@set\footnotesize}{%
        \bookfigs@set\bookfigs@broken}}}}
\bookfigs@set\relax
\newcommand\bookfigs@rule{\hrule height.8pt\nobreak\kern2pt\relax}
\newenvironment{bookfigs@broken}{%
  \par\ifdim\dimexpr\pagegoal-\pagetotal\relax<.3\textheight\newpage\fi
  \addvspace\intextsep\bookfigs@rule
  \captionsetup{format=plain,labelfont=bf,labelsep=space,singlelinecheck=off,skip=2pt}%
  \let\bookfigs@caption\caption
  \def\caption{\let\caption\bookfigs@caption\captionof{codelisting}}}{%
  \par\nobreak\bookfigs@rule\addvspace\intextsep}
\AtBeginDocument{%
  \@ifundefined{fps@codelisting}{}{%
    \ifx\fps@codelisting\bookfigs@usual\def\fps@codelisting{!htbp}\fi
    \let\bookfigs@float\codelisting
    \let\endbookfigs@float\endcodelisting
    \let\bookfigs@reset\@floatboxreset
    \renewenvironment{codelisting}{%
      \let\bookfigs@now\bookfigs@size
      \bookfigs@set\relax
      \ifx\bookfigs@now\bookfigs@broken
        \let\endcodelisting\endbookfigs@broken
        \expandafter\bookfigs@broken
      \else
        \def\@floatboxreset{\bookfigs@reset\bookfigs@now}%
        \expandafter\bookfigs@float
      \fi}{\endbookfigs@float}}}
\makeatother
]]

local is_placed = false

-- LaTeX is told once how listings are placed, and of each how high it is.
local function placed_in_latex(float, lines)
  if not is_placed then
    is_placed = true
    quarto.doc.include_text("in-header", IN_LATEX)
  end
  local said = pandoc.RawBlock("latex", ("\\bookfigslines{%d}"):format(lines))
  return pandoc.Blocks { said, float }
end

-- Typst keeps what has a caption on one page, and lets it run over the end; and it
-- spreads the words of a line of code that it has to wrap.
local LISTING = 'show figure.where(kind: "quarto-float-lst"): '
local IN_TYPST = "#[#" .. LISTING .. "set par(justify: false)"
local BROKEN = "\n#" .. LISTING .. "set block(breakable: true)"
local HIGH = 30

local function placed_in_typst(float, lines)
  local set = IN_TYPST .. (lines > HIGH and BROKEN or "")
  return pandoc.Blocks { pandoc.RawBlock("typst", set), float, pandoc.RawBlock("typst", "]") }
end

--- A listing of so many lines, with what keeps print from losing any of them.
function host.placed(float, lines)
  if not host.quarto then
    return pandoc.Blocks { float }
  elseif modules.format.is_latex(FORMAT) then
    return placed_in_latex(float, lines)
  end
  return modules.format.is_typst(FORMAT) and placed_in_typst(float, lines)
    or pandoc.Blocks { float }
end

--- Lets plain pandoc pack an image wherever it was started; Quarto finds it.
function host.pack_image(source, format, contents)
  if not host.quarto then
    pandoc.mediabag.insert(source, modules.format.MIME[format], contents)
  end
end

return host
