"""Claims: a sentence, a statistic over a record, and the bounds it has to keep.

A statistic of exact or close columns is a number. One of measured columns has
an interval, found by the bootstrap (Efron 1979, Ann. Statist. 7(1):1-26) over
rounds: arms are interleaved, so that what disturbs a round disturbs all of its
arms, and rounds are drawn whole. The verdict follows from where the interval
lies: inside the bounds *holds*, outside *fails*, across *inconclusive*.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap

from bookfigs.errors import InputError
from bookfigs.record import Record, Scalar

Verdict = Literal["holds", "fails", "inconclusive", "not applicable here"]
Where = Mapping[str, Scalar]
Samples = NDArray[np.float64]

CONFIDENCE = 0.95
RESAMPLES = 2000
SEED = 20230311
"""A fixed seed: the same record gives the same interval, byte for byte."""


class Estimate(NamedTuple):
    """A statistic with its interval; equal ends if nothing was sampled."""

    value: float
    low: float
    high: float


class Statistic(Protocol):
    """Something that a record can be asked for."""

    @property
    def label(self) -> str:
        """What the number is, in a word or two."""

    def __call__(self, record: Record) -> Estimate:
        """Compute it. Raises: BookfigsError if the record lacks what is needed."""


@dataclass(frozen=True)
class Ratio:
    """median of ``column`` in one row over that in another.

    With interleaved rounds r: median over r of (numerator_r / denominator_r).
    """

    column: str
    numerator: Where
    denominator: Where
    label: str = "ratio"

    def __call__(self, record: Record) -> Estimate:
        """Value and interval; dimensionless."""
        above = _samples(record, self.column, self.numerator)
        below = _samples(record, self.column, self.denominator)
        rounds = min(len(above), len(below))
        return _estimate(
            lambda drawn: np.median(drawn[:, :, 0] / drawn[:, :, 1], axis=1),
            np.stack([above[:rounds], below[:rounds]], axis=1),
        )


@dataclass(frozen=True)
class Exponent:
    """Slope p of the least-squares line ln y = p ln x + c, y the row medians.

    ``x`` is a key column, ``column`` is y; ``where`` selects the rows, ``above``
    leaves out rows whose x is smaller.
    """

    column: str
    x: str
    where: Where
    above: float = 0
    label: str = "exponent"

    def __call__(self, record: Record) -> Estimate:
        """Value and interval; dimensionless."""
        kept = [x for x in record.cells(self.x, **self.where) if x >= self.above]
        if not kept:
            what = f"no row with {dict(self.where)} has {self.x} from {self.above} on"
            raise InputError(f"record of {record.figure}", what)
        rows = [_samples(record, self.column, {**self.where, self.x: x}) for x in kept]
        rounds = min(map(len, rows))
        log_x = np.log(np.asarray(kept, dtype=np.float64))
        centred = log_x - log_x.mean()

        def slope(drawn: Samples) -> Samples:
            log_y = np.log(np.median(drawn, axis=1))
            slopes: Samples = log_y @ centred / (centred @ centred)
            return slopes

        return _estimate(slope, np.stack([row[:rounds] for row in rows], axis=1))


@dataclass(frozen=True)
class Deviation:
    """Largest |column - expected(row)| over the rows; for exact columns.

    ``expected`` gets the key columns of a row by name.
    """

    column: str
    expected: Callable[..., float]
    where: Where
    keys: tuple[str, ...]
    label: str = "largest deviation"

    def __call__(self, record: Record) -> Estimate:
        """Value; in the unit of the column."""
        counted = record.cells(self.column, **self.where)
        keys = [record.cells(key, **self.where) for key in self.keys]
        worst = max(
            abs(value - self.expected(**dict(zip(self.keys, row, strict=True))))
            for value, *row in zip(counted, *keys, strict=True)
        )
        return Estimate(worst, worst, worst)


@dataclass(frozen=True)
class Median:
    """Median of one cell's samples, or the cell itself if it has none."""

    column: str
    where: Where
    label: str = "median"

    def __call__(self, record: Record) -> Estimate:
        """Value and interval; in the unit of the column."""
        samples = _samples(record, self.column, self.where)
        return _estimate(lambda drawn: np.median(drawn, axis=1), samples)


