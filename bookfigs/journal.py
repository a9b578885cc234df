"""The journal: points that are measured, kept until their record is written.

A run that is killed goes on where it was. Each point is one file, which appears
whole or not at all, below ``.bookfigs/journal/<slug>/<device>/``. An entry is
good for what it follows from and for nothing else: the code that measuring
reaches, the device, the versions of Python and of packages, the point. One that
is damaged or follows from something else is measured anew.
"""

import re
import shutil
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, structs

from bookfigs.book import Book, store
from bookfigs.canonical import digest, read_json, to_json
from bookfigs.column import Cell
from bookfigs.errors import InputError
from bookfigs.record import Device

SCHEMA = 1
TEMPORARY = re.compile(r"\..+\.(?:json|svg|pdf|png|py|csv)\.[a-z0-9_]{8}")
"""Names of files that were being written when their run was killed."""


class Entry(Struct, frozen=True, forbid_unknown_fields=True):
    """One measured point, or why it cannot be measured here."""

    schema: int
    follows: str
    """Digest of code, device and versions."""
    index: int
    of: int
    """How many points the figure has."""
    point: dict[str, Any]
    columns: dict[str, list[Cell]]
    gap: str
    """Why there are no rows; empty if there are."""
    seconds: float
    load: float
    """Load average before the run that measured it."""
    dirty: bool
    """Whether that run's working tree differed from the commit."""
    notes: dict[str, Any]
    """What the watches around the measuring found."""
    seal: str = ""
    """Digest of everything else, so that damage is noticed."""

    def sealed(self) -> "Entry":
        """Return the entry with the digest of its content."""
        return structs.replace(self, seal=self._digest())

    @property
    def is_sealed(self) -> bool:
        """Whether the content is what was written."""
        return self.seal == self._digest()

    @property
    def name(self) -> str:
        """Name of its file: the digest of what it follows from, and which point."""
        return entry_name(self.follows, self.index, self.point)

    def _digest(self) -> str:
        return digest(to_json(structs.replace(self, seal="")))


def entry_name(follows: str, index: int, point: Mapping[str, Any]) -> str:
    """File name of a point's entry; the index is for people."""
    whole = digest(follows, str(index), to_json(dict(point)))
    return f"{index:04}-{whole[:32]}.json"


def follows_from(
    code: Mapping[str, str], device: Device, versions: Mapping[str, str]
) -> str:
    """Digest of all that a measured point follows from, but for the point."""
    return digest(
        *(f"{name}={value}" for name, value in sorted(code.items())),
        to_json(device),
        *(f"{name}={value}" for name, value in sorted(versions.items())),
    )


@dataclass(frozen=True)
class Journal:
    """What is kept of one figure on one device."""

    book: Book
    slug: str
    device: str
    """Its slug."""
    follows: str

    @property
    def folder(self) -> Path:
        """Where its entries lie."""
        return folder_of(self.book) / self.slug / self.device

    def entries(self) -> dict[int, Entry]:
        """Entries that are whole and follow from what is there now, by index."""
        found = (self._read(path) for path in sorted(self.folder.glob("*.json")))
        return {entry.index: entry for entry in found if entry is not None}

    def keep(self, entry: Entry) -> None:
        """Write an entry. Raises: StorageError; nothing half-written is left."""
        store(self.book, self.folder / entry.name, to_json(entry.sealed()))

    def prune(self, points: list[dict[str, Any]]) -> dict[int, Entry]:
        """Return entries that belong to the points; remove all the others."""
        good = {
            index: entry
            for index, entry in self.entries().items()
            if index < len(points) and _same(entry.point, points[index])
        }
        names = {entry.name for entry in good.values()}
        for path in self.folder.glob("*"):
            if path.name not in names and path.is_file():
                path.unlink(missing_ok=True)
        return good

    def forget(self) -> None:
        """Remove every entry, and folders that are empty by that."""
        shutil.rmtree(self.folder, ignore_errors=True)
        _remove_if_empty(self.folder.parent)

    def _read(self, path: Path) -> Entry | None:
        """Return an entry if it is good. A file that is not is passed over."""
        try:
            entry = read_json(path, self.book.place(path), Entry, SCHEMA)
        except InputError:
            return None
        good = entry.is_sealed and entry.name == path.name
        return entry if good and entry.follows == self.follows else None


def folder_of(book: Book) -> Path:
    """The journal of a book. It exists while a run is at work, or if one broke off."""
    return book.local / "journal"


@contextmanager
def marked(book: Book, device: str, unmeasured: Container[str]) -> Iterator[None]:
    """Mark that a run is at work; first tidy up if one was that broke off.

    Entries of figures that are gone, or that need not be measured on the device
    (are not among ``unmeasured``), are of no use any more.
    Precondition: no other run writes to the book.
    Raises: StorageError if the folder cannot be made.
    """
    folder = folder_of(book)
    left = folder.is_dir()
    with book.storing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if left:
            _remove_half_written(book)
            _remove_useless(book, device, unmeasured)
    try:
        yield
    finally:
        for path in folder.glob("*"):
            _remove_if_empty(path)
        _remove_if_empty(folder)


def _remove_half_written(book: Book) -> None:
    """Remove what was being written when a run broke off."""
    for folder in (book.local, book.generated):
        for path in folder.rglob(".*"):
            if path.is_file() and TEMPORARY.fullmatch(path.name):
                path.unlink(missing_ok=True)


def _remove_useless(book: Book, device: str, unmeasured: Container[str]) -> None:
    """Remove entries that no run will ask for."""
    known = book.figures()
    for folder in folder_of(book).glob("*"):
        if folder.name not in known:
            shutil.rmtree(folder, ignore_errors=True)
        elif folder.name not in unmeasured:
            shutil.rmtree(folder / device, ignore_errors=True)


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _same(kept: dict[str, Any], point: dict[str, Any]) -> bool:
    """Whether two points are equal as JSON, where 1 and 1.0 are not the same."""
    return msgspec.json.encode(kept, order="sorted") == msgspec.json.encode(
        point, order="sorted"
    )
