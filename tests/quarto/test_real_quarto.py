"""What real Quarto makes of a small book.

Needs the program: on the PATH, or at the path in QUARTO_PATH.
"""

import re
import shutil
from typing import Any
from zipfile import ZipFile

import pytest

from .book import DARK, QUARTO, SVG, Book, Rendered

pytestmark = [
    pytest.mark.quarto,
    pytest.mark.skipif(
        QUARTO is None, reason="no quarto on the PATH and QUARTO_PATH is not set"
    ),
]

PROVEN: dict[str, Any] = {
    "executed": 1,
    "executable": 1,
    "caught": 2,
    "counted": 2,
    "equivalent": 0,
    "tests": ["tests/core/test_scan.py::test_two_are_one"],
}
BY_NAME = [{"path": "bookfigs", "at": "pre-ast"}]
BY_PATH = [{"path": "_extensions/bookfigs/bookfigs.lua", "at": "pre-ast"}]
CHAPTER = """# Recurrence

It takes {{< val step_time.ratio >}} times as long, see @fig-step-time and
@lst-linear-scan. [It grows with *T*]{.claim ref="step_time.linear"}.

::: {#fig-step-time .bookfigs}
:::

::: {#lst-linear-scan .bookfigs lst-cap='By {{< val step_time.ratio >}}.'}
:::

::: {#tbl-evidence .bookfigs-evidence}
All of {{< val step_time.ratio >}}.
:::
"""


def settings(filters: list[Any], to: str = "html") -> dict[str, Any]:
    """A `_quarto.yml` for a book of two chapters."""
    chapters = ["index.qmd", "rnn/rnn.qmd"]
    book = {"title": "A book", "author": "Nobody", "chapters": chapters}
    return {"book": book, "filters": filters, "format": {to: {"keep-typ": True}}}


def render(
    book: Book,
    chapter: str = CHAPTER,
    *,
    filters: list[Any] = BY_NAME,
    to: str = "html",
) -> Rendered:
    """Render the book, whose other chapter makes a claim of its own."""
    claim = book.manifest["claims"]["step_time.linear"]
    book.manifest["claims"]["step_time.preface"] = {**claim, "sentence": "Elsewhere."}
    book.write(chapter)
    preface = '# Preface\n\n[Before]{.claim ref="step_time.preface"}\n'
    (book.chapters / "index.qmd").write_text(preface, encoding="utf-8")
    return book.quarto("--to", to, settings=settings(filters, to))


def page(book: Book) -> str:
    """The text of the chapter's page, on one line, with ordinary spaces."""
    html = (book.chapters / "_book/rnn/rnn.html").read_text(encoding="utf-8")
    return " ".join(html.replace("&nbsp;", " ").split())


def written(book: Book, to: str) -> str:
    """All that a render wrote about the chapter in a format."""
    if to == "html":
        return page(book)
    if to == "typst":
        return (book.chapters / "index.typ").read_text(encoding="utf-8")
    with ZipFile(next((book.chapters / "_book").glob("*.epub"))) as parts:
        return parts.read("EPUB/text/ch002.xhtml").decode()


def without_tags(html: str) -> str:
    """The words of a page, of which <wbr> is no end."""
    html = re.sub(r"</?wbr/?>", "", html)
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def assert_right(html: str) -> None:
    """Numbers, references, captions and alternative text, in HTML and EPUB."""
    words = without_tags(html)
    assert "It takes 37 times as long, see Figure 2.1 and Listing 2.1" in words
    assert "Figure 2.1: Step time : grows with T ." in words
    assert "Listing 2.1: By 37." in words
    assert "Table 2.1: All of 37." in words
    assert "The chain grows with T. holds" in words
    assert "Elsewhere." not in words[words.index("Table 2.1: All") :]
    images = re.findall("<img [^>]*>", html)
    assert all('alt="Two lines over T."' in image for image in images)
    assert html.count("Two lines over T.") == len(images) > 0
    assert 'class="bookfigs-claim" data-claim="step_time.linear"' in html
    assert '<span class="kw">def</span>' in html


@pytest.mark.parametrize("filters", [BY_NAME, BY_PATH], ids=["by name", "by path"])
def test_html_is_right(book: Book, filters: list[Any]) -> None:
    done = render(book, filters=filters)
    assert done.status == 0, done.message
    html = page(book)
    assert_right(html)
    assert 'src="../_bookfigs/figures/step_time.svg"' in html
    assert (done.path / "_bookfigs/figures/step_time.svg").read_bytes() == SVG
    assert (done.path / "_bookfigs/figures/step_time.dark.svg").read_bytes() == DARK
    assert html.count("<img ") == 2
    assert "bookfigs/bookfigs.css" in html


