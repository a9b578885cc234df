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
from bookfigs.measure.conditions import Conditions

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


class Provenance(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
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
    system: dict[str, str] = {}
    """Operating system, kernel, architecture, C library."""
    conditions: Conditions | None = None
    """What was seen of the machine while it was timed; none if nobody watched."""


class Gap(Struct, frozen=True, forbid_unknown_fields=True):
    """A point that could not be measured on this device; it has no rows."""

    point: dict[str, Any]
    reason: str

    def __str__(self) -> str:
        """Name the point and the reason."""
        at = ", ".join(f"{name}={value!r}" for name, value in self.point.items())
        return f"{at}: {self.reason}"


class Record(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A table, and where it comes from."""

    schema: int
    figure: str
    device: Device
    provenance: Provenance
    columns: dict[str, Column]
    gaps: list[Gap] = []
    """Points without rows."""

    def __post_init__(self) -> None:
        """Refuse a table that is none. Raises: ValueError (msgspec adds the place)."""
        check_table(self.columns)

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
        mine, theirs = self.columns, other.columns
        if self.gaps or other.gaps:  # a gap contradicts nothing
            mine, theirs = _common(mine, theirs), _common(theirs, mine)
        mine = {n: c for n, c in mine.items() if c.kind != "measured"}
        theirs = {n: c for n, c in theirs.items() if c.kind != "measured"}
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
                if not agree(a, b, column.tolerance)
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


def check_table(columns: Mapping[str, Column]) -> None:
    """Refuse columns that are no table of sound cells. Raises: ValueError."""
    lengths = {name: len(column.values) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        message = f"columns of different length: {lengths}"
        raise ValueError(message)
    for name, column in columns.items():
        for value in column.values:
            _check_cell(name, column.kind, value)


def read_record(path: Path, where: str) -> Record:
    """Read a record. Raises: InputError with the place of what is wrong."""
    return read_json(path, where, Record, SCHEMA)


def _common(
    columns: Mapping[str, Column], other: Mapping[str, Column]
) -> dict[str, Column]:
    """Rows of a table whose keys the other table has as well."""
    there = set(_keys(other))
    rows = [row for row, keys in enumerate(_keys(columns)) if keys in there]
    return {
        name: msgspec.structs.replace(column, values=[column.values[r] for r in rows])
        for name, column in columns.items()
    }


def _keys(columns: Mapping[str, Column]) -> list[tuple[Cell, ...]]:
    """The cells of the key columns, for each row."""
    keys = [column.values for column in columns.values() if column.kind == "key"]
    return list(zip(*keys, strict=True))


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


def agree(a: Cell, b: Cell, tolerance: float) -> bool:
    """Whether two cells are equal, numbers within a relative tolerance."""
    if tolerance and isinstance(a, int | float) and isinstance(b, int | float):
        return math.isclose(a, b, rel_tol=tolerance)
    return a == b
