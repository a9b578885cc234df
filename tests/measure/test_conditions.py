"""Conditions: what the clocks saw, gathered, merged, written and read back."""

import subprocess
import sys
from contextlib import suppress

import msgspec
import pytest

from bookfigs.canonical import to_json
from bookfigs.measure.conditions import Conditions, Run, Window, watch, watching
from bookfigs.record import Provenance
from records import MADE
from smallbook import ROOT


def seen(*windows: Window, refused: int = 0, **settings: str) -> Conditions:
    with watch() as found:
        for window in windows:
            watching().keep(window)
        for _ in range(refused):
            watching().refuse(Window(["loaded"]))
        for name, value in settings.items():
            watching().note(name, value)
        watching().runs.append(Run(15, "narrow", {"a": [2.0, 1.0]}))
    return found


CALM = Window([], 0.1, 0.0, 2000, 2600, 50.0, 1.1)
HOT = Window(["throttled", "unsteady"], 0.3, 0.02, 1200, 2500, 90.0, 2.5, ["thermal"])
SILENT = Window()
"""A machine that tells nothing."""


def test_of_the_numbers_the_worst_is_kept_and_the_windows_are_counted() -> None:
    found = seen(CALM, HOT, SILENT, refused=2, threads="2")
    assert found == Conditions(
        runs=[Run(15, "narrow", {"a": [2.0, 1.0]})],
        windows=3,
        refused_windows=2,
        refused={"loaded": 2},
        disturbed_windows=1,
        disturbed={"throttled": 1, "unsteady": 1},
        others=0.3,
        steal=0.02,
        slowest_mhz=1200,
        fastest_mhz=2600,
        celsius=90.0,
        unsteady=2.5,
        throttling=["thermal"],
        settings={"threads": "2"},
    )


def test_what_a_machine_does_not_tell_stays_unknown() -> None:
    found = seen(SILENT)
    assert (found.windows, found.others, found.celsius) == (1, None, None)
    assert b"celsius" not in to_json(found)


@pytest.mark.parametrize("split", range(4))
def test_points_merge_to_what_one_process_would_have_seen(split: int) -> None:
    windows = [CALM, HOT, SILENT]
    one, other = seen(*windows[:split], refused=1), seen(*windows[split:], refused=2)
    whole = seen(*windows, refused=3)
    whole.runs = [*one.runs, *other.runs]
    before = to_json([one, other])
    assert one.merge(other) == Conditions.merge(one, other) == whole
    assert Conditions().merge(one, other) == whole
    assert to_json([one, other]) == before


def test_settings_that_differ_between_points_are_all_told() -> None:
    one, other = seen(threads="2", cuda="12.8"), seen(threads="1")
    merged = one.merge(other, seen(threads="2"))
    assert merged.settings == {"threads": "2 | 1", "cuda": "12.8"}
    assert merged.merge(merged).settings == merged.settings


def test_conditions_survive_json() -> None:
    found = seen(CALM, HOT, refused=1, threads="2")
    assert msgspec.json.decode(to_json(found), type=Conditions) == found
    assert msgspec.convert(msgspec.to_builtins(found), Conditions) == found


def test_provenance_holds_them_and_an_old_one_is_read_and_written_as_it_was() -> None:
    old = to_json(MADE)
    assert b"conditions" not in old
    assert b"system" not in old
    assert to_json(msgspec.json.decode(old, type=Provenance)) == old
    new = msgspec.structs.replace(
        MADE, conditions=seen(CALM), system={"machine": "x86_64"}
    )
    assert msgspec.json.decode(to_json(new), type=Provenance) == new


def fail() -> None:
    watching().keep(HOT)
    raise ZeroDivisionError


def test_a_watch_sees_only_what_happens_inside_it() -> None:
    watching().keep(HOT)
    with watch() as outer:
        watching().keep(CALM)
        with watch() as inner:
            watching().keep(HOT)
        with suppress(ZeroDivisionError), watch():
            fail()
        watching().keep(CALM)
    assert (outer.windows, inner.windows) == (2, 1)
    assert watching() is not outer


def test_two_watches_share_nothing() -> None:
    first, second = seen(HOT, refused=1, threads="2"), seen()
    assert first.disturbed
    assert not second.disturbed
    assert not second.refused
    assert not second.settings


def test_watching_needs_neither_torch_nor_the_engine() -> None:
    script = (
        "import sys, bookfigs.measure.conditions, bookfigs.measure.readings\n"
        "print(sorted(n for n in sys.modules if n in {'torch', 'numpy'} or\n"
        "             n.startswith('bookfigs.') and '.measure' not in n))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
