"""The interval for a median: its chance of error is counted, not believed."""

from itertools import product
from math import comb, inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookfigs.measure.interval import (
    ERROR,
    fewest_rounds,
    is_narrow,
    median_interval,
    rank,
)


def missed(rounds: int, k: int) -> float:
    """Chance that the k-th smallest of so many fair draws is above the median.

    Counted over all ways in which draws can lie below (0) and above (1) it.
    """
    ways = list(product((0, 1), repeat=rounds))
    return sum(sorted(way)[k - 1] == 1 for way in ways) / len(ways)


@pytest.mark.parametrize("rounds", range(1, 13))
@pytest.mark.parametrize("error", [0.3, 0.06, 0.011, 0.001])
def test_the_rank_is_the_largest_that_misses_rarely_enough(
    rounds: int, error: float
) -> None:
    k = rank(rounds, error)
    assert k == 0 or missed(rounds, k) <= error
    assert k + 1 > rounds or missed(rounds, k + 1) > error


@pytest.mark.parametrize(("rounds", "k"), [(14, 0), (15, 1), (23, 3), (45, 10)])
def test_the_ranks_that_claims_are_decided_by(rounds: int, k: int) -> None:
    assert rank(rounds) == k


def test_the_rank_of_very_many_rounds_is_exact() -> None:
    k = rank(2000)
    below = sum(comb(2000, i) for i in range(k))
    assert below / 2**2000 <= ERROR < (below + comb(2000, k)) / 2**2000


def test_the_error_allowed_is_below_one_in_10_000_and_fixes_the_fewest_rounds() -> None:
    assert ERROR < 1e-4
    assert fewest_rounds() == 15
    assert fewest_rounds(ERROR / 2) == 16
    assert fewest_rounds(0.5) == 1


@given(st.lists(st.floats(-1e9, 1e9), min_size=15, max_size=60))
def test_the_interval_is_of_samples_and_around_the_middle(samples: list[float]) -> None:
    low, high = median_interval(samples)
    assert low in samples
    assert high in samples
    assert low <= sorted(samples)[len(samples) // 2] <= high


def test_too_few_samples_have_no_interval_and_are_never_narrow() -> None:
    assert median_interval([1.0] * 14) == (-inf, inf)
    assert not is_narrow([1.0] * 14, width=1e9)
    assert is_narrow([1.0] * 15, width=0)


def test_outliers_beyond_the_rank_leave_the_interval_alone() -> None:
    calm = [1.0 + i / 1000 for i in range(23)]
    hit = [*calm[:-2], 50.0, 90.0]
    assert median_interval(calm) == median_interval(hit) == (calm[2], calm[20])


@pytest.mark.parametrize(("width", "narrow"), [(0.05, True), (0.04, False)])
def test_narrow_is_relative_to_the_upper_end(width: float, narrow: bool) -> None:  # noqa: FBT001 - an expectation
    samples = [1.0 - i / 14 * 0.045 for i in range(15)]
    assert is_narrow(samples, width) == narrow
    assert is_narrow([1e-6 * s for s in samples], width) == narrow
