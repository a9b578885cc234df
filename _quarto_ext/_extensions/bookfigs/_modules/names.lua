--- Names, and which of them somebody may have meant.

local names = {}

local NEAREST = 3

--- The keys of a table, sorted.
function names.of(entries)
  local keys = pandoc.List()
  for key in pairs(entries) do
    keys:insert(key)
  end
  keys:sort()
  return keys
end

--- Levenshtein's distance between two strings, in bytes.
function names.distance(left, right)
  local row = {}
  for column = 0, #right do
    row[column] = column
  end
  for line = 1, #left do
    local diagonal = row[0]
    row[0] = line
    for column = 1, #right do
      local cost = left:byte(line) == right:byte(column) and 0 or 1
      local best = math.min(diagonal + cost, row[column] + 1, row[column - 1] + 1)
      diagonal, row[column] = row[column], best
    end
  end
  return row[#right]
end

--- At most three names within a third of the length of what was asked for.
function names.nearest(asked, candidates)
  local limit = math.max(2, #asked // 3)
  local near = pandoc.List()
  for _, name in ipairs(candidates) do
    local distance = names.distance(asked, name)
    if distance <= limit then
      near:insert { name = name, distance = distance }
    end
  end
  near:sort(function(left, right)
    if left.distance ~= right.distance then
      return left.distance < right.distance
    end
    return left.name < right.name
  end)
  local sorted = near:map(function(match) return match.name end)
  return table.move(sorted, 1, NEAREST, 1, pandoc.List {})
end

return names
