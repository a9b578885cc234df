"""The gates: each refuses what it is there for, and says by how much."""

from typing import Any

import msgspec
import pytest

from bookfigs.column import close, exact, key, measured
from bookfigs.measure.conditions import Conditions
from bookfigs.publish import FEWEST_SAMPLES, gates, remarks
from bookfigs.record import Gap, Record
from records import MADE, record

SAMPLES = [1.0 + i / 100 for i in range(FEWEST_SAMPLES)]
QUIET = Conditions(windows=60, refused_windows=6, refused={"loaded": 6}, others=0.2)


def timed(samples: list[float] | None = None, **made: Any) -> Record:
    """A record that passes every gate, but for what is changed."""
    table = record(
        arm=(key(), ["a", "b"]),
        seconds=(measured("s"), [SAMPLES, SAMPLES if samples is None else samples]),
    )
    changes = {"conditions": QUIET, **made}
    return msgspec.structs.replace(
        table, provenance=msgspec.structs.replace(MADE, **changes)
    )


def seen(**changes: object) -> Conditions:
    return msgspec.structs.replace(QUIET, **changes)


def test_a_record_of_a_quiet_machine_and_a_clean_tree_passes() -> None:
    assert gates(timed()) == []


def test_an_older_record_without_conditions_is_judged_by_its_load() -> None:
    assert gates(timed(conditions=None)) == []
    assert gates(timed(conditions=None, load=2.5)) == [
        "the machine was busy (load 2.5 on 2 cores)"
    ]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"commit": ""}, "measured outside of git"),
        ({"dirty": True}, "tracked files differed from the commit"),
        ({"load": 2.01}, r"the machine was busy \(load 2.01 on 2 cores\)"),
        (
            {
                "conditions": seen(
                    disturbed_windows=7,
                    disturbed={"loaded": 4, "stolen": 3},
                    others=1.4,
                    steal=0.25,
                )
            },
            (
                r"7 of 60 timing windows were disturbed, more than 10% \(loaded: 4, "
                "stolen: 3; other programs used up to 1.4 cores; the host took up to "
            ),
        ),
        (
            {"conditions": seen(refused_windows=61, refused={"unsteady": 61})},
            (
                r"61 of 121 timing windows had to be repeated, more than 50% "
                r"\(unsteady: 61\)"
            ),
        ),
        (
            {
                "conditions": seen(
                    disturbed_windows=1,
                    disturbed={"throttled": 1},
                    throttling=["power brake"],
                )
            },
            "1 of 60 timing windows were throttled by power brake",
        ),
    ],
)
def test_each_gate_refuses_with_its_numbers(made: dict[str, Any], said: str) -> None:
    (refusal,) = gates(timed(**made))
    with pytest.raises(ValueError, match=said):
        raise ValueError(refusal)


@pytest.mark.parametrize(
    "conditions",
    [
        seen(disturbed_windows=6, disturbed={"loaded": 6}),
        seen(refused_windows=60, refused={"loaded": 60}),
    ],
)
def test_a_machine_that_is_disturbed_now_and_then_passes(
    conditions: Conditions,
) -> None:
    assert gates(timed(conditions=conditions)) == []


def test_samples_that_cannot_decide_a_claim_are_refused() -> None:
    assert FEWEST_SAMPLES == 15
    assert gates(timed(SAMPLES[:-1])) == [
        "seconds, row 2: 14 samples, fewer than the 15 that it takes to decide a claim"
    ]


def test_samples_that_spread_too_far_are_refused() -> None:
    wide = [1.0, 2.0, 4.0] * 5
    (refusal,) = gates(timed(wide))
    assert refusal.startswith("seconds, row 2: the middle half of its samples spreads")
    assert refusal.endswith("over 150% of their median, more than 100%")


def test_what_was_only_counted_needs_no_quiet_machine() -> None:
    counted = record(n=(exact("n"), [1, 2]))
    busy = msgspec.structs.replace(
        MADE, load=9.0, conditions=seen(refused_windows=999, disturbed_windows=50)
    )
    assert gates(msgspec.structs.replace(counted, provenance=busy)) == []


def test_gaps_are_published_and_told() -> None:
    columns = dict(timed().columns)
    columns["seconds"] = msgspec.structs.replace(
        columns["seconds"], values=[None, SAMPLES]
    )
    holey = msgspec.structs.replace(
        timed(), columns=columns, gaps=[Gap({"T": 8}, "out of memory")]
    )
    assert gates(holey) == []
    assert remarks(holey) == [
        "a gap: T=8: out of memory (no rows); claims about it stay open here",
        "a gap: seconds, row 1; claims about it stay open here",
    ]
    assert remarks(timed()) == []


def test_many_gaps_are_told_in_a_few_words() -> None:
    cells = [None, None, None, 4.0, None, 6.0, None, None]
    holey = record(
        n=(key("steps"), list(range(8))), share=(close("1", tolerance=0.1), cells)
    )
    assert remarks(holey) == [
        "a gap: share, rows 1 to 3, 5, 7 to 8; claims about it stay open here"
    ]
