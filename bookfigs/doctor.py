"""What this machine has, what is missing, and what to install."""

import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Literal, NamedTuple

from bookfigs.book import Book
from bookfigs.errors import BookfigsError
from bookfigs.provenance import this_device
from bookfigs.quarto import require_quarto

PACKAGES = ("torch", "matplotlib", "scipy")
PROVING = ("coverage", "pytest")
"""Needed to prove listings, and for nothing else."""


class Finding(NamedTuple):
    """One thing that was looked for."""

    name: str
    state: Literal["ok", "optional", "missing"]
    what: str
    remedy: str = ""


def examine(folder: Path) -> list[Finding]:
    """Everything that a build or a render needs, found or not."""
    return [
        Finding("python", "ok", sys.version.split()[0]),
        *map(_package, PACKAGES),
        *map(_proving, PROVING),
        _git(),
        Finding("device", "ok", this_device().title),
        _quarto(),
        *_book(folder),
    ]


def _package(name: str) -> Finding:
    try:
        return Finding(name, "ok", metadata.version(name))
    except metadata.PackageNotFoundError:
        return Finding(name, "missing", "not installed", f"pip install {name}")


def _proving(name: str) -> Finding:
    found = _package(name)
    if found.state == "ok":
        return found
    what = "not installed: listings cannot be proven"
    return Finding(name, "optional", what, "pip install 'bookfigs[listings]'")


def _git() -> Finding:
    path = shutil.which("git")
    if path is None:
        what = "not on PATH: records cannot name their commit, nothing can be published"
        return Finding("git", "optional", what, "apt-get install git")
    return Finding("git", "ok", path)


def _quarto() -> Finding:
    try:
        binary, version = require_quarto()
    except BookfigsError as error:
        return Finding(
            "quarto",
            "optional",
            f"{error.what}: pages cannot be rendered",
            error.run or "",
        )
    return Finding("quarto", "ok", f"{version}, {binary}")


def _book(folder: Path) -> Iterator[Finding]:
    try:
        book = Book.find(folder)
        count = f"{len(book.figures())} figures, {len(book.listings())} listings"
        yield Finding("book", "ok", f"{book.place(book.folder)}: {count}")
    except BookfigsError as error:
        yield Finding("book", "missing", error.what, error.run or "")
        return
    if book.manifest.is_file():
        yield Finding("manifest", "ok", book.place(book.manifest))
    else:
        place = book.place(book.manifest)
        yield Finding("manifest", "optional", f"no {place} yet", "bookfigs figures")
