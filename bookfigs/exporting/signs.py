"""Strings of the manifest in the page of another book, which reads them as they are.

A caption is markdown of which emphasis, code, math and links are kept; whatever else
means something to pandoc or Quarto is escaped, so that no string becomes markup,
HTML, LaTeX or a shortcode. What fonts of print may lack is written otherwise: raised
and lowered digits with ordinary ones, letters and signs of formulas as math.
"""

import re

from bookfigs.errors import InputError

CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2060-\u206f\ufeff\ufffc]"
)
"""Signs that are no text: they act on the program that shows them."""

RAISED, LOWERED = "⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "₊₋₀₁₂₃₄₅₆₇₈₉"
ORDINARY = str.maketrans(RAISED + LOWERED, "+\N{MINUS SIGN}0123456789" * 2)
DIGITS = re.compile(f"[{RAISED}]+|[{LOWERED}]+")

IN_FORMULAS = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon",
    "ϵ": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta", "ι": "iota", "κ": "kappa",
    "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho",
    "σ": "sigma", "τ": "tau", "υ": "upsilon", "φ": "varphi", "ϕ": "phi", "χ": "chi",
    "ψ": "psi", "ω": "omega", "ℓ": "ell", "∂": "partial", "∇": "nabla", "≤": "leq",
    "≥": "geq", "≠": "neq", "≈": "approx", "≡": "equiv", "≪": "ll", "≫": "gg",
    "≃": "simeq", "∼": "sim", "∝": "propto", "∑": "sum", "∏": "prod", "∫": "int",
    "∈": "in", "∉": "notin", "⊂": "subset", "⊆": "subseteq", "∪": "cup", "∩": "cap",
    "∀": "forall", "∃": "exists", "↔": "leftrightarrow", "⇒": "Rightarrow",
    "⇔": "Leftrightarrow", "↦": "mapsto", "⊙": "odot", "⊕": "oplus", "⊗": "otimes",
    "∘": "circ", "⌈": "lceil", "⌉": "rceil", "⌊": "lfloor", "⌋": "rfloor",
    "⟨": "langle", "⟩": "rangle", "✓": "checkmark",
}  # fmt: skip
"""Signs that Latin Modern, the font of LaTeX, has in formulas alone; their commands."""
LETTERS = re.compile(rf"(?P<letters>[{''.join(IN_FORMULAS)}]+)(?P<number>\d*)")

MARKDOWN = re.compile(
    r"""
      (?P<escaped>\\[!-/:-@\[-`{-~])
    | (?P<code>(?P<ticks>`+)(?!`)(?:(?!\{\{<).)+?(?<!`)(?P=ticks)(?!`))
    | (?P<math>\$(?![\s$])(?:\\.|[^\\$])+?(?<!\s)\$(?!\d))
    | \[(?P<words>[^\[\]]+)\]\((?P<target>https?://[\w./?=&%:+,-]+)\)
    | (?P<sign>[\\<>{}\[\]@`$|])
    """
    rf"| (?P<digits>{DIGITS.pattern}) | {LETTERS.pattern}",
    re.VERBOSE,
)
PLAIN = re.compile(r"[\\`*_{}\[\]<>@$^~#|&]|-(?=-)|\.(?=\.)|:(?=:)")
LEADING = re.compile(r"^(?:[-+:=%]|\(?\w+[.)])(?=\s|$)")
"""What begins a list or another block, at the start of a paragraph."""

IN_ATTRIBUTE = re.compile(r"[\\\"&<>]")
IN_COMMENT = re.compile(r"[^ -~]|[<>{}]|-(?=-)")

COMMANDS = """
    alpha beta gamma delta epsilon varepsilon zeta eta theta kappa lambda mu nu xi
    pi rho sigma tau phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma
    Phi Psi Omega cdot cdots ldots dots times div pm le leq ge geq ne neq approx
    equiv sim propto to rightarrow leftarrow mapsto in notin subset cup cap sum prod
    int partial nabla infty sqrt frac log ln exp sin cos tan tanh max min odot oplus
    otimes circ lceil rceil lfloor rfloor langle rangle left right big Big quad mid
    vert Vert mathbf mathrm mathit mathcal mathbb boldsymbol text operatorname hat
    bar tilde dot vec overline underline top prime star ast
"""
"""Commands of math that only print."""

FORMULA = frozenset(COMMANDS.split())


def one_line(text: str) -> str:
    """A text without line ends."""
    return " ".join(text.split())


def escaped(plain: str) -> str:
    """Markdown that is a text to the letter, for what is no more than text."""
    markdown = PLAIN.sub(r"\\\g<0>", one_line(plain))
    return LEADING.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", markdown)


def in_text(plain: str) -> str:
    """Markdown that prints a text to the letter, in any font."""
    return LETTERS.sub(_formula, DIGITS.sub(_ordinary, escaped(plain)))


def in_caption(markdown: str, where: str) -> str:
    """A caption of the manifest, with all but harmless markup escaped.

    Raises: InputError for a command of math that may do more than print.
    """

    def kept(found: re.Match[str]) -> str:
        if found["math"]:
            _require_formula(found["math"], where)
        if found["sign"]:
            return f"\\{found['sign']}"
        if found["digits"]:
            return _ordinary(found)
        if found["letters"]:
            return _formula(found)
        if found["target"]:
            return f"[{in_caption(found['words'], where)}]({found['target']})"
        return found[0]

    return MARKDOWN.sub(kept, one_line(markdown))


def in_attribute(value: str) -> str:
    """A value between double quotes, which it does not contain itself."""

    def quoted(found: re.Match[str]) -> str:
        return "&quot;" if found[0] == '"' else f"\\{found[0]}"

    return IN_ATTRIBUTE.sub(quoted, one_line(value))


def in_comment(text: str) -> str:
    """ASCII that neither ends a comment nor means anything inside of one."""
    return IN_COMMENT.sub(" ", one_line(text)).strip("- ")


def fence(*texts: str) -> str:
    """A fence that is longer than every run of backticks in some texts."""
    runs = [len(run) for text in texts for run in re.findall("`+", text)]
    return "`" * max(3, *(length + 1 for length in runs), 3)


def _ordinary(found: re.Match[str]) -> str:
    """Raised or lowered digits as markdown: ⁻¹ is ^−1^."""
    mark = "~" if found[0][0] in LOWERED else "^"
    return f"{mark}{found[0].translate(ORDINARY)}{mark}"


def _formula(found: re.Match[str]) -> str:
    """Letters as math, with digits behind them, before which math would not end."""
    commands = "".join(f"\\{IN_FORMULAS[letter]}" for letter in found["letters"])
    return f"${commands} {found['number']}$" if found["number"] else f"${commands}$"


def _require_formula(math: str, where: str) -> None:
    """Refuse math that may do more than print. Raises: InputError."""
    unknown = [
        name for name in re.findall(r"\\([A-Za-z]+)", math) if name not in FORMULA
    ]
    if unknown or "{{<" in math or "`" in math:
        said = f"\\{unknown[0]}" if unknown else "signs that are no math"
        raise InputError(
            where,
            f"the math {math} has {said}, which is not exported: it may do more than "
            "print",
            run="write the formula with plain commands",
        )
