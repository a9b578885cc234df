"""Claims: a sentence, a statistic over a record, and the bounds it has to keep.

The verdict follows from where the interval lies that the statistic is decided on:
inside the bounds *holds*, outside *fails*, across *inconclusive*. For measured
columns that interval misses the truth at one end in fewer than one of 10,000
records, whatever the noise, and it takes ``FEWEST_ROUNDS`` rounds to have one; so a
false alarm, and a false claim that passes, are rarer than that. A bound that a close
column meets only within its tolerance is not met everywhere: *inconclusive*. So is a
claim about rows that are gaps.
"""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from bookfigs.errors import InputError
from bookfigs.estimate import (
    CONFIDENCE,
    Estimate,
    GapError,
    describe,
    number,
)
from bookfigs.measure.interval import fewest_rounds
from bookfigs.record import Record
from bookfigs.rowwise import (
    Deviation,
    Gaps,
    Largest,
    LargestOf,
    Share,
    Smallest,
    SmallestOf,
)
from bookfigs.statistics import (
    Difference,
    Exponent,
    Growth,
    Median,
    Ratio,
    Statistic,
    Where,
)

__all__ = [
    "CONFIDENCE",
    "FEWEST_ROUNDS",
    "Claim",
    "Deviation",
    "Difference",
    "Estimate",
    "Exponent",
    "Gaps",
    "Growth",
    "Judgement",
    "Largest",
    "LargestOf",
    "Median",
    "Ratio",
    "Share",
    "Smallest",
    "SmallestOf",
    "Statistic",
    "Value",
    "Verdict",
    "Where",
    "describe",
    "number",
]

Verdict = Literal["holds", "fails", "inconclusive", "not applicable here"]

FEWEST_ROUNDS = fewest_rounds()
"""Rounds below which no claim over samples is decided."""


@dataclass(frozen=True)
class Value:
    """A named number of the book, with its format: the prose adds no unit."""

    statistic: Statistic
    format: str = "{:,.0f}"
    scale: float = 1.0

    def text(self, record: Record) -> str:
        """The number as it is printed. Raises: GapError where there is none."""
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
        try:
            found = _asked(self.statistic, record)
        except GapError as gap:
            return Judgement("inconclusive", gap.what, self.expected)
        text = f"{self.statistic.label} {describe(found)}"
        verdict = self._verdict(*found.decided_on)
        if verdict == "inconclusive" and found.why:
            text += f"; {found.why}"
        return Judgement(verdict, text, self.expected)

    def _verdict(self, least: float, most: float) -> Verdict:
        """Compare an interval with the bounds."""
        if self.low <= least and most <= self.high:
            return "holds"
        return "fails" if most < self.low or self.high < least else "inconclusive"

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
    """A verdict, never without its statistic, or the reason why there is none."""

    verdict: Verdict
    statistic: str
    expected: str


def _asked(statistic: Statistic, record: Record) -> Estimate:
    """Compute a statistic. Raises: InputError if the record yields no finite number."""
    with np.errstate(all="ignore"):
        found = statistic(record)
    if not all(map(math.isfinite, (found.value, found.low, found.high))):
        what = f"{statistic.label} is {found.value}, which is no number to print"
        raise InputError(f"record of {record.figure}", what)
    return found
