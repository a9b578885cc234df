"""Tampering with a copy of the real book: one thing at a time, and who finds it.

Each lie is one that somebody could tell on purpose or by accident. A forger is clumsy
who edits one place; less so who also recomputes the digests that are in the way. Who
makes everything anew from a false record leaves a book that is in order: see the
README, "What a green check means".
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec import json as encoded

from bookfigs.book import Book
from bookfigs.canonical import to_json
from bookfigs.manifest import Manifest
from smallbook import ROOT

PARTS = ("bookfigs", "chapters", "tests", "_quarto_ext", "pyproject.toml")
COMMANDS = ("check", "lint", "check --redraw")
"""Who is asked, in turn."""


class Desk:
    """A copy of the book, and everything that was changed on it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        unwanted = shutil.ignore_patterns("__pycache__", ".*")
        for part in PARTS:
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, folder / part, ignore=unwanted)
            else:
                shutil.copy(ROOT / part, folder / part)
        self.book = Book(folder / "chapters")
        self._before: dict[Path, bytes | None] = {}
        path = os.pathsep.join([str(folder), str(folder / "tests")])
        self._judge = subprocess.Popen(
            [sys.executable, folder / "tests" / "judge.py", self.book.folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": path},
            text=True,
        )
        assert self.complaints("check") == [], "the untouched book is in order"
        assert self.complaints("lint") == [], "the untouched pages are in order"

    def write(self, path: Path, content: bytes) -> None:
        """Change a file, or make one."""
        self._remember(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def remove(self, path: Path) -> None:
        """Remove a file."""
        self._remember(path)
        path.unlink()

    def edit(self, path: Path, old: str, new: str) -> None:
        """Change the first place of a file where a text stands."""
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {path}"
        assert old != new
        self.write(path, text.replace(old, new, 1).encode())

    def _remember(self, path: Path) -> None:
        self._before.setdefault(path, path.read_bytes() if path.is_file() else None)

    def restore(self) -> None:
        """Undo everything."""
        for path, content in self._before.items():
            if content is None:
                path.unlink(missing_ok=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        self._before.clear()

    def manifest(self) -> dict[str, Any]:
        """The manifest as plain data."""
        found: dict[str, Any] = json.loads(self.book.manifest.read_bytes())
        return found

    def put(self, manifest: dict[str, Any], *, sealed: bool = True) -> None:
        """Write the manifest, with its digest recomputed or as it was."""
        content = to_json(manifest)
        if sealed:
            content = to_json(encoded.decode(content, type=Manifest).sealed())
        self.write(self.book.manifest, content)

    def complaints(self, command: str, slug: str = "") -> list[str]:
        """What a command finds wrong, by the engine of the copy."""
        assert self._judge.stdin is not None
        assert self._judge.stdout is not None
        self._judge.stdin.write(json.dumps([command, slug]) + "\n")
        self._judge.stdin.flush()
        found: list[str] = json.loads(self._judge.stdout.readline())
        return found

    def close(self) -> None:
        """Let the judge go."""
        self._judge.communicate()


@dataclass(frozen=True)
class Lie:
    """One thing that is changed, and what a complaint has to name."""

    kind: str
    what: str
    tell: Callable[[Desk], None]
    named: tuple[str, ...]
    """Any of these, in the message: the file, the entry, or who stands on it."""
    slug: str = ""
    found_by: str = field(default="check")
    """The cheapest command that can find it."""


def outcome(desk: Desk, lie: Lie) -> str:
    """The first command that finds a lie; what is wrong with how it says so, if it is.

    ``check``, ``lint`` and ``check --redraw`` are asked in turn, up to the one that
    has to find it.
    """
    lie.tell(desk)
    try:
        for command in COMMANDS:
            slug = lie.slug if command == "check --redraw" else ""
            if found := desk.complaints(command, slug):
                return command + _flaw(lie, found)
            if command == lie.found_by:
                break
    finally:
        desk.restore()
    return "nothing"


def _flaw(lie: Lie, found: list[str]) -> str:
    """Whether no complaint names the thing with a remedy."""
    naming = [one for one in found if any(name in one for name in lie.named)]
    if not naming:
        return f", without naming it: {found[0]}"
    if not any(_has_remedy(one) for one in naming):
        return f", without a remedy: {naming[0]}"
    return ""


def _has_remedy(message: str) -> bool:
    return any(f"\n  {word}: " in message for word in ("run", "nearest", "available"))


def digit(text: str) -> str:
    """The same text with its first digit raised by one; without any, with one."""
    at = next((i for i, sign in enumerate(text) if sign in "0123456789"), None)
    if at is None:
        return f"{text} 7" if text else "7"
    return text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :]


def word(text: str) -> str:
    """The same text with the letters of its first long word in another order."""
    long = next(w for w in text.split() if len(w) > 3 and w.isalpha())
    return text.replace(long, long[::-1] if long != long[::-1] else f"{long}s", 1)
