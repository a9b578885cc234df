--- What older Quartos make of shortcodes that they cannot read, and what was written.

local garbled = {}

-- In math, and in 1.4 in attributes too: as markdown until 1.8, as digits in 1.9.
local AS_MARKDOWN = "%[%[%]{%.quarto%-shortcode__%-param .-%]{%.quarto%-shortcode__ [^}]-"
  .. 'data%-raw="({{<.->}})"}'
local AS_DIGITS = "b58fc729%-690b%-4000%-b19f%-365a4093b2ff;(%x+);"

--- Words that each garbled text has one of.
garbled.WORDS = { "quarto-shortcode__", "b58fc729-690b-4000-b19f-365a4093b2ff" }

local function read(digits)
  return (digits:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

--- A text with its shortcodes as they were written.
function garbled.restored(text)
  return (text:gsub(AS_MARKDOWN, "%1"):gsub(AS_DIGITS, read))
end

--- The class and the first words of a div of ours that was read as text, or nil: until
-- 1.8 every div with a shortcode in double quotes.
function garbled.unread_div(paragraph)
  local first = paragraph.content[1]
  if first and first.t == "Str" and first.text:find("^:::+$") then
    local said = pandoc.utils.stringify(paragraph)
    local class = said:match("%.(bookfigs[%w-]*)") or said:match("%.(claim)%f[^%w-]")
    return class, said:sub(1, 60)
  end
end

return garbled
