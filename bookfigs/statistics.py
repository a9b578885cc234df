"""Statistics: what a claim, or a number of the book, may ask a record for.

==============  ==============================================================
``Median``      one cell
``Ratio``       one cell over another
``Difference``  one cell minus another
``Exponent``    power of the law that a column follows
``Growth``      smallest (or largest) factor from one x to the next
==============  ==============================================================

They take exact, close and measured columns; what is asked of many rows at once is
in ``bookfigs.rowwise``. A gap among the rows that one needs leaves a claim undecided.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from bookfigs.column import Scalar
from bookfigs.errors import InputError
from bookfigs.estimate import Estimate, Row, Samples, estimate, extreme, row, rows
from bookfigs.measure.interval import ERROR
from bookfigs.record import Record

Where = Mapping[str, Scalar]


class Statistic(Protocol):
    """Something that a record can be asked for."""

    @property
    def label(self) -> str:
        """What the number is, in a word or two."""

    def __call__(self, record: Record) -> Estimate:
        """Compute it. Raises: BookfigsError if the record lacks what is needed."""


class Part(Statistic, Protocol):
    """A statistic that can be one of several that are decided together."""

    def at(self, record: Record, error: float) -> Estimate:
        """Compute it, with so small a chance of error at each end."""


class Single:
    """What is decided on its own at the error of one claim."""

    def __call__(self: Part, record: Record) -> Estimate:
        """Value and intervals."""
        return self.at(record, ERROR)


@dataclass(frozen=True)
class Median(Single):
    """Median of one cell's samples, or the cell itself if it has none."""

    column: str
    where: Where
    label: str = "median"

    def at(self, record: Record, error: float) -> Estimate:
        """Value and intervals; in the unit of the column."""
        return of_one(row(record, self.column, dict(self.where)), error)


@dataclass(frozen=True)
class Ratio(Single):
    """median over rounds r of (numerator_r / denominator_r), of one column.

    Precondition: interleaved rounds, or independent ones. Rows of two calls of the
    clock are divided round by round as well.
    """

    column: str
    numerator: Where
    denominator: Where
    label: str = "ratio"

    def at(self, record: Record, error: float) -> Estimate:
        """Value and intervals; dimensionless."""
        two = (self.numerator, self.denominator)
        cells = [row(record, self.column, dict(where)) for where in two]
        return estimate(cells, lambda each: each[0] / each[1], error)


@dataclass(frozen=True)
class Difference(Single):
    """median over rounds r of (minuend_r - subtrahend_r), of one column."""

    column: str
    minuend: Where
    subtrahend: Where
    label: str = "difference"

    def at(self, record: Record, error: float) -> Estimate:
        """Value and intervals; in the unit of the column."""
        two = (self.minuend, self.subtrahend)
        cells = [row(record, self.column, dict(where)) for where in two]
        return estimate(cells, lambda each: each[0] - each[1], error)


@dataclass(frozen=True)
class Exponent(Single):
    """median over rounds r of the slope p of the line ln y_r = p ln x + c.

    The line is that of least squares. ``x`` is a key column, ``column`` is y;
    ``where`` selects the rows, ``above`` leaves out rows whose x is smaller.
    Precondition: positive x and y, at two different x at least.
    """

    column: str
    x: str
    where: Where
    above: float = 0
    label: str = "exponent"

    def at(self, record: Record, error: float) -> Estimate:
        """Value and intervals; dimensionless."""
        found = _along(record, self.column, self.x, self.where, self.above)
        log_x = np.log(np.asarray(list(found), dtype=np.float64))
        centred = log_x - log_x.mean()

        def slope(each: Samples) -> Samples:
            slopes: Samples = centred @ np.log(each) / (centred @ centred)
            return slopes

        return estimate(list(found.values()), slope, error)


@dataclass(frozen=True)
class Growth(Single):
    """Smallest factor y(next x) / y(x) along x; at least 1: it never falls.

    With ``largest`` it is the largest factor; at most 1: it never rises.
    Precondition: positive y, at two different x at least.
    """

    column: str
    x: str
    where: Where
    largest: bool = False
    label: str = "factor from one to the next"

    def at(self, record: Record, error: float) -> Estimate:
        """Value and intervals; dimensionless."""
        found = list(_along(record, self.column, self.x, self.where, 0).values())
        steps = [
            estimate(pair, lambda each: each[1] / each[0], error / (len(found) - 1))
            for pair in pairwise(found)
        ]
        if not steps:
            what = f"one row with {dict(self.where)}: nothing grows"
            raise InputError(f"record of {record.figure}", what)
        return extreme(steps, max if self.largest else min)


def _along(
    record: Record, column: str, x: str, where: Where, above: float
) -> dict[float, Row]:
    """Rows by x, in its order. Raises: InputError if none is left; see ``row``."""
    rows(record, column, dict(where))  # refuses gaps before it looks for their x
    kept = sorted({v for v in record.cells(x, **where) if v >= above})
    if not kept:
        what = f"no row with {dict(where)} has {x} from {above} on"
        raise InputError(f"record of {record.figure}", what)
    return {value: row(record, column, {**where, x: value}) for value in kept}


def of_one(cell: Row, error: float) -> Estimate:
    """Return the median of one cell."""
    return estimate([cell], lambda each: each[0], error)
