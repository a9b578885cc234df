"""What plain pandoc makes of the things that an author embeds."""

import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest

from .book import PANDOC, PNG, SVG, Book, run_pandoc

FIGURE = "::: {#fig-step-time .bookfigs}\n:::\n"
LISTING = "::: {#lst-linear-scan .bookfigs}\n:::\n"
CLAIM = '[It grows with **T**]{.claim ref="step_time.linear"}.\n'
TABLE = "::: {.bookfigs-evidence}\n:::\n"
ROW = "| The chain grows with T. | holds | exponent 1.00 (1.00 to 1.00) |"


def as_plain(path: Path) -> str:
    """The text of a docx or epub, on one line."""
    command = [PANDOC, str(path), "--to=plain", "--wrap=none"]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return " ".join(done.stdout.replace("\N{NO-BREAK SPACE}", " ").split())


def test_a_figure_has_image_alternative_text_width_number_and_caption(
    book: Book,
) -> None:
    html = book.pandoc(FIGURE).words
    assert '<figure id="fig-step-time">' in html
    assert 'src="../_bookfigs/figures/step_time.svg"' in html
    assert 'style="width:5.375in"' in html
    assert 'alt="Two lines over T."' in html
    assert "Figure 1: <strong>Step time</strong>: grows with <em>T</em>." in html


@pytest.mark.parametrize(
    ("to", "kind"),
    [
        ("html5", "svg"),
        ("html4", "svg"),
        ("revealjs", "svg"),
        ("typst", "svg"),
        ("gfm", "svg"),
        ("latex", "pdf"),
        ("beamer", "pdf"),
        ("native", "png"),
        ("jats", "png"),
    ],
)
def test_each_format_gets_the_image_that_it_can_show(
    book: Book, to: str, kind: str
) -> None:
    assert f"../_bookfigs/figures/step_time.{kind}" in book.pandoc(FIGURE, to).text


def test_an_epub_holds_the_svg_with_its_alternative_text(book: Book) -> None:
    epub = book.pandoc(FIGURE + "\nSee @fig-step-time.", "epub")
    assert epub.status == 0, epub.message
    with ZipFile(epub.path) as parts:
        images = [name for name in parts.namelist() if name.endswith(".svg")]
        page = parts.read("EPUB/text/ch001.xhtml").decode()
        assert [parts.read(name) for name in images] == [SVG]
    assert 'alt="Two lines over T."' in page
    assert "See Figure 1." in as_plain(epub.path)


def test_a_docx_holds_the_png_wherever_pandoc_was_started(
    book: Book, tmp_path: Path
) -> None:
    book.write(FIGURE + LISTING)
    docx = run_pandoc(book.chapter, "docx", folder=tmp_path)
    assert docx.status == 0, docx.message
    with ZipFile(docx.path) as parts:
        images = [name for name in parts.namelist() if name.endswith(".png")]
        assert [parts.read(name) for name in images] == [PNG]
    assert "Listing 1: Scan: a fold. def scan(a): return a" in as_plain(docx.path)


@pytest.mark.parametrize("to", ["latex", "typst"])
def test_formats_that_number_figures_themselves_get_no_second_number(
    book: Book, to: str
) -> None:
    text = book.pandoc(FIGURE + "\n@fig-step-time", to).text
    assert "Figure 1:" not in text
    assert "Figure~1:" not in text
    assert "Figure~1" in text


@pytest.mark.parametrize("slug", ["linear-scan", "linear_scan"])
def test_a_listing_is_highlighted_code_under_its_caption(book: Book, slug: str) -> None:
    html = book.pandoc(f"::: {{#lst-{slug} .bookfigs}}\n:::\n").words
    assert f'<div id="lst-{slug}">' in html
    assert "Listing 1: <strong>Scan</strong>: a <code>fold</code>." in html
    assert '<code class="sourceCode python">' in html
    assert '<span class="kw">def</span>' in html


def test_a_paragraph_in_the_div_replaces_the_caption(book: Book) -> None:
    text = "::: {#fig-step-time .bookfigs}\nMine, *really*.\n:::\n"
    html = book.pandoc(text).words
    assert "<figcaption>Figure 1: Mine, <em>really</em>.</figcaption>" in html