@dataclass(frozen=True)
class Value:
    """A named number of the book, with its format: the prose adds no unit."""

    statistic: Statistic
    format: str = "{:,.0f}"
    scale: float = 1.0

    def text(self, record: Record) -> str:
        """The number as it is printed."""
        return self.format.format(_asked(self.statistic, record).value * self.scale)


@dataclass(frozen=True)
class Claim:
    """A sentence, and the bounds that a statistic must keep for it to be true."""

    sentence: str
    statistic: Statistic
    low: float = -math.inf
    high: float = math.inf
    devices: tuple[str, ...] = ("cpu", "cuda")
    """Kinds of device that the sentence is about."""

    def __post_init__(self) -> None:
        """Refuse a claim that no record can break. Raises: InputError."""
        if not (
            self.low <= self.high and (self.low, self.high) != (-math.inf, math.inf)
        ):
            raise InputError(
                f"claim {self.sentence!r}",
                f"the bounds {self.low} to {self.high} exclude nothing, or everything",
            )

    def judge(self, record: Record) -> "Judgement":
        """Verdict over one record."""
        if record.device.kind not in self.devices:
            return Judgement("not applicable here", "", self.expected)
        estimate = _asked(self.statistic, record)
        inside = self.low <= estimate.low and estimate.high <= self.high
        outside = estimate.high < self.low or self.high < estimate.low
        verdict: Verdict = "holds" if inside else "fails" if outside else "inconclusive"
        text = f"{self.statistic.label} {describe(estimate)}"
        return Judgement(verdict, text, self.expected)

    @property
    def expected(self) -> str:
        """The bounds in words."""
        if self.low == self.high:
            return number(self.low)
        if self.high == math.inf:
            return f"at least {number(self.low)}"
        if self.low == -math.inf:
            return f"at most {number(self.high)}"
        return f"{number(self.low)} to {number(self.high)}"


class Judgement(NamedTuple):
    """A verdict, never without its statistic."""

    verdict: Verdict
    statistic: str
    expected: str


def describe(estimate: Estimate) -> str:
    """A number, with its interval if it has one."""
    if estimate.low == estimate.high:
        return number(estimate.value)
    interval = f"{number(estimate.low)} to {number(estimate.high)}"
    share = f"{CONFIDENCE * 100:.0f} percent"
    return f"{number(estimate.value)} ({share} interval {interval})"


def number(value: float) -> str:
    """Write a count in full, and a float with three significant digits.

    A float that happens to be whole is still written as a float: whether 2.0 or
    1.9999999999999998 comes out depends on the processor, and the text must not.
    """
    if isinstance(value, int) or value == 0:
        return f"{value:,.0f}"
    digits = max(0, 2 - math.floor(math.log10(abs(float(f"{value:.2e}")))))
    return f"{value:,.{digits}f}"


def _asked(statistic: Statistic, record: Record) -> Estimate:
    """Compute a statistic. Raises: InputError if the record yields no finite number."""
    with np.errstate(all="ignore"):
        estimate = statistic(record)
    if not all(map(math.isfinite, estimate)):
        what = f"{statistic.label} is {estimate.value}, which is no number to print"
        raise InputError(f"record of {record.figure}", what)
    return estimate


def _samples(record: Record, column: str, where: Where) -> Samples:
    """Samples of one cell; a cell that is one number is one sample."""
    cell = record.cell(column, **where)
    if cell is None or isinstance(cell, str):
        raise InputError(
            f"record of {record.figure}", f"{column} at {dict(where)} holds {cell!r}"
        )
    return np.asarray(cell if isinstance(cell, list) else [cell], dtype=np.float64)


def _estimate(statistic: Callable[[Samples], Samples], rounds: Samples) -> Estimate:
    """Value and percentile-bootstrap interval of a statistic of rounds.

    ``rounds`` has a round per row; the statistic gets (resamples, rounds, …).
    """
    value = float(statistic(rounds[np.newaxis])[0])
    if len(rounds) == 1 or np.ptp(rounds, axis=0).max() == 0:
        return Estimate(value, value, value)
    interval = bootstrap(
        (np.arange(len(rounds)),),
        lambda chosen, axis: statistic(rounds[chosen]),  # noqa: ARG005 - always the last axis
        vectorized=True,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.Generator(np.random.PCG64(SEED)),
    ).confidence_interval
    return Estimate(value, float(interval.low), float(interval.high))
