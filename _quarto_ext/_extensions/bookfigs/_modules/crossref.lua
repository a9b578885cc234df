--- Numbers and references for plain pandoc, which has none.

local modules = ...

local LABELS = { fig = "Figure", lst = "Listing", tbl = "Table" }
local NO_BREAK = "\u{a0}"

local crossref = {}
crossref.__index = crossref

--- `label_captions` is false where the output format labels figures and tables.
function crossref.new(label_captions)
  return setmetatable({ label_captions = label_captions, numbers = {}, counts = {} }, crossref)
end

local function prefix_of(identifier)
  return identifier:match("^(%l+)%-")
end

--- The number of an id: the next of its kind when it is first asked for.
function crossref:number(identifier)
  if self.numbers[identifier] == nil then
    local prefix = prefix_of(identifier)
    self.counts[prefix] = (self.counts[prefix] or 0) + 1
    self.numbers[identifier] = self.counts[prefix]
  end
  return self.numbers[identifier]
end

--- A caption with its label: "Figure 1: …".
function crossref:labelled(identifier, caption)
  local label = LABELS[prefix_of(identifier)]
  local number = self:number(identifier)
  local inlines = pandoc.Inlines { pandoc.Str(label .. NO_BREAK .. number .. ":"), pandoc.Space() }
  inlines:extend(caption)
  return inlines
end

-- The same for what some formats label themselves; its number counts anyway.
function crossref:labelled_once(identifier, caption)
  local labelled = self:labelled(identifier, caption)
  return self.label_captions and labelled or caption
end

--- Blocks as a figure with number and caption.
function crossref:figure(attr, blocks, caption)
  caption = self:labelled_once(attr.identifier, caption)
  return pandoc.Figure(blocks, { pandoc.Plain(caption) }, attr)
end

--- A listing with number and caption.
function crossref:listing(attr, blocks, caption)
  local content = pandoc.Blocks { pandoc.Para(self:labelled(attr.identifier, caption)) }
  content:extend(blocks)
  return pandoc.Div(content, attr)
end

--- The caption (or nil) of a table, labelled if the table has an id `tbl-…`.
function crossref:table_caption(identifier, caption)
  if prefix_of(identifier) ~= "tbl" then
    return caption
  end
  return self:labelled_once(identifier, caption or {})
end

function crossref:link(citation)
  local identifier = citation.id:gsub("^%u", string.lower)
  local number = self.numbers[identifier]
  if number == nil then
    return nil
  end
  local label = LABELS[prefix_of(identifier)] .. NO_BREAK
  if citation.mode == "SuppressAuthor" then
    label = ""
  end
  local link = pandoc.Link(label .. number, "#" .. identifier)
  local inlines = pandoc.Inlines(citation.prefix)
  if #inlines > 0 then
    inlines:insert(pandoc.Space())
  end
  inlines:insert(link)
  inlines:extend(citation.suffix)
  return inlines
end

-- Nil, which leaves the citation alone, if any of its ids is not numbered here.
function crossref:links(cite)
  local inlines = pandoc.Inlines {}
  for index, citation in ipairs(cite.citations) do
    local link = self:link(citation)
    if link == nil then
      return nil
    end
    if index > 1 then
      inlines:extend { pandoc.Str(","), pandoc.Space() }
    end
    inlines:extend(link)
  end
  return inlines
end

--- The document with links for references to what was numbered.
function crossref:resolve(doc)
  if next(self.numbers) == nil then
    return doc
  end
  return doc:walk {
    traverse = "topdown",
    Cite = function(cite) return self:links(cite) end,
  }
end

return crossref
