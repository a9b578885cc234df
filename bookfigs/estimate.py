"""Estimates: a number, how it is shown, and what it is decided on.

A measured cell is as many samples as there were rounds. Arms are interleaved, so
what disturbs a round disturbs all of its arms: every statistic is computed within
each round, and its value is the median over rounds. Seeds are rounds in this sense:
arms that share a seed share their data. Two intervals belong to a statistic:

*shown*    95 percent, by the bootstrap over rounds (percentiles; Efron 1979, Ann.
           Statist. 7(1):1-26): what a reader expects. At few rounds it covers less
           than it says, so nothing is decided by it.
*decided*  the order statistics of ``bookfigs.measure.interval``, which hold for any
           noise: the truth is beyond one end in fewer than one of 10,000 records.

A close cell is one number that another honest machine may find different, up to
its tolerance: it is decided on the range of what they may find. An exact cell is
what it is.
"""

from collections.abc import Callable, Sequence
from functools import cache
from math import inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bookfigs.column import Cell, Scalar
from bookfigs.errors import InputError, UnknownNameError
from bookfigs.measure.interval import ERROR, fewest_rounds, median_interval
from bookfigs.record import Record

Samples = NDArray[np.float64]
Quantity = Callable[[Samples], Samples]
"""From samples (rows, rounds) to a number for each round."""

CONFIDENCE = 0.95
"""Of the interval that is shown."""
RESAMPLES = 2000
SMALLEST_POWER, LARGEST_POWER = -4, 9
"""Powers of ten between which a float is written out."""
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SEED = 20230311
"""A fixed seed: the same record gives the same interval, byte for byte."""


class GapError(InputError):
    """What a statistic needs could not be measured on this device."""


class Estimate(NamedTuple):
    """A statistic with its intervals; equal ends if nothing was sampled."""

    value: float
    low: float
    high: float
    """Ends of the interval that is shown."""
    least: float | None = None
    most: float | None = None
    """Ends of the interval that a claim is decided on; None: as shown."""
    why: str = ""
    """What the last two are, said where a claim is not decided."""

    @property
    def decided_on(self) -> tuple[float, float]:
        """The interval that has to lie inside a claim's bounds."""
        least = self.low if self.least is None else self.least
        return least, self.high if self.most is None else self.most


class Row(NamedTuple):
    """One cell: its samples, or one number and how far it may be off, relatively."""

    samples: Samples
    is_sampled: bool
    tolerance: float


def row(record: Record, column: str, where: dict[str, Scalar]) -> Row:
    """Read the one cell of a row.

    Raises: GapError if it was not to be had here; InputError if it is no number.
    """
    found = rows(record, column, where)
    if len(found) > 1:
        record.cell(column, **where)  # names the keys to add
    return found[0]


def rows(record: Record, column: str, where: dict[str, Scalar]) -> list[Row]:
    """Read all cells in the rows where the key columns are so. Raises: as ``row``."""
    if reasons := gaps(record, column, where):
        raise GapError(f"record of {record.figure}", f"a gap: {reasons[0]}")
    tolerance = record.column(column).tolerance
    return [_row(record, column, c, tolerance) for c in record.cells(column, **where)]


def gaps(record: Record, column: str, where: dict[str, Scalar]) -> list[str]:
    """Say for each gap among these rows what is missing, and why.

    Raises: UnknownNameError if there is neither such a row nor such a gap.
    """
    found = []
    for gap in record.gaps:
        shared = gap.point.keys() & where.keys()
        if (shared or not where) and all(gap.point[k] == where[k] for k in shared):
            found.append(str(gap))
    try:
        cells = record.cells(column, **where)
    except UnknownNameError:
        if found and column in record.columns:
            return found
        raise
    at = ", ".join(f"{name}={value!r}" for name, value in where.items())
    found += [f"{column} at {at} was not to be had" for c in cells if c is None]
    return found


def estimate(rows: Sequence[Row], quantity: Quantity, error: float = ERROR) -> Estimate:
    """Median over rounds of a quantity of some rows, with its intervals.

    A number stands beside the samples of every round; of rows with different numbers
    of rounds the first ones count.

    Precondition: the quantity rises, or falls, in each row for itself.
    """
    count = min((len(r.samples) for r in rows if r.is_sampled), default=1)
    table = np.stack([np.resize(r.samples[:count], count) for r in rows])
    each = quantity(table)
    value = float(np.median(each))
    lowest, highest = _reach(table, [r.tolerance for r in rows], quantity)
    if not any(r.is_sampled for r in rows):
        least, most = float(lowest[0]), float(highest[0])
        why = f"{_text(least, most)} within its tolerance" if least < most else ""
        return Estimate(value, value, value, least, most, why)
    shown = _bootstrap(each)
    least, most = (
        median_interval(lowest.tolist(), error)[0],
        median_interval(highest.tolist(), error)[1],
    )
    return Estimate(value, *shown, least, most, _why(count, least, most, error))


