"""The machine: read from files that tests write; a source that is missing is None."""

from pathlib import Path
from typing import Any

import pytest

from bookfigs.measure import gpu, readings
from bookfigs.measure.conditions import Reason
from bookfigs.measure.gpu import Gpu, read_gpu, smi
from bookfigs.measure.readings import Machine, Reading

TICK = 0.01
QUICK = 0.001


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings, "cores", lambda: ["cpu0", "cpu3"])
    monkeypatch.setattr(readings, "_tick_rate", lambda: 1 / TICK)
    monkeypatch.setattr(readings, "_probe", lambda: QUICK)


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


CORE0 = "sys/devices/system/cpu/cpu0"
TREE = {
    "proc/stat": (
        "cpu  9 9 9 9 9 9 9 9 0 0\n"
        "cpu0 100 10 20 5000 7 3 2 40 50 0\n"
        "cpu1 9999 0 0 0 0 0 0 9999 0 0\n"
        "cpu3 200 0 0 5000 0 0 0 2 0 0\n"
        "intr 1 2 3\n"
    ),
    "proc/cpuinfo": "cpu MHz\t\t: 2596.1\nmodel name : x\ncpu MHz\t\t: 1200.5\n",
    "sys/class/thermal/thermal_zone0/temp": "45000\n",
    "sys/class/thermal/thermal_zone1/temp": "61500\n",
    "sys/class/thermal/thermal_zone2/temp": "-273000\n",
    f"{CORE0}/thermal_throttle/core_throttle_count": "3\n",
    f"{CORE0}/thermal_throttle/package_throttle_count": "4\n",
}


def test_everything_is_read_of_the_cores_of_this_process(tmp_path: Path) -> None:
    write(tmp_path, TREE)
    reading = Machine("cpu", root=tmp_path).read()
    assert reading.busy == pytest.approx((100 + 10 + 20 + 3 + 2 + 200) * TICK)
    assert reading.steal == pytest.approx(42 * TICK)
    assert reading.throttles == 7
    assert reading.megahertz == (2596.1, 1200.5)
    assert reading.celsius == 61.5
    assert reading.own > 0


def test_the_frequency_of_each_core_is_preferred_where_there_is_one(
    tmp_path: Path,
) -> None:
    write(tmp_path, {**TREE, f"{CORE0}/cpufreq/scaling_cur_freq": "1800000\n"})
    assert Machine("cpu", root=tmp_path).read().megahertz == (1800.0,)


@pytest.mark.parametrize("missing", [None, *TREE])
def test_a_source_that_is_missing_or_garbled_is_unknown_and_no_error(
    tmp_path: Path, missing: str | None
) -> None:
    write(tmp_path, TREE)
    for name in TREE if missing is None else [missing]:
        (tmp_path / name).write_bytes(b"\xff garbled \x00")
    here = Machine("cpu", root=tmp_path)
    window = here.window(here.read(), here.read())
    assert window.reasons == []
    if missing is None:
        for name in TREE:
            (tmp_path / name).unlink()
        empty = Machine("cpu", root=tmp_path).read()
        told = (empty.busy, empty.steal, empty.throttles, empty.celsius)
        assert told == (None, None, None, None)
        assert empty.megahertz == ()


def test_this_machine_can_be_read() -> None:
    here = Machine("cpu")
    before = here.read()
    window = here.window(before, here.read())
    assert set(window.reasons) <= {"throttled", "loaded", "stolen", "unsteady"}


CALM = Reading(0.0, 10.0, 5.0, 1.0, 7, (2000.0,), 50.0, QUICK)
"""Ten seconds later the process has used 15 core-seconds of two cores, alone."""
LATER = Reading(10.0, 25.0, 20.0, 1.0, 7, (2600.0,), 60.0, QUICK)


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        ({}, []),
        ({"busy": 27.0}, []),
        ({"busy": 28.0}, ["loaded"]),
        ({"steal": 1.9}, []),
        ({"steal": 2.1}, ["stolen"]),
        ({"throttles": 8}, ["throttled"]),
        ({"throttling": ("power brake",)}, ["throttled"]),
        ({"probe": 1.7 * QUICK}, []),
        ({"probe": 1.9 * QUICK}, ["unsteady"]),
        ({"busy": 29.0, "steal": 5.0}, ["loaded", "stolen"]),
        ({"busy": None, "steal": None, "throttles": None}, []),
    ],
)
def test_what_speaks_against_a_window(
    tmp_path: Path, change: dict[str, Any], reasons: list[Reason]
) -> None:
    here = Machine("cpu", root=tmp_path)
    here.read()  # the quickest probe
    window = here.window(CALM, LATER._replace(**change))
    assert window.reasons == reasons


