"""Panels: what a reader opens behind a claim or figure, and its stand-ins in print."""

import re
from html.parser import HTMLParser
from zipfile import ZipFile

import pytest

from .book import EXTENSION, Book

FIGURE = "::: {#fig-step-time .bookfigs}\n:::\n"
CLAIM = '[It grows with **T**]{.claim ref="step_time.linear"}.\n'
BLOCK = '::: {.claim ref="step_time.linear"}\nOne.\n\nTwo.\n:::\n'
BUTTON = (
    '<button type="button" class="bookfigs-open" popovertarget="bookfigs-panel-1" '
    'aria-label="Evidence"><span aria-hidden="true">✓</span></button>'
)
CSS = (EXTENSION / "bookfigs.css").read_text(encoding="utf-8")


def panels(kind: str, text: str) -> str:
    """A document that says which panels it wants."""
    return f"---\nbookfigs:\n  panels: {kind}\n---\n\n{text}"


def facts(html: str) -> list[tuple[str, str]]:
    """The terms of a panel and what is said of each."""
    found = re.findall(r"<dt>(.*?)</dt> <dd> (.*?) </dd>", html)
    return [(term, re.sub("<[^>]*>", "", said)) for term, said in found]


def test_a_claim_is_followed_by_a_button_that_opens_its_panel(book: Book) -> None:
    html = book.pandoc(CLAIM).words
    assert (
        '<p><span class="bookfigs-claim" data-claim="step_time.linear">'
        f"It grows with <strong>T</strong></span>{BUTTON}.</p> "
        '<div popover id="bookfigs-panel-1" class="bookfigs-panel" role="group" '
        'aria-label="Evidence"> <p>The chain grows with T.</p> <dl>'
    ) in html
    assert "title=" not in html


def test_a_panel_tells_every_device_and_leads_to_the_data(book: Book) -> None:
    html = book.pandoc(CLAIM).words
    seen = [
        ("Verdict", "holds"),
        ("Statistic", "exponent 1.00 (1.00 to 1.00)"),
        ("Expected", "between 0.98 and 1.02"),
    ]
    at = ("Measured", "2026-11-23 at commit 0123abc")
    assert facts(html) == [
        *seen, ("Device", "AMD EPYC, 2 cores"), at,
        *seen, ("Device", "NVIDIA H200"), at,
        ("Data", "step_time.csv, step_time.json"),
    ]  # fmt: skip
    link = '<a href="../_bookfigs/data/step_time.csv" download="step_time.csv">'
    assert link in html


def test_nothing_is_said_of_a_commit_or_data_that_there_are_not(book: Book) -> None:
    for row in book.manifest["claims"]["step_time.linear"]["rows"]:
        row["commit"] = None
    del book.manifest["figures"]["step_time"]["data"]
    found = facts(book.pandoc(CLAIM).words)
    assert [said for term, said in found if term == "Measured"] == ["2026-11-23"] * 2
    assert "Data" not in dict(found)


@pytest.mark.parametrize(
    "text",
    [
        f"Before. {CLAIM}",
        f"- Tight. {CLAIM}- More.\n",
        f"| a |\n|---|\n| {CLAIM.strip()} |\n",
        f"Note.^[{CLAIM.strip()}]\n",
        f"> *{CLAIM.strip()}*\n",
        f"Term\n:   {CLAIM}",
        f"| {CLAIM}",
    ],
)
def test_a_panel_stands_after_the_paragraph_of_its_button(
    book: Book, text: str
) -> None:
    """A paragraph cannot hold one, and ends where a browser meets it."""
    html = book.pandoc(text).words
    assert BUTTON in html
    (between,) = re.findall(r"</button>(.*?)<div popover", html)
    assert "<button" not in between
    assert Nesting(html).faults == []


