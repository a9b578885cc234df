"""What the book has to give: entries of its manifest that may reach a reader."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bookfigs.book import Book
from bookfigs.canonical import fingerprint
from bookfigs.entry import ClaimEntry, FigureEntry, ListingEntry, ValueEntry
from bookfigs.errors import ClaimError, InputError, OutdatedError, UnknownNameError
from bookfigs.exporting.picture import exported
from bookfigs.manifest import Manifest, read_manifest

HOLDS = "holds"

Entry = TypeVar("Entry", FigureEntry, ListingEntry, ValueEntry, ClaimEntry)


@dataclass(frozen=True)
class Supply:
    """A manifest, and the folder that its paths start from."""

    manifest: Manifest
    folder: Path

    @classmethod
    def of(cls, book: Book) -> "Supply":
        """What a book has. Raises: BookfigsError if its manifest is not in order."""
        manifest, place = read_manifest(book), book.place(book.manifest)
        if manifest is None:
            raise OutdatedError(place, "there is none", run="bookfigs figures")
        if not manifest.is_sealed:
            raise InputError(place, "it was changed by hand", run="bookfigs figures")
        return cls(manifest, book.generated)

    def figure(self, slug: str, where: str) -> FigureEntry:
        """A figure. Raises: UnknownNameError; OutdatedError."""
        return self._entry(self.manifest.figures, slug, where, "figure")

    def listing(self, slug: str, where: str) -> ListingEntry:
        """A listing. Raises: UnknownNameError; OutdatedError."""
        return self._entry(self.manifest.listings, slug, where, "listing")

    def value(self, name: str, where: str) -> str:
        """The text of a value. Raises: UnknownNameError; OutdatedError."""
        return self._entry(self.manifest.values, name, where, "value").text

    def claim(self, name: str, where: str) -> ClaimEntry:
        """A claim that holds. Raises: as above; ClaimError if it does not hold."""
        entry = self._entry(self.manifest.claims, name, where, "claim")
        if entry.verdict != HOLDS:
            what = f"the claim {name} {entry.verdict}: {entry.sentence!r}"
            raise ClaimError(where, what, run=f"bookfigs why {name}")
        return entry

    def picture(self, slug: str, where: str) -> bytes:
        """The picture of a figure, as another book gets it.

        Raises: OutdatedError if it is not what the manifest says; InputError.
        """
        file = self.figure(slug, where).images.get("svg")
        path = self.folder / (file.path if file else f"figures/{slug}.svg")
        content = path.read_bytes() if path.is_file() else b""
        if file is None or fingerprint(content) != file.sha1:
            what = f"the picture of {slug} is not what the manifest says"
            raise OutdatedError(where, what, run="bookfigs figures")
        return exported(content, slug, str(path))

    @property
    def texts(self) -> dict[str, str]:
        """Every value that may reach a reader."""
        values = self.manifest.values.items()
        return {name: value.text for name, value in values if value.outdated is None}

    def _entry(
        self, known: Mapping[str, Entry], name: str, where: str, what: str
    ) -> Entry:
        entry = known.get(name)
        if entry is None:
            said = f"no such {what}: {name}"
            run = "bookfigs list; or correct the marker, or remove it"
            raise UnknownNameError(where, said, asked=name, available=known, run=run)
        if entry.outdated is not None:
            said = f"{what} {name} must not reach a reader: {entry.outdated}"
            raise OutdatedError(where, said, run=f"bookfigs why {name}")
        return entry
