--- A claim: a sentence of the author that evidence stands for.

local modules = ...

local claim = {}

local function summary(entry)
  local texts = entry.rows:map(function(row)
    return table.concat({ row.verdict, row.statistic, row.device, row.date }, ", ")
  end)
  return table.concat(texts, "; ")
end

--- The author's Span or Div without its markup; in HTML it tells the verdict.
function claim.render(entry, name, element, is_html)
  local attr = modules.embed.attr_without(element.attr, "claim", { ref = true })
  if is_html then
    attr.classes:insert("bookfigs-claim")
    attr.attributes.title = modules.text.attribute(summary(entry))
    attr.attributes["data-claim"] = name
  elseif attr == pandoc.Attr() then
    return element.content
  end
  element.attr = attr
  return element
end

return claim
