--- Loads sibling modules on first use, each once.
-- A module is a chunk that is given the table of all modules (`local modules = ...`).
-- `require` is of no use here: Quarto shares its cache between extensions.

return function(folder)
  local function load_module(modules, name)
    local chunk = assert(loadfile(pandoc.path.join { folder, name .. ".lua" }, "t"))
    modules[name] = chunk(modules)
    return modules[name]
  end
  return setmetatable({}, { __index = load_module })
end
