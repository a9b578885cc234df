"""What was found of alarms: none without a lie, one for each lie that was planted."""

import json
from typing import Any

from alarms import ALARM, is_sound, table
from smallbook import ROOT
from timedbook import LIES

BENCHMARKS = ROOT / "benchmarks"
FOUND = json.loads((BENCHMARKS / "alarms.json").read_text())["runs"]

HONEST = 30
"""Runs without a lie that have to be quiet."""


def runs(lie: str) -> list[dict[str, Any]]:
    return [run for run in FOUND if run["lie"] == lie]


def test_no_honest_run_raised_an_alarm_while_the_machine_was_busy() -> None:
    assert len(runs("")) >= HONEST
    assert {run["status"] for run in runs("")} == {0}


def test_every_kind_of_lie_was_planted_and_found_each_time() -> None:
    assert {run["lie"] for run in FOUND} == {"", *LIES}
    for lie in LIES:
        assert {run["status"] for run in runs(lie)} == {ALARM}, lie


def test_the_table_is_the_one_of_the_runs() -> None:
    assert (BENCHMARKS / "alarms.md").read_text() == table(FOUND)


def test_a_lie_that_passes_and_an_alarm_without_one_are_unsound() -> None:
    assert is_sound({"lie": "", "status": 0})
    assert is_sound({"lie": "a", "status": ALARM})
    assert not is_sound({"lie": "a", "status": 0})
    assert not is_sound({"lie": "", "status": ALARM})
    assert not is_sound({"lie": "a", "status": 1})
