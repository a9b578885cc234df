"""Signs that fonts of print lack reach a reader all the same."""

from zipfile import ZipFile

import pytest

from .book import Book, run_lua
from .test_dark_pages import rendered
from .test_embeds import CLAIM, as_plain
from .test_lua_modules import HANDLER, LOAD

TINY = "4.90 × 10⁻¹⁶"
RAISED = "4.90 × 10<sup>−16</sup>"
FIGURE = "::: {#fig-step-time .bookfigs}\n:::\n"


@pytest.fixture
def tiny(book: Book) -> Book:
    """Make a book in which every string holds a number with an exponent."""
    book.manifest["values"]["step_time.ratio"]["text"] = TINY
    claim = book.manifest["claims"]["step_time.linear"]
    claim["sentence"] = f"It stays below {TINY}."
    claim["rows"] = [{**row, "statistic": TINY} for row in claim["rows"][:1]]
    figure = book.manifest["figures"]["step_time"]
    figure |= {"caption": f"**Error**: {TINY}.", "alt": f"Below {TINY}."}
    return book


@pytest.mark.parametrize(
    ("word", "to", "written"),
    [
        ("10⁻¹⁶", "html", "10<sup>−16</sup>"),
        ("10⁺⁰²³⁴⁵⁷⁸⁹,", "html", "10<sup>+02345789</sup>,"),
        ("x⁹y⁹", "html", "x<sup>9</sup>y<sup>9</sup>"),
        ("h₋₁", "html", "h<sub>−1</sub>"),
        ("a≤λ", "html", "a≤λ"),
        ("a≤λ", "latex", r"a\(\leq\)\(\lambda\)"),
        ("10⁻¹⁶", "latex", r"10\textsuperscript{−16}"),
        ("10⁻¹⁶", "typst", "10#super[−16]"),
        ("10⁻¹⁶", "gfm", "10<sup>−16</sup>"),
        ("×µ±é", "latex", "×µ±é"),
    ],
)
def test_a_word_is_written_with_signs_that_fonts_have(
    book: Book, word: str, to: str, written: str
) -> None:
    done = run_lua(
        f"FORMAT = '{to}'\n{LOAD}"
        f"local made = pandoc.Plain(modules.signs.word('{word}'))\n"
        f"io.write(pandoc.write(pandoc.Pandoc {{ made }}, '{to}'))",
        book.chapters,
    )
    assert done.message.strip() == written


def test_exponents_are_raised_in_values_captions_and_what_is_said_of_claims(
    tiny: Book,
) -> None:
    text = f'{FIGURE}\n{{{{< val step_time.ratio >}}}} [It]{{.claim ref="X"}}\n'
    text += "\n::: {.bookfigs-evidence}\n:::\n"
    html = tiny.pandoc(text.replace("X", "step_time.linear")).words
    assert f"<strong>Error</strong>: {RAISED}." in html
    assert html.count(f"It stays below {RAISED}.") == 3
    assert html.count(RAISED) == 8
    assert html.count("⁻") == html.count(f'alt="Below {TINY}."') == 1


@pytest.mark.parametrize(
    ("written", "kept"), [("fig-cap", RAISED), ("fig-alt", f'alt="{TINY}"')]
)
def test_an_authors_caption_has_an_exponent_raised_and_an_alternative_text_as_text(
    tiny: Book, written: str, kept: str
) -> None:
    text = FIGURE.replace("s}", f's {written}="{{{{< val step_time.ratio >}}}}"}}')
    assert kept in tiny.pandoc(text).words
    by_quarto = rendered(tiny, text).words
    assert ('fig-cap="4.90 × 10^−16^"' in by_quarto) == (written == "fig-cap")
    assert (f'alt="{TINY}"' in by_quarto) == (written == "fig-alt")


