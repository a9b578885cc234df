"""Asking: what the commands say of the parts of a book.

They run in processes of their own, so that neither the modules of a book nor what
they do to their process reach whoever asks.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

SHOWN = 20
"""Last lines of what a command said that did not end as it should."""

Entry = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """A part of a book: of which book, in which file, what."""

    folder: Path
    path: Path
    kind: str
    name: str


@dataclass(frozen=True)
class Answer:
    """What there is to say of a part."""

    wrong: list[str] = field(default_factory=list)
    """Messages; none if all is well."""
    idle: str = ""
    """Why nothing can be said of it here."""
    said: str = ""
    """What else was said."""
    properties: list[tuple[str, object]] = field(default_factory=list)
    """What it stands on."""


class Answers:
    """What is known of the parts of books, asked for when it is needed."""

    def __init__(
        self, folder: Path, *, redraw: bool = False, baseline: Path | None = None
    ) -> None:
        """Take the folder to start commands in, and what they are asked."""
        self._folder = folder
        self._redraw = redraw
        self._baseline = baseline
        self._books: dict[Path, _Book] = {}

    def of(self, part: Part) -> Answer:
        """What ``check``, or of a page ``lint``, says of a part."""
        book = self._books.setdefault(
            part.folder,
            _Book(self._folder, part.folder, self._redraw, self._baseline),
        )
        if part.kind == "page":
            return Answer(book.findings(part.path))
        if part.kind == "book":
            checked = book.checked(part.kind, None)
            return Answer(checked.wrong + book.findings(None))
        return book.checked(part.kind, part.name)

    def replicated(self, part: Part, device: str, *, quick: bool) -> Answer:
        """Measure a figure again, here; what came of it."""
        options = [part.name, "--device", device, *["--quick"] * quick]
        done = _run(self._folder, part.folder, "replicate", *options)
        wrong = [_last(done)] if done.returncode else []
        return Answer(wrong, said=done.stdout)


@dataclass
class _Book:
    """The answers about one book."""

    at: Path
    folder: Path
    redraw: bool
    baseline: Path | None

    def checked(self, kind: str, name: str | None) -> Answer:
        """What ``check`` says of a part; of the book without a name."""
        failed, parts = self._parts
        if failed:
            return Answer([failed])
        entry = parts.get((kind, name))
        if entry is None:
            where = f"bookfigs: {name or self.folder}"
            return Answer([f"{where}: there is no such {kind} any more"])
        wrong = [f"bookfigs: {error['message']}" for error in entry["errors"]]
        idle = ""
        if not wrong and entry["verdict"] == "not applicable here":
            devices = ", ".join(row["device"] for row in entry["rows"])
            idle = f"is about no device of its evidence, which is of {devices}"
        return Answer(wrong, idle, properties=_properties(entry))

    def findings(self, page: Path | None) -> list[str]:
        """Errors that ``lint`` finds in a page, whose Python it runs; or elsewhere."""
        accepted = ["--baseline", str(self.baseline)] if self.baseline else []
        how = [str(page), "--execute"] if page else []
        told = ("lint", "--format", "json", *accepted, *how)
        done = _run(self.at, self.folder, *told)
        read = _read(done)
        if read is None:
            return [_ended(done, "lint")] if page else []  # pages tell
        errors = [one for one in read["findings"] if one["severity"] == "error"]
        if page is None:
            errors = [one for one in errors if not one["file"].endswith(".qmd")]
        return [_finding(one) for one in errors]

    @cached_property
    def _parts(self) -> tuple[str, Mapping[tuple[str, str | None], Entry]]:
        """What was said of every part, or why nothing was."""
        options = ["--redraw"] if self.redraw else []
        done = _run(self.at, self.folder, "check", "--format", "json", *options)
        read = _read(done)
        if read is None:
            return _ended(done, "check"), {}
        if read["failed"]:
            return f"bookfigs: {read['failed']['message']}", {}
        parts = {
            (p["kind"], p["name"]): p for p in read["parts"] if p["kind"] != "book"
        }
        whole = {(p["kind"], None): p for p in read["parts"] if p["kind"] == "book"}
        return "", {**parts, **whole}


def _run(
    at: Path, folder: Path, command: str, *options: str
) -> subprocess.CompletedProcess[str]:
    """Run a command on a book in a process of its own."""
    start = [sys.executable, "-P", "-m", "bookfigs", "--book", str(folder)]
    return subprocess.run(  # noqa: S603 - our own program
        [*start, command, *options],
        cwd=at,
        env={**os.environ, "PYTHONUTF8": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def _read(done: subprocess.CompletedProcess[str]) -> Entry | None:
    """The document that a command printed; None if it is none."""
    try:
        read = json.loads(done.stdout)
    except ValueError:
        return None
    return read if isinstance(read, dict) else None


def _ended(done: subprocess.CompletedProcess[str], command: str) -> str:
    """Why a command has no answer."""
    said = _last(done)
    if said.startswith("bookfigs: "):
        return said
    what = f"bookfigs: {command}: ended with status {done.returncode}"
    return f"{what}\n{said}\n  run: bookfigs {command}"


def _last(done: subprocess.CompletedProcess[str]) -> str:
    """The end of what a command said of errors."""
    said = (done.stderr or done.stdout).rstrip().splitlines()
    return "\n".join(said[-SHOWN:])


def _finding(one: Entry) -> str:
    """A finding of lint in words."""
    place = f"{one['file']}:{one['line']}:{one['column']}"
    lines = [f"bookfigs: {place}: {one['code']}: {one['message']}"]
    lines += [f"  | {one['context'].strip()}"] if one["context"].strip() else []
    lines += [f"  {one['suggestion']}"] if one["suggestion"] else []
    return "\n".join(lines)


def _properties(entry: Entry) -> list[tuple[str, object]]:
    """What a claim stands on, as JUnit has it."""
    said = "{verdict}: {statistic}; expected {expected}; {date}, commit {commit}"
    return [(row["device"], said.format_map(row)) for row in entry["rows"]]