def test_what_a_panel_leads_to_is_on_the_page_and_beside_it(book: Book) -> None:
    done = render(book, CHAPTER + "\n{{< data step_time json >}}\n")
    assert done.status == 0, done.message
    html = page(book)
    for kind in ("csv", "json"):
        path = f"_bookfigs/data/step_time.{kind}"
        assert f'href="../{path}" download="step_time.{kind}"' in html
        kept = (book.generated / f"data/step_time.{kind}").read_bytes()
        assert (done.path / path).read_bytes() == kept
    assert html.count('popovertarget="bookfigs-panel-1"') == 1
    assert html.count('id="bookfigs-panel-1"') == 1
    assert html.count('<details class="bookfigs-panel">') == 1
    assert html.count(">step_time.json</code></a>") == 3


NARROW = """# Recurrence

::: {#fig-both layout-ncol=2}
::: {#fig-step-time .bookfigs}
:::

::: {#fig-other .bookfigs}
:::

Both.
:::

::: {#fig-third .bookfigs .column-margin fig-cap='By {{< val step_time.ratio >}}.'}
:::

See @fig-both, @fig-other and @fig-third.
"""


def test_figures_stand_side_by_side_and_in_the_margin(book: Book) -> None:
    figures = book.manifest["figures"]
    figures |= {"other": figures["step_time"], "third": figures["step_time"]}
    done = render(book, NARROW)
    assert done.status == 0, done.message
    html = page(book)
    words = without_tags(html).replace(" ,", ",").replace(" .", ".")
    assert "See Figure 2.1, Figure 2.1 (b) and Figure 2.2." in words
    assert html.count("<img ") == html.count('style="width:100') == 6
    assert html.count('<details class="bookfigs-panel">') == 3
    assert "Figure 2.2: By 37." in html


def test_epub_is_right(book: Book) -> None:
    done = render(book, to="epub")
    assert done.status == 0, done.message
    with ZipFile(next(done.path.glob("*.epub"))) as parts:
        html = parts.read("EPUB/text/ch002.xhtml").decode()
        images = [name for name in parts.namelist() if name.endswith(".svg")]
        assert [parts.read(name) for name in images] == [SVG]
    assert html.count("<img ") == 1
    assert "bookfigs-dark" not in html
    assert_right(" ".join(html.replace("\N{NO-BREAK SPACE}", " ").split()))


def test_what_the_author_writes_wins(book: Book) -> None:
    text = (
        '::: {#fig-step-time .bookfigs width="50%" fig-cap="Cap *{{< val X >}}*." '
        'fig-alt="Alt {{< val X >}}"}\n:::\n\n'
        "::: {#lst-linear-scan .bookfigs}\nCode {{< val X >}}.\n:::\n"
    )
    done = render(book, "# One\n\n" + text.replace("X", "step_time.ratio"))
    assert done.status == 0, done.message
    html = page(book)
    assert "Figure 2.1: Cap <em>37</em>." in html
    assert "Listing 2.1: Code 37." in html
    images = re.findall("<img [^>]*>", html)
    assert len(images) == html.count("Alt 37") == 2
    for image in images:
        assert re.search('style="width:50[.0]*%"[^>]* alt="Alt 37"', image)


@pytest.mark.parametrize("to", ["html", "epub"])
def test_all_problems_stop_the_render(book: Book, to: str) -> None:
    text = (
        "# Recurrence\n\n::: {#fig-step-tim .bookfigs}\n:::\n\n"
        '{{< val step_time.ratoi >}} [It]{.claim ref="no.such"}\n'
    )
    done = render(book, text, to=to)
    assert done.status != 0
    for what in ("figure step_tim", "value step_time.ratoi", "claim no.such"):
        assert done.message.count(f": there is no {what}\n") == 1
    assert done.message.count("bookfigs: rnn/rnn.qmd, ") == 3
    assert "traceback" not in done.message
    assert not (done.path / "rnn/rnn.html").exists()
    assert not list(done.path.glob("*.epub"))


def test_an_unknown_value_in_an_attribute_stops_the_render(book: Book) -> None:
    """The filter does not see it there; the shortcode does."""
    div = '::: {#lst-linear-scan .bookfigs lst-cap="{{< val no.such >}}"}\n:::\n'
    done = render(book, div)
    assert done.status != 0
    assert "rnn/rnn.qmd, val no.such: there is no value no.such\n" in done.message
    assert not (done.path / "rnn/rnn.html").exists()


RICH: dict[str, Any] = {
    "code": "def scan(a):  # (1)\n    return a  # (2)\n",
    "numbers": True,
    "callouts": [{"line": 1, "text": "Takes `a`."}, {"line": 2, "text": "Gives *it*."}],
    "output": "6\n",
    "evidence": PROVEN,
}
IN_FORMAT = {
    "html": [
        'python numberLines code-with-copy"',
        "<li>Takes <code>a</code>.</li> <li>Gives <em>it</em>.</li>",
        '<p><strong>Output</strong></p> <pre tabindex="0"><code>6</code></pre>',
    ],
    "epub": [
        'python numberLines"',
        "<li>Takes <code>a</code>.</li> <li>Gives <em>it</em>.</li>",
        "<p><strong>Output</strong></p> <pre><code>6</code></pre>",
    ],
    "typst": ["line.number", '#set enum(numbering: "(1)", start: 1)', "Output"],
}


