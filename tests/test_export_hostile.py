"""Strings of a manifest are data: another book reads them to the letter."""

import json
import re
from pathlib import Path
from typing import Any

import pypandoc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bookfigs.entry import Measurement
from bookfigs.errors import InputError
from bookfigs.exporting import signs
from bookfigs.exporting.values import yaml
from bookfigs.manifest import Manifest
from bookfigs.prose.document import read_page
from plainbook import CLAIM, FIG, LST, MANIFEST, VAL, book, exported

EXTENSION = Path(__file__).parents[1] / "_quarto_ext/_extensions/bookfigs"
ATTACKS = {
    "html": '"></p><script>alert(1)</script><img src=x onerror="alert(1)">',
    "latex": r"\input{/etc/passwd} \begin{x} \href{javascript:x}{y}",
    "raw": "`<b>`{=html} `#a`{=typst} [x]{.a onclick='y'} [x](javascript:y)",
    "block": '::: {#fig-x .bookfigs}\n:::\n"} ::: {.x y="',
    "shortcode": "{{< include x >}} {{< val a >}} {{{< meta title >}}}",
    "comment": "--> <!-- bookfigs: val x --> <!-- /bookfigs --> <!--",
    "signs": "a @key [@key] ^[note] &lt;b&gt; \\&lt; $5 a_b | * # ~ \\",
    "list": "- a\n- b\n1. c\n\n# d\n\n| e |",
    "typst": '#read("/etc/passwd") ]#read("x")',
}
INERT = {
    "Para", "Plain", "Str", "Space", "SoftBreak", "Strong", "Emph", "Code", "Quoted",
    "DoubleQuote", "SingleQuote", "Superscript", "Subscript", "Strikeout",
}  # fmt: skip
"""Elements of pandoc that only print."""

SIGNS = st.lists(
    st.sampled_from(
        [*"`~:{}[]()<>!-$\\@#^|*_\"'&=.; 1a\né", "{{<", ">}}", "-->", "<!--"]
    )
).map("".join)


def attacked(attack: str) -> Manifest:
    """The manifest with a string wherever a record can have left one."""
    figure, listing = MANIFEST.figures["step_time"], MANIFEST.listings["linear_scan"]
    measured = [Measurement(attack, attack, attack)]
    caption = f"**A**: {signs.in_text(attack)} b."
    return replace(
        MANIFEST,
        figures={
            "step_time": replace(figure, caption=caption, measured=measured),
        },
        listings={
            "linear_scan": replace(
                listing, symbol=attack, source=attack, output=f"{attack}\n"
            )
        },
        values={n: replace(v, text=attack) for n, v in MANIFEST.values.items()},
        claims={n: replace(c, sentence=attack) for n, c in MANIFEST.claims.items()},
    )


def elements(value: Any) -> list[dict[str, Any]]:
    """Every element of a document in pandoc's JSON."""
    if isinstance(value, dict):
        inner = [one for part in value.values() for one in elements(part)]
        return [value, *inner] if isinstance(value.get("t"), str) else inner
    if isinstance(value, list):
        return [one for part in value for one in elements(part)]
    return []


def parsed(markdown: str) -> list[dict[str, Any]]:
    text = pypandoc.convert_text(markdown, "json", format="markdown")
    return elements(json.loads(text)["blocks"])


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_no_string_becomes_markup_of_the_page(tmp_path: Path, attack: str) -> None:
    text = f"A {VAL} b.\n\n{VAL} c {CLAIM}\n\n{FIG}\n{LST}"
    to = book(tmp_path / "other", one=text)
    exported(to, attacked(attack))
    written = (to / "one.qmd").read_text()
    found = parsed(written)
    raw = [one["c"][1] for one in found if one["t"].startswith("Raw")]
    assert len(raw) == 12
    assert all(re.fullmatch(r"<!--(?:(?!-->).)*-->", one, re.DOTALL) for one in raw)
    counted = {t: sum(one["t"] == t for one in found) for t in ("Div", "Image", "Cite")}
    assert counted == {"Div": 2, "Image": 1, "Cite": 2}
    assert not {one["t"] for one in found} & {"Link", "Span", "Note", "Math", "Table"}
    (figure, _) = [one for one in found if one["t"] == "Div"]
    caption = dict(figure["c"][0][2])["fig-cap"]
    assert {one["t"] for one in parsed(caption)} <= INERT
    assert read_page(Path("x"), "x", written).shortcodes == []


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_a_string_is_printed_to_the_letter(attack: str) -> None:
    printed = pypandoc.convert_text(
        f"A {signs.in_text(attack)} b", "plain", "markdown-smart", ["--wrap=none"]
    )
    assert printed.strip() == f"A {' '.join(attack.split())} b"


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_attribute_holds_a_string_to_the_letter(attack: str) -> None:
    div = f'::: {{#x a="{signs.in_attribute(attack)}"}}\nb\n:::\n'
    (found,) = [one for one in parsed(div) if one["t"] == "Div"]
    assert dict(found["c"][0][2])["a"] == " ".join(attack.split())


