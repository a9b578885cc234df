"""How many rounds decide: an interval for a median, whatever the noise is like.

Of n independent samples, each is below the median of what they are drawn from
with chance 1/2, whatever the distribution: outliers, skew and unequal variance
included. So the k-th smallest lies above that median with chance
``Σ_{i<k} C(n, i) / 2ⁿ`` (the sign test; Thompson 1936, Ann. Math. Statist. 7(3):
122-128). The clock stops, and a claim is decided, by this one interval.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import comb, inf

ERROR = 4e-5
"""Chance that the median lies above the interval, and that it lies below it.

A claim is wrongly decided only if the truth lies beyond one end. Less than half of
one in 10,000 leaves room for a clock that stops when the interval is narrow enough,
which makes errors more frequent by half (``benchmarks/false_alarms.py`` shows it).
"""


def rank(rounds: int, error: float = ERROR) -> int:
    """Return the largest k with Σ_{i<k} C(n, i) / 2ⁿ ≤ error, of n rounds.

    The interval reaches from the k-th smallest to the k-th largest sample.
    Edge case: 0 if there are too few rounds for any such interval.
    """
    allowed = Fraction(error) * 2**rounds
    k, below = 0, 1
    while below <= allowed:
        k += 1
        below += comb(rounds, k)
    return k


def fewest_rounds(error: float = ERROR) -> int:
    """Return the smallest number of rounds that has an interval: 2⁻ⁿ ≤ error."""
    rounds = 1
    while rank(rounds, error) == 0:
        rounds += 1
    return rounds


def median_interval(
    samples: Sequence[float], error: float = ERROR
) -> tuple[float, float]:
    """Return an interval that the median is below, and above, with chance ≤ error.

    Precondition: the samples are independent draws, one for each round.
    Edge case: from minus to plus infinity if there are too few of them.
    """
    k = rank(len(samples), error)
    if k == 0:
        return -inf, inf
    ordered = sorted(samples)
    return float(ordered[k - 1]), float(ordered[-k])


def is_narrow(samples: Sequence[float], width: float, error: float = ERROR) -> bool:
    """Whether the interval is no wider than a share of its own upper end."""
    low, high = median_interval(samples, error)
    return high < inf and high - low <= width * abs(high)