@pytest.mark.parametrize("to", IN_FORMAT)
def test_a_listing_has_all_of_it_in_one_float(book: Book, to: str) -> None:
    book.manifest["listings"]["linear_scan"] |= RICH
    done = render(book, to=to)
    assert done.status == 0, done.message
    found = " ".join(written(book, to).split())
    places = [found.index(part) for part in ["# (1)", "# (2)", *IN_FORMAT[to][1:]]]
    assert places == sorted(places)
    assert IN_FORMAT[to][0] in found
    if to != "typst":
        (figure,) = re.findall(r"<figure[^>]*float-lst.*?</figure>", found)
        assert all(part in figure for part in IN_FORMAT[to])
        assert "Listing 2.1: By 37." in figure.replace("\N{NO-BREAK SPACE}", " ")
        assert "1 of 1 2 of 2 test_scan.py : two are one" in without_tags(found)


@pytest.mark.parametrize(
    ("to", "raised"), [("html", "10<sup>−16</sup>"), ("typst", "10#super[−16]")]
)
def test_exponents_are_raised_in_captions_and_kept_in_alternative_texts(
    book: Book, to: str, raised: str
) -> None:
    book.manifest["values"]["step_time.ratio"]["text"] = "10⁻¹⁶"
    own = 'fig-cap="By {{< val step_time.ratio >}}." fig-alt="To {{< val X >}}."}'
    figure = f"::: {{#fig-step-time .bookfigs {own.replace('X', 'step_time.ratio')}"
    done = render(
        book, f"# One\n\n{figure}\n:::\n\n{{{{< val step_time.ratio >}}}}", to=to
    )
    assert done.status == 0, done.message
    found = written(book, to)
    assert f"By {raised}." in found
    assert found.count(raised) == 2
    assert '"To 10⁻¹⁶."' in found


@pytest.mark.parametrize("to", ["epub", "typst"])
def test_in_print_claims_have_footnotes_if_the_book_wants_it(
    book: Book, to: str
) -> None:
    done = render(book, f"---\nbookfigs:\n  panels: footnote\n---\n\n{CHAPTER}", to=to)
    assert done.status == 0, done.message
    book_option = settings(BY_NAME, to) | {"bookfigs": {"panels": "footnote"}}
    shutil.rmtree(book.chapters / "_extensions")
    done = book.quarto("--to", to, settings=book_option)
    assert done.status == 0, done.message
    assert "Evidence: holds." in without_tags(written(book, to))


def test_a_value_that_tex_would_run_stops_where_nothing_escapes_it(book: Book) -> None:
    book.manifest["values"]["step_time.ratio"]["text"] = "\\input{x}"
    image = "../_bookfigs/figures/step_time.svg"
    text = f'![c]({image}){{fig-alt="{{{{< val step_time.ratio >}}}}"}}\n'
    done = render(book, f"# One\n\n{text}")
    assert done.status != 0
    assert "val step_time.ratio has signs that TeX would run" in done.message


@pytest.mark.parametrize("at", [None, "post-ast", "post-quarto", "post-render"])
def test_a_filter_that_runs_too_late_stops_the_render(
    book: Book, at: str | None
) -> None:
    late = ["bookfigs"] if at is None else [{"path": "bookfigs", "at": at}]
    done = render(book, filters=late)
    assert done.status != 0
    assert "bookfigs: rnn/rnn.qmd, #fig-step-time: " in done.message
    assert "pre-ast" in done.message
    assert not (done.path / "rnn/rnn.html").exists()


@pytest.mark.parametrize("to", ["html", "epub", "typst"])
def test_shortcodes_in_the_manifest_are_not_run(
    book: Book, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    """Quarto looks for them in code, links, math and attributes of the result."""
    monkeypatch.setenv("SECRET", "leaked")
    attack = "{{< env SECRET >}}"
    figure = book.manifest["figures"]["step_time"]
    figure["caption"] = f"{attack} `{attack}` ${attack}$ [x](<{attack}>)"
    figure["alt"] = attack
    listing = book.manifest["listings"]["linear_scan"]
    listing |= {"code": f"x = '{attack}'\n", "output": attack}
    listing["callouts"] = [{"line": 1, "text": f"{attack} `{attack}` ${attack}$"}]
    listing["evidence"] = {**PROVEN, "tests": [f"{attack}.py::test_{attack}"]}
    book.manifest["values"]["step_time.ratio"]["text"] = attack
    claim = book.manifest["claims"]["step_time.linear"]
    claim["source"] = claim["rows"][0]["statistic"] = attack
    done = render(book, to=to)
    assert done.status == 0, done.message
    assert "SECRET" in written(book, to)
    assert "leaked" not in written(book, to)
