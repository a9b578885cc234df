"""Columns: what a table of measurements holds, and how far it can be reproduced.

============  ================================================================
``key``       what a row is about: parameters, names of arms
``exact``     counts and depths, equal on every machine
``close``     seeded floating-point results, equal within ``tolerance``
``seeded``    a sample for each seed of something chaotic, as training is: equal on
              one machine, elsewhere another draw from the same distribution
``measured``  raw samples of a time or another quantity of this machine
============  ================================================================

Of the last two a cell is a list of samples; they are judged by claims alone. Only
what is measured needs the machine to itself.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Literal, cast

import msgspec
from msgspec import Struct

from bookfigs.errors import InputError

Kind = Literal["key", "exact", "close", "seeded", "measured"]
SAMPLED = ("seeded", "measured")
"""Kinds of column whose cells are lists of samples."""

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

    @property
    def is_sampled(self) -> bool:
        """Whether a cell is a list of samples."""
        return self.kind in SAMPLED


def key(unit: str = "") -> Column:
    """Declare a column that says what a row is about."""
    return Column("key", unit)


def exact(unit: str) -> Column:
    """Declare a column that is equal on every machine."""
    return Column("exact", unit)


def close(unit: str, *, tolerance: float) -> Column:
    """Declare a column that is equal within a relative tolerance."""
    return Column("close", unit, tolerance)


def seeded(unit: str) -> Column:
    """Declare a column of results for several seeds, in the order of the seeds."""
    return Column("seeded", unit)


def measured(unit: str) -> Column:
    """Declare a column of raw samples of this machine."""
    return Column("measured", unit)


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


def agree(a: Cell, b: Cell, tolerance: float) -> bool:
    """Whether two cells are equal, numbers within a relative tolerance."""
    if tolerance and isinstance(a, int | float) and isinstance(b, int | float):
        return math.isclose(a, b, rel_tol=tolerance)
    return a == b


def _check_cell(name: str, kind: Kind, value: object) -> None:
    """Refuse a cell that its column cannot hold. Raises: ValueError."""
    if value is None:
        return
    if kind == "measured":
        fits = isinstance(value, list) and value and all(map(_is_sample, value))
        wanted = "a list of positive numbers, or null for a gap"
    elif kind == "seeded":
        fits = isinstance(value, list) and value and all(map(_is_finite, value))
        wanted = "a list of finite numbers, one for each seed, or null for a gap"
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
