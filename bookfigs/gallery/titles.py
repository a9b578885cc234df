"""Titles: how a book and its chapters are called, and in which order they come."""

import re
from collections.abc import Iterator, Sequence

import yaml

from bookfigs.book import Book
from bookfigs.errors import InputError
from bookfigs.gallery.caption import plain
from bookfigs.places import PROJECT
from bookfigs.prose.document import Page
from bookfigs.starting.settings import Settings, parse, read

HEADING = re.compile(r"#\s+(?P<title>.*?)\s*(?:\{[^{}]*\})?\s*")
OF_BOOK = (("book", "title"), ("website", "title"), ("title",))
"""Where settings say how a book is called, the first that does."""


class Titles:
    """What settings and pages say of titles."""

    def __init__(self, book: Book, pages: Sequence[Page]) -> None:
        """Raises: InputError if the settings are no YAML."""
        self._book = book
        self._pages = {page.path: page for page in pages}
        path = book.folder / PROJECT
        self._settings = read(path, book.place(path))
        chapters = self._settings.at("book", "chapters")
        folders = [text.split("/")[0] for text in _scalars(chapters)]
        self._order = list(dict.fromkeys(folders))

    @property
    def of_book(self) -> str:
        """The title of the book; the name of its project where it has none."""
        given = (_text(self._settings, keys) for keys in OF_BOOK)
        return next(filter(None, given), "") or _words(self._book.root.name)

    def of_chapter(self, name: str) -> str:
        """The title of a chapter's page; the name of its folder where it has none.

        The page is called as the folder is, or ``index``.
        """
        for stem in (name, "index"):
            page = self._pages.get(self._book.folder.resolve() / name / f"{stem}.qmd")
            if page and (title := _of_page(page)):
                return title
        return _words(name)

    def position(self, name: str) -> tuple[int, str]:
        """Where a chapter stands: as the settings list them, others behind."""
        known = name in self._order
        return self._order.index(name) if known else len(self._order), name


def _of_page(page: Page) -> str:
    """The title in the front matter of a page, else its first heading."""
    for start, end in page.blocks.meta:
        try:
            front = parse(page.text[start:end].strip("-. \r\n"), page.name)
        except InputError:  # lint and Quarto tell
            continue
        if title := _text(front, ("title",)):
            return title
    for chunk in page.blocks.chunks:
        found = HEADING.fullmatch(page.text[chunk.start : chunk.end].strip())
        if chunk.is_heading and found:
            return plain(found["title"])
    return ""


def _text(settings: Settings, keys: tuple[str, ...]) -> str:
    node = settings.at(*keys)
    return plain(str(node.value)) if isinstance(node, yaml.ScalarNode) else ""


def _scalars(node: yaml.Node | None) -> Iterator[str]:
    """Every text below a node, in the order of the file."""
    if isinstance(node, yaml.ScalarNode):
        yield str(node.value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _scalars(item)
    elif isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            yield from _scalars(value)


def _words(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").strip().capitalize()
