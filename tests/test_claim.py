"""Claims: the verdict follows from where the interval lies."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookfigs.claim import (
    FEWEST_ROUNDS,
    Claim,
    Deviation,
    Estimate,
    Exponent,
    Median,
    Ratio,
    Statistic,
    Value,
    describe,
    number,
)
from bookfigs.column import close, exact, key, measured
from bookfigs.errors import InputError, UnknownNameError
from bookfigs.estimate import GapError
from bookfigs.record import Gap, Record
from records import record


def timed(noise: float = 0.0, rounds: int = 15) -> Record:
    """Arm ``fast`` takes T seconds, arm ``slow`` takes 3 T², both with noise."""
    generator = np.random.default_rng(0)

    def samples(seconds: float) -> list[float]:
        return [seconds * math.exp(noise * z) for z in generator.normal(size=rounds)]

    lengths = [1, 2, 4, 8]
    return record(
        arm=(key(), ["fast"] * 4 + ["slow"] * 4),
        T=(key("steps"), [*lengths, *lengths]),
        seconds=(
            measured("s"),
            [*map(samples, lengths), *(samples(3 * T**2) for T in lengths)],
        ),
        count=(exact("n"), [T + 1 for T in lengths] * 2),
    )


def ratio(T: int) -> Ratio:
    return Ratio("seconds", {"arm": "slow", "T": T}, {"arm": "fast", "T": T})


def test_ratio_without_noise_is_exact() -> None:
    estimate = ratio(8)(timed())
    assert estimate[:3] == (24.0, 24.0, 24.0)
    assert estimate.decided_on == (24.0, 24.0)


def test_ratio_with_noise_has_an_interval_around_it() -> None:
    estimate = ratio(8)(timed(noise=0.1))
    assert estimate.low < estimate.value < estimate.high
    assert estimate.low < 24 < estimate.high


def test_interval_is_the_same_every_time() -> None:
    assert ratio(8)(timed(noise=0.1)) == ratio(8)(timed(noise=0.1))


def test_disturbance_that_hits_a_whole_round_leaves_the_ratio_alone() -> None:
    disturbed = record(
        arm=(key(), ["fast", "slow"]),
        seconds=(measured("s"), [[1.0, 5.0, 1.1], [2.0, 10.0, 2.2]]),
    )
    estimate = Ratio("seconds", {"arm": "slow"}, {"arm": "fast"})(disturbed)
    assert estimate[:3] == pytest.approx((2.0, 2.0, 2.0))


@pytest.mark.parametrize(("arm", "power"), [("fast", 1), ("slow", 2)])
def test_exponent_of_a_power_law_is_its_power(arm: str, power: int) -> None:
    estimate = Exponent("seconds", "T", {"arm": arm})(timed())
    assert estimate.value == pytest.approx(power)


def test_exponent_may_leave_small_lengths_out() -> None:
    bent = record(
        T=(key("steps"), [1, 2, 4, 8]),
        seconds=(measured("s"), [[4.0], [4.0], [4.0], [8.0]]),
    )
    assert Exponent("seconds", "T", {}, above=4)(bent).value == pytest.approx(1)


def test_interval_of_the_exponent_covers_the_truth() -> None:
    """Of 200 noisy records, about 95 percent cover; 180 is nearly 4 sigma below."""
    covered = 0
    for seed in range(200):
        generator = np.random.default_rng(seed)
        lengths = [1, 2, 4, 8, 16]
        rows = [
            [T * math.exp(0.1 * z) for z in generator.normal(size=25)] for T in lengths
        ]
        noisy = record(T=(key("steps"), [*lengths]), seconds=(measured("s"), [*rows]))
        estimate = Exponent("seconds", "T", {})(noisy)
        covered += estimate.low <= 1 <= estimate.high
    assert covered >= 180


def test_deviation_is_the_worst_row() -> None:
    exactly = Deviation("count", lambda T: T + 1, {"arm": "fast"}, keys=("T",))
    off_by_T = Deviation("count", lambda T: T - T + 1, {"arm": "fast"}, keys=("T",))
    assert exactly(timed()).value == 0
    assert off_by_T(timed()).value == 8


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (20, 30, "holds"),
        (2, math.inf, "holds"),
        (30, math.inf, "fails"),
        (-math.inf, 20, "fails"),
        (24, math.inf, "inconclusive"),
    ],
)
def test_verdict_follows_from_where_the_interval_lies(
    low: float, high: float, verdict: str
) -> None:
    claim = Claim("It is slow.", ratio(8), low=low, high=high)
    assert claim.judge(timed(noise=0.1, rounds=60)).verdict == verdict


def test_what_is_shown_may_lie_inside_the_bounds_and_not_decide() -> None:
    noisy = timed(noise=0.1)
    estimate = ratio(8)(noisy)
    least, most = estimate.decided_on
    assert least < estimate.low < estimate.high < most
    bound = (least + estimate.low) / 2
    verdict, statistic, _ = Claim("It is slow.", ratio(8), low=bound).judge(noisy)
    assert verdict == "inconclusive"
    said = f"; {number(least)} to {number(most)} at 99.99 percent, 15 samples"
    assert statistic.endswith(said)


def test_a_decided_claim_says_nothing_of_what_it_was_decided_on() -> None:
    shown = Claim("It is slow.", ratio(8), low=2).judge(timed(noise=0.1)).statistic
    assert shown == f"ratio {describe(ratio(8)(timed(noise=0.1)))}"


@pytest.mark.parametrize("rounds", [1, 2, FEWEST_ROUNDS - 1])
def test_too_few_rounds_decide_nothing_however_clear_they_are(rounds: int) -> None:
    claim = Claim("It is slow.", ratio(8), low=2)
    verdict, statistic, _ = claim.judge(timed(rounds=rounds))
    assert verdict == "inconclusive"
    assert f"{rounds} sample" in statistic
    assert "where it takes 15 to decide" in statistic
    assert claim.judge(timed(rounds=FEWEST_ROUNDS)).verdict == "holds"


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.9, math.inf, "holds"),
        (0.985, math.inf, "inconclusive"),
        (0.995, math.inf, "inconclusive"),
        (1.02, math.inf, "fails"),
        (0.97, 1.02, "holds"),
        (-math.inf, 0.995, "inconclusive"),
        (-math.inf, 0.97, "fails"),
    ],
)
def test_a_bound_that_is_met_only_within_the_tolerance_decides_nothing(
    low: float, high: float, verdict: str
) -> None:
    seeded = record(error=(close("", tolerance=0.015), [0.99]))
    claim = Claim("It is so.", Median("error", {}), low=low, high=high)
    judged = claim.judge(seeded)
    assert judged.verdict == verdict
    assert ("0.975 to 1.00 within its tolerance" in judged.statistic) == (
        verdict == "inconclusive"
    )


def test_a_claim_about_a_gap_is_not_decided_and_says_why() -> None:
    gap = record(arm=(key(), ["a", "b"]), seconds=(measured("s"), [None, [1.0]]))
    claim = Claim("It is slow.", Ratio("seconds", {"arm": "a"}, {"arm": "b"}), low=1)
    assert claim.judge(gap) == (
        "inconclusive",
        "a gap: seconds at arm='a' was not to be had",
        "at least 1",
    )


def test_a_claim_about_a_point_that_has_no_rows_is_not_decided() -> None:
    reason = "out of memory"
    table = record(T=(key("steps"), [1, 2]), n=(exact("n"), [1, 2]))
    short = msgspec.structs.replace(table, gaps=[Gap({"T": 4}, reason)])
    verdict, statistic, _ = Claim("It is.", Median("n", {"T": 4}), low=1).judge(short)
    assert (verdict, statistic) == ("inconclusive", "a gap: T=4: out of memory")
    assert Claim("It is.", Median("n", {"T": 2}), low=1).judge(short).verdict == "holds"
    with pytest.raises(UnknownNameError, match="no row with"):
        Claim("It is.", Median("n", {"T": 3}), low=1).judge(short)


def test_verdict_carries_statistic_and_bounds() -> None:
    judgement = Claim("It is slow.", ratio(8), low=2).judge(timed())
    assert judgement == ("holds", "ratio 24.0", "at least 2")


def test_claim_about_another_kind_of_device_is_not_applicable() -> None:
    claim = Claim("It is slow.", ratio(8), low=2, devices=("cuda",))
    assert claim.judge(timed()).verdict == "not applicable here"


@pytest.mark.parametrize(("low", "high"), [(-math.inf, math.inf), (2, 1)])
def test_claim_that_no_record_or_every_record_breaks_is_refused(
    low: float, high: float
) -> None:
    with pytest.raises(InputError, match="exclude nothing, or everything"):
        Claim("It is slow.", ratio(8), low=low, high=high)


def test_gap_in_the_record_is_named_rather_than_guessed() -> None:
    gap = record(arm=(key(), ["a", "b"]), seconds=(measured("s"), [None, [1.0]]))
    with pytest.raises(GapError, match="a gap: seconds at arm='a'"):
        Ratio("seconds", {"arm": "a"}, {"arm": "b"})(gap)


def test_value_is_formatted_by_its_definition() -> None:
    value = Value(Median("seconds", {"arm": "slow", "T": 8}), "{:.2f} ms", scale=1e3)
    assert value.text(timed()) == "192000.00 ms"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12345, "12,345"),
        (1.0449, "1.04"),
        (0.01234, "0.0123"),
        (123.4, "123"),
        (9.999, "10.0"),
        (2.0, "2.00"),
        (1.9999999999999998, "2.00"),
        (0.000123, "0.000123"),
        (4.9404e-13, "4.94 × 10⁻¹³"),
        (-4.9404e-13, "-4.94 × 10⁻¹³"),
        (9.999e-5, "0.000100"),
        (1.2345e12, "1.23 × 10¹²"),
        (float("inf"), "inf"),
    ],
)
def test_number_has_three_significant_digits(value: float, text: str) -> None:
    assert number(value) == text


@given(st.floats(min_value=1e-12, max_value=1e12))
def test_printed_number_is_within_half_a_unit_of_its_third_digit(value: float) -> None:
    plain = number(value).translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789", ","))
    printed = float(plain.replace(" × 10", "e"))
    assert printed == pytest.approx(value, rel=0.0051)


def test_estimate_is_described_with_its_interval() -> None:
    shown = describe(Estimate(2.0, 1.5, 2.5))
    assert shown == "2.00 (95 percent interval 1.50 to 2.50)"


@pytest.mark.parametrize(
    ("statistic", "said"),
    [
        (Ratio("n", {"n": 0}, {"n": 0}), "ratio is nan, which is no number to print"),
        (Ratio("n", {"n": 1}, {"n": 0}), "ratio is inf, which is no number to print"),
        (Exponent("n", "n", {}, above=1), "exponent is nan"),
        (Exponent("n", "n", {}, above=9), "has n from 9 on"),
    ],
)
def test_statistic_that_is_no_number_is_a_message(
    statistic: Statistic, said: str
) -> None:
    table = record(n=(key(), [0, 1]))
    with pytest.raises(InputError, match=said):
        Value(statistic).text(table)
    with pytest.raises(InputError, match=said):
        Claim("It is.", statistic, low=1).judge(table)
