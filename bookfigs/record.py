"""A record: what measuring one figure on one device yielded.

A table of columns (``bookfigs.column``), and where it comes from; canonical JSON,
read back with every field checked.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from bookfigs.canonical import read_json
from bookfigs.column import Cell, Column, Scalar, agree, check_table
from bookfigs.errors import InputError, UnknownNameError
from bookfigs.measure.conditions import Conditions

SCHEMA = 1


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
        mine = {n: c for n, c in mine.items() if not c.is_sampled}
        theirs = {n: c for n, c in theirs.items() if not c.is_sampled}
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
