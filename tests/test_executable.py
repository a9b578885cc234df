"""Executable lines are those that Python can be seen to run."""

import sys
from pathlib import Path

import pytest

from bookfigs.listings.executable import executable
from smallbook import ROOT

TEXT = '''\
"""A module."""
import math

X: int = 1


@staticmethod
def f(
    a: int,
    b: int = 2,
) -> int:
    """Say.

    More.
    """
    total: int
    if a:
        pass
    call = max(
        a,
        b if a else
        math.pi,
    )

    def inner() -> None:
        """Only this."""

    class C:
        """A class."""
        y = 1

    return [
        n
        for n in (a, b)
    ] + call


class D:
    z = 2
    t = [
        n for n in (1, 2)
    ]

    def g(self): return 1


h = lambda: 0
'''


def test_lines_are_told_apart_by_when_they_run() -> None:
    found = executable(TEXT)
    lines = TEXT.split("\n")
    called = [lines[n - 1].strip() for n in sorted(found.called)]
    assert called == [
        "if a:", "pass", "call = max(", "a,", "b if a else", "math.pi,", "y = 1",
        "return [", "n", "for n in (a, b)", "] + call", "def g(self): return 1",
        "h = lambda: 0",
    ]  # fmt: skip
    imported = [lines[n - 1].strip() for n in sorted(found.imported)]
    assert imported == [
        "import math", "X: int = 1", "z = 2", "t = [", "n for n in (1, 2)",
    ]  # fmt: skip


NAMES = ("canonical", "claim", "closure", "figure", "listings/leaner", "source")
OWN = [ROOT / "bookfigs" / f"{name}.py" for name in NAMES]


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_lines_that_hold_no_code_are_not_executable(path: Path) -> None:
    text = path.read_text()
    found = executable(text)
    lines = text.split("\n")
    silent = [lines[n - 1].strip() for n in found.called | found.imported]
    assert not [line for line in silent if not line or line.startswith(("#", "@"))]
    assert found.called.isdisjoint(found.imported)


def test_every_executable_line_of_straight_code_is_seen_by_a_tracer() -> None:
    """What the compiler numbers, tracing visits: else no test could prove it."""
    text = """
def f(a, b):
    with open("/dev/null") as file:
        for n in range(
            a,
            b,
        ):
            if (n % 2
                and n > 1):
                continue
            try:
                x = {
                    "a": n,
                    "b": [m for m in range(n)],
                }
                if n == 4:
                    raise ValueError(
                        "no"
                    )
            except ValueError as error:
                y = str(error)
            else:
                y = x
            finally:
                z = 1
        else:
            w = (lambda q:
                 q + 1)(2)
        while True:
            break
        match w:
            case 3:
                pass
            case _:
                z = 2
    return y, z, w
"""
    seen = set()

    def trace(frame: object, event: str, _: object) -> object:
        code = getattr(frame, "f_code")  # noqa: B009 - a frame, untyped here
        if code.co_filename == "traced" and event == "line":
            seen.add(getattr(frame, "f_lineno"))  # noqa: B009 - the same
        return trace

    names: dict[str, object] = {}
    exec(compile(text, "traced", "exec"), names)  # noqa: S102 - what is tested
    f = names["f"]
    assert callable(f)
    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type] # frames are objects here
    try:
        f(0, 5)
    finally:
        sys.settrace(before)
    lines = text.split("\n")
    missed = {lines[n - 1].strip() for n in executable(text).called - seen}
    assert missed <= {"case _:", "z = 2"}