def test_attributes_of_the_div_replace_what_the_manifest_says(book: Book) -> None:
    html = book.pandoc(
        "::: {#fig-step-time .bookfigs .wide width=50% data-x=1 fig-pos=htb "
        'fig-cap="Mine: {{< val step_time.ratio >}}" '
        'fig-alt="Alt {{< val step_time.ratio >}}"}\n:::\n'
        '::: {#lst-linear-scan .bookfigs lst-cap="*Code*"}\n:::\n'
    ).words
    assert '<figure id="fig-step-time" class="wide" data-x="1">' in html
    assert 'style="width:50.0%" alt="Alt 37"' in html
    assert "<figcaption>Figure 1: Mine: 37</figcaption>" in html
    assert "<p>Listing 1: <em>Code</em></p>" in html


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("{{< val step_time.ratio >}}", "<p>37</p>"),
        ("({{< val step_time.ratio >}}), a", "<p>(37), a</p>"),
        ("{{<  val\nstep_time.ratio  >}}.", "<p>37.</p>"),
        ('*{{< val "step_time.ratio" >}}*', "<p><em>37</em></p>"),
        (
            "{{< val step_time.ratio >}}-{{< val step_time.ratio >}}",
            "<p>37-37</p>",
        ),
        ("{{< meta title >}}", "<p>{{&lt; meta title &gt;}}</p>"),
        ("{{{< val no >}}}", "<p>{{{&lt; val no &gt;}}}</p>"),
        ("`{{< val no >}}`", "<p><code>{{&lt; val no &gt;}}</code></p>"),
    ],
)
def test_a_value_is_replaced_wherever_it_stands_in_prose(
    book: Book, written: str, read: str
) -> None:
    assert book.pandoc(written).words == read


def test_a_value_stands_in_headings_captions_and_claims(book: Book) -> None:
    value = "{{< val step_time.ratio >}}"
    html = book.pandoc(
        f"# Times {value}\n\n::: {{#fig-step-time .bookfigs}}\nBy {value}.\n:::\n\n"
        f'[Takes {value}]{{.claim ref="step_time.linear"}}'
    ).words
    assert "Times 37</h1>" in html
    assert "Figure 1: By 37." in html
    assert ">Takes 37</span>" in html


def test_references_become_links_with_numbers_in_reading_order(book: Book) -> None:
    book.manifest["figures"]["other"] = book.manifest["figures"]["step_time"]
    html = book.pandoc(
        "::: {#fig-other .bookfigs}\n:::\n" + FIGURE + LISTING + "\n"
        "@Fig-step-time, [see @fig-other, left], [-@lst-linear-scan], "
        "[@fig-other; @lst-linear-scan]\n"
    ).words
    assert (
        '<p><a href="#fig-step-time">Figure 2</a>, see '
        '<a href="#fig-other">Figure 1</a>, left, '
        '<a href="#lst-linear-scan">1</a>, <a href="#fig-other">Figure 1</a>, '
        '<a href="#lst-linear-scan">Listing 1</a></p>'
    ) in html


def test_references_to_anything_else_are_left_alone(book: Book) -> None:
    native = book.pandoc(FIGURE + "\n@fig-elsewhere, [@key; @fig-step-time]", "native")
    assert native.text.count("Cite") == 2
    assert "Link" not in native.text


@pytest.mark.parametrize("to", ["latex", "typst", "gfm"])
def test_a_claim_is_plain_prose_in_other_formats(book: Book, to: str) -> None:
    marked = book.pandoc(CLAIM, to).text
    assert marked == book.pandoc("It grows with **T**.\n", to).text


def test_a_claim_may_be_a_div_and_keeps_what_else_it_carries(book: Book) -> None:
    text = '::: {#here .claim .note ref="step_time.linear"}\nOne.\n\nTwo.\n:::\n'
    assert "::: {#here .note}\nOne.\n\nTwo.\n:::" in book.pandoc(text, "markdown").text
    assert '<div id="here" class="note bookfigs-claim"' in book.pandoc(text).words


