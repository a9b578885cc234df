--- Signs that fonts of print lack, written by means that every font has.

local modules = ...

local signs = {}

local RAISED = {
  ["⁺"] = "+", ["⁻"] = "−", ["⁰"] = "0", ["¹"] = "1", ["²"] = "2", ["³"] = "3",
  ["⁴"] = "4", ["⁵"] = "5", ["⁶"] = "6", ["⁷"] = "7", ["⁸"] = "8", ["⁹"] = "9",
}

local LOWERED = {
  ["₊"] = "+", ["₋"] = "−", ["₀"] = "0", ["₁"] = "1", ["₂"] = "2", ["₃"] = "3",
  ["₄"] = "4", ["₅"] = "5", ["₆"] = "6", ["₇"] = "7", ["₈"] = "8", ["₉"] = "9",
}

-- What Latin Modern, the font of pandoc's LaTeX, has in formulas alone.
local FORMULA = {
  ["α"] = "alpha", ["β"] = "beta", ["γ"] = "gamma", ["δ"] = "delta",
  ["ε"] = "varepsilon", ["ϵ"] = "epsilon", ["ζ"] = "zeta", ["η"] = "eta",
  ["θ"] = "theta", ["ι"] = "iota", ["κ"] = "kappa", ["λ"] = "lambda", ["μ"] = "mu",
  ["ν"] = "nu", ["ξ"] = "xi", ["π"] = "pi", ["ρ"] = "rho", ["σ"] = "sigma",
  ["τ"] = "tau", ["υ"] = "upsilon", ["φ"] = "varphi", ["ϕ"] = "phi", ["χ"] = "chi",
  ["ψ"] = "psi", ["ω"] = "omega", ["ℓ"] = "ell", ["∂"] = "partial", ["∇"] = "nabla",
  ["≤"] = "leq", ["≥"] = "geq", ["≠"] = "neq", ["≈"] = "approx", ["≡"] = "equiv",
  ["≪"] = "ll", ["≫"] = "gg", ["≃"] = "simeq", ["∼"] = "sim", ["∝"] = "propto",
  ["∑"] = "sum", ["∏"] = "prod", ["∫"] = "int", ["∈"] = "in", ["∉"] = "notin",
  ["⊂"] = "subset", ["⊆"] = "subseteq", ["∪"] = "cup", ["∩"] = "cap",
  ["∀"] = "forall", ["∃"] = "exists", ["↔"] = "leftrightarrow",
  ["⇒"] = "Rightarrow", ["⇔"] = "Leftrightarrow", ["↦"] = "mapsto", ["⊙"] = "odot",
  ["⊕"] = "oplus", ["⊗"] = "otimes", ["∘"] = "circ", ["⌈"] = "lceil",
  ["⌉"] = "rceil", ["⌊"] = "lfloor", ["⌋"] = "rfloor", ["⟨"] = "langle",
  ["⟩"] = "rangle", ["✓"] = "checkmark",
}

-- How a sign is written in a format: a constructor, and what it is given.
local function means(sign, is_latex)
  if RAISED[sign] then
    return pandoc.Superscript, RAISED[sign]
  elseif LOWERED[sign] then
    return pandoc.Subscript, LOWERED[sign]
  elseif is_latex and FORMULA[sign] then
    return pandoc.Math, "\\" .. FORMULA[sign]
  end
  return pandoc.Str, sign
end

local function made(make, run)
  return make == pandoc.Math and make("InlineMath", run) or make(run)
end

--- The inlines of one word. Raised and lowered digits, which many fonts lack, are made
-- of ordinary ones; else a font would leave out the sign or the whole of an exponent.
function signs.word(word)
  local inlines, is_latex = pandoc.Inlines {}, modules.format.is_latex(FORMAT)
  local making, run = pandoc.Str, ""
  for sign in word:gmatch(utf8.charpattern) do
    local make, written = means(sign, is_latex)
    if make ~= making or make == pandoc.Math then
      if run ~= "" then
        inlines:insert(made(making, run))
      end
      making, run = make, ""
    end
    run = run .. written
  end
  inlines:insert(made(making, run))
  return inlines
end

return signs
