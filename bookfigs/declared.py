"""Declared: what a file of a book offers, by its place and its text alone.

For those who list parts of a book without running or importing anything: nothing
but the standard library is needed for it, and most files cost a look at their name.
"""

import ast
import json
from pathlib import Path
from typing import Any, Literal

from bookfigs.places import PROJECT

Sort = Literal["book", "figure", "listing", "page"]
GENERATED = "_bookfigs"
FOLDERS: dict[tuple[str, str], Sort] = {
    ("figures", ".py"): "figure",
    ("listings", ".toml"): "listing",
}
NAME = b"bookfigs"


def sort_of(path: Path) -> Sort | None:
    """What a file would be if it lay in a book; None for most files, at once."""
    if path.name == PROJECT:
        return "book"
    if path.suffix == ".qmd":
        return "page"
    found = FOLDERS.get((path.parent.name, path.suffix))
    return found if path.name[0] not in "_." else None


class Books:
    """The books that lie around files; each folder is looked at once."""

    def __init__(self) -> None:
        self._known: dict[Path, bool] = {}
        self._manifests: dict[Path, dict[str, Any]] = {}

    def around(self, path: Path, sort: Sort) -> Path | None:
        """The folder of the book that a file is a part of; None if it is of none."""
        folder = path.parents[2] if sort in FOLDERS.values() else path.parent
        if sort == "page":
            outer = [path.parent, *path.parent.parents]
            folder = next((f for f in outer if (f / PROJECT).is_file()), folder)
            inner = path.parent.relative_to(folder).parts
            if any(name[0] in "_." for name in inner):
                return None
        return folder if self._uses_bookfigs(folder) else None

    def claims(self, folder: Path, figure: Path) -> dict[str, int]:
        """Names of the claims of a figure file, with their lines from 1.

        As they are written in it; where it computes them, those of the manifest too.
        """
        found, is_all = _written_claims(figure)
        if not is_all:
            claims = self._manifest(folder).get("claims")
            for name in claims if isinstance(claims, dict) else {}:
                slug, _, own = str(name).partition(".")
                if slug == figure.stem:
                    found.setdefault(own, 1)
        return found

    def _uses_bookfigs(self, folder: Path) -> bool:
        """Whether a folder has a Quarto project that bookfigs has a part in."""
        if folder not in self._known:
            self._known[folder] = (folder / PROJECT).is_file() and (
                (folder / GENERATED).is_dir()
                or NAME in _content(folder / PROJECT)
                or any(NAME in _content(f) for f in folder.glob("*/figures/*.py"))
            )
        return self._known[folder]

    def _manifest(self, folder: Path) -> dict[str, Any]:
        """The manifest as it is written; empty if it cannot be read."""
        if folder not in self._manifests:
            try:
                read = json.loads(_content(folder / GENERATED / "manifest.json"))
            except (ValueError, RecursionError):
                read = {}
            self._manifests[folder] = read if isinstance(read, dict) else {}
        return self._manifests[folder]


def _content(path: Path) -> bytes:
    """The bytes of a file; none if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _written_claims(figure: Path) -> tuple[dict[str, int], bool]:
    """Claims that ``CLAIMS = {"name": …}`` names, and whether that is all of them."""
    try:
        body = ast.parse(_content(figure)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}, False
    given = [value for node in body if (value := _given(node)) is not None]
    if len(given) != 1 or not isinstance(given[0], ast.Dict):
        return {}, False
    keys = given[0].keys
    found = {
        key.value: key.lineno
        for key in keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }
    return found, len(found) == len(keys)


def _given(node: ast.stmt) -> ast.expr | None:
    """What a statement assigns to ``CLAIMS``, if it does."""
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign | ast.AugAssign):
        targets = [node.target]
    else:
        return None
    named = any(isinstance(t, ast.Name) and t.id == "CLAIMS" for t in targets)
    return node.value if named else None
