"""Forks end, whatever is done in them, and say how."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bookfigs.listings.forked import Said, Tell, forked, limit
from bookfigs.listings.verdict import LATE, verdict

Act = Callable[[Tell], int]


def crash(tell: Tell) -> int:
    tell(Said("begin", "a"))
    os.kill(os.getpid(), signal.SIGSEGV)
    return 0


def leave(tell: Tell) -> int:
    tell(Said("begin", "a"))
    os._exit(0)


def spin(tell: Tell) -> int:
    tell(Said("begin", "a"))
    limit(0.05)
    while True:
        pass


def wait(tell: Tell) -> int:
    tell(Said("begin", "a"))
    if os.fork() == 0:
        time.sleep(60)
    time.sleep(60)
    return 0


def hoard(tell: Tell) -> int:
    tell(Said("begin", "a"))
    try:
        return len(bytearray(1 << 36)) & 1
    except MemoryError:
        return 9


def fail(tell: Tell) -> int:
    tell(Said("begin", "a"))
    tell(Said("failed", "a"))
    return 1


def skip(tell: Tell) -> int:
    return 0


def passing(tell: Tell) -> int:
    tell(Said("begin", "a"))
    tell(Said("passed", "a"))
    return 0


@pytest.mark.parametrize(
    ("act", "how"),
    [
        (crash, "crashed"),
        (leave, "crashed"),
        (spin, "timed out"),
        (wait, "timed out"),
        (fail, "failed"),
        (skip, "not importable"),
        (passing, ""),
    ],
)
def test_verdict_follows_from_how_a_fork_ends(
    tmp_path: Path, act: Act, how: str
) -> None:
    began = time.monotonic()
    gone = forked(act, tmp_path / "printed", 2.0 if act is wait else 30.0)
    assert time.monotonic() - began < 30
    found = verdict(3, gone, ["a"])
    assert (found.index, found.how) == (3, how)
    assert bool(found.caught) == bool(how)


def test_fork_that_wants_too_much_memory_fails_alone(tmp_path: Path) -> None:
    assert forked(hoard, tmp_path / "printed", 30.0).status == 9


def test_processor_time_and_exit_status_are_told(tmp_path: Path) -> None:
    gone = forked(lambda _: 5, tmp_path / "printed", 30.0)
    assert (gone.status, gone.late, gone.said[-1].kind) == (5, False, "end")
    assert forked(spin, tmp_path / "printed", 30.0).status == LATE