def test_claims_of_one_paragraph_have_panels_in_their_order(book: Book) -> None:
    inner = f"{CLAIM.strip()} {CLAIM.strip()}"
    html = book.pandoc(f"{inner}\n\n{CLAIM}").words
    opened = re.findall('popovertarget="([^"]*)"', html)
    assert opened == [f"bookfigs-panel-{number}" for number in (1, 2, 3)]
    assert re.findall('popover id="([^"]*)"', html) == opened


def test_a_claim_within_a_claim_has_a_panel_of_its_own(book: Book) -> None:
    text = f'[A {CLAIM.strip()}]{{.claim ref="step_time.linear"}}\n'
    html = book.pandoc(text).text
    assert html.count("<button") == html.count("popover id=") == 2


@pytest.mark.parametrize(
    "text",
    [
        f"# {CLAIM}",
        f"[{CLAIM.strip()}](u)\n",
        f"![{CLAIM.strip()}](u)\n",
        f"::: {{#fig-step-time .bookfigs}}\n{CLAIM}:::\n",
        f"::: {{#fig-mine}}\nPicture.\n\n{CLAIM}:::\n",
        f"| a |\n|---|\n| b |\n\n: {CLAIM}",
        f"{CLAIM}\n\n::: {{.bookfigs-evidence}}\n{CLAIM}:::\n",
    ],
)
def test_in_headings_links_and_captions_there_is_no_button(
    book: Book, text: str
) -> None:
    """They are repeated elsewhere, or would hold one thing to press in another."""
    html = book.pandoc(text).text
    assert 'data-claim="step_time.linear"' in html
    assert html.count("<button") == text.count(f"{CLAIM}\n\n:::")
    assert "bookfigs-quiet" not in html


def test_a_claim_of_several_paragraphs_has_its_panel_below(book: Book) -> None:
    html = book.pandoc(BLOCK).words
    assert (
        '<div class="bookfigs-claim" data-claim="step_time.linear"> <p>One.</p> '
        '<p>Two.</p> <details class="bookfigs-panel"> '
        "<summary>Evidence and data</summary> <p>The chain grows with T.</p>"
    ) in html
    assert "<button" not in html


def test_a_figure_has_its_panel_below_its_caption(book: Book) -> None:
    html = book.pandoc(FIGURE).words
    below = html.partition("</figure>")[2]
    assert below.startswith(
        ' <details class="bookfigs-panel"> <summary>Evidence and data</summary>'
    )
    for said in ("The chain grows with T.", "holds", "exponent 1.00 (1.00 to 1.00)"):
        assert below.count(f">{said}</td>") == 2
    at = "2026-11-23 at commit 0123abc"
    assert facts(below) == [
        ("Measured", f"AMD EPYC, 2 cores, {at}; NVIDIA H200, {at}"),
        ("Data", "step_time.csv, step_time.json"),
    ]


@pytest.mark.parametrize("place", ['layout-ncol="2"', ".column-margin", ".column"])
def test_in_a_narrow_place_the_panel_is_in_the_figure_and_has_no_table(
    book: Book, place: str
) -> None:
    html = book.pandoc(f":::: {{{place}}}\n{FIGURE}::::\n").words
    inside = html[html.index("<details") : html.index("</figure>")]
    assert "<table" not in html
    assert ("Statistic", "exponent 1.00 (1.00 to 1.00)") in facts(inside)


def test_a_figure_of_an_older_manifest_without_claims_has_no_panel(book: Book) -> None:
    book.manifest["claims"] = {}
    for field in ("data", "measured"):
        del book.manifest["figures"]["step_time"][field]
    assert "<details" not in book.pandoc(FIGURE).text


@pytest.mark.parametrize("to", ["latex", "typst", "docx", "epub", "gfm", "revealjs"])
@pytest.mark.parametrize("kind", ["page", "none", "footnote"])
def test_no_other_format_gets_a_panel(book: Book, to: str, kind: str) -> None:
    text = panels(kind, f"{CLAIM}\n{BLOCK}\n{FIGURE}")
    rendered = book.pandoc(text, to)
    assert rendered.status == 0, rendered.message
    assert b"bookfigs-panel" not in rendered.path.read_bytes()


