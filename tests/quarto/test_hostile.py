"""Strings of the manifest are data: no output format interprets them."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.dom.minidom import parseString
from zipfile import ZipFile

import pytest

from .book import Book, run_lua
from .test_lua_modules import LOAD

ATTACKS = {
    "html": '"></p><script>alert(1)</script><img src=x onerror="alert(1)">',
    "latex": r"\input{/etc/passwd}\end{verbatim}\end{Highlighting}",
    "typst": '#read("/etc/passwd") ]#read("x")',
    "raw": "`<script>alert(1)</script>`{=html} `#read()`{=typst}",
    "blocks": "```{=html}\n<script>alert(1)</script>\n```",
    "div": "::: {#fig-x .bookfigs}\n:::",
    "span": '[x]{.claim ref="no.such"} <span onclick="x">y</span>',
    "attributes": '[x](u){onclick="x"} `x`{onclick="x"}',
    "yaml": "---\ntitle: x\n---\n",
    "title": "% title",
    "shortcode": "{{< val no.such >}} {{< meta title >}}",
    "direction": "a\u202ed\ufeff\U0001f600",
    "percent": "100 % & $5 ~ ^ # _ { } \\",
}
OF_MARKDOWN = {"br", "pre", "pre class"}
TEXT = """::: {#fig-step-time .bookfigs}
:::

::: {#lst-linear-scan .bookfigs}
:::

{{< val step_time.ratio >}} [x]{.claim ref="step_time.linear"}

::: {.bookfigs-evidence}
:::
"""


def poison(book: Book, attack: str) -> None:
    """Put a string wherever the manifest holds free text."""
    manifest = book.manifest
    for entry in ("caption", "alt", "width"):
        manifest["figures"]["step_time"][entry] = attack
    for entry in ("caption", "code", "source", "symbol"):
        manifest["listings"]["linear_scan"][entry] = attack
    manifest["values"]["step_time.ratio"]["text"] = attack
    claim = manifest["claims"]["step_time.linear"]
    claim["sentence"] = claim["source"] = attack
    for field in ("device", "statistic", "expected", "date", "commit"):
        claim["rows"][0][field] = attack


def kinds(value: object) -> set[str]:
    """The kinds of all elements of a document in pandoc's JSON."""
    if isinstance(value, dict):
        inner = set().union(*map(kinds, value.values()), set())
        return inner | {value["t"]} if isinstance(value.get("t"), str) else inner
    if isinstance(value, list):
        return set().union(*map(kinds, value), set())
    return set()


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_no_string_becomes_raw_output_or_metadata(book: Book, attack: str) -> None:
    poison(book, attack)
    document = json.loads(book.pandoc(TEXT, "json").text)
    assert not kinds(document["blocks"]) & {"RawBlock", "RawInline"}
    assert document["meta"]["title"] == {"t": "MetaString", "c": "A book"}


class Markup(HTMLParser):
    """The names of all elements and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.names |= {tag, *(f"{tag} {name}" for name, _ in attrs)}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_no_string_adds_an_element_to_html(book: Book, attack: str) -> None:
    harmless = Markup(book.pandoc(TEXT).text).names
    poison(book, attack)
    assert Markup(book.pandoc(TEXT).text).names <= harmless | OF_MARKDOWN


def test_no_string_becomes_a_command_in_latex(book: Book) -> None:
    poison(book, ATTACKS["latex"])
    latex = book.pandoc(TEXT, "latex").text
    assert "\\input" not in latex.replace("\\textbackslash{}input", "")
    assert latex.count("\\end{Highlighting}") == 1
    assert "\\end{verbatim}" not in latex


def test_no_string_becomes_code_in_typst(book: Book) -> None:
    attack = ATTACKS["typst"]
    poison(book, attack)
    typst = book.pandoc(TEXT, "typst").text
    verbatim = re.sub(r"`+[^`]*`+", "", typst)
    assert "\\#read" in verbatim
    assert not re.search(r"(?<!\\)#read", verbatim)


@pytest.mark.parametrize(
    ("caption", "part"),
    [
        ("% title", "% title"),
        ("---\ntitle: lost\n---", "lost"),
        ("::: {.lost}\ntext\n:::", "{.lost}"),
        ("<div>text</div>", "&lt;div&gt;text"),
        (r"\newcommand{\x}{y} z", r"\newcommand{\x}{y} z"),
        ("![alt](image.svg)", '<img src="image.svg" alt="alt" />'),
        ("- one\n- two", "two"),
        ("One.\n\nTwo.", "One. Two."),
        ("", "Figure 1: "),
    ],
)
def test_no_part_of_a_caption_is_lost(book: Book, caption: str, part: str) -> None:
    book.manifest["figures"]["step_time"]["caption"] = caption
    figure = book.pandoc("::: {#fig-step-time .bookfigs}\n:::\n").words
    assert part in figure[figure.index("<figcaption>") :]


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_epub_stays_well_formed(book: Book, attack: str) -> None:
    poison(book, attack)
    epub = book.pandoc(TEXT, "epub")
    assert epub.status == 0, epub.message
    with ZipFile(epub.path) as parts:
        xhtml = parts.read("EPUB/text/ch001.xhtml")
    page = parseString(xhtml)  # noqa: S318 (this test wrote it)
    assert not page.getElementsByTagName("script")


def test_text_that_is_not_markdown_is_printed_as_it_is(book: Book) -> None:
    book.manifest["values"]["step_time.ratio"]["text"] = "1 * 2 * 3 @x $y$ [z](u)"
    html = book.pandoc("{{< val step_time.ratio >}}").words
    assert html == "<p>1 * 2 * 3 @x $y$ [z](u)</p>"


def test_a_listing_is_printed_to_the_letter(book: Book) -> None:
    code = "def f():\n\n\treturn '```' # {{< meta x >}} <b> \\x\n\n"
    book.manifest["listings"]["linear_scan"]["code"] = code
    text = "::: {#lst-linear-scan .bookfigs}\n:::\n"
    document = json.loads(book.pandoc(text, "json").text)
    block = document["blocks"][0]["c"][1][1]
    assert block == {"t": "CodeBlock", "c": [["", ["python"], []], code[:-1]]}


OF_FORMAT = """
local read, formats = pandoc.read, {}
pandoc.read = function(markdown, format) -- notes what a caption is read as
  formats[#formats + 1] = format
  return read(markdown, format)
end
modules.text.caption([==[%s]==])
io.write(formats[1])
"""


@pytest.mark.parametrize(
    ("caption", "is_plain"),
    [
        ("**A**: *b* `c` $d$ [e](f) ~g~ 5 % -- h", 1),
        ("a <b>", 0),
        ("a \\b", 0),
        ("`a`{=html}", 0),
        ("a\n\n::: b", 0),
        ("---\na: b\n---", 0),
        ("% a", 0),
        (" %a", 0),
    ],
)
def test_a_caption_with_markup_of_its_own_is_read_without_it(
    tmp_path: Path, caption: str, is_plain: int
) -> None:
    script = f"FORMAT = 'html'\n{LOAD}{OF_FORMAT % caption}"
    assert (run_lua(script, tmp_path).message == "markdown") == is_plain
