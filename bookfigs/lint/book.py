"""What ``lint`` reads of a book: its pages, settings, figures and manifest."""

import os
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from bookfigs.book import Book
from bookfigs.errors import EnvironmentMissingError, InputError
from bookfigs.lint.accepted import Said, place_of, read_accepted
from bookfigs.lint.finding import Context
from bookfigs.manifest import read_manifest
from bookfigs.places import PROJECT
from bookfigs.prose.document import Page, Source, read_page
from bookfigs.quarto import find_quarto, quarto_version

SUFFIX = ".qmd"
SETTINGS = ("_quarto-*.yml", "_quarto-*.yaml", "_metadata.yml")


def gather(
    book: Book, asked: Sequence[Path], quarto: tuple[int, ...] | None
) -> tuple[Context, set[str] | None]:
    """Read a book, and pages beyond it that are asked for.

    ``quarto`` is the version to judge by; None asks the program at hand.
    Returns: the context, and the names of the files asked for (None: all).
    Raises: InputError if a file cannot be read or the manifest not be understood.
    """
    wanted = {page.resolve() for path in asked for page in _pages(path)}
    paths = sorted(wanted | {page.resolve() for page in _pages(book.folder)})
    pages = [_page(book, path) for path in paths]
    context = Context(
        pages=pages,
        manifest=read_manifest(book),
        settings=list(_settings(book)),
        figures={
            slug: Source(path, _name(book, path))
            for slug, path in book.figures().items()
        },
        accepted=_accepted(book, pages),
        quarto=cache(lambda: quarto or at_hand()),
    )
    return context, {_name(book, path) for path in wanted} if asked else None


def _accepted(book: Book, pages: list[Page]) -> dict[str, Said]:
    """The accepted sentences of each page, where any of its folder were accepted."""
    places = {page.name: place_of(page.path) for page in pages}
    files = {p: read_accepted(p, _name(book, p)) for p in {*places.values()}}
    return {
        page.name: known.pages.get(page.path.name, {})
        for page in pages
        if (known := files[places[page.name]]) is not None
    }


def _name(book: Book, path: Path) -> str:
    """Name a file for people; what cannot be encoded in it becomes a question mark."""
    return book.place(path).encode("utf-8", "replace").decode()


def _pages(path: Path) -> Iterator[Path]:
    """A file, or the pages in a folder; not what is generated or hidden."""
    if not path.is_dir():
        yield path
        return
    for folder, inner, files in os.walk(path):
        inner[:] = [name for name in inner if name[0] not in "_."]
        yield from (Path(folder, name) for name in files if name.endswith(SUFFIX))


def _page(book: Book, path: Path) -> Page:
    content = _content(book, path)
    try:
        text, undecoded = content.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        text = content.decode("utf-8-sig", "replace")
        undecoded = len(content[: error.start].decode("utf-8-sig", "replace"))
    return read_page(path, _name(book, path), text, undecoded)


def _settings(book: Book) -> Iterator[Source]:
    """``_quarto.yml``, then profiles and what holds for a folder."""
    extra = [p for name in SETTINGS for p in sorted(book.folder.rglob(name))]
    for path in [book.folder / PROJECT, *extra]:
        text = _content(book, path).decode("utf-8-sig", "replace")
        yield Source(path, _name(book, path), text)


def _content(book: Book, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        what = f"cannot be read: {error.strerror or error}"
        raise InputError(book.place(path), what) from error


def at_hand() -> tuple[int, ...] | None:
    """The version of the Quarto at hand; None if there is none."""
    try:
        return quarto_version(find_quarto())
    except EnvironmentMissingError:
        return None
