"""Listings with numbers, call-outs, output and evidence, in every format."""

import shutil
import subprocess
from typing import Any
from zipfile import ZipFile

import pytest

from .book import Book
from .test_dark_pages import rendered

LISTING = "::: {#lst-linear-scan .bookfigs}\n:::\n"
TABLE = "::: {.bookfigs-evidence}\n:::\n"
CLAIM = '[It grows]{.claim ref="step_time.linear"}.\n'

PROVEN: dict[str, Any] = {
    "executed": 1,
    "executable": 1,
    "caught": 3,
    "counted": 3,
    "equivalent": 0,
    "tests": ["tests/core/test_scan.py::test_two_are_one"],
}

FIVE = "`test_0.py`: it; `test_1.py`: it; `test_2.py`: it; and 2 more"


@pytest.fixture
def rich(book: Book) -> Book:
    """A book whose listing has all that a listing may have."""
    book.manifest["listings"]["linear_scan"] |= {
        "code": "def scan(a):  # (1)\n    return a  # (2)\n",
        "numbers": True,
        "callouts": [
            {"line": 1, "text": "Takes `a`."},
            {"line": 2, "text": "Gives it *back*: {{< val no >}}."},
        ],
        "output": "6 <b>\n{{< val no >}}\n",
        "evidence": PROVEN,
    }
    return book


NUMBERED = {
    "html5": "python numberLines",
    "latex": "[numbers=left,,]",
    "typst": "line.number",
    "epub": "python numberLines",
}
LISTED = {
    "html5": '<ol type="1"> <li>Takes <code>a</code>.</li> <li>Gives it <em>back</em>',
    "latex": r"\item Takes \texttt{a}. \item Gives it \emph{back}",
    "typst": '#set enum(numbering: "(1)", start: 1) + Takes `a`. + Gives it #emph[',
    "gfm": "1) Takes `a`. 2) Gives it *back*",
    "epub": '<ol type="1"> <li>Takes <code>a</code>.</li> <li>Gives it <em>back</em>',
}
MARKS = {
    "html5": '<span class="co"># (1)</span>',
    "latex": r"\CommentTok{\# (2)}",
    "typst": "def scan(a): # (1) return a # (2)",
    "gfm": "def scan(a): # (1) return a # (2)",
    "epub": '<span class="co"># (2)</span>',
}
PRINTED = {
    "html5": (
        '<div class="bookfigs-output"> <p><strong>Output</strong></p> '
        '<pre tabindex="0"><code>6 &lt;b&gt; {{&lt; val no &gt;}}</code></pre>'
    ),
    "latex": (
        r"{\raggedright \textbf{Output}\par} "
        r"\begin{verbatim} 6 <b> {{< val no >}} \end{verbatim}"
    ),
    "typst": "#strong[Output] ``` 6 <b> {{< val no >}} ```",
    "gfm": "**Output** 6 <b> {{< val no >}}",
    "epub": "<pre><code>6 &lt;b&gt; {{&lt; val no &gt;}}</code></pre>",
}


def rows(text: str) -> list[str]:
    """The lines of a page, however the columns of its tables are filled up."""
    return [" ".join(line.split()) for line in text.splitlines()]


def words(book: Book, text: str, to: str) -> str:
    """What a format prints of a text, on one line."""
    rendered = book.pandoc(text, to)
    assert rendered.status == 0, rendered.message
    if to != "epub":
        return rendered.words
    with ZipFile(rendered.path) as parts:
        return " ".join(parts.read("EPUB/text/ch001.xhtml").decode().split())


@pytest.mark.parametrize("to", NUMBERED)
def test_lines_are_numbered_where_the_listing_file_says_so(rich: Book, to: str) -> None:
    assert NUMBERED[to] in words(rich, LISTING, to)
    del rich.manifest["listings"]["linear_scan"]["numbers"]
    assert NUMBERED[to] not in words(rich, LISTING, to)


@pytest.mark.parametrize(
    ("asked", "is_numbered"),
    [
        (".number-lines", True),
        (".numberLines", True),
        ('code-line-numbers="true"', True),
        ('code-line-numbers="false" .number-lines', False),
        (".wide", False),
    ],
)
def test_lines_are_numbered_where_the_author_says_so(
    book: Book, asked: str, *, is_numbered: bool
) -> None:
    html = book.pandoc(f"::: {{#lst-linear-scan .bookfigs {asked}}}\n:::\n").words
    assert (NUMBERED["html5"] in html) == is_numbered
    assert "code-line-numbers" not in html
    assert '<div id="lst-linear-scan"' in html
    assert "number-lines" not in html


