--- Looks names up in the manifest and keeps what is wrong with what it finds.

local modules = ...
local files, manifest = modules.files, modules.manifest

local MAKE, LIST, WHY = "bookfigs figures", "bookfigs list", "bookfigs why "
local PROVE = "bookfigs prove "
local UPGRADE = "pip install --upgrade bookfigs"

local registry = {}
registry.__index = registry

--- A registry for one document; the manifest is read on the first look-up.
-- `path` is where the document says that it is, or nil.
function registry.new(source, path, problems)
  local self = { source = source, path = path, problems = problems, verified = {}, seen = {} }
  return setmetatable(self, registry)
end

local function located(source, given)
  if given == nil then
    local path = manifest.nearest(source.folder)
    return path, ("there is no _bookfigs/manifest.json in %s or above"):format(source.folder)
  end
  local path = pandoc.path.join { source.project, given }
  return files.read(path) and path, ("there is no manifest %s"):format(path)
end

function registry:read()
  local path, absent = located(self.source, self.path)
  if not path then
    self.problems:add { place = self.source.place, what = absent, run = MAKE }
    return false
  end
  local decoded, fault, is_final = manifest.decode(files.read(path))
  if decoded == nil then
    local what = ("%s (%s)"):format(fault, path)
    self.problems:add { place = self.source.place, what = what, run = is_final and UPGRADE or MAKE }
    return false
  end
  self.folder = pandoc.path.directory(path)
  return decoded
end

--- The manifest, or false where there is none that can be used.
function registry:manifest()
  if self.decoded == nil then
    self.decoded = self:read()
  end
  return self.decoded
end

function registry:add_outdated(entry, kind, name, place)
  if manifest.is_outdated(entry) then
    local what = ("%s %s is outdated: %s"):format(kind, name, entry.outdated)
    local run = kind == "listing" and PROVE .. name or MAKE
    self.problems:add { place = place, what = what, run = run }
  end
end

--- Looks at the evidence of a figure, once. It may be left out of a copy of the
-- book, but must not differ.
function registry:verify_evidence(name)
  local figure = not self.verified[name] and self:manifest().figures[name]
  self.verified[name] = true
  for _, file in ipairs(figure and figure.evidence or {}) do
    local contents, fault = files.verified(self.folder, file)
    if not contents and fault ~= files.MISSING then
      local what = ("the evidence %s of figure %s %s"):format(file.path, name, fault)
      self.problems:add { place = self.source.place, what = what, run = MAKE }
    end
  end
end

--- The entry of a kind (figure, listing, value, claim), or nil if there is none.
-- Whatever is wrong with it becomes a problem at `place`.
function registry:entry(kind, name, place)
  local decoded = self:manifest()
  if not decoded then
    return nil
  end
  local entries = decoded[kind .. "s"]
  local entry = entries[name]
  if entry == nil then
    local what = ("there is no %s %s"):format(kind, name == "" and "with an empty name" or name)
    self.problems:add { place = place, what = what, run = LIST, asked = name, among = entries }
    return nil
  end
  self:add_outdated(entry, kind, name, place)
  local figure = kind == "figure" and name or entry.figure
  if figure then
    self:verify_evidence(figure)
  end
  return entry
end

--- The path of a figure's image as seen from a folder, and its contents; or nil.
-- An outdated figure, which stops the render anyway, may have no image yet.
function registry:image(figure, name, format, folder, place)
  if manifest.is_outdated(figure) then
    return nil
  end
  local file = figure.images[format]
  local contents, fault = nil, files.MISSING
  if file then
    contents, fault = files.verified(self.folder, file)
  end
  if not contents then
    local what = ("the %s image of figure %s %s"):format(format, name, fault)
    self.problems:add { place = place, what = what, run = MAKE }
    return nil
  end
  return files.relative(pandoc.path.join { self.folder, file.path }, folder), contents
end

--- The path of a figure's data in a format as seen from a folder; or nil.
function registry:data(figure, name, kind, folder, place)
  if manifest.is_outdated(figure) then
    return nil
  end
  local all = figure.data or {}
  local file = all[kind]
  if file == nil then
    local what = ("figure %s has no data as %s"):format(name, kind)
    self.problems:add { place = place, what = what, run = MAKE, asked = kind, among = all }
    return nil
  end
  if self.seen[file.path] == nil then
    local contents, fault = files.verified(self.folder, file)
    self.seen[file.path] = contents ~= nil
    if not contents then
      local what = ("the data of figure %s as %s %s"):format(name, kind, fault)
      self.problems:add { place = place, what = what, run = MAKE }
    end
  end
  local is_right = self.seen[file.path]
  return is_right and files.relative(pandoc.path.join { self.folder, file.path }, folder) or nil
end

--- The claims that rest on a figure, by name.
function registry:claims_of(figure)
  if self.by_figure == nil then
    self.by_figure = {}
    for _, name in ipairs(modules.names.of(self:manifest().claims)) do
      local claim = self:manifest().claims[name]
      self.by_figure[claim.figure] = self.by_figure[claim.figure] or pandoc.List()
      self.by_figure[claim.figure]:insert(claim)
    end
  end
  return self.by_figure[figure] or pandoc.List()
end

local function findings(claim)
  local texts = pandoc.List()
  for _, row in ipairs(claim.rows) do
    if row.verdict ~= "holds" then
      local text = "%s on %s: %s, expected %s"
      texts:insert(text:format(row.verdict, row.device, row.statistic, row.expected))
    end
  end
  return #texts > 0 and (" (%s)"):format(table.concat(texts, "; ")) or ""
end

--- The claim of a name, if there is one; a problem if it does not hold.
function registry:claim(name, place)
  local claim = self:entry("claim", name, place)
  if claim == nil then
    return nil
  end
  local what
  if claim.verdict ~= "holds" then
    what = ("the claim does not hold, its verdict is: %s%s"):format(claim.verdict, findings(claim))
  elseif #claim.rows == 0 then
    what = "the claim rests on no evidence"
  end
  if what then
    self.problems:add { place = place, what = what, run = WHY .. name }
  end
  return claim
end

return registry
