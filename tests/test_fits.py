"""Fits: of steps that follow a law they find its constants, of others they say so."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from bookfigs.claim import Claim
from bookfigs.column import key, seeded
from bookfigs.errors import InputError
from bookfigs.estimate import GapError
from bookfigs.fits import Constant, Tradeoff, law
from bookfigs.record import Gap, Record
from records import record

BATCHES = [2**k for k in range(2, 11)]
SEEDS = 20
CONSTANTS: dict[Constant, float] = {
    "fewest_steps": 50,
    "fewest_samples": 3200,
    "critical_batch": 64,
    "misfit": 0,
}


def steps_at(batch: float, fewest: float = 50, critical: float = 64) -> float:
    """McCandlish's law, solved for the steps."""
    return fewest * (1 + critical / batch)


def table(steps: Sequence[float], batches: Sequence[int], noise: float = 0) -> Record:
    dice = np.random.default_rng(7)
    cells = [[s * math.exp(noise * z) for z in dice.normal(size=SEEDS)] for s in steps]
    return record(batch=(key("sequences"), batches), steps=(seeded("steps"), cells))


def fit(constant: Constant) -> Tradeoff:
    return Tradeoff("steps", "batch", {}, constant)


LAWFUL = [steps_at(B) for B in BATCHES]


@pytest.mark.parametrize(("constant", "value"), CONSTANTS.items())
def test_steps_that_follow_the_law_give_its_constants(
    constant: Constant, value: float
) -> None:
    found = fit(constant)(table(LAWFUL, BATCHES))
    assert found[:3] == pytest.approx((value,) * 3, abs=1e-9)


def test_the_law_is_that_of_the_paper() -> None:
    batches = np.asarray(BATCHES, dtype=np.float64)
    steps = np.asarray([LAWFUL]).T
    fitted = law(batches, steps)
    S, E = steps[:, 0], batches * steps[:, 0]
    product = (S / fitted.fewest_steps - 1) * (E / fitted.fewest_samples - 1)
    assert product == pytest.approx(np.ones(len(BATCHES)))


@pytest.mark.parametrize(
    "constant", ["fewest_steps", "fewest_samples", "critical_batch"]
)
def test_noise_widens_the_interval_around_the_truth(constant: Constant) -> None:
    found = fit(constant)(table(LAWFUL, BATCHES, noise=0.1))
    truth = CONSTANTS[constant]
    least, most = found.decided_on
    assert least < truth < most
    assert least < found.low <= found.value <= found.high < most
    assert found.value == pytest.approx(truth, rel=0.1)


def test_the_misfit_is_the_largest_relative_error_at_any_batch() -> None:
    off = [1.3 * s if B == 64 else s for B, s in zip(BATCHES, LAWFUL, strict=True)]
    assert 0.15 < fit("misfit")(table(off, BATCHES)).value < 0.3


@pytest.mark.parametrize(
    ("steps", "limit"),
    [
        ([1e6 / B for B in BATCHES], BATCHES[-1]),  # never bends
        ([1e6 / B**1.2 for B in BATCHES], BATCHES[-1]),  # faster than ideal
        ([100.0 for _ in BATCHES], BATCHES[0]),  # was flat from the beginning
        ([100 + B for B in BATCHES], BATCHES[0]),  # a larger batch does harm
    ],
)
def test_a_critical_batch_that_was_not_seen_is_limited_to_what_was(
    steps: Sequence[float], limit: float
) -> None:
    seen = table(steps, BATCHES)
    assert fit("critical_batch")(seen).value == limit
    assert fit("fewest_steps")(seen).value > 0
    within = Claim("It lies inside.", fit("critical_batch"), low=16, high=256)
    assert within.judge(seen).verdict == "fails"


def test_a_scale_of_the_steps_leaves_the_critical_batch_as_it_is() -> None:
    slow = table([17 * s for s in LAWFUL], BATCHES)
    assert fit("critical_batch")(slow).value == pytest.approx(64)
    assert fit("fewest_samples")(slow).value == pytest.approx(17 * 3200)


def test_too_few_seeds_decide_nothing() -> None:
    cells = [[s * 0.9, s, s * 1.1] for s in LAWFUL]
    three = record(batch=(key(), BATCHES), steps=(seeded("steps"), cells))
    claim = Claim("It lies inside.", fit("critical_batch"), low=16, high=256)
    judged = claim.judge(three)
    assert judged.verdict == "inconclusive"
    assert "3 samples, where it takes 15" in judged.statistic


def test_two_batch_sizes_are_refused() -> None:
    with pytest.raises(
        InputError, match="batch is 4, 8; a trade-off takes 3 different"
    ):
        fit("critical_batch")(table([100, 50], [4, 8]))


def test_a_batch_size_without_steps_is_a_gap() -> None:
    seen = table(LAWFUL, BATCHES)
    holed = msgspec.structs.replace(seen, gaps=[Gap({"batch": 2048}, "out of memory")])
    with pytest.raises(GapError, match="batch=2048: out of memory"):
        fit("critical_batch")(holed)
