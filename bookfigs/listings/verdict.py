"""Verdicts: what is tried on a file, and who notices each mutant of it."""

from collections.abc import Sequence

from msgspec import Struct

from bookfigs.listings.forked import END, Gone
from bookfigs.listings.normalise import Rule

PASSED, FAILED, OTHER = "passed", "failed", "other"
"""How a test ends. Other: it was skipped, or expected to fail."""

LATE = -27
"""The signal by which the time of a test ends it: SIGPROF."""


class Performance(Struct, frozen=True):
    """A program, and what it has to print to pass."""

    path: str
    output: str
    status: int
    rules: list[Rule]
    seconds: float


class Case(Struct, frozen=True):
    """A mutant, by its place among all of them, and who may notice it."""

    index: int
    tests: list[str]


class Trials(Struct, frozen=True):
    """What is tried on which file."""

    root: str
    source: str
    lines: list[int]
    """The lines that are changed."""
    files: list[str]
    """Test files, as pytest is told of them."""
    tests: list[str]
    """Tests that pass without a change."""
    cases: list[Case]
    modules: list[str]
    """Modules that the tests import."""
    program: Performance | None = None


class Control(Struct, frozen=True, tag="control"):
    """What happens in a fork if nothing is changed."""

    passed: dict[str, float]
    """Processor time of each test that passed."""
    served: bool
    """Whether tests and program imported the file, each where a change is."""
    printed: str
    program: bool = False
    """Whether the program did what it has to."""


class Verdict(Struct, frozen=True, tag="verdict"):
    """What became of a mutant."""

    index: int
    caught: str
    """Who noticed it; empty if nobody did."""
    how: str = ""
    """``failed``, ``timed out``, ``crashed`` or ``not importable``."""


PROGRAM = "program"
"""Who notices a mutant if the program's output or exit status does."""


def verdict(index: int, gone: Gone, tests: Sequence[str]) -> Verdict:
    """Who noticed a mutant, from what a fork said and how it ended."""
    failed = [said.name for said in gone.said if said.kind == FAILED]
    begun = [said.name for said in gone.said if said.kind == "begin"]
    if failed:
        return Verdict(index, failed[0], "failed")
    if gone.late or gone.status == LATE:
        return Verdict(index, begun[-1] if begun else tests[0], "timed out")
    if gone.status < 0 or not any(said.kind == END for said in gone.said):
        return Verdict(index, begun[-1] if begun else tests[0], "crashed")
    missing = [name for name in tests if name not in begun]
    if missing:
        return Verdict(index, missing[0], "not importable")
    return Verdict(index, "")
