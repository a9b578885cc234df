"""The forms in which an author embeds: in margins, columns and parts, and data."""

import pytest

from .book import Book

FIGURE = "::: {#fig-step-time .bookfigs ATTRIBUTES}\n:::\n"
DATA = "../_bookfigs/data/step_time"


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("INNER", "5.375in"),
        (FIGURE.replace("ATTRIBUTES", ".column-margin"), "100%"),
        (FIGURE.replace("ATTRIBUTES", 'fig-column="margin"'), "100%"),
        (FIGURE.replace("ATTRIBUTES", ".column-margin width=2in"), "2in"),
        (FIGURE.replace("ATTRIBUTES", ".column-page"), "5.375in"),
        (":::: {.column-margin}\nINNER\n::::", "100%"),
        (":::: {.aside}\nINNER\n::::", "100%"),
        (":::: {layout-ncol=2}\nINNER\n\nINNER\n::::", "100%"),
        (':::: {#fig-both layout="[[1,1]]"}\nINNER\n\nBoth.\n::::', "100%"),
        (":::: {layout-nrow=1}\n- INNER\n::::", "100%"),
        ("::::: columns\n:::: {.column width=50%}\nINNER\n::::\n:::::", "100%"),
        (":::: {.column-page}\nINNER\n::::", "5.375in"),
    ],
)
def test_a_figure_is_as_wide_as_its_place_unless_the_author_says_so(
    book: Book, text: str, width: str
) -> None:
    inner = FIGURE.replace("ATTRIBUTES", "").replace("\n:::", "\n:::")
    if "- INNER" in text:
        inner = inner.strip().replace("\n", "\n  ")
    native = book.pandoc(text.replace("INNER", inner), "native").text
    assert f'"width" , "{width}"' in native
    assert "bookfigs-narrow" not in native


@pytest.mark.parametrize("to", ["latex", "beamer", "typst"])
def test_print_fits_a_figure_into_a_column_that_is_narrower(
    book: Book, to: str
) -> None:
    written = book.pandoc(FIGURE.replace("ATTRIBUTES", ""), to).words
    assert "5.375in" not in written
    assert "width" not in written.partition("image")[2].partition("step_time")[0]
    own = book.pandoc(FIGURE.replace("ATTRIBUTES", "width=2in"), to).words
    assert "width" in own
    assert "2in" in own


@pytest.mark.parametrize("attribute", ["fig-env=figure*", "fig-pos=htb", "fig-scap=S"])
def test_the_placement_of_a_figure_is_left_to_quarto_and_kept_from_pandoc(
    book: Book, attribute: str
) -> None:
    native = book.pandoc(FIGURE.replace("ATTRIBUTES", attribute), "native").text
    assert attribute.partition("=")[0] not in native


@pytest.fixture
def printing(book: Book) -> Book:
    """A book whose listing prints something."""
    book.manifest["listings"]["linear_scan"] |= {
        "output": "6\n",
        "callouts": [{"text": "Takes a."}],
    }
    return book


@pytest.mark.parametrize(
    ("shown", "has_code", "has_output"),
    [
        ("", True, True),
        ("show=both", True, True),
        ("show=code", True, False),
        ("show=output", False, True),
    ],
)
@pytest.mark.parametrize("to", ["gfm", "typst", "latex"])
def test_a_listing_shows_what_the_author_asks_for(
    printing: Book, to: str, shown: str, *, has_code: bool, has_output: bool
) -> None:
    text = f"::: {{#lst-linear-scan .bookfigs {shown}}}\n:::\n"
    words = printing.pandoc(text, to).words
    assert ("return" in words) == ("Takes a" in words) == has_code
    assert ("6" in words.split()) == has_output
    assert ("Output" in words) == (has_code and has_output)
    assert "Listing" in words


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("{{< data step_time >}}", "step_time.csv"),
        ("{{< data step_time json >}}", "step_time.json"),
        ('{{< data "step_time" "csv" >}}', "step_time.csv"),
        ("({{< data step_time >}}).", "step_time.csv"),
        ('[]{.bookfigs-data ref="step_time"}', "step_time.csv"),
        ('[all]{.bookfigs-data ref="step_time" format=json}', "step_time.json"),
    ],
)
def test_data_are_a_link_to_the_file_beside_the_picture(
    book: Book, written: str, read: str
) -> None:
    html = book.pandoc(written).words
    said = "all" if "[all]" in written else f"<code>{read}</code>"
    link = f'<a href="../_bookfigs/data/{read}" download="{read}">{said}</a>'
    before, after = ("(", ").") if "(" in written else ("", "")
    assert html == f"<p>{before}{link}{after}</p>"


@pytest.mark.parametrize(
    ("to", "link"),
    [("gfm", f"[`step_time.csv`]({DATA}.csv)"), ("revealjs", f'href="{DATA}.csv"')],
)
def test_data_are_a_link_wherever_a_file_lies_beside_the_text(
    book: Book, to: str, link: str
) -> None:
    text = book.pandoc("{{< data step_time >}}", to).words
    assert link in text
    assert "download" not in text


@pytest.mark.parametrize("to", ["latex", "typst", "epub", "docx"])
def test_in_print_data_have_a_name_and_no_link(book: Book, to: str) -> None:
    text = '{{< data step_time >}}, [the *data*]{.bookfigs-data ref="step_time"}'
    done = book.pandoc(text, to)
    assert done.status == 0, done.message
    written = done.path.read_bytes()
    assert DATA.encode() not in written
    if to in {"latex", "typst"}:
        assert "step" in done.text
        assert "data" in done.text


def test_values_and_data_may_touch_each_other(book: Book) -> None:
    value, data = "{{< val step_time.ratio >}}", "{{< data step_time >}}"
    html = book.pandoc(f"{value}/{data}/{{{{< meta x >}}}}/{value}").words
    assert html.startswith("<p>37/<a href=")
    assert html.endswith("</a>/{{&lt; meta x &gt;}}/37</p>")


def test_a_claim_around_a_figure_keeps_it_in_every_format(book: Book) -> None:
    inner = FIGURE.replace("ATTRIBUTES", "")
    text = f':::: {{.claim ref="step_time.linear"}}\n{inner}::::\n'
    for to in ("latex", "typst", "gfm", "html5"):
        assert "Step time" in book.pandoc(text, to).words
