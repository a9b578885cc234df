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

--- The inlines of an entry; with `is_text`, for where a document has no more than text.
function value.render(entry, is_text)
  return modules.text[is_text and "plain" or "inlines"](entry.text)
end

--- An entry as markdown that reads as its inlines.
function value.markdown(entry)
  local options = pandoc.WriterOptions { wrap_text = "none" }
  local doc = pandoc.Pandoc { pandoc.Plain(value.render(entry)) }
  return (pandoc.write(doc, "markdown", options):gsub("\n$", ""))
end

return value