def test_the_author_decides_against_numbers_too(rich: Book) -> None:
    text = '::: {#lst-linear-scan .bookfigs code-line-numbers="false"}\n:::\n'
    assert "numberLines" not in rich.pandoc(text).text


@pytest.mark.parametrize("to", LISTED)
def test_sentences_about_lines_have_the_numbers_of_their_marks(
    rich: Book, to: str
) -> None:
    found = words(rich, LISTING, to)
    assert MARKS[to] in found
    assert LISTED[to] in found
    assert found.index(MARKS[to]) < found.index(LISTED[to])


@pytest.mark.parametrize("to", PRINTED)
def test_the_output_stands_below_as_it_was_captured(rich: Book, to: str) -> None:
    found = words(rich, LISTING, to)
    assert found.index(LISTED[to]) < found.index(PRINTED[to])


def test_an_empty_output_is_not_shown(rich: Book) -> None:
    rich.manifest["listings"]["linear_scan"]["output"] = ""
    assert "Output" not in rich.pandoc(LISTING).text


@pytest.mark.parametrize(
    ("changed", "row"),
    [
        ({}, "| Scan | 1 of 1 | 3 of 3 | `test_scan.py`: two are one |"),
        (
            {"caught": 2, "equivalent": 4, "executed": 0},
            "| Scan | 0 of 1 | 2 of 3; 4 equivalent | `test_scan.py`: two are one |",
        ),
        (
            {
                "tests": [
                    "t/test_a.py::TestIt::test_one[1-a::b]",
                    "t/test_a.py::TestIt::test_one[2]",
                    "t/test_a.py::test_two",
                    "program",
                ]
            },
            "| Scan | 1 of 1 | 3 of 3 | `test_a.py`: one; two; its program |",
        ),
        (
            {"tests": [f"test_{n}.py::test_it" for n in range(5)]},
            f"| Scan | 1 of 1 | 3 of 3 | {FIVE} |",
        ),
    ],
)
def test_the_table_of_evidence_shows_what_proves_each_listing(
    rich: Book, changed: dict[str, Any], row: str
) -> None:
    rich.manifest["listings"]["linear_scan"]["evidence"] = PROVEN | changed
    text = rich.pandoc(f"{LISTING}\n{CLAIM}\n{TABLE}", "gfm").text
    assert "| Listing | Lines executed | Changes caught | Tests |" in rows(text)
    assert row in rows(text)
    assert "| The chain grows with T. | holds |" in text


def test_listings_without_claims_are_evidence_too(rich: Book) -> None:
    table = "::: {#tbl-evidence .bookfigs-evidence}\nAll *lines*.\n:::\n"
    html = rich.pandoc(f"{LISTING}\n{table}").words
    assert "<caption>Table 1: All <em>lines</em>.</caption>" in html
    assert html.count("<table") == 1


def test_a_listing_that_promises_nothing_is_not_in_the_table(book: Book) -> None:
    text = book.pandoc(f"{LISTING}\n{CLAIM}\n{TABLE}", "gfm").text
    assert "Lines executed" not in text
    rendered = book.pandoc(f"{LISTING}\n{TABLE}")
    assert "the table of evidence is empty" in rendered.message


def test_a_table_shows_the_listings_of_its_own_chapter(rich: Book) -> None:
    listings = rich.manifest["listings"]
    listings["other"] = listings["linear_scan"] | {"caption": "**Other**: two."}
    other = "::: {#lst-other .bookfigs}\n:::\n"
    chapters = [f"# One\n\n{LISTING}\n{TABLE}", f"# Two\n\n{other}\n{TABLE}"]
    one, two = rich.pandoc("\n".join(chapters), "gfm").words.split("# Two")
    assert "| Scan |" in one
    assert "| Other |" not in one
    assert "| Other |" in two
    assert "| Scan |" not in two


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("numbers", "yes", "listings.linear_scan.numbers has to be boolean"),
        ("callouts", [{"line": 1}], "callouts[1].text has to be string"),
        ("output", 6, "listings.linear_scan.output has to be string"),
        ("evidence", PROVEN | {"caught": -1}, "evidence.caught has to be a count"),
        ("evidence", PROVEN | {"caught": 0.5}, "evidence.caught has to be a count"),
    ],
)
def test_what_is_damaged_stops_the_render(
    rich: Book, field: str, value: object, said: str
) -> None:
    rich.manifest["listings"]["linear_scan"][field] = value
    rendered = rich.pandoc(LISTING)
    assert rendered.status != 0
    assert said in rendered.message


