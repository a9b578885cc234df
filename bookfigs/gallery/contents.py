"""Contents: what a gallery shows, and in which order.

All of it stands in the manifest, but for what readers find their way by: titles, and
the pages that show a figure or listing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bookfigs.book import Book
from bookfigs.entry import ClaimEntry, ValueEntry
from bookfigs.errors import OutdatedError
from bookfigs.gallery.titles import Titles
from bookfigs.lint.book import gather
from bookfigs.lint.finding import Context
from bookfigs.lint.names import used
from bookfigs.manifest import Manifest

Pages = Mapping[tuple[str, str], tuple[str, ...]]
"""The pages that show something, by its kind and name, in the order of the book."""


@dataclass(frozen=True)
class Chapter:
    """A chapter: its folder and title, its figures and listings in their order."""

    name: str
    title: str
    figures: tuple[str, ...] = ()
    listings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contents:
    """A manifest, and what it takes to find one's way in it."""

    manifest: Manifest
    title: str
    chapters: tuple[Chapter, ...]
    pages: Pages = field(default_factory=dict)

    def values(self, slug: str) -> dict[str, ValueEntry]:
        """The values of a figure, by their names."""
        known = self.manifest.values.items()
        return {name: entry for name, entry in known if entry.figure == slug}

    def claims(self, slug: str) -> dict[str, ClaimEntry]:
        """The claims of a figure, by their names."""
        known = self.manifest.claims.items()
        return {name: entry for name, entry in known if entry.figure == slug}


def contents(book: Book, manifest: Manifest) -> Contents:
    """The contents of the gallery of a book.

    Raises: OutdatedError for an entry that must not reach a reader, or that no file
    is the source of; InputError if the settings or a page cannot be read.
    """
    place = book.place(book.manifest)
    _require_current(manifest, place)
    context = gather(book, [], None)[0]
    titles, pages = Titles(book, context.pages), _pages(context)
    figures = _chapters(manifest.figures, book.figures(), place, "figure")
    listings = _chapters(manifest.listings, book.listings(), place, "listing")
    names = {*figures.values(), *listings.values()}
    chapters = [
        Chapter(
            name,
            titles.of_chapter(name),
            _in_order("figure", figures, name, pages),
            _in_order("listing", listings, name, pages),
        )
        for name in sorted(names, key=titles.position)
    ]
    return Contents(manifest, titles.of_book, tuple(chapters), pages)


def _pages(context: Context) -> Pages:
    found: dict[tuple[str, str], dict[str, None]] = {}
    for at, kind, name in used(context):
        found.setdefault((kind, name), {})[at.source.name] = None
    return {key: tuple(names) for key, names in found.items()}


def _in_order(
    kind: str, chapters: Mapping[str, str], chapter: str, pages: Pages
) -> tuple[str, ...]:
    """What a chapter has of a kind: as the pages show it, the rest by name."""
    shown = [name for sort, name in pages if sort == kind]
    slugs = sorted(slug for slug, of in chapters.items() if of == chapter)
    last = len(shown)
    known = {name: at for at, name in enumerate(shown)}
    return tuple(sorted(slugs, key=lambda slug: known.get(slug, last)))


def _chapters(
    slugs: Iterable[str], files: Mapping[str, Path], place: str, what: str
) -> dict[str, str]:
    """The chapter of each slug, by the file that makes it. Raises: OutdatedError."""
    for slug in slugs:
        if slug not in files:
            said = f"has a {what} {slug!r} that no file makes"
            raise OutdatedError(place, said, run="bookfigs figures")
    return {slug: files[slug].parents[1].name for slug in slugs}


def _require_current(manifest: Manifest, place: str) -> None:
    """Refuse what must not reach a reader. Raises: OutdatedError."""
    kinds = (manifest.figures, manifest.listings, manifest.values, manifest.claims)
    for entries in kinds:
        for name, entry in entries.items():
            if entry.outdated is not None:
                what = f"{name} must not reach a reader: {entry.outdated}"
                raise OutdatedError(place, what, run=f"bookfigs why {name}")