def extreme(
    parts: Sequence[Estimate], pick: Callable[[list[float]], float]
) -> Estimate:
    """Return the largest or smallest of several estimates.

    Precondition: each part was decided on at the error divided by their number, so
    that the chance that any of them is off stays below it.
    """
    least, most = (pick([p.decided_on[end] for p in parts]) for end in (0, 1))
    open_ = [p.why for p in parts if p.why and p.decided_on[0] == -inf]
    tolerance = any("tolerance" in p.why for p in parts)
    kind = "within its tolerance" if tolerance else "to be sure"
    why = open_[0] if open_ else f"{_text(least, most)} {kind}" if least < most else ""
    return Estimate(
        pick([p.value for p in parts]),
        pick([p.low for p in parts]),
        pick([p.high for p in parts]),
        least,
        most,
        why,
    )


def describe(estimate: Estimate) -> str:
    """A number, with the interval that is shown if it has one."""
    if estimate.low == estimate.high:
        return number(estimate.value)
    share = f"{CONFIDENCE * 100:.0f} percent"
    interval = f"{number(estimate.low)} to {number(estimate.high)}"
    return f"{number(estimate.value)} ({share} interval {interval})"


def number(value: float) -> str:
    """Write a count in full, and a float with three significant digits.

    A float that happens to be whole is still written as a float: whether 2.0 or
    1.9999999999999998 comes out depends on the processor, and the text must not.
    One that is tiny or huge is written by its power of ten: 4.94 × 10⁻¹³.
    """
    if isinstance(value, int) or value == 0 or not np.isfinite(value):
        return f"{value:,.0f}"
    mantissa, _, power = f"{value:.2e}".partition("e")
    if not SMALLEST_POWER <= int(power) < LARGEST_POWER:
        return f"{mantissa} × 10{str(int(power)).translate(RAISED)}"
    return f"{value:,.{max(0, 2 - int(power))}f}"


def _row(record: Record, column: str, cell: Cell, tolerance: float) -> Row:
    if cell is None or isinstance(cell, str):
        what = f"{column} holds {cell!r}, which is no number"
        raise InputError(f"record of {record.figure}", what)
    is_sampled = isinstance(cell, list)
    samples = np.asarray(cell if isinstance(cell, list) else [cell], dtype=np.float64)
    return Row(samples, is_sampled, tolerance)


def _reach(
    table: Samples, tolerances: list[float], quantity: Quantity
) -> tuple[Samples, Samples]:
    """Smallest and largest quantity, each row as far off as its tolerance allows."""
    down, up = np.ones((2, len(table), 1))
    for i, tolerance in enumerate(tolerances):
        if tolerance:
            factor = np.ones((len(table), 1))
            factor[i] = 1 + tolerance
            rises = quantity(table * factor)[0] >= quantity(table / factor)[0]
            up[i] = factor[i] if rises else 1 / factor[i]
            down[i] = 1 / up[i]
    return quantity(table * down), quantity(table * up)


def _bootstrap(each: Samples) -> tuple[float, float]:
    """Ends of the percentile-bootstrap interval of the median over rounds."""
    if np.ptp(each) == 0:
        return float(each[0]), float(each[0])
    medians = np.median(each[_drawn(len(each))], axis=1)
    beyond = (1 - CONFIDENCE) / 2
    low, high = np.quantile(medians, (beyond, 1 - beyond))
    return float(low), float(high)


@cache
def _drawn(rounds: int) -> NDArray[np.int64]:
    """Which rounds each resample has; drawn once, as the seed is the same."""
    generator = np.random.Generator(np.random.PCG64(SEED))
    return generator.integers(0, rounds, (RESAMPLES, rounds))


def _why(count: int, least: float, most: float, error: float) -> str:
    """Say what a claim over samples was decided on."""
    if least == -inf:
        samples = "1 sample" if count == 1 else f"{count} samples"
        return f"{samples}, where it takes {fewest_rounds(error)} to decide"
    share = f"{100 * (1 - 2 * error):.4g}"
    return f"{_text(least, most)} at {share} percent, {count} samples"


def _text(least: float, most: float) -> str:
    return f"{number(least)} to {number(most)}"
