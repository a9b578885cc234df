"""Statistics: of known numbers they are what the definition says."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from bookfigs.claim import (
    Claim,
    Deviation,
    Difference,
    Exponent,
    Gaps,
    Growth,
    Largest,
    LargestOf,
    Median,
    Ratio,
    Share,
    Smallest,
    SmallestOf,
    Statistic,
    Where,
)
from bookfigs.column import close, exact, key, measured
from bookfigs.errors import InputError
from bookfigs.estimate import GapError
from bookfigs.record import Gap, Record
from records import record

ROUNDS = 15


def samples(value: float, noise: float = 0.0, seed: int = 0) -> list[float]:
    """Rounds whose median is the value: as many above as below."""
    spread = np.random.default_rng(seed).permutation(np.linspace(-1, 1, ROUNDS))
    return [value * math.exp(noise * s) for s in spread]


def table(noise: float = 0.0) -> Record:
    """Arm a counts T² and takes T seconds, arm b counts T and takes 3 - T/4."""
    lengths = [1, 2, 4]
    return record(
        arm=(key(), ["a"] * 3 + ["b"] * 3),
        T=(key("steps"), lengths * 2),
        count=(exact("n"), [1, 4, 16, 1, 2, 4]),
        error=(close("", tolerance=0.1), [1.0, 4.0, 16.0, 1.0, 2.0, 4.0]),
        seconds=(
            measured("s"),
            [samples(T, noise, T) for T in lengths]
            + [samples(3 - T / 4, noise, T + 9) for T in lengths],
        ),
    )


A, B = {"arm": "a"}, {"arm": "b"}
A4: Where = {"arm": "a", "T": 4}
B4: Where = {"arm": "b", "T": 4}


@pytest.mark.parametrize(
    ("statistic", "value"),
    [
        (Median("count", A4), 16),
        (Median("seconds", A4), 4),
        (Ratio("seconds", A4, B4), 2),
        (Ratio("count", A4, B4), 4),
        (Difference("seconds", A4, B4), 2),
        (Difference("seconds", B4, A4), -2),
        (Difference("count", A4, B4), 12),
        (Exponent("seconds", "T", A), 1),
        (Exponent("count", "T", A), 2),
        (Exponent("error", "T", A, above=2), 2),
        (Growth("count", "T", A), 4),
        (Growth("seconds", "T", A), 2),
        (Growth("seconds", "T", B), 2 / 2.5),
        (Growth("seconds", "T", B, largest=True), 2.5 / 2.75),
        (Largest("count", {}), 16),
        (Smallest("count", {"T": 4}), 4),
        (Largest("seconds", B), 2.75),
        (Smallest("seconds", B), 2),
        (LargestOf((Ratio("count", A4, B4), Median("count", B4))), 4),
        (SmallestOf((Ratio("seconds", A4, B4), Median("seconds", A4))), 2),
        (Share("count", {}, low=4), 0.5),
        (Share("seconds", B, high=2.5), 2 / 3),
        (Deviation("count", lambda T: T, B, ("T",)), 0),
        (Deviation("count", lambda T: T, A, ("T",)), 12),
        (Deviation("error", lambda count: count, {}, ("count",)), 0),
        (Gaps("seconds", {}), 0),
    ],
)
def test_a_statistic_without_noise_is_exact(statistic: Statistic, value: float) -> None:
    estimate = statistic(table())
    assert estimate[:3] == pytest.approx((value,) * 3)


@pytest.mark.parametrize(
    ("statistic", "least", "most"),
    [
        (Median("error", B4), 4 / 1.1, 4.4),
        (Ratio("error", A4, B4), 4 / 1.21, 4 * 1.21),
        (Difference("error", A4, B4), 16 / 1.1 - 4.4, 17.6 - 4 / 1.1),
        (Exponent("error", "T", A), 2 - math.log2(1.1), 2 + math.log2(1.1)),
        (Growth("error", "T", B), 2 / 1.21, 2 * 1.21),
        (Largest("error", A), 16 / 1.1, 17.6),
        (Smallest("error", A), 1 / 1.1, 1.1),
        (Share("error", A, low=4), 1 / 3, 2 / 3),
        (Deviation("error", lambda T: T, A, ("T",)), 10.4, 13.6),
    ],
)
def test_a_close_column_is_decided_on_what_another_machine_may_find(
    statistic: Statistic, least: float, most: float
) -> None:
    assert statistic(table()).decided_on == pytest.approx((least, most))


@pytest.mark.parametrize(
    ("statistic", "truth"),
    [
        (Median("seconds", A4), 4),
        (Ratio("seconds", A4, B4), 2),
        (Difference("seconds", A4, B4), 2),
        (Exponent("seconds", "T", A), 1),
    ],
)
def test_noise_makes_what_is_decided_on_wider_than_what_is_shown(
    statistic: Statistic, truth: float
) -> None:
    estimate = statistic(table(noise=0.1))
    least, most = estimate.decided_on
    assert least < estimate.low <= estimate.value <= estimate.high < most
    assert least < truth < most
    assert (least, most) != (-math.inf, math.inf)


@pytest.mark.parametrize(
    "statistic",
    [
        Growth("seconds", "T", A),
        Largest("seconds", A),
        LargestOf((Median("seconds", A4), Median("seconds", B4))),
    ],
)
def test_many_rows_take_more_rounds_than_one(statistic: Statistic) -> None:
    assert statistic(table(noise=0.1)).decided_on == (-math.inf, math.inf)
    judged = Claim("It is.", statistic, low=0.1).judge(table(noise=0.1))
    assert judged.verdict == "inconclusive"
    assert "15 samples, where it takes 1" in judged.statistic


@pytest.mark.parametrize("rounds", [17, 25])
def test_rows_that_are_clear_of_each_other_are_decided_together(rounds: int) -> None:
    dice = np.random.default_rng(rounds)

    def row(value: float) -> list[float]:
        return [value * math.exp(0.1 * z) for z in dice.standard_normal(rounds)]

    growing = record(
        T=(key(), [1, 2, 4, 8]), seconds=(measured("s"), [row(T) for T in (1, 2, 4, 8)])
    )
    for statistic, low, high in (
        (Growth("seconds", "T", {}), 1.0, 3.0),
        (Largest("seconds", {}), 6.0, 12.0),
        (Smallest("seconds", {}), 0.7, 1.5),
        (Share("seconds", {}, high=3), 0.5, 0.5),
    ):
        judged = Claim("It is.", statistic, low=low, high=high).judge(growing)
        assert judged.verdict == "holds", judged


def test_an_exact_column_stands_beside_every_round_of_a_measured_one() -> None:
    mixed = record(
        what=(key(), ["limit", "seen"]),
        seconds=(measured("s"), [[2.0], samples(6.0)]),
        steps=(exact("n"), [2, 3]),
    )
    assert Ratio("steps", {"what": "seen"}, {"what": "limit"})(mixed).value == 1.5
    rounds = Ratio("seconds", {"what": "seen"}, {"what": "limit"})(mixed)
    assert rounds.why.startswith("1 sample, where it takes")


@pytest.mark.parametrize(
    "statistic",
    [
        Median("seconds", A4),
        Ratio("seconds", A4, B4),
        Exponent("seconds", "T", A),
        Growth("seconds", "T", A),
        Largest("seconds", {}),
        Share("seconds", {}, low=1),
        LargestOf((Median("seconds", B4), Median("seconds", A4))),
    ],
)
def test_a_gap_among_the_rows_is_named(statistic: Statistic) -> None:
    columns = dict(table().columns)
    cells: Sequence[object] = columns["seconds"].values
    holed = [None if i == 2 else cell for i, cell in enumerate(cells)]
    columns["seconds"] = msgspec.structs.replace(columns["seconds"], values=holed)
    holey = msgspec.structs.replace(table(), columns=columns)
    with pytest.raises(GapError, match=r"a gap: seconds at .* was not to be had"):
        statistic(holey)
    assert Gaps("seconds", {})(holey).value == 1
    assert Gaps("seconds", B)(holey).value == 0
    assert Claim("It is.", statistic, low=1).judge(holey).verdict == "inconclusive"


def test_points_without_rows_are_gaps_too() -> None:
    short = msgspec.structs.replace(table(), gaps=[Gap({"T": 8}, "out of memory")])
    assert Gaps("seconds", {})(short).value == 1
    assert Gaps("seconds", {"T": 8})(short).value == 1
    assert Gaps("seconds", {"T": 4})(short).value == 0


@pytest.mark.parametrize(
    ("statistic", "said"),
    [
        (Median("arm", A4), "arm holds 'a', which is no number"),
        (
            Deviation("seconds", lambda T: T, A, ("T",)),
            "Deviation is for single numbers",
        ),
        (Growth("count", "T", A4), "nothing grows"),
        (Median("count", A), "3 rows with .*: name more of the keys arm, T"),
    ],
)
def test_what_a_statistic_cannot_be_computed_of_is_a_message(
    statistic: Statistic, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        statistic(table())
