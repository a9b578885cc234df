"""Trials: tests run against each mutant of a file, in forks of one warm process.

The warm process imports what the tests import from outside of the project, once.
Each fork then finds the changed module where it would import the file; nothing
on disk is touched.
"""

import os
import shutil
import sys
import tokenize
from collections.abc import Sequence
from pathlib import Path
from types import CodeType

import msgspec

from bookfigs.listings.child import HOME, receive
from bookfigs.listings.confine import confine
from bookfigs.listings.forked import Gone, Said, Tell, forked, limit
from bookfigs.listings.launch import run
from bookfigs.listings.mutant import Mutant, mutants
from bookfigs.listings.normalise import normalised, places
from bookfigs.listings.swap import swap, warm
from bookfigs.listings.testing import run_tests
from bookfigs.listings.verdict import (
    LATE,
    PASSED,
    PROGRAM,
    Case,
    Control,
    Performance,
    Trials,
    Verdict,
    verdict,
)

SLOW = 10
"""A test may take this many times as long as it does without a change,"""

PATIENCE = 2.0
"""and so many seconds of processor time more."""

HUNG = 60.0
"""Seconds of real time after which what takes no processor time is ended."""


def main() -> None:
    """Try what this process was started for."""
    trials, pipe = receive(Trials)
    court = Court(trials, Path.cwd().parent)
    warm(trials.root, trials.modules)

    def tell(report: Control | Verdict) -> None:
        os.write(pipe, msgspec.json.encode(report) + b"\n")

    control = court.control()
    tell(control)
    for case in trials.cases:
        tell(court.judge(case))


class Court:
    """Tries one mutant after another."""

    def __init__(self, trials: Trials, folder: Path) -> None:
        self._trials = trials
        self._folder = folder
        self._source = os.path.realpath(trials.source)
        with tokenize.open(self._source) as file:
            text = file.read()
        self._mutants: list[Mutant] = mutants(text, trials.lines)
        self._whole = compile(text, self._source, "exec", dont_inherit=True)
        self._seconds: dict[str, float] = {}
        self._loading = HUNG
        self._recent: list[str] = []

    def control(self) -> Control:
        """Run everything without a change."""
        trials = self._trials
        served, program, printed = True, False, ""
        if trials.tests:
            gone = self._tests(self._whole, trials.tests, stop=False)
            said = gone.said
            self._seconds = {s.name: s.seconds for s in said if s.kind == PASSED}
            self._loading = next((s.seconds for s in said if s.kind == "begin"), HUNG)
            served = any(s.kind == "served" for s in said)  # or changes reach no test
            printed = self._last_words()
        passed = dict(self._seconds)
        if trials.program is not None:
            shown = self._perform(self._whole, trials.program)
            reached = any(s.kind == "served" for s in shown.said)
            served &= reached or self._is_own(trials.program)
            program = self._is_right(shown, trials.program)
            self._seconds[PROGRAM] = shown.seconds
            printed += self._last_words()
        return Control(passed, served, printed, program)

    def judge(self, case: Case) -> Verdict:
        """Find out who notices a mutant."""
        code = self._mutants[case.index].code(self._source)
        if code is None:
            return Verdict(case.index, "the compiler", "not importable")
        first = [name for name in self._recent if name in case.tests]
        tests = [*first, *(n for n in case.tests if n not in first and n != PROGRAM)]
        found = Verdict(case.index, "")
        if tests:
            gone = self._tests(code, tests, stop=True)
            found = verdict(case.index, gone, tests)
        if not found.caught and PROGRAM in case.tests and self._trials.program:
            gone = self._perform(code, self._trials.program)
            if not self._is_right(gone, self._trials.program):
                how = "timed out" if gone.late or gone.status == LATE else "failed"
                found = Verdict(case.index, PROGRAM, how)
        if found.caught in tests:
            others = [name for name in self._recent if name != found.caught]
            self._recent = [found.caught, *others]
        return found

    @property
    def _printed(self) -> Path:
        return self._folder / "printed"

    def _last_words(self) -> str:
        return self._printed.read_text(encoding="utf-8", errors="replace")[-2000:]

    def _tests(self, code: CodeType, tests: Sequence[str], *, stop: bool) -> Gone:
        """Run tests in a fork, with some code in place of the file."""

        def act(tell: Tell) -> int:
            swap(self._trials.root, self._source, code, lambda: tell(Said("served")))
            confine(
                self._folder, lambda _, what: tell(Said("refused", what)), alone=False
            )
            limit(PATIENCE + SLOW * self._loading if stop else 0)
            clerk = _Clerk(tell, self._seconds if stop else None)
            files = self._trials.files
            root = Path(self._trials.root)
            return run_tests(root, self._folder, files, clerk, tests, stop=stop)

        usual = sum(self._seconds.get(name, 0.0) for name in tests) + self._loading
        return forked(act, self._printed, HUNG + SLOW * SLOW * usual)

    def _perform(self, code: CodeType, program: Performance) -> Gone:
        """Run the program in a fork, with some code in place of the file."""
        stage = self._folder / "stage"
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir()

        def act(tell: Tell) -> int:
            swap(self._trials.root, self._source, code, lambda: tell(Said("served")))
            os.chdir(stage)
            confine(self._folder, lambda kind, what: tell(Said(kind, what)), alone=True)
            if PROGRAM in self._seconds:
                limit(PATIENCE + SLOW * self._seconds[PROGRAM])
            own = self._is_own(program)
            main_code = code if own else _compiled(program.path)
            try:
                run(main_code, program.path)
            except SystemExit as leaving:
                return _status(leaving)
            return 0

        return forked(act, self._printed, HUNG + SLOW * program.seconds)

    def _is_own(self, program: Performance) -> bool:
        """Whether the program is the file that is changed."""
        return os.path.realpath(program.path) == self._source

    def _is_right(self, gone: Gone, program: Performance) -> bool:
        """Whether a program did what it has to."""
        if gone.late or gone.status != program.status:
            return False
        if any(said.kind == "write" for said in gone.said):
            return False
        root = Path(self._trials.root)
        folders = places(self._folder / "stage", self._folder / HOME, root)
        text = self._printed.read_bytes().decode(errors="replace").replace("\r\n", "\n")
        return normalised(text, program.rules, folders, "program") == program.output


class _Clerk:
    """Tells of tests, and gives each its time."""

    def __init__(self, tell: Tell, usual: dict[str, float] | None) -> None:
        self._tell = tell
        self._usual = usual

    def begins(self, name: str) -> None:
        if name:
            self._tell(Said("begin", name, sum(os.times()[:2])))
            if self._usual is not None:
                limit(PATIENCE + SLOW * self._usual.get(name, 0.0))

    def ended(self, name: str, outcome: str, seconds: float) -> None:
        self._tell(Said(outcome, name, seconds))


def _compiled(path: str) -> CodeType:
    return compile(Path(path).read_bytes(), path, "exec", dont_inherit=True)


def _status(leaving: SystemExit) -> int:
    """The exit status that Python would give."""
    if leaving.code is None:
        return 0
    if isinstance(leaving.code, int):
        return leaving.code & 0xFF
    sys.stderr.write(f"{leaving.code}\n")
    return 1
