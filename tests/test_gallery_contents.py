"""What a gallery shows, in which order, under which titles."""

from pathlib import Path

import pytest

from bookfigs.book import Book
from bookfigs.entry import ClaimEntry, FigureEntry, ListingEntry, ValueEntry
from bookfigs.errors import InputError, OutdatedError
from bookfigs.exporting.supply import Supply
from bookfigs.gallery.contents import Contents, contents
from bookfigs.gallery.copies import copies
from bookfigs.manifest import Manifest
from gallerybook import made
from smallbook import ROOT

SETTINGS = """
project:
  type: book
book:
  title: "On *Growth*"
  chapters:
    - index.qmd
    - part: Later
      chapters:
        - second/second.qmd
    - first/index.qmd
"""
LISTING = ListingEntry("**A**: b.", "python", "a\n", "a.py", "")


def write(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """A book of three chapters."""
    folder = tmp_path / "on_growth" / "book"
    write(tmp_path / "on_growth" / "pyproject.toml")
    write(folder / "_quarto.yml", SETTINGS)
    for name in ("first/figures/a.py", "first/figures/b.py", "third/figures/c.py"):
        write(folder / name)
    write(folder / "second" / "listings" / "d.toml")
    return Book(folder)


def shown(book: Book, **pages: str) -> Contents:
    """The contents of a book whose manifest has what its files make."""
    for name, text in pages.items():
        write(book.folder / f"{name.replace('__', '/')}.qmd", text)
    manifest = Manifest(
        figures={slug: FigureEntry() for slug in book.figures()},
        listings=dict.fromkeys(book.listings(), LISTING),
    )
    return contents(book, manifest)


def test_chapters_come_as_the_settings_list_them(book: Book) -> None:
    found = shown(book)
    assert [chapter.name for chapter in found.chapters] == ["second", "first", "third"]
    assert found.title == "On Growth"


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("# The `first` of *all* {#sec-first}\n\nText.\n", "The first of all"),
        ("---\ntitle: In Front\n---\n\n# Behind\n", "In Front"),
        ("---\ntitle: [a\n---\n\n# Behind\n", "Behind"),
        ("---\nauthor: me\n---\n\n# Behind {.unnumbered}\n", "Behind"),
        ("```\n# code\n```\n\n## Below\n", "First"),
        ("", "First"),
    ],
)
def test_a_chapter_is_called_as_its_page_is(book: Book, page: str, title: str) -> None:
    found = shown(book, first__first=page)
    assert found.chapters[1].title == title


def test_a_chapter_may_have_its_title_in_an_index(book: Book) -> None:
    assert shown(book, first__index="# Here\n").chapters[1].title == "Here"


@pytest.mark.parametrize(
    ("settings", "title"),
    [
        ("website:\n  title: A Site\n", "A Site"),
        ("title: Alone\n", "Alone"),
        ("project:\n  type: book\n", "On growth"),
        ("", "On growth"),
        ("book:\n  title: [a, b]\n", "On growth"),
    ],
)
def test_a_book_without_a_title_is_called_as_its_folder(
    book: Book, settings: str, title: str
) -> None:
    write(book.folder / "_quarto.yml", settings)
    assert shown(book).title == title


def test_figures_come_as_the_pages_show_them_and_others_behind(book: Book) -> None:
    page = "@fig-b\n\n::: {#fig-b .bookfigs}\n:::\n"
    found = shown(book, first__first=page, third__third=page)
    assert found.chapters[1].figures == ("b", "a")
    pages = ("book/first/first.qmd", "book/third/third.qmd")
    assert found.pages["figure", "b"] == pages
    assert shown(book, first__first="").chapters[1].figures == ("b", "a")
    assert shown(book, third__third="").chapters[1].figures == ("a", "b")


def test_settings_that_are_no_yaml_are_an_error_with_its_line(book: Book) -> None:
    write(book.folder / "_quarto.yml", "book:\n  title: [\n")
    with pytest.raises(InputError, match=r"_quarto\.yml: is no YAML: line"):
        shown(book)


def test_an_entry_that_no_file_makes_is_outdated(book: Book) -> None:
    manifest = Manifest(figures={"gone": FigureEntry()})
    with pytest.raises(OutdatedError, match="figure 'gone' that no file makes") as told:
        contents(book, manifest)
    assert told.value.run == "bookfigs figures"
    with pytest.raises(OutdatedError, match="listing 'a' that no file makes"):
        contents(book, Manifest(listings={"a": LISTING}))


@pytest.mark.parametrize(
    "manifest",
    [
        Manifest(figures={"a": FigureEntry(outdated="measured with other code")}),
        Manifest(values={"a": ValueEntry("1", "a", "measured with other code")}),
        Manifest(
            claims={
                "a": ClaimEntry("s", "holds", "a", "f", [], "measured with other code")
            }
        ),
    ],
    ids=["figure", "value", "claim"],
)
def test_an_outdated_entry_must_not_reach_a_reader(
    book: Book, manifest: Manifest
) -> None:
    with pytest.raises(OutdatedError) as told:
        contents(book, manifest)
    assert "a must not reach a reader: measured with other code" in str(told.value)
    assert told.value.run == "bookfigs why a"


def test_the_gallery_of_the_real_book_shows_all_of_it() -> None:
    book = Book.find(ROOT)
    supply = Supply.of(book)
    found = contents(book, supply.manifest)
    files = copies(supply.folder, supply.manifest.figures, "manifest.json")
    whole = made(found, files)
    assert whole.one("h1").words == "Recurrence, Measured"
    assert {one["id"] for one in whole.all("article")} == {
        *(f"fig-{slug.replace('_', '-')}" for slug in book.figures()),
        *(f"lst-{slug.replace('_', '-')}" for slug in book.listings()),
    }
    names = {f"claim-{name}" for name in supply.manifest.claims}
    assert {one["id"] for one in whole.all("li", "claim")} == names
    assert len(whole.one("table").all("th", scope="row")) >= len(names)
    targets = [one["href"] for one in whole.all("a") if one["href"][0] != "#"]
    assert set(targets) <= set(files.files)
    shown_figures = [one for one in whole.all("figure") if one.one("img")["alt"]]
    assert len(shown_figures) == len(book.figures())
