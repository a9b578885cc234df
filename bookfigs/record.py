"""A record: what measuring one figure on one device yielded.

A table of columns with units, and where it comes from; canonical JSON, read
back with every field checked. A column says how far it can be reproduced:

``key``       what a row is about: parameters, names of arms
``exact``     counts and depths, equal on every machine
``close``     seeded floating-point results, equal within ``tolerance``
``measured``  raw samples of a time or another quantity of this machine
"""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, cast

import msgspec
from msgspec import Struct

from bookfigs.canonical import read_json
from bookfigs.errors import InputError, UnknownNameError

SCHEMA = 1
Kind = Literal["key", "exact", "close", "measured"]
Scalar = str | int | float
Cell = Scalar | list[float] | None
Row = Mapping[str, Cell]


class Column(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a column holds: its kind, its unit, for ``close`` its tolerance."""

    kind: Kind
    unit: str = ""
    tolerance: float = 0.0
    """Largest relative difference between two honest results."""
    values: list[Cell] = []


def key(unit: str = "") -> Column:
    """Declare a column that says what a row is about."""
    return Column("key", unit)


def exact(unit: str) -> Column:
    """Declare a column that is equal on every machine."""
    return Column("exact", unit)


def close(unit: str, *, tolerance: float) -> Column:
    """Declare a column that is equal within a relative tolerance."""
    return Column("close", unit, tolerance)


def measured(unit: str) -> Column:
    """Declare a column of raw samples of this machine."""
    return Column("measured", unit)


class Device(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a record was measured."""

    kind: Literal["cpu", "cuda"]
    name: str
    cores: int
    memory_gib: int
    driver: str = ""

    @property
    def title(self) -> str:
        """The device as a reader is told."""
        if self.kind == "cuda":
            return self.name
        return f"{self.name}, {self.cores} core{'s' if self.cores != 1 else ''}"

    @property
    def slug(self) -> str:
        """The device as a file name."""
        words = "".join(c if c.isalnum() else " " for c in self.title.lower()).split()
        return "-".join([self.kind, *words])


class Provenance(Struct, frozen=True, forbid_unknown_fields=True):
    """Under which circumstances a record was measured."""

    commit: str
    """Full hash, or empty outside git."""
    dirty: bool
    """Whether the working tree had changes."""
    date: str
    """When it was done, UTC, ISO 8601."""
    versions: dict[str, str]
    threads: int
    load: float
    """Load average over the minute before it began."""
    seconds: float
    """How long measuring took."""
    closure: dict[str, str]
    """Hash of each definition that measuring reaches."""


class Record(Struct, frozen=True, forbid_unknown_fields=True):
    """A table, and where it comes from."""

    schema: int
    figure: str
    device: Device
    provenance: Provenance
    columns: dict[str, Column]

    def __post_init__(self) -> None:
        """Refuse a table that is none. Raises: ValueError (msgspec adds the place)."""
        lengths = {name: len(column.values) for name, column in self.columns.items()}
        if len(set(lengths.values())) > 1:
            message = f"columns of different length: {lengths}"
            raise ValueError(message)
        for name, column in self.columns.items():
            for value in column.values:
                _check_cell(name, column.kind, value)

    def column(self, name: str) -> Column:
        """Return a column by name. Raises: UnknownNameError."""
        if name not in self.columns:
            raise UnknownNameError(
                f"record of {self.figure}",
                f"no column {name!r}",
                asked=name,
                available=self.columns,
            )
        return self.columns[name]

    def cells(self, name: str, **where: Scalar) -> list[Any]:
        """Cells of a column in the rows where the key columns have these values.

        Raises: UnknownNameError if a column does not exist or no row is so.
        """
        values = self.column(name).values
        keys = {key: self.column(key).values for key in where}
        chosen = [
            value
            for row, value in enumerate(values)
            if all(keys[key][row] == wanted for key, wanted in where.items())
        ]
        if not chosen:
            raise UnknownNameError(
                f"record of {self.figure}",
                f"no row with {where}",
                available=[
                    f"{key}={value}"
                    for key, column in keys.items()
                    for value in dict.fromkeys(column)
                ],
            )
        return chosen

    def cell(self, name: str, **where: Scalar) -> Any:  # noqa: ANN401 - the column's type
        """The only cell of a column in the row where the key columns are so."""
        cells = self.cells(name, **where)
        if len(cells) > 1:
            keys = [name for name, c in self.columns.items() if c.kind == "key"]
            raise InputError(
                f"record of {self.figure}",
                f"{len(cells)} rows with {where}, where one is meant: name more of "
                f"the keys {', '.join(keys)}",
            )
        return cells[0]

    def differences(self, other: "Record") -> list[str]:
        """Where exact or close columns of two records disagree, in words."""
        mine = {n: c for n, c in self.columns.items() if c.kind != "measured"}
        theirs = {n: c for n, c in other.columns.items() if c.kind != "measured"}
        if mine.keys() != theirs.keys():
            return [f"columns {', '.join(mine)} against {', '.join(theirs)}"]
        found = []
        for name, column in mine.items():
            pairs = list(zip(column.values, theirs[name].values, strict=False))
            if len(column.values) != len(theirs[name].values):
                found.append(
                    f"{name}: {len(column.values)} rows against "
                    f"{len(theirs[name].values)}"
                )
            found += [
                f"{name}, row {row + 1}: {a} against {b}"
                for row, (a, b) in enumerate(pairs)
                if not _agree(a, b, column.tolerance)
            ]
        return found


def tabulate(
    columns: Mapping[str, Column], rows: Iterable[Row], where: str
) -> dict[str, Column]:
    """Fill declared columns from rows.

    Raises: InputError if a row has other columns than those declared.
    """
    table: dict[str, list[Cell]] = {name: [] for name in columns}
    for row in rows:
        if row.keys() != columns.keys():
            raise InputError(
                where,
                f"measure() yielded a row with {', '.join(row)}, but COLUMNS declares "
                f"{', '.join(columns)}",
            )
        for name, value in row.items():
            table[name].append(value)
    return {
        name: msgspec.structs.replace(column, values=table[name])
        for name, column in columns.items()
    }


def read_record(path: Path, where: str) -> Record:
    """Read a record. Raises: InputError with the place of what is wrong."""
    return read_json(path, where, Record, SCHEMA)


def _check_cell(name: str, kind: Kind, value: object) -> None:
    """Refuse a cell that its column cannot hold. Raises: ValueError."""
    if value is None:
        return
    if kind == "measured":
        fits = isinstance(value, list) and value and all(map(_is_sample, value))
        wanted = "a list of positive numbers, or null for a gap"
    else:
        fits = type(value) is str or _is_finite(value)
        wanted = "one finite int, float or str, or null for a gap"
    if not fits:
        message = (
            f"column {name!r} is {kind} and holds {value!r}, a "
            f"{type(value).__name__}; expected {wanted}"
        )
        raise ValueError(message)


def _is_finite(value: object) -> bool:
    """Whether a value is a number of Python's own that JSON can hold."""
    return type(value) is int or (type(value) is float and math.isfinite(value))


def _is_sample(value: object) -> bool:
    return _is_finite(value) and cast("float", value) > 0


def _agree(a: Cell, b: Cell, tolerance: float) -> bool:
    if tolerance and isinstance(a, int | float) and isinstance(b, int | float):
        return math.isclose(a, b, rel_tol=tolerance)
    return a == b
