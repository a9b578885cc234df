--- The shortcode: `{{< data figure >}}` is a link to the data of a figure.

local folder = pandoc.path.join { pandoc.path.directory(PANDOC_SCRIPT_FILE), "_modules" }
local modules = dofile(pandoc.path.join { folder, "modules.lua" })(folder)

return { data = modules.document.data }
