--- Values: numbers in the prose, written `{{< val figure.value >}}`.

local modules = ...

local value = {}

local TOO_MUCH = "val takes one name: how a number is written belongs to its definition"

--- The entry that the arguments of a shortcode ask for, or nil, and then a problem.
function value.find(registry, arguments, file)
  local name = arguments[1] or ""
  local place = modules.problems.place(file, "val ", name)
  if #arguments > 1 then
    registry.problems:add { place = place, what = TOO_MUCH }
    return nil
  end
  return registry:entry("value", name, place)
end

--- The inlines of an entry.
function value.render(entry)
  return modules.text.inlines(entry.text)
end

return value
