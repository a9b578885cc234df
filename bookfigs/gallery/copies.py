"""Copies: the pictures and tables of a book, as they lie beside the page.

They are called by the name of their figure, not by what a manifest says, and only
what is as the manifest says is copied.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from msgspec import UnsetType

from bookfigs.book import DARK, PICTURES
from bookfigs.canonical import fingerprint
from bookfigs.entry import FigureEntry, File
from bookfigs.errors import InputError, OutdatedError

SLUG = re.compile(r"[a-z_][a-z0-9_]*")
TABLES = ("csv", "json")
REMEDY = "bookfigs figures"
BOX = re.compile(rb'<svg\b[^>]*\bviewBox="0 0 ([\d.]+) ([\d.]+)"')
SCALE = 4 / 3
"""Pixels of a page for each point of a picture."""


@dataclass(frozen=True)
class Copies:
    """Files by where they lie in a gallery."""

    files: Mapping[str, bytes]

    def picture(self, slug: str, ending: str = "svg") -> str | None:
        """Where a picture lies; None if there is none."""
        return self._known(f"figures/{slug}.{ending}")

    def pictures(self, slug: str) -> dict[str, str]:
        """Where the pictures of a figure lie, by their formats."""
        endings = [ending for ending in PICTURES if ending != DARK]
        found = {ending: self.picture(slug, ending) for ending in endings}
        return {ending: path for ending, path in found.items() if path}

    def tables(self, slug: str) -> dict[str, str]:
        """Where the data of a figure lie, by their formats."""
        found = {ending: self._known(f"data/{slug}.{ending}") for ending in TABLES}
        return {ending: path for ending, path in found.items() if path}

    def size(self, path: str) -> str:
        """How large a file is, in words."""
        count = len(self.files[path])
        if count < 1000:  # noqa: PLR2004 - what kilo means
            return f"{count} bytes"
        return f"{count / 1000:.0f} kB" if count < 10**6 else f"{count / 10**6:.1f} MB"

    def pixels(self, slug: str) -> tuple[str, str] | None:
        """Width and height of a picture, so that a page keeps its place free."""
        path = self.picture(slug)
        found = BOX.search(self.files[path]) if path else None
        if found is None:
            return None
        return f"{float(found[1]) * SCALE:.0f}", f"{float(found[2]) * SCALE:.0f}"

    def _known(self, path: str) -> str | None:
        return path if path in self.files else None


def copies(folder: Path, figures: Mapping[str, FigureEntry], place: str) -> Copies:
    """The files of figures; ``folder`` is where the paths of the manifest start.

    Raises: InputError for a name that is no slug, or a path that leads elsewhere;
    OutdatedError for a file that is not as the manifest says.
    """
    files: dict[str, bytes] = {}
    for slug, entry in figures.items():
        if not SLUG.fullmatch(slug):
            raise InputError(place, f"the name {slug!r} is no slug", run=REMEDY)
        for path, file in _wanted(slug, entry):
            files[path] = _content(folder, file, place)
    return Copies(files)


def _wanted(slug: str, entry: FigureEntry) -> Iterator[tuple[str, File]]:
    data = {} if isinstance(entry.data, UnsetType) else entry.data
    for kind, known, given in (
        ("figures", PICTURES, entry.images),
        ("data", TABLES, data),
    ):
        for ending in known:
            if ending in given:
                yield f"{kind}/{slug}.{ending}", given[ending]


def _content(folder: Path, file: File, place: str) -> bytes:
    """A file as the manifest says it is. Raises: InputError, OutdatedError."""
    root = folder.resolve()
    try:
        path = (root / file.path).resolve()
        inside = path.is_relative_to(root)
    except ValueError:  # no path has a zero in it
        inside = False
    if not inside:
        raise InputError(place, f"{file.path!r} lies outside of its folder", run=REMEDY)
    content = path.read_bytes() if path.is_file() else b""
    if fingerprint(content) != file.sha1:
        raise OutdatedError(place, f"{file.path} is not what it says", run=REMEDY)
    return content
