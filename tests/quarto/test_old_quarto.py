"""What older Quartos make of a document is put right, or said.

What is garbled here is so to the letter: it was read from those versions.
"""

import pytest

from .book import Book, run_lua
from .test_dark_pages import rendered

VAL = "{{< val step_time.ratio >}}"
AS_MARKDOWN = (
    '[[]{.quarto-shortcode__-param data-is-shortcode="1" data-value="val" '
    'data-raw="val"} []{.quarto-shortcode__-param data-is-shortcode="1" '
    'data-value="NAME" data-raw="NAME"} ]{.quarto-shortcode__ data-is-shortcode="1" '
    'data-raw="{{< val NAME >}}"}'
).replace("NAME", "step_time.ratio")
AS_DIGITS = f"b58fc729-690b-4000-b19f-365a4093b2ff;{VAL.encode().hex().upper()};"
GARBLED = {"1.4.557": AS_MARKDOWN, "1.8.27": AS_MARKDOWN, "1.9.38": AS_DIGITS}
OWN = (
    "::: {#fig-step-time .bookfigs fig-cap='At GARBLED.' fig-alt='Of GARBLED.'}\n:::\n"
)
PARTS = "::: {#lst-linear-scan .bookfigs show='both'}\n:::\n"


@pytest.mark.parametrize("version", GARBLED)
def test_a_value_in_math_is_filled_though_quarto_garbles_it(
    book: Book, version: str
) -> None:
    text = "At $a = X + X$.\n\n$$\nX\n$$\n".replace("X", GARBLED[version])
    words = rendered(book, text, to="markdown", version=version).words
    assert words == "At $a = 37 + 37$. $$ 37 $$"


@pytest.mark.parametrize("version", GARBLED)
def test_an_unknown_value_in_garbled_math_stops_the_render(
    book: Book, version: str
) -> None:
    garbled = GARBLED[version].replace("ratio", "ration")
    digits = VAL.replace("ratio", "ration").encode().hex().upper()
    garbled = garbled.replace(VAL.encode().hex().upper(), digits)
    done = rendered(book, f"At $a = {garbled}$.\n", version=version)
    assert done.status
    assert "step_time.ration" in done.message


def test_a_value_that_tex_would_run_is_refused_in_garbled_math(book: Book) -> None:
    book.manifest["values"]["step_time.ratio"]["text"] = r"\input{x}"
    done = rendered(book, f"At ${AS_MARKDOWN}$.\n", version="1.8.27")
    assert done.status
    assert "has signs that TeX would run" in done.message


def test_math_without_a_value_of_ours_is_left_alone(book: Book) -> None:
    other = AS_MARKDOWN.replace("val", "var").replace("step_time.ratio", "name")
    text = f"At ${other}$ and $x_1$.\n"
    assert "$x_1$" in rendered(book, text, to="markdown", version="1.8.27").words


def test_values_in_attributes_are_filled_though_quarto_garbles_them(book: Book) -> None:
    words = rendered(book, OWN.replace("GARBLED", AS_MARKDOWN), version="1.4.557").words
    assert 'fig-cap="At 37."' in words
    assert 'alt="Of 37."' in words


@pytest.mark.parametrize(
    "div",
    [
        '::: {#fig-step-time .bookfigs fig-cap="At VAL."}\n:::\n',
        '::: {#tbl-e .bookfigs-evidence tbl-cap="At VAL."}\n:::\n',
        ':::: {.claim ref="step_time.linear" title="At VAL"}\nIt does.\n::::\n',
    ],
)
def test_a_div_that_quarto_reads_as_text_stops_the_render(book: Book, div: str) -> None:
    # Plain pandoc reads it, but for the brace that older Quartos do not understand.
    unread = div.replace("VAL", "37").replace("{", "{{", 1).replace("}", "}}", 1)
    done = rendered(book, f"It grows.\n\n{unread}", version="1.8.27")
    assert done.status
    assert "was read as text, as until Quarto 1.8" in done.message
    assert "write '… {{< val NAME >}} …'" in done.message


@pytest.mark.parametrize("text", ["::: {.note}}\nA claim.\n:::\n", "A ::: .bookfigs\n"])
def test_other_text_that_looks_like_a_div_is_left_alone(book: Book, text: str) -> None:
    assert rendered(book, text, version="1.8.27").status == 0


@pytest.mark.parametrize(
    ("version", "to", "is_one"),
    [
        ("1.4.557", "html5", True),
        ("1.5.57", "gfm", True),
        ("1.6.42", "gfm", False),
        ("1.10.18", "html5", False),
    ],
)
def test_the_parts_of_a_listing_are_one_block_where_quarto_takes_one(
    book: Book, version: str, to: str, *, is_one: bool
) -> None:
    book.manifest["listings"]["linear_scan"]["output"] = "3\n"
    words = rendered(book, PARTS, to=to, version=version).words
    assert ('<div id="lst-linear-scan"> <div> ' in words) == is_one


@pytest.mark.parametrize("to", ["gfm", "commonmark_x", "markdown"])
def test_quarto_that_writes_no_captions_in_markdown_is_told(
    book: Book, to: str
) -> None:
    text = "::: {#fig-step-time .bookfigs}\n:::\n"
    done = rendered(book, text, to=to, version="1.4.557")
    assert done.status
    assert "Quarto before 1.5 writes no captions in markdown" in done.message
    assert rendered(book, text, to=to, version="1.5.57").status == 0
    assert rendered(book, text, version="1.4.557").status == 0


def test_quarto_that_lays_nothing_out_in_markdown_is_told(book: Book) -> None:
    text = "::: {#fig-two layout-ncol=2}\n::: {#fig-step-time .bookfigs}\n:::\n:::\n"
    done = rendered(book, text, to="gfm", version="1.5.57")
    assert done.status
    assert "#fig-two: Quarto before 1.6 cannot lay out" in done.message
    assert rendered(book, text, to="gfm", version="1.6.42").status == 0
    assert rendered(book, text, version="1.5.57").status == 0


def test_lists_of_older_pandocs_are_lists(book: Book) -> None:
    book.write("")
    script = """
local kind = pandoc.utils.type
pandoc.utils.type = function(value)
  local found = kind(value)
  return found == "List" and "HsLua JSON array" or found
end
local modules = dofile(EXTENSION .. "/_modules/modules.lua")(EXTENSION .. "/_modules")
local text = io.open("../_bookfigs/manifest.json"):read("a")
local decoded, fault = modules.manifest.decode(text)
io.write(fault or ("%d figures"):format(#decoded.claims["step_time.linear"].rows))
"""
    assert run_lua(script, book.chapter.parent).message == "2 figures"
