"""Exported blocks pass the gates of the book that they are for."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypandoc
import pytest

from bookfigs.book import Book
from bookfigs.exporting import gates, signs
from bookfigs.exporting.export import Wish, fill
from bookfigs.exporting.picture import read_svg
from bookfigs.exporting.supply import Supply
from bookfigs.lint.finding import Context
from bookfigs.lint.pages import lint
from bookfigs.prose.document import Page, read_page
from plainbook import LST, book, exported, supply
from smallbook import ROOT

FIGURE = re.compile(
    r'^::: \{#fig-[a-z0-9-]+ fig-env="figure" fig-pos="htb" '
    r'fig-cap="\*\*[^"*]+\*\*: [^"]+\." fig-alt="[^"]+"\}\n\n'
    r'!\[\]\(/images/svg/\w+\.svg\)\{width="\d+%" fig-alt="[^"]+"\}\n\n:::$',
    re.MULTILINE,
)
LISTING = re.compile(
    r'^::: \{#lst-[a-z0-9_]+ lst-cap="\*\*[^"*]+\*\*: [^"]+\."\}\n\n'
    r"```\{\.\w+[^}\n]*\}\n(?:(?!```).*\n)+```\n\n:::$",
    re.MULTILINE,
)
CAPTIONS = ("fig-cap", "lst-cap")


class Exported:
    """Everything that a book has, in the blocks of another one."""

    def __init__(self, given: Supply, folder: Path) -> None:
        self.manifest = given.manifest
        found = fill(given, Wish(book(folder), blocks=True))
        assert [error.message() for error in found.wrong(check=False)] == []
        found.write()
        self.blocks = {p.stem[1:]: p for p in (folder / "blocks").glob("_*.qmd")}
        self.pictures = {p.stem: p for p in (folder / "images" / "svg").glob("*")}

    @property
    def pages(self) -> list[Page]:
        """The blocks as pages."""
        files = sorted(self.blocks.values())
        return [read_page(path, path.name, path.read_text()) for path in files]


@pytest.fixture(scope="module", params=["the chapter", "a small book"])
def given(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("export")
    if request.param == "the chapter":
        return Exported(Supply.of(Book(ROOT / "chapters")), folder / "other")
    return Exported(supply(folder / "_bookfigs"), folder / "other")


def attributes(given: Exported, *keys: str) -> Iterator[str]:
    for page in given.pages:
        found = [field.value for _, field in page.worded if field.key in keys]
        assert found or keys != CAPTIONS, page.name
        yield from found


def code(given: Exported) -> Iterator[tuple[str, str]]:
    for page in given.pages:
        yield from ((f.language, page.text[slice(*f.body)]) for f in page.fences)


def test_everything_is_exported(given: Exported) -> None:
    figures = {f"fig-{slug.replace('_', '-')}" for slug in given.manifest.figures}
    listings = {f"lst-{slug}" for slug in given.manifest.listings}
    assert given.blocks.keys() == figures | listings
    assert given.pictures.keys() == given.manifest.figures.keys()


def test_gate_shape_of_figures(given: Exported) -> None:
    figures = [path for name, path in given.blocks.items() if name.startswith("fig-")]
    assert figures
    for path in figures:
        assert len(FIGURE.findall(path.read_text())) == 1, path.name


def test_gate_shape_of_listings(given: Exported) -> None:
    listings = [path for name, path in given.blocks.items() if name.startswith("lst-")]
    assert listings
    for path in listings:
        assert len(LISTING.findall(path.read_text())) == 1, path.name


def test_gate_labels_are_unique_and_hyphenated_or_underscored(given: Exported) -> None:
    labels = [attr.id for page in given.pages for attr in page.attrs if attr.id]
    assert sorted(labels) == sorted(set(labels)) == sorted(given.blocks)
    form = re.compile(r"fig-[a-z0-9]+(-[a-z0-9]+)*|lst-[a-z0-9]+(_[a-z0-9]+)*")
    assert [label for label in labels if not form.fullmatch(label)] == []


def test_gate_captions_have_title_and_sentence_and_spell_percent_out(
    given: Exported,
) -> None:
    for caption in attributes(given, *CAPTIONS):
        assert re.fullmatch(r"\*\*[^*]+\*\*: .+\.", caption)
        assert "%" not in caption


def test_gate_alternative_texts_are_short_and_without_latex(given: Exported) -> None:
    texts = list(attributes(given, "fig-alt"))
    assert len(texts) == 2 * len(given.pictures)
    for text in texts:
        assert 0 < len(text) <= 250
        assert not re.search(r"[$\\%{}]", text)


def test_gate_code_fits_the_page_and_its_fonts(given: Exported) -> None:
    for language, lines in code(given):
        assert max(map(len, lines.splitlines())) <= 70
        assert language in {"python", "text"}
        for line in lines.splitlines():
            assert line.partition("#")[2].isascii()
        assert all(sign <= "\xff" for sign in lines)


def test_gate_no_control_character_is_anywhere(given: Exported) -> None:
    for path in [*given.blocks.values(), *given.pictures.values()]:
        assert signs.CONTROL.search(path.read_text()) is None, path.name


def test_gate_pictures_are_well_formed_and_no_id_is_there_twice(
    given: Exported,
) -> None:
    ids: Counter[str] = Counter()
    for path in given.pictures.values():
        parts = read_svg(path.read_text(), path.name)
        assert parts.used <= parts.ids.keys()
        ids += parts.ids
    assert ids.total() > 0
    assert [name for name, count in ids.items() if count > 1] == []


def test_gate_pictures_of_the_chapter_have_a_white_face_and_no_fonts(
    tmp_path: Path,
) -> None:
    found = Exported(Supply.of(Book(ROOT / "chapters")), tmp_path / "other")
    for path in found.pictures.values():
        text = path.read_text()
        first = re.search(r"<path [^>]*>", text.partition('id="')[2])
        assert first
        assert "fill: #ffffff" in first[0]
        assert not re.search(r"<text\b|<script\b|<image\b|<dc:date", text)


def test_gate_pages_of_the_book_pass_its_lint(given: Exported) -> None:
    found = lint(Context(pages=given.pages))
    ours = [f.code for f in found if f.code != "not-executed"]
    assert {code for code in ours if code in gates.CODES} == set()


def test_every_block_says_where_it_comes_from(given: Exported) -> None:
    for page in given.pages:
        assert "Made by bookfigs from " in page.text
        assert re.search(r"evidence [0-9a-f]{12}| of .+\.py", page.text), page.name


def test_pandoc_reads_what_the_manifest_says(given: Exported) -> None:
    for slug, entry in given.manifest.figures.items():
        text = given.blocks[f"fig-{slug.replace('_', '-')}"].read_text()
        (div,) = blocks_of(text, "Div")
        fields = dict(div["c"][0][2])
        assert fields["fig-alt"] == entry.alt
        assert plain(fields["fig-cap"]) == plain(entry.caption)
    for slug, listing in given.manifest.listings.items():
        text = given.blocks[f"lst-{slug}"].read_text()
        (div,) = blocks_of(text, "Div")
        (shown,) = div["c"][1]
        assert shown["c"][1] == listing.code.rstrip("\n")


def blocks_of(text: str, kind: str) -> list[dict[str, Any]]:
    parsed = json.loads(pypandoc.convert_text(text, "json", format="markdown"))
    return [found for found in parsed["blocks"] if found["t"] == kind]


def plain(markdown: str) -> str:
    return str(pypandoc.convert_text(markdown, "plain", "markdown", ["--wrap=none"]))


def test_a_listing_has_its_marks_and_output_behind_it(tmp_path: Path) -> None:
    to = book(tmp_path / "other", one=LST, two=LST.replace("lst-linear_scan",
              'lst-bare of="linear_scan" output="false" callouts="false"'))  # fmt: skip
    exported(to)
    behind = (to / "one.qmd").read_text().partition("\n:::\n")[2]
    assert behind.startswith(
        "\nThe marked lines of @lst-linear_scan:\n\n(1) Nothing is *copied*.\n\n"
        "The output of @lst-linear_scan:\n\n```{.text}\n[1, 2]\n```\n\n<!-- /bookfigs"
    )
    bare = (to / "two.qmd").read_text().partition("\n:::\n")[2]
    assert bare.startswith("\n<!-- /bookfigs")
