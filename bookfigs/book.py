"""Where the parts of a book lie, and how a file of it is written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from bookfigs.errors import InputError, StorageError, UnknownNameError
from bookfigs.places import LOCAL, PROJECT, book_at, project_around
from bookfigs.whole import write_whole

GENERATED = "_bookfigs"
RESERVED = "listings"
"""The folder of evidence that belongs to listings."""

Format = Literal["svg", "pdf", "png"]
FORMATS: tuple[Format, ...] = ("svg", "pdf", "png")
"""Every picture is written in each of them."""

DARK = "dark.svg"
"""How the name of the twin ends that is shown on dark pages."""

PICTURES: tuple[str, ...] = (*FORMATS, DARK)
"""All files that a picture is written to, by how their names end."""


@dataclass(frozen=True)
class Book:
    """A folder with a Quarto project; every path of bookfigs starts here."""

    folder: Path

    @classmethod
    def find(cls, start: Path) -> Self:
        """The book at, below (``chapters/``) or above a folder.

        Raises: InputError if there is none.
        """
        start = start.resolve()
        if found := book_at(str(start)):
            return cls(Path(found))
        raise InputError(
            start,
            f"no book here: neither this folder, nor its chapters/, nor a folder above "
            f"has a {PROJECT}",
            run="bookfigs --book FOLDER …, where FOLDER holds the Quarto project",
        )

    @cached_property
    def root(self) -> Path:
        """The project around the book: the nearest folder that git or pip knows."""
        return Path(project_around(str(self.folder)))

    @property
    def manifest(self) -> Path:
        """The one generated document that the Quarto extension reads."""
        return self.generated / "manifest.json"

    @property
    def generated(self) -> Path:
        """Generated and committed: manifest, pictures, listings."""
        return self.folder / GENERATED

    @property
    def local(self) -> Path:
        """What this machine measured for itself; never committed."""
        return self.root / LOCAL

    def figures(self) -> dict[str, Path]:
        """Figure files by slug; the file system is the registry."""
        return self._files("figures", ".py")

    def listings(self) -> dict[str, Path]:
        """Listing files by slug."""
        return self._files("listings", ".toml")

    def evidence(self, slug: str) -> list[Path]:
        """The records that the book stands on for a figure, one per device.

        They lie in the figure's own chapter.
        """
        figure = self.figures().get(slug)
        return [] if figure is None else evidence_beside(figure)

    def evidence_folders(self) -> list[Path]:
        """Folders of evidence, each with the name of its figure."""
        return sorted(self.folder.glob("*/evidence/*/"))

    def place(self, path: Path) -> str:
        """Name a path for people: relative to the project where it lies inside."""
        if path.is_relative_to(self.root):
            return path.relative_to(self.root).as_posix()
        return str(path)

    @contextmanager
    def storing(self, path: Path, again: str = "bookfigs figures") -> Iterator[None]:
        """Say where it was that the file system refused, and what to run again.

        Raises: StorageError.
        """
        try:
            yield
        except OSError as error:
            raise StorageError(
                self.place(path),
                f"cannot be written: {error.strerror or error}; what was there is as "
                "it was, and what is measured is kept",
                run=f"{again}, when there is space and the folder may be written",
            ) from error

    def relative(self, path: Path) -> str:
        """Name a path for the manifest: relative to its folder, on any machine."""
        return Path(os.path.relpath(path, self.generated)).as_posix()

    def _files(self, folder: str, suffix: str) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for path in sorted(self.folder.glob(f"*/{folder}/[!_.]*{suffix}")):
            slug = path.stem
            if not (slug.isidentifier() and slug.islower() and slug.isascii()):
                raise InputError(
                    self.place(path),
                    f"the name {slug!r} is no slug: lower-case letters, digits and "
                    "underscores, starting with a letter",
                )
            if folder == "figures" and slug == RESERVED:
                raise InputError(
                    self.place(path),
                    f"no figure can be called {RESERVED!r}: its evidence would lie "
                    "where that of listings does; rename it",
                )
            if slug in found:
                raise InputError(
                    self.place(path),
                    f"the slug {slug!r} is taken by {self.place(found[slug])}; "
                    "rename one of the two",
                )
            found[slug] = path
        return found


def evidence_beside(figure: Path) -> list[Path]:
    """Records published for a figure file, one per device, in its chapter."""
    return sorted((figure.parents[1] / "evidence" / figure.stem).glob("*.json"))


def pick(names: tuple[str, ...], known: dict[str, Path], what: str) -> list[str]:
    """Return the asked names, or all of them if none is asked.

    Raises: UnknownNameError for a name that is not known.
    """
    for name in names:
        if name not in known:
            raise UnknownNameError(
                name,
                f"no such {what}",
                asked=name,
                available=known,
                run="bookfigs list",
            )
    return list(names or known)


def store(
    book: Book, path: Path, content: bytes, again: str = "bookfigs figures"
) -> bool:
    """Write a file of a book as ``write_whole`` does. Raises: StorageError."""
    with book.storing(path, again):
        return write_whole(path, content)
