"""What the benchmark says of its goals follows from the samples."""

import pytest

from goals import Found, Goal, judged


def found(**samples: list[float]) -> Found:
    return {
        name.replace("_", " "): {"both": {"samples": seconds}}
        for name, seconds in samples.items()
    }


FOUND = found(mine=[2.0, 4.0, 9.0], other=[1.0, 1.0, 3.0])


@pytest.mark.parametrize(
    ("low", "high", "ratio", "met"),
    [
        (None, 3.0, 3.0, True),
        (None, 2.9, 3.0, False),
        (0.3, None, 1 / 3, True),
        (0.4, None, 1 / 3, False),
        (2.0, 4.0, 3.0, True),
        (3.1, 4.0, 3.0, False),
    ],
)
def test_a_goal_is_judged_by_the_median_ratio_within_a_round(
    low: float | None, high: float | None, ratio: float, *, met: bool
) -> None:
    goal = Goal("mine", "other", low, high)
    seen = goal.ratio(FOUND)
    assert seen == pytest.approx(ratio)
    assert goal.met(ratio) is met


def test_a_goal_says_nothing_where_an_arm_did_not_run() -> None:
    assert Goal("mine", "absent", None, 3).ratio(FOUND) is None


def test_every_missed_goal_is_marked_and_short_sequences_are_left_out() -> None:
    samples = found(fused_loop=[2.0], floor=[1.0], work__efficient_scan=[9.0])
    samples["work-efficient scan"] = samples.pop("work  efficient scan")
    text = judged({"real a_t, 1x2048x4": samples, "real a_t, 1x8192x4": samples})
    assert (
        "| fused loop takes at most 1.3 x floor, real | 1x2048x4: 2.00, missed · "
        "1x8192x4: 2.00, missed |" in text
    )
    assert (
        "| work-efficient scan takes at most 4.5 x floor, real | "
        "1x8192x4: 9.00, missed |" in text
    )