@pytest.mark.parametrize("text", [CLAIM, BLOCK], ids=["words", "block"])
@pytest.mark.parametrize("to", ["latex", "typst", "gfm", "revealjs"])
def test_in_print_a_claim_has_a_footnote_if_the_document_wants_it(
    book: Book, to: str, text: str
) -> None:
    without = book.pandoc(text, to).words
    assert "Evidence: holds." not in without
    noted = book.pandoc(panels("footnote", text), to).words
    said = "expected between 0.98 and 1.02; AMD EPYC, 2 cores, 2026-11-23 at commit"
    assert noted.count("Evidence: holds. exponent 1.00 (1.00 to 1.00), ") == 1
    assert noted.count(said) == 1


def test_a_footnote_on_a_claim_without_words_stands_alone(book: Book) -> None:
    text = '::: {.claim ref="step_time.linear"}\n- One.\n:::\n'
    assert "- One.\n\n[^1]\n" in book.pandoc(panels("footnote", text), "gfm").text


def test_there_is_no_footnote_in_a_footnote(book: Book) -> None:
    noted = book.pandoc(panels("footnote", f"A.^[{CLAIM.strip()}]\n"), "latex").text
    assert noted.count("\\footnote") == 1


@pytest.mark.parametrize("kind", ["none", "false"])
@pytest.mark.parametrize("to", ["html5", "epub", "revealjs"])
def test_a_document_may_want_nothing_to_be_seen(book: Book, to: str, kind: str) -> None:
    text = panels(kind, f"{CLAIM}\n{BLOCK}\n{FIGURE}")
    if to == "epub":
        assert book.pandoc(text, to).status == 0
        return
    html = book.pandoc(text, to).text
    assert "bookfigs-claim" not in html
    assert "bookfigs-panel" not in html
    assert "title=" not in html


def test_options_may_stand_where_editors_complete_them(book: Book) -> None:
    option = "---\nextensions:\n  bookfigs:\n    panels: none\n---\n\n"
    assert "bookfigs-panel" not in book.pandoc(option + CLAIM).text


def test_where_nothing_opens_a_title_tells_the_verdict(book: Book) -> None:
    html = book.pandoc(CLAIM, "revealjs").words
    assert (
        '<span class="bookfigs-claim" data-claim="step_time.linear" title="holds, '
        "exponent 1.00 (1.00 to 1.00), AMD EPYC, 2 cores, 2026-11-23; holds, "
        'exponent 1.00 (1.00 to 1.00), NVIDIA H200, 2026-11-23">'
    ) in html


PHRASING = {"p", "dt", "summary", "button", "a", "span", "h1", "caption"}
BLOCKS = {"p", "div", "details", "dl", "table", "ul", "figure", "section"}
PRESSED = {"a", "button", "summary"}


