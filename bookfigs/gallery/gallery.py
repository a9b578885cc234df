"""The gallery of a book: its page and the files beside it, from the manifest."""

from dataclasses import dataclass
from pathlib import Path

from bookfigs.book import Book
from bookfigs.exporting.supply import Supply
from bookfigs.gallery.contents import Contents, contents
from bookfigs.gallery.copies import copies
from bookfigs.gallery.folder import Folder
from bookfigs.gallery.page import page
from bookfigs.gallery.parts import plural
from bookfigs.gallery.verdict import told

FOLDER = "gallery"
PAGE = "index.html"


@dataclass(frozen=True)
class Gallery:
    """A page that is not written yet, and the files beside it."""

    shown: Contents
    files: dict[str, bytes]

    @property
    def summary(self) -> str:
        """What it shows, in words."""
        found = self.shown.manifest
        counts = [
            plural(len(entries), word)
            for entries, word in (
                (found.figures, "figure"),
                (found.listings, "listing"),
                (found.values, "value"),
                (found.claims, "claim"),
            )
        ]
        verdicts = told(found.claims)
        return ", ".join(counts) + (f" ({verdicts})" if verdicts else "")

    def write(self, book: Book, to: Path | None = None) -> str:
        """Let a folder hold the gallery, and say what was done.

        Without one it lies where git ignores it. Raises: InputError for a file there
        that would be lost; StorageError.
        """
        folder = book.local / FOLDER if to is None else to
        said = "wrote" if Folder(folder).write(self.files) else "up to date:"
        return f"{said} {book.place(folder / PAGE)}"


def gallery(book: Book) -> Gallery:
    """The gallery of a book; nothing is written. Raises: BookfigsError."""
    supply = Supply.of(book)
    shown = contents(book, supply.manifest)
    place = book.place(book.manifest)
    files = copies(supply.folder, supply.manifest.figures, place)
    return Gallery(shown, {PAGE: page(shown, files), **files.files})