def test_a_window_tells_the_numbers_that_it_was_judged_by(tmp_path: Path) -> None:
    here = Machine("cpu", root=tmp_path)
    here.read()
    after = LATER._replace(busy=28.0, steal=3.0, probe=2 * QUICK)
    window = here.window(CALM, after)
    assert (window.others, window.steal, window.unsteady) == (0.3, 0.1, 2.0)
    assert (window.slowest_mhz, window.fastest_mhz) == (2000.0, 2600.0)
    assert window.celsius == 60.0


def test_a_few_ticks_of_the_kernel_mean_nothing_in_a_short_window(
    tmp_path: Path,
) -> None:
    here = Machine("cpu", root=tmp_path)
    here.read()
    short = CALM._replace(at=0.05, busy=10.08, own=5.05, steal=1.03)
    assert here.window(CALM, short).reasons == []
    longer = CALM._replace(at=0.1, busy=10.15, own=5.1, steal=1.04)
    assert here.window(CALM, longer).reasons == ["loaded", "stolen"]


def test_a_kernel_that_counts_other_cores_than_ours_tells_nothing_of_load(
    tmp_path: Path,
) -> None:
    here = Machine("cpu", root=tmp_path)
    here.read()
    assert here.window(CALM, LATER._replace(busy=10.0)).others is None


def test_where_a_gpu_does_the_work_more_load_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "cores", lambda: [f"cpu{i}" for i in range(16)])
    here = Machine("cuda", root=tmp_path, ask=lambda *_: None)
    here.read()
    assert here.window(CALM, LATER._replace(busy=55.0)).reasons == []
    assert here.window(CALM, LATER._replace(busy=75.0)).reasons == ["loaded"]


def test_a_gpu_tells_its_own_clock_temperature_and_limits(tmp_path: Path) -> None:
    write(tmp_path, TREE)
    answers = iter(["1980, 45, 0x0000000000000004", "1200, 88, 0x0000000000000068"])
    here = Machine("cuda", root=tmp_path, ask=lambda *_: next(answers))
    before = here.read()
    assert (before.megahertz, before.celsius) == ((1980.0,), 45.0)
    assert here.read().celsius == 45.0  # the answer is used again
    here._gpu = (float("-inf"), None)
    window = here.window(before, here.read())
    assert window.reasons == ["throttled"]
    assert window.throttling == [
        "hardware slowdown",
        "thermal slowdown (hardware)",
        "thermal slowdown (software)",
    ]
    assert (window.slowest_mhz, window.fastest_mhz) == (1200.0, 1980.0)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("1980, 45, 0x0000000000000001", Gpu((1980.0,), 45.0, ())),
        ("[N/A], [N/A], [N/A]", Gpu((), None, ())),
        ("1980, 45, 0x80", Gpu((1980.0,), 45.0, ("power brake",))),
        (None, None),
        ("", None),
        ("No devices were found", None),
    ],
)
def test_the_answer_of_the_driver(answer: str | None, expected: Gpu | None) -> None:
    assert read_gpu(lambda *_: answer) == expected


def test_an_older_driver_is_asked_by_its_older_name() -> None:
    asked: list[str] = []

    def ask(*fields: str) -> str | None:
        asked.append(fields[-1])
        return "1980, 45, 0x8" if "throttle" in fields[-1] else None

    found = read_gpu(ask)
    assert found is not None
    assert found.throttling == ("hardware slowdown",)
    assert asked == ["clocks_event_reasons.active", "clocks_throttle_reasons.active"]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a program in the place of nvidia-smi that repeats what it is asked."""
    path = tmp_path / "bin" / "nvidia-smi"
    path.parent.mkdir()
    path.write_text('#!/bin/sh\necho "$@"\necho second GPU\n')
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return path


@pytest.mark.parametrize(
    ("visible", "asked"),
    [
        (None, ""),
        ("1,0", " --id=1"),
        ("GPU-ab", " --id=GPU-ab"),
        ("MIG-ab", ""),
    ],
)
def test_the_first_gpu_that_this_process_may_use_is_asked(
    program: Path, monkeypatch: pytest.MonkeyPatch, visible: str | None, asked: str
) -> None:
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    expected = f"--query-gpu=name,clocks.sm --format=csv,noheader,nounits{asked}"
    assert smi("name", "clocks.sm") == expected


@pytest.mark.parametrize("visible", ["", "-1"])
def test_no_gpu_is_asked_where_none_may_be_used(
    program: Path, monkeypatch: pytest.MonkeyPatch, visible: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert smi("name") is None


def test_a_driver_that_fails_or_is_not_there_is_no_error(program: Path) -> None:
    program.write_text("#!/bin/sh\nexit 9\n")
    assert smi("name") is None
    program.unlink()
    assert smi("name") is None


def test_the_names_of_the_limits_are_those_that_make_a_window_worthless() -> None:
    assert gpu.read_gpu(lambda *_: "1, 1, 0x117") == Gpu((1.0,), 1.0, ())