IN_LATEX = "\\def\\fps@codelisting{!htbp}"
FLOAT = '#show figure.where(kind: "quarto-float-lst"): set '


def test_a_high_listing_holds_up_no_other_in_latex(book: Book) -> None:
    two = f"{LISTING}\n{LISTING.replace('linear-scan', 'other')}"
    book.manifest["listings"]["other"] = book.manifest["listings"]["linear_scan"]
    done = rendered(book, two, "latex")
    assert done.text.count("\\bookfigslines{") == 2
    assert done.message.count("in-header: ") == 1
    assert done.message.count(IN_LATEX) == 1


@pytest.mark.parametrize(("lines", "times"), [(2, 0), (50, 1)])
def test_typst_breaks_a_high_listing_and_spreads_no_code(
    book: Book, lines: int, times: int
) -> None:
    book.manifest["listings"]["linear_scan"]["code"] = "a\n" * lines
    typst = rendered(book, LISTING, "typst").text
    first = typst.index(f"#[{FLOAT}par(justify: false)")
    assert first < typst.index("<lst-linear-scan>") < typst.rindex("]")
    assert typst.count(f"{FLOAT}block(breakable: true)") == times


@pytest.mark.parametrize(("to", "times"), [("html5", 1), ("revealjs", 0), ("gfm", 0)])
def test_an_output_that_is_wider_than_a_page_is_scrolled_with_keys_too(
    rich: Book, to: str, times: int
) -> None:
    written = rich.pandoc(LISTING, to).text
    assert written.count('<pre tabindex="0"><code>6 ') == times
    assert written.count('tabindex="0"') == times


def test_a_page_is_told_nothing_of_how_high_a_listing_is(book: Book) -> None:
    done = rendered(book, LISTING, "html5")
    assert "in-header" not in done.message
    assert "bookfigslines" not in done.text
    assert "justify" not in done.text


@pytest.mark.parametrize(
    ("show", "lines"), [("code", 40 + 7), ("output", 3 + 5), ("both", 40 + 7 + 3 + 2)]
)
def test_latex_is_told_how_many_lines_a_listing_takes(
    book: Book, show: str, lines: int
) -> None:
    book.manifest["listings"]["linear_scan"] |= {
        "code": "a\n\n" * 20,
        "output": "b\n" * 3,
        "callouts": [{"text": "c"}],
    }
    written = rendered(book, LISTING.replace("s}", f"s show={show}}}"), "latex").text
    assert f"\\bookfigslines{{{lines}}}\n" in written


def test_plain_pandoc_is_told_nothing_of_listings(book: Book) -> None:
    assert "bookfigslines" not in book.pandoc(LISTING, "latex").text


LATEX = r"""\documentclass{scrreprt}
\usepackage{float,caption}
\floatstyle{ruled}
\newfloat{codelisting}{h}{lop}[chapter]
%s
\begin{document}
\bookfigslines{%d}
\begin{codelisting}
\caption{\label{lst-a}One.}
\centering{
%s

}
\end{codelisting}%%
\begin{codelisting}
\caption{\label{lst-b}Two.}
b
\end{codelisting}
\end{document}
"""
"""What Quarto writes of two listings."""


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
@pytest.mark.parametrize(("count", "pages"), [(5, 1), (46, 1), (52, 2), (120, 3)])
def test_no_line_of_a_high_listing_runs_over_the_end_of_a_page(
    book: Book, count: int, pages: int
) -> None:
    header = rendered(book, LISTING, "latex").message.partition("in-header: ")[2]
    lines = "\n\n".join(r"\mbox{x}" for _ in range(count))
    source = book.chapters / "a.tex"
    source.write_text(LATEX % (header, count + 6, lines), encoding="utf-8")
    command = ["pdflatex", "-interaction=batchmode", "-halt-on-error", source.name]
    done = subprocess.run(command, cwd=book.chapters, capture_output=True, check=False)
    log = source.with_suffix(".log").read_text(encoding="utf-8", errors="replace")
    assert done.returncode == 0, log
    assert "too large" not in log
    assert "Overfull \\vbox" not in log
    assert f"({pages} page" in log
    labels = source.with_suffix(".aux").read_text(encoding="utf-8")
    assert r"\newlabel{lst-a}{{0.1}" in labels
    assert r"\newlabel{lst-b}{{0.2}" in labels