class Nesting(HTMLParser):
    """Blocks among words, things to press in others, ids that are there twice."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.faults: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at where an element stands."""
        given = dict(attrs)
        if (name := given.get("id")) is not None:
            self.faults += [f"#{name} twice"] if name in self.ids else []
            self.ids.append(name)
        if tag in BLOCKS and (inner := PHRASING.intersection(self.open)):
            self.faults.append(f"{tag} in {inner}")
        if tag in PRESSED and (outer := PRESSED.intersection(self.open)):
            self.faults.append(f"{tag} in {outer}")
        if tag not in {"img", "br", "col", "hr", "wbr"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at an element that holds nothing."""
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        if self.open.pop() != tag:
            self.faults.append(f"{tag} ends out of order")


def test_a_page_of_everything_is_well_nested(book: Book) -> None:
    html = book.pandoc(
        f"# Head {CLAIM}\n{CLAIM}\n{BLOCK}\n{FIGURE}\n- {CLAIM}\n"
        "\n[[x](u) y]{.claim ref='step_time.linear'} {{< data step_time >}}\n"
        "\n::: {.bookfigs-evidence}\n:::\n"
    ).text
    assert html.count("<button") == 3
    assert Nesting(html).faults == []


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ("<p><div></div></p>", "div in {'p'}"),
        ("<a><button></button></a>", "button in {'a'}"),
        ('<p id="a"></p><p id="a"></p>', "#a twice"),
        ("<ul><li></ul></li>", "ul ends out of order"),
    ],
)
def test_what_is_badly_nested_is_noticed(html: str, fault: str) -> None:
    assert fault in Nesting(html).faults


def rules() -> dict[str, dict[str, str]]:
    """The declarations of the style for each selector, without those for print."""
    found: dict[str, dict[str, str]] = {}
    bare = re.sub(r"/\*.*?\*/", "", CSS, flags=re.DOTALL)
    for selectors, body in re.findall(r"([^{}]+)\{([^{}]*)\}", bare):
        declared = dict(re.findall(r"([\w-]+):\s*([^;]+);", body))
        for selector in selectors.split(","):
            found.setdefault(" ".join(selector.split()), {}).update(declared)
    return found


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts
    ]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21."""
    dark, light = sorted(luminance(colour) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


PAGES = {"": "#f8f9fa", "body.quarto-dark ": "#2d2d2d"}
"""A light and a dark page that are harder to read on than white and black."""


@pytest.mark.parametrize("theme", PAGES)
@pytest.mark.parametrize(
    ("ink", "field", "paper", "least"),
    [
        (".bookfigs-panel", "color", ".bookfigs-panel", 4.5),
        (".bookfigs-panel a", "color", ".bookfigs-panel", 4.5),
        (".bookfigs-panel a code", "color", ".bookfigs-panel", 4.5),
        (".bookfigs-open", "color", "", 4.5),
        (".bookfigs-claim", "border-bottom", "", 3),
        (".bookfigs-panel", "border", "", 3),
    ],
)
def test_colours_can_be_told_apart_on_light_and_dark_pages(
    theme: str, ink: str, field: str, paper: str, least: float
) -> None:
    found = rules()
    declared = found[theme + ink]
    given = declared.get(field) or declared["border-color"]
    (front,) = re.findall("#[0-9a-f]{6}", given)
    back = found[theme + paper]["background"] if paper else PAGES[theme]
    assert contrast(front, back) >= least


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_a_browser_without_popovers_shows_what_they_hold() -> None:
    old = CSS.partition("@supports not selector(:popover-open)")[2]
    assert re.match(r" \{\s+\.bookfigs-open \{\s+display: none;", old)


def test_the_classes_of_panels_have_a_style() -> None:
    lua = (EXTENSION / "_modules" / "panel.lua").read_text(encoding="utf-8")
    classes = set(re.findall(r'class="(bookfigs-\w+)"', lua))
    assert classes == {"bookfigs-open", "bookfigs-panel"}
    assert all(f".{name}" in CSS for name in classes)


def test_no_script_is_needed() -> None:
    lua = "".join(path.read_text("utf-8") for path in EXTENSION.rglob("*.lua"))
    assert not re.search(r"<script|onclick|\.js\b", lua)


@pytest.mark.parametrize(("to", "is_page"), [("html5", 1), ("epub", 0), ("gfm", 0)])
def test_a_table_that_is_wider_than_a_page_is_scrolled_with_keys_too(
    book: Book, to: str, is_page: int
) -> None:
    done = book.pandoc(f"{CLAIM}\n::: {{.bookfigs-evidence}}\n:::\n", to)
    if to == "epub":
        with ZipFile(done.path) as parts:
            text = parts.read("EPUB/text/ch001.xhtml").decode()
    else:
        text = done.words
    group = '<div class="bookfigs-wide" tabindex="0" role="group" aria-label="Evidence"'
    assert text.count(group) == is_page
    assert text.count("tabindex") == is_page
    assert "\n.bookfigs-wide {\n  overflow-x: auto;\n" in CSS
