"""The chapter as a page, made by pandoc with the filter of the extension."""

import re
import subprocess
from html import unescape
from pathlib import Path
from zipfile import ZipFile

import pypandoc
import pytest

from bookfigs.book import Book
from bookfigs.manifest import Manifest, read_manifest
from smallbook import ROOT

BOOK = Book(ROOT / "chapters")
CHAPTER = BOOK.folder / "rnn_training"
FILTER = ROOT / "_quarto_ext" / "_extensions" / "bookfigs" / "bookfigs.lua"


def pandoc(output: Path, *options: str) -> Path:
    subprocess.run(
        [pypandoc.get_pandoc_path(), "rnn_training.qmd", "--lua-filter", str(FILTER),
         "--standalone", "--mathml", "--metadata", "title=Page", *options,
         "--output", str(output)],
        cwd=CHAPTER,
        check=True,
    )  # fmt: skip
    return output


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = pandoc(tmp_path_factory.mktemp("page") / "page.html", "--to", "html5")
    return path.read_text(encoding="utf-8")


def manifest() -> Manifest:
    found = read_manifest(BOOK)
    assert found is not None
    return found


def embedded(kind: str) -> list[str]:
    """Labels of figures or listings, in the order in which the prose embeds them."""
    prose = (CHAPTER / "rnn_training.qmd").read_text(encoding="utf-8")
    pattern = rf"^::: \{{#({kind}-\S+) \.bookfigs\}}"
    return re.findall(pattern, prose, re.MULTILINE)


def test_figures_and_listings_are_numbered_and_referred_to(html: str) -> None:
    text = html.replace("\u00a0", " ")
    for kind, word in (("fig", "Figure"), ("lst", "Listing")):
        for number, label in enumerate(embedded(kind), 1):
            assert f'href="#{label}">{word} {number}</a>' in text
            assert re.search(rf'id="{label}".*?{word} {number}:', text, re.DOTALL)
    assert len(embedded("fig")) == len(manifest().figures)


def test_images_have_their_alternative_text_and_exist(html: str) -> None:
    images = re.findall(r'<img\s+src="([^"]+)"[^>]*?alt="([^"]+)"', html, re.DOTALL)
    figures = manifest().figures
    slugs = [label.removeprefix("fig-").replace("-", "_") for label in embedded("fig")]
    assert [" ".join(unescape(alt).split()) for _, alt in images] == [
        figures[slug].alt for slug in slugs
    ]
    assert all((CHAPTER / source).is_file() for source, _ in images)


def test_listings_are_highlighted_line_for_line(html: str) -> None:
    blocks = re.findall(
        r'<code class="sourceCode python">(.*?)</code>', html, re.DOTALL
    )
    printed = [re.sub(r"<[^>]+>", "", block) for block in blocks]
    unescaped = [unescape(text) for text in printed]
    listings = manifest().listings
    slugs = [label.removeprefix("lst-").replace("-", "_") for label in embedded("lst")]
    assert [text.strip() for text in unescaped] == [
        listings[slug].code.strip() for slug in slugs
    ]
    assert len(slugs) == len(listings)


def test_values_and_claims_are_in_place(html: str) -> None:
    values = manifest().values
    assert "{{" not in html
    text = " ".join(re.sub(r"<[^>]+>", "", html).split())
    assert f"takes {values['step_time.rnn_over_lru_4096'].text} times as long" in text
    made = set(re.findall(r'data-claim="([^"]+)"', html))
    assert made == set(re.findall(r'claim ref="([^"]+)"', prose()))


def test_the_table_of_evidence_has_a_row_for_each_claim(html: str) -> None:
    claims, listings, *_ = (  # the panels before them hold tables of their own
        table
        for table in re.findall(r"<table.*?</table>", html, re.DOTALL)
        if "Source</th>" in table or "Lines executed</th>" in table
    )
    assert claims.count("<tr") - 1 == len(re.findall(r"<td[^>]*>holds</td>", claims))
    assert listings.count("<tr") == 1 + len(manifest().listings)
    made = set(re.findall(r'claim ref="([^"]+)"', prose()))
    rows = sum(len(manifest().claims[name].rows) for name in made)
    assert claims.count("<tr") == 1 + rows


def test_the_book_as_epub_carries_both_pictures(tmp_path: Path) -> None:
    with ZipFile(pandoc(tmp_path / "page.epub", "--to", "epub3")) as book:
        pictures = [book.read(n) for n in book.namelist() if n.endswith(".svg")]
    folder = BOOK.generated / "figures"
    light = [folder / f"{slug}.svg" for slug in BOOK.figures()]
    assert sorted(pictures) == sorted(path.read_bytes() for path in light)


def prose() -> str:
    return (CHAPTER / "rnn_training.qmd").read_text(encoding="utf-8")
