"""Steps: what a command is about to write, told before any of it is done."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from bookfigs.book import Book
from bookfigs.whole import write_whole

MANY = 5
"""More files than so many, to which the same is done, are told as a number."""


@dataclass(frozen=True)
class Step:
    """A file that is written whole, or removed."""

    path: Path
    content: bytes | None
    """None removes it."""
    what: str
    """What this does, in words that follow the name of the file."""


@dataclass
class Steps:
    """Steps in their order, and what whoever asked for them should know."""

    book: Book
    steps: list[Step] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    """What was left as it is, and why."""
    after: list[str] = field(default_factory=list)
    """What to do next."""

    def create(self, path: Path, text: str, what: str = "new") -> None:
        """Write a file that is not there; one that is there stays as it is."""
        if path.exists():
            self.remarks.append(f"{self.book.place(path)}: is there, and stays")
        else:
            self.steps.append(Step(path, text.encode(), what))

    def told(self) -> list[str]:
        """Each step and remark in a line of its own; many of one kind as one."""
        lines = []
        for what, steps in groupby(self.steps, key=lambda step: step.what):
            paths = [step.path for step in steps]
            if len(paths) > MANY:
                folder = Path(os.path.commonpath(paths))
                lines.append(f"{self.book.place(folder)}: {len(paths)} files: {what}")
            else:
                lines += [f"{self.book.place(path)}: {what}" for path in paths]
        return [*lines, *self.remarks]


def carry_out(book: Book, steps: Iterable[Step]) -> None:
    """Take every step in turn. Raises: StorageError; what was there is then whole.

    A file that is reached by a link is written where it lies.
    """
    for step in steps:
        path = step.path.resolve()
        with book.storing(path, "the same command"):
            if step.content is None:
                path.unlink(missing_ok=True)
            else:
                write_whole(path, step.content)
