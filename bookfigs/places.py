"""Where a book is found, told of paths as texts: nothing is imported for it."""

# pathlib takes longer to import than all of this to run
# ruff: noqa: PTH110, PTH113, PTH118, PTH120

import os

PROJECT = "_quarto.yml"
LOCAL = ".bookfigs"


def book_at(start: str) -> str | None:
    """The book at, below (``chapters/``) or above a folder; None if there is none.

    Precondition: an absolute path without links.
    """
    for folder in _upwards(start):
        for candidate in (folder, os.path.join(folder, "chapters")):
            if os.path.isfile(os.path.join(candidate, PROJECT)):
                return candidate
    return None


def project_around(folder: str) -> str:
    """The nearest folder that git or pip knows, else the folder itself."""
    for outer in _upwards(folder):
        if os.path.exists(os.path.join(outer, ".git")):
            return outer
        if os.path.isfile(os.path.join(outer, "pyproject.toml")):
            return outer
    return folder


def _upwards(folder: str) -> list[str]:
    """A folder and all above it."""
    found = [folder]
    while (above := os.path.dirname(found[-1])) != found[-1]:
        found.append(above)
    return found


ENGINE = (
    ".", "exporting", "gallery", "listings", "lint", "measure", "prose", "starting",
)  # fmt: skip
"""Folders of the engine, from its own; the numerics of ``core`` are none of it."""