@pytest.mark.parametrize(
    "text",
    [
        '::: {#tbl-a tbl-cap="At {{< val step_time.ratio >}}."}\n| a |\n|---|\n:::\n',
        '::: {#fig-mine fig-cap="At {{< val step_time.ratio >}}."}\nA drawing.\n:::\n',
        '```{#lst-mine .python lst-cap="At {{< val step_time.ratio >}}."}\na\n```\n',
    ],
)
def test_a_caption_of_what_is_not_of_bookfigs_has_its_exponent_raised_too(
    tiny: Book, text: str
) -> None:
    assert '-cap="At 4.90 × 10^−16^."' in rendered(tiny, text).words


def test_other_attributes_are_left_to_quarto(tiny: Book) -> None:
    words = rendered(tiny, '[It]{title="{{< val step_time.ratio >}}"}\n').words
    assert words.count("10^") == 0


@pytest.mark.parametrize(
    ("context", "said"), [("text", TINY), ("inline", "4.90 × 10^−16^")]
)
def test_quarto_is_given_text_where_it_asks_for_text(
    tiny: Book, context: str, said: str
) -> None:
    tiny.write("")
    call = f"contributed.val({{ 'step_time.ratio' }}, {{}}, {{}}, {{}}, '{context}')"
    print_ = "io.write(pandoc.write(pandoc.Pandoc { pandoc.Plain(made) }, 'markdown'))"
    script = f"{HANDLER % 'val'}local made = {call}\n{print_}"
    assert run_lua(script, tiny.chapter.parent).message.strip() == said


@pytest.mark.parametrize(
    ("to", "written"),
    [
        ("latex", r"\texttt{step\_}\allowbreak{}\texttt{time.py}"),
        ("typst", "`step_`\u200b`time.py`"),
        ("html5", "<code>step_<wbr/>time.py</code>"),
        ("epub", "<code>step_<wbr></wbr>time.py</code>"),
        ("docx", "step_time.py"),
    ],
)
def test_the_name_of_a_file_fits_a_column_of_the_table(
    book: Book, to: str, written: str
) -> None:
    text = CLAIM + "\n::: {.bookfigs-evidence}\n:::\n"
    done = book.pandoc(text, to)
    if to == "epub":
        with ZipFile(done.path) as parts:
            assert written in parts.read("EPUB/text/ch001.xhtml").decode()
    else:
        assert written in (as_plain(done.path) if to == "docx" else done.words)


def test_the_name_of_a_file_is_text_of_a_page(book: Book) -> None:
    claim = book.manifest["claims"]["step_time.linear"]
    claim["source"] = "a/<b>&{{< val no >}}_c.py"
    html = book.pandoc(f"{CLAIM}\n::: {{.bookfigs-evidence}}\n:::\n").text
    assert "<code>&lt;b&gt;&amp;{{&lt; val no &gt;}}_<wbr/>c.py</code>" in html


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a_b.py", "a_|b.py"),
        ("tests/core/test_a.py", "tests/|core/|test_|a.py"),
        ("a.b.core", "a.|b.core"),
        ("__init__.py", "__|init__.py"),
        ("Makefile", "Makefile"),
        ("._", "._"),
    ],
)
def test_a_name_is_broken_behind_signs_but_not_before_its_extension(
    book: Book, name: str, parts: str
) -> None:
    done = run_lua(
        f"FORMAT = 'typst'\n{LOAD}"
        f"for index, each in ipairs(modules.text.name('{name}')) do\n"
        "  io.write(index % 2 == 0 and '|' or each.text)\nend",
        book.chapters,
    )
    assert done.message == parts


@pytest.mark.parametrize(
    ("to", "written"),
    [
        ("latex", r"2026-\allowbreak{}11-\allowbreak{}23"),
        ("typst", "2026-\u200b11-\u200b23"),
        ("html5", '<td style="text-align: left;">2026-11-23</td>'),
    ],
)
def test_a_date_fits_a_column_of_the_table(book: Book, to: str, written: str) -> None:
    done = book.pandoc(CLAIM + "\n::: {.bookfigs-evidence}\n:::\n", to)
    assert written in done.words


def test_typst_spreads_no_words_over_a_column(book: Book) -> None:
    typst = book.pandoc(CLAIM + "\n::: {.bookfigs-evidence}\n:::\n", "typst").words
    assert "#[#set par(justify: false) #figure( align(center)[#table(" in typst
