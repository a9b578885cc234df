--- The filter: figures, listings, claims and the table of evidence.
-- Under Quarto it has to run before floats are parsed (`at: pre-ast`).

PANDOC_VERSION:must_be_at_least("3.1.1")

local folder = pandoc.path.join { pandoc.path.directory(PANDOC_SCRIPT_FILE), "_modules" }
local modules = dofile(pandoc.path.join { folder, "modules.lua" })(folder)

return {
  {
    FloatRefTarget = modules.document.refuse_parsed_float,
    Pandoc = modules.document.fill,
  },
}