def test_the_table_of_evidence_shows_each_claim_once_per_device(book: Book) -> None:
    text = book.pandoc(TABLE + "\n" + CLAIM + "\n" + CLAIM, "gfm").text
    assert "| Claim | Verdict | Statistic | Device | Date | Source |" in text
    rows = [line for line in text.splitlines() if line.startswith(ROW)]
    source = "2026-11-23 | `step_time.py` at 0123abc |"
    assert rows == [
        f"{ROW} AMD EPYC, 2 cores | {source}",
        f"{ROW} NVIDIA H200 | {source}",
    ]


def test_the_table_may_have_caption_and_number(book: Book) -> None:
    table = "::: {#tbl-evidence .bookfigs-evidence}\nAll *claims*.\n:::\n"
    html = book.pandoc(CLAIM + "\n" + table + "\n@tbl-evidence").words
    assert '<div id="tbl-evidence" class="bookfigs-claims">' in html
    assert "<caption>Table 1: All <em>claims</em>.</caption>" in html
    assert '<a href="#tbl-evidence">Table 1</a>' in html


def test_a_table_shows_the_claims_of_its_own_chapter(book: Book) -> None:
    claim = book.manifest["claims"]["step_time.linear"]
    book.manifest["claims"]["step_time.flat"] = {**claim, "sentence": "It is flat."}
    flat = '[Flat]{.claim ref="step_time.flat"}\n'
    chapters = [f"# One\n\n{CLAIM}\n{TABLE}", f"# Two\n\n{flat}\n{TABLE}"]
    one, two = book.pandoc("\n".join(chapters), "gfm").text.split("# Two")
    assert "The chain grows with T." in one
    assert "It is flat." not in one
    assert "It is flat." in two
    assert "The chain grows with T." not in two


def test_a_document_with_one_heading_is_one_chapter(book: Book) -> None:
    text = book.pandoc(f"{CLAIM}\n# Evidence\n\n{TABLE}", "gfm").text
    assert "The chain grows with T." in text


def test_a_document_without_embeds_needs_no_manifest(tmp_path: Path) -> None:
    document = tmp_path / "plain.md"
    document.write_text("Nothing.", encoding="utf-8")
    assert run_pandoc(document, "html5").text == "<p>Nothing.</p>\n"


def test_metadata_may_name_the_manifest(book: Book) -> None:
    book.write("")
    book.generated.rename(book.chapters / "elsewhere")
    option = "---\nbookfigs:\n  manifest: ../elsewhere/manifest.json\n---\n"
    book.chapter.write_text(option + FIGURE, encoding="utf-8")
    assert "../elsewhere/figures/step_time.svg" in run_pandoc(book.chapter, "gfm").text


def test_a_document_may_be_named_from_its_own_folder(book: Book) -> None:
    book.write(FIGURE)
    folder = book.chapter.parent
    rendered = run_pandoc(Path(book.chapter.name), "gfm", folder=folder)
    assert rendered.status == 0, rendered.message
    assert "../_bookfigs/figures/" in (folder / rendered.path).read_text("utf-8")


@pytest.mark.parametrize("to", ["gfm", "commonmark_x", "markdown", "html5"])
def test_a_bar_in_code_ends_no_cell_of_the_evidence(book: Book, to: str) -> None:
    book.manifest["claims"]["step_time.linear"]["source"] = "a|b`c.py"
    path = book.pandoc(CLAIM + "\n" + TABLE, to).path
    read = [PANDOC, f"--from={to.rstrip('5')}", "--to=json", str(path)]
    back = subprocess.run(read, capture_output=True, check=True, text=True).stdout
    assert '"a|b`c.py"' in back


def test_a_row_of_evidence_may_be_of_no_commit(book: Book) -> None:
    for row in book.manifest["claims"]["step_time.linear"]["rows"]:
        row["commit"] = None
    text = book.pandoc(CLAIM + "\n" + TABLE, "gfm").text
    assert text.count("| `step_time.py` |") == 2


def test_evidence_may_be_left_out_of_a_copy_of_the_book(book: Book) -> None:
    (book.generated / "../rnn/evidence/cpu.json").unlink()
    assert book.pandoc(FIGURE + CLAIM).status == 0