@pytest.mark.parametrize(
    ("text", "markdown", "printed"),
    [
        ("4.9 × 10⁻¹⁶", "4.9 × 10^−16^", "4.9 × 10<sup>−16</sup>"),
        ("10⁺²₁ h₋₁", "10^+2^~1~ h~−1~", "10<sup>+2</sup><sub>1</sub> h<sub>−1</sub>"),
        ("^⁻¹⁶~", r"\^^−16^\~", "^<sup>−16</sup>~"),
        ("[⁰]", r"\[^0^\]", "[<sup>0</sup>]"),
    ],
)
def test_an_exponent_is_printed_in_any_font(
    text: str, markdown: str, printed: str
) -> None:
    assert signs.in_text(text) == markdown
    assert "^" not in signs.escaped(text).replace(r"\^", "")
    html = pypandoc.convert_text(markdown, "html", "markdown")
    assert html.strip() == f"<p>{printed}</p>"


def test_a_caption_has_its_exponents_raised_but_in_code_and_math() -> None:
    caption = "**A²**: `x²` is $y²$ or [z⁻¹](https://a.b)."
    raised = "**A^2^**: `x²` is $y²$ or [z^−1^](https://a.b)."
    assert signs.in_caption(caption, "x") == raised


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("λ", r"\(\lambda\)"),
        ("[λ₁] ≤ 2", r"{[}\(\lambda\)\textsubscript{1}{]} \(\leq\) 2"),
        ("λ2x", r"\(\lambda 2\)x"),
        ("5λμ", r"5\(\lambda\mu\)"),
        ("`λ`", r"\texttt{λ}"),
        ("$a$λ", r"\(a\)\(\lambda\)"),
    ],
)
def test_a_letter_of_formulas_is_printed_in_any_font(
    written: str, printed: str
) -> None:
    markdown = signs.in_caption(written, "x")
    assert pypandoc.convert_text(markdown, "latex", "markdown").strip() == printed


def test_a_text_has_letters_of_formulas_as_math() -> None:
    assert signs.in_text("at λ ≥ 1_0") == r"at $\lambda$ $\geq$ 1\_0"


def test_the_extension_knows_the_same_letters_of_formulas() -> None:
    lua = EXTENSION / "_modules/signs.lua"
    table = lua.read_text(encoding="utf-8").split("FORMULA = {")[1].split("}")[0]
    assert dict(re.findall(r'\["(.)"\] = "(\w+)"', table)) == signs.IN_FORMULAS


def test_an_alternative_text_keeps_an_exponent_as_text(tmp_path: Path) -> None:
    value = replace(MANIFEST.values["step_time.length"], text="10⁻¹⁶")
    manifest = replace(MANIFEST, values={"step_time.length": value})
    own = 'fig-cap="**A**: {step_time.length}." fig-alt="At {step_time.length}."'
    to = book(tmp_path / "other", one=f"{FIG.replace('time', f'time {own}')}\n{VAL}\n")
    exported(to, manifest)
    written = (to / "one.qmd").read_text()
    assert written.count('fig-cap="**A**: 10^−16^."') == 1
    assert written.count('fig-alt="At 10⁻¹⁶."') == written.count("⁻") == 2
    assert "-->10^−16^<!--" in written


@given(SIGNS)
def test_no_text_of_a_value_becomes_a_span(text: str) -> None:
    page = read_page(Path("x"), "x", f"a {signs.in_text(text)} b\n")
    assert page.spans == ()
    assert [*page.fences, *page.divs] == []


@given(SIGNS)
def test_no_caption_becomes_more_than_print(text: str) -> None:
    try:
        caption = signs.in_caption(f"**A**: {text} b.", "x")
    except InputError:
        return
    page = read_page(Path("x"), "x", caption)
    kinds = {span.kind for span in page.spans}
    assert kinds <= {"code", "math", "sign", "link", "target", "url"}
    assert page.shortcodes == []


@given(SIGNS)
def test_no_comment_ends_before_its_end(text: str) -> None:
    comment = f"<!-- {signs.in_comment(text)} -->"
    assert comment.count("-->") == comment.count("<!--") == 1
    assert "{{<" not in comment


@given(st.lists(SIGNS, min_size=1))
def test_a_fence_is_longer_than_what_it_holds(texts: list[str]) -> None:
    ticks = signs.fence(*texts)
    assert len(ticks) >= 3
    assert not any(ticks in text for text in texts)


@given(SIGNS)
def test_no_value_leaves_its_line_of_the_variables(text: str) -> None:
    lines = yaml({"a.b": text, "a.c": "1"}).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["bookfigs", "  a", "    b",
                                                          "    c"]  # fmt: skip
    bare = lines[2].replace("\\", "")
    assert not [sign for sign in ("{{<", ">}}") if sign in bare]
