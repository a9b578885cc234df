--- A listing: highlighted code, which Quarto or the crossref module makes a float.

local modules = ...

local listing = {}

--- The code block of an entry.
function listing.render(entry)
  return modules.text.code_block(entry.code, entry.language)
end

return listing
