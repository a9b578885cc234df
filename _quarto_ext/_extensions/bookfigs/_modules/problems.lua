--- What stops the render: collected, printed once each, then the process ends.
-- The form of a message is the one of `bookfigs/errors.py`.

local modules = ...

local SHOWN = 12

local problems = {}
problems.__index = problems

function problems.new()
  return setmetatable({ messages = pandoc.List() }, problems)
end

--- The place of something in a file: `kind` is a word or "#", `name` may be empty.
function problems.place(file, kind, name)
  if name == "" then
    return file
  end
  return ("%s, %s%s"):format(file, kind, name)
end

local function available(entries)
  local all = modules.names.of(entries)
  if #all == 0 then
    return "nothing yet"
  end
  local shown = table.concat(all, ", ", 1, math.min(SHOWN, #all))
  if #all > SHOWN then
    shown = ("%s, … (and %d more)"):format(shown, #all - SHOWN)
  end
  return shown
end

--- `{ place, what, run = command, asked = name, among = entries by name }` as text.
-- The last three are optional; `asked` and `among` go together.
function problems.message(problem)
  local lines = pandoc.List { ("bookfigs: %s: %s"):format(problem.place, problem.what) }
  if problem.among then
    local near = modules.names.nearest(problem.asked, modules.names.of(problem.among))
    if #near > 0 then
      lines:insert("  nearest: " .. table.concat(near, ", "))
    end
    lines:insert("  available: " .. available(problem.among))
  end
  if problem.run then
    lines:insert("  run: " .. problem.run)
  end
  return table.concat(lines, "\n")
end

--- Keeps a problem; one that reads the same as another is kept once.
function problems:add(problem)
  local message = problems.message(problem)
  if not self.messages:includes(message) then
    self.messages:insert(message)
  end
end

--- Ends the process if there is any problem, so that no page is written.
-- Quarto replaces `error` by a function that only prints.
function problems:stop_if_any()
  if #self.messages == 0 then
    return
  end
  io.stderr:write(table.concat(self.messages, "\n"), "\n")
  io.stderr:flush()
  os.exit(1)
end

return problems
