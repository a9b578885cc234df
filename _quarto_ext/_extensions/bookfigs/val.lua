--- The shortcode: `{{< val figure.value >}}` is a number of the book.

local folder = pandoc.path.join { pandoc.path.directory(PANDOC_SCRIPT_FILE), "_modules" }
local modules = dofile(pandoc.path.join { folder, "modules.lua" })(folder)

return { val = modules.document.value }
