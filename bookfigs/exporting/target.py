"""The other book: its pages, where its files may lie, and how they are written."""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bookfigs.errors import BookfigsError, InputError, StorageError
from bookfigs.places import PROJECT
from bookfigs.prose.document import Page, read_page
from bookfigs.whole import write_whole

PAGE = ".qmd"
PICTURE = ".svg"
MADE = {"_book", "_site", "_freeze", "_extensions", "_bookfigs", "node_modules"}
"""Folders that programs make; others with an underscore may hold pages to include."""

BOM = "\ufeff"
MARKED = re.compile(rb"<!--\s*/?bookfigs\b")
FOLDER = re.compile(r"/?(?:(?:[\w-][\w.-]*|\.\.?)(?:/|$))*")
"""A folder that can stand in markdown as it is."""

NAME_FOLDER = "name a folder of the book, as in: --images images/svg"


def require_folder(folder: str, where: str) -> None:
    """Refuse a folder that markdown would read otherwise. Raises: InputError."""
    if not FOLDER.fullmatch(folder):
        what = f"the folder {folder!r} has signs that mean something in markdown"
        raise InputError(where, what, run=NAME_FOLDER)


@dataclass(frozen=True)
class Opened:
    """A page as it is on disk."""

    path: Path
    content: bytes
    page: Page

    @property
    def newline(self) -> str:
        """How its lines end."""
        first, end, _ = self.content.partition(b"\n")
        return "\r\n" if end and first.endswith(b"\r") else "\n"

    def edited(self, edits: list[tuple[int, int, str]]) -> bytes:
        """The page with some ranges replaced; all else stays byte for byte."""
        text = self.page.text
        for start, end, new in sorted(edits, reverse=True):
            text = text[:start] + new.replace("\n", self.newline) + text[end:]
        bom = BOM if self.content.startswith(BOM.encode()) else ""
        return (bom + text).encode()


@dataclass(frozen=True)
class Target:
    """The folder of another book."""

    folder: Path

    @cached_property
    def root(self) -> Path:
        """The folder without links in its path."""
        return self.folder.resolve()

    @property
    def project(self) -> Path | None:
        """The folder of the Quarto project that it is, or lies in."""
        around = (self.root, *self.root.parents)
        return next((one for one in around if (one / PROJECT).is_file()), None)

    def project_of(self, page: Path) -> Path:
        """The folder from which paths of a page begin that start with a slash."""
        around = (page.resolve().parent, *page.resolve().parents)
        return next((one for one in around if (one / PROJECT).is_file()), self.root)

    def name(self, path: Path) -> str:
        """Name a path for people: as they named the folder."""
        if path.is_relative_to(self.root):
            path = self.folder / path.relative_to(self.root)
        return path.as_posix().encode("utf-8", "replace").decode()

    def files(self, suffix: str) -> Iterator[Path]:
        """Files that end so, but not what is generated or hidden."""
        for folder, inner, files in os.walk(self.root):
            kept = [name for name in inner if name[0] != "." and name not in MADE]
            inner[:] = sorted(kept)
            paths = (Path(folder, name) for name in sorted(files))
            yield from (path for path in paths if path.suffix == suffix)

    def read(self, path: Path) -> bytes:
        """A file as it is. Raises: InputError."""
        try:
            return path.read_bytes()
        except OSError as error:
            what = f"cannot be read: {error.strerror or error}"
            raise InputError(self.name(path), what) from error

    def open(self, path: Path, content: bytes) -> Opened:
        """A page by its bytes. Raises: InputError if it is not UTF-8."""
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            what = "the bytes of this line are not UTF-8, so no marker can be filled in"
            where = f"{self.name(path)}:{line}"
            raise InputError(where, what, run="save the file as UTF-8") from error
        return Opened(path, content, self.page(path, text.removeprefix(BOM)))

    def page(self, path: Path, text: str) -> Page:
        """A page by its text."""
        return read_page(path, self.name(path), text)

    def require_writable(self, path: Path) -> None:
        """Refuse a file that is a link, outside of the folder, or may not be written.

        Raises: InputError.
        """
        what = ""
        if path.is_symlink():
            what = "is a link, and writing would replace it"
        elif not path.resolve().is_relative_to(self.root):
            what = (
                f"lies outside of {self.folder}, since a folder in its path is a link"
            )
        elif path.is_dir():
            what = "is a folder"
        elif path.exists() and not path.stat().st_mode & stat.S_IWUSR:
            what = "is read-only"
        if what:
            run = "chmod u+w" if what == "is read-only" else "put the file itself there"
            raise InputError(self.name(path), f"cannot be written: it {what}", run=run)

    def images(self, page: Path, folder: str, where: str) -> Path:
        """The folder of pictures that a page names, inside of the other book.

        Raises: InputError if it has signs that markdown reads, or lies outside.
        """
        require_folder(folder, where)
        base = self.project_of(page) if folder.startswith("/") else page.parent
        found = Path(os.path.normpath(base / folder.lstrip("/")))
        if not found.is_relative_to(self.root):
            what = f"the folder {folder!r} lies outside of {self.folder}"
            raise InputError(where, what, run=NAME_FOLDER)
        return found

    def write(self, path: Path, content: bytes) -> None:
        """Write a file whole, with the permissions it had. Raises: StorageError."""
        try:
            write_whole(path, content)
        except OSError as error:
            raise StorageError(
                self.name(path),
                f"cannot be written: {error.strerror or error}; what was there is as "
                "it was",
                run="the same command, when the folder may be written and has space",
            ) from error

    def marked_pages(self) -> tuple[list[Opened], list[BookfigsError]]:
        """Every page with a marker; and what keeps one from being read."""
        found: list[Opened] = []
        errors: list[BookfigsError] = []
        for path in self.files(PAGE):
            try:
                content = self.read(path)
                if not MARKED.search(content):
                    continue
                if path.is_symlink() and path.resolve().is_relative_to(self.root):
                    continue  # it is read where it lies
                self.require_writable(path)
                found.append(self.open(path, content))
            except BookfigsError as error:
                errors.append(error)
        return found, errors
