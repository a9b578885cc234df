"""Statistics over many rows, each decided so that all of them are at once.

==============  ==============================================================
``Largest``     largest cell of some rows; ``Smallest``: smallest
``LargestOf``   largest of several statistics; ``SmallestOf``: smallest
``Share``       share of the rows whose cell lies in a range
``Deviation``   distance from a closed form, or from another column
``Gaps``        how many rows could not be had
==============  ==============================================================

The chance of error of a claim is divided by the number of rows, so many rows take
more rounds to decide: one more for each doubling.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from bookfigs.errors import InputError
from bookfigs.estimate import Estimate, extreme, gaps, rows
from bookfigs.record import Record
from bookfigs.statistics import Part, Single, Where, of_one


@dataclass(frozen=True)
class Largest(Single):
    """Largest of the medians of some rows."""

    column: str
    where: Where
    label: str = "largest"

    def at(self, record: Record, error: float) -> Estimate:
        """Value and intervals; in the unit of the column."""
        return extreme(_each(record, self.column, self.where, error), max)


@dataclass(frozen=True)
class Smallest(Single):
    """Smallest of the medians of some rows."""

    column: str
    where: Where
    label: str = "smallest"

    def at(self, record: Record, error: float) -> Estimate:
        """Value and intervals; in the unit of the column."""
        return extreme(_each(record, self.column, self.where, error), min)


@dataclass(frozen=True)
class LargestOf(Single):
    """Largest of several statistics: at most a bound if all of them are."""

    parts: tuple[Part, ...]
    label: str = "largest"

    def at(self, record: Record, error: float) -> Estimate:
        """Value and intervals; in the unit of the parts."""
        return extreme([p.at(record, error / len(self.parts)) for p in self.parts], max)


@dataclass(frozen=True)
class SmallestOf(Single):
    """Smallest of several statistics: at least a bound if all of them are."""

    parts: tuple[Part, ...]
    label: str = "smallest"

    def at(self, record: Record, error: float) -> Estimate:
        """Value and intervals; in the unit of the parts."""
        return extreme([p.at(record, error / len(self.parts)) for p in self.parts], min)


@dataclass(frozen=True)
class Share(Single):
    """Share of some rows whose median lies from ``low`` to ``high``, inclusive.

    It is decided on the share of the rows that surely do, and that possibly do.
    """

    column: str
    where: Where
    low: float = -inf
    high: float = inf
    label: str = "share of rows"

    def at(self, record: Record, error: float) -> Estimate:
        """Value and range, between 0 and 1."""
        parts = _each(record, self.column, self.where, error)
        inside = [self.low <= p.value <= self.high for p in parts]
        ends = [p.decided_on for p in parts]
        sure = [self.low <= least and most <= self.high for least, most in ends]
        out = [most < self.low or self.high < least for least, most in ends]
        value, least = _mean(inside), _mean(sure)
        most = 1 - _mean(out)
        why = f"{least:.3g} to {most:.3g} of the rows" if least < most else ""
        return Estimate(value, value, value, least, most, why)


@dataclass(frozen=True)
class Deviation(Single):
    """Largest |column - expected(row)| over the rows; for exact and close columns.

    ``expected`` gets the columns ``keys`` of a row by name: keys for a closed form,
    or another column to be compared with. A close column may be off by its tolerance.
    """

    column: str
    expected: Callable[..., float]
    where: Where
    keys: tuple[str, ...]
    label: str = "largest deviation"

    def at(self, record: Record, error: float) -> Estimate:  # noqa: ARG002 - no samples
        """Value and range; in the unit of the column."""
        tolerance = record.column(self.column).tolerance
        rows(record, self.column, dict(self.where))  # refuses gaps and texts
        counted = record.cells(self.column, **self.where)
        keys = [record.cells(key, **self.where) for key in self.keys]
        off, slack = [], []
        for value, *others in zip(counted, *keys, strict=True):
            if isinstance(value, list):
                what = f"{self.column} has samples; Deviation is for single numbers"
                raise InputError(f"record of {record.figure}", what)
            named = dict(zip(self.keys, others, strict=True))
            off.append(abs(value - self.expected(**named)))
            slack.append(tolerance * abs(value))
        least = max(max(0, o - s) for o, s in zip(off, slack, strict=True))
        most = max(o + s for o, s in zip(off, slack, strict=True))
        why = f"{least:.3g} to {most:.3g} within its tolerance" if least < most else ""
        return Estimate(max(off), max(off), max(off), least, most, why)


@dataclass(frozen=True)
class Gaps:
    """How many of some rows could not be had on this device."""

    column: str
    where: Where
    label: str = "gaps"

    def __call__(self, record: Record) -> Estimate:
        """Value; a count."""
        count = len(gaps(record, self.column, dict(self.where)))
        return Estimate(count, count, count)


def _each(record: Record, column: str, where: Where, error: float) -> list[Estimate]:
    """Median of each row, each decided so that all of them are at this error."""
    found = rows(record, column, dict(where))
    return [of_one(cell, error / len(found)) for cell in found]


def _mean(flags: list[bool]) -> float:
    return sum(flags) / len(flags)
