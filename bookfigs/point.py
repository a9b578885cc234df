"""Points: what the main process and a worker tell each other, as lines of JSON.

A job names a figure file; the worker answers with the figure's shape, then with
one result for each index that it is sent. Parameters of points are never read
back: a point is called by its index. They are plain data nevertheless, so that
a journal, a gap and a message can name them.
"""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from bookfigs import errors
from bookfigs.column import Cell, Column
from bookfigs.errors import BookfigsError, InputError
from bookfigs.record import Device

STOP = -1
"""The index that ends a worker."""

NO_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory")
"""What torch, CUDA and the C library say; their exceptions are plain ones."""


class Job(Struct, frozen=True):
    """Which figure file to load, where it is measured, with how many threads."""

    slug: str
    path: str
    root: str
    device: Device
    threads: int
    quick: bool = False
    """Whether it is about the points that the figure calls QUICK."""


class Site(Struct, frozen=True):
    """Where a record comes from: what its provenance says of a machine."""

    device: Device
    commit: str
    versions: dict[str, str]
    system: dict[str, str]

    def difference(self, other: "Site") -> str:
        """In what this place differs from another one, in words."""
        if self.device != other.device:
            its = self.device
            driver = f", driver {its.driver}" if its.driver else ""
            return f"another device: {its.title}, {its.memory_gib} GiB{driver}"
        if self.commit != other.commit:
            return f"another commit: {self.commit[:12] or 'none'}"
        pairs = [(self.versions, other.versions), (self.system, other.system)]
        return ", ".join(
            f"{name} {mine.get(name, 'none')} instead of {its.get(name, 'none')}"
            for mine, its in pairs
            for name in sorted(mine.keys() | its.keys())
            if mine.get(name) != its.get(name)
        )


class Failure(Struct, frozen=True, tag=True):
    """A message on its way to the main process."""

    kind: str
    where: str
    what: str
    asked: str | None = None
    available: list[str] | None = None
    run: str | None = None

    @classmethod
    def of(cls, error: BookfigsError) -> "Failure":
        """Pack a message."""
        kind = type(error).__name__
        return cls(
            kind, error.where, error.what, error.asked, error.available, error.run
        )

    def error(self) -> BookfigsError:
        """Unpack it, as the class that it was."""
        kind = getattr(errors, self.kind, BookfigsError)
        error: BookfigsError = kind(
            self.where,
            self.what,
            asked=self.asked,
            available=self.available,
            run=self.run,
        )
        return error


class Shape(Struct, frozen=True, tag=True):
    """What a figure file offers to measure."""

    points: list[dict[str, Any]]
    columns: dict[str, Column]

    @property
    def is_timed(self) -> bool:
        """Whether it has to be measured alone."""
        return any(column.kind == "measured" for column in self.columns.values())


class PointResult(Struct, frozen=True, tag=True, omit_defaults=True):
    """What measuring one point yielded: cells, a gap, or a message."""

    index: int
    seconds: float
    columns: dict[str, list[Cell]] = {}
    gap: str = ""
    failure: Failure | None = None
    notes: dict[str, Any] = {}
    """What the watches around it found; JSON data."""


Answer = Shape | PointResult | Failure


def shape_of(
    path: Path, points: Iterable[Mapping[str, Any]], columns: Mapping[str, Column]
) -> Shape:
    """Describe a figure. Raises: InputError if a point is no plain data."""
    described = list(points)
    for number, point in enumerate(described, 1):
        for name, value in point.items():
            if not _is_plain(value):
                raise InputError(
                    path.name,
                    f"POINTS, point {number}: {name!r} is {value!r}, a "
                    f"{type(value).__name__}; a point holds str, int, finite float, "
                    "bool, None, and lists and dicts of these: name what you mean by "
                    "a string and look it up inside measure()",
                )
    plain = msgspec.json.decode(msgspec.json.encode([dict(p) for p in described]))
    return Shape(plain, dict(columns))


def out_of_memory(error: BaseException | None) -> str | None:
    """Say in one line that memory ran out, if that is what an exception means."""
    while error is not None:
        text = " ".join(str(error).split())
        told = isinstance(error, RuntimeError) and any(
            words in text.lower() for words in NO_MEMORY
        )
        if told or isinstance(error, MemoryError):
            return f"out of memory: {text[:200]}" if text else "out of memory"
        error = error.__cause__
    return None


def _is_plain(value: object) -> bool:
    """Whether JSON holds a value, and a reader would write it down the same way."""
    if isinstance(value, dict):
        return all(type(k) is str and _is_plain(v) for k, v in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if type(value) is float:
        return math.isfinite(value)
    return value is None or type(value) in {str, int, bool}
