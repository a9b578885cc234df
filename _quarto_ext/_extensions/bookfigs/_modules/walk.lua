--- Walks a document in reading order and tells where it is.

local METADATA = "^<!%-%- quarto%-file%-metadata: ([^ ]+) %-%->$"

-- In a book that Quarto merges into one document, comments say from which
-- file the text after them comes.
local function file_metadata(raw)
  local encoded = raw.format == "html" and raw.text:match(METADATA)
  return encoded and quarto and quarto.json.decode(quarto.base64.decode(encoded))
end

local function move(here, source, metadata)
  if metadata.resourceDir then
    here.folder = pandoc.path.join { source.folder, metadata.resourceDir }
  end
  here.place = metadata.bookItemFile or here.place
end

-- A handler that passes over paragraphs, notes in them too, in which none of the words
-- appears: to walk through their inlines takes longer than all else.
local function passing(words, handler, here)
  return function(paragraph)
    local written = tostring(paragraph)
    for _, word in ipairs(words) do
      if written:find(word, 1, true) then
        return handler and handler(paragraph, here)
      end
    end
    return nil, false
  end
end

--- Walks top-down; `handlers` are those of a pandoc filter with a second
-- argument: `{ place, folder, chapter, descend }`, where `chapter` counts the headings
-- of level 1 so far. What a handler returns is not handled again, only what is in it;
-- one that takes an element apart has to `descend` into its content. Of paragraphs
-- only those are looked into in which one of the `words` appears.
-- Returns the document and the number of chapters.
return function(doc, source, handlers, words)
  local here = { place = source.place, folder = source.folder, chapter = 0 }
  local function follow(raw)
    local metadata = file_metadata(raw)
    if metadata then
      move(here, source, metadata)
    end
  end
  local filter = { traverse = "topdown", RawBlock = follow, RawInline = follow }
  function here.descend(content)
    return content:walk(filter)
  end
  for name, handler in pairs(handlers) do
    filter[name] = function(element) return handler(element, here) end
  end
  local looked_into = { "quarto-file-metadata", table.unpack(words) }
  filter.Para = passing(looked_into, handlers.Para, here)
  filter.Plain = passing(looked_into, handlers.Plain, here)
  function filter.Header(header)
    if header.level == 1 then
      here.chapter = here.chapter + 1
    end
    return handlers.Header and handlers.Header(header, here)
  end
  return doc:walk(filter), here.chapter
end
