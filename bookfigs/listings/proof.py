"""Proof: runs the tests and the program of a listing, and tries every mutant.

Cost: that of the tests, twice, and of as many runs of the quickest of them as
there are small changes of the printed lines.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import msgspec

from bookfigs.book import Book
from bookfigs.closure import Project
from bookfigs.errors import EnvironmentMissingError, ListingError
from bookfigs.listings.child import Ended, attend
from bookfigs.listings.edits import Line
from bookfigs.listings.executable import executable
from bookfigs.listings.lines import SCHEMA, LineRow, ListingEvidence, MutantRow
from bookfigs.listings.listing import Listing, Printed, source_text
from bookfigs.listings.mutant import mutants
from bookfigs.listings.program import Outcome, run_program
from bookfigs.listings.reach import reach
from bookfigs.listings.verdict import (
    PASSED,
    PROGRAM,
    Case,
    Control,
    Performance,
    Trials,
    Verdict,
)
from bookfigs.listings.witness import Heard, Hearing

NEEDED = ("coverage", "pytest")
DAY = 86400.0
"""Seconds; each test and mutant has limits of its own."""

USAGE = 4
"""Pytest's exit status for tests that it does not find."""


@dataclass(frozen=True)
class Witnesses:
    """Who passed, and which lines each executed."""

    lines: dict[str, frozenset[int]]
    heard: Heard | None
    outcome: Outcome | None

    @property
    def modules(self) -> list[str]:
        """Every module that one of them loaded."""
        heard = self.heard.modules if self.heard else []
        return heard + (self.outcome.modules if self.outcome else [])

    def of(self, line: int) -> list[str]:
        """Everybody who executed a line."""
        return [name for name, lines in self.lines.items() if line in lines]


def prove(book: Book, listing: Listing, printed: Printed) -> ListingEvidence:
    """Find out what proves the lines of a listing, by running it.

    Raises: ListingError if its tests cannot be run, none of them passes, or its
    program does not do what is declared; EnvironmentMissingError without
    coverage.py or pytest. Nothing of the project is changed.
    """
    for package in NEEDED:
        if find_spec(package) is None:
            what = f"proving listings needs {package}"
            run = "pip install 'bookfigs[listings]'"
            raise EnvironmentMissingError(listing.slug, what, run=run)
    return _Prover(book, listing, printed).prove()


class _Prover:
    """Runs what a listing names."""

    def __init__(self, book: Book, listing: Listing, printed: Printed) -> None:
        text = source_text(listing.source, book.place(listing.source))
        lines = [line for line in printed.lines if not line.is_mark]
        self._book = book
        self._listing = listing
        self._printed = printed
        self._shown = frozenset(line.source for line in lines)
        self._lines = executable(text)
        self._mutants = mutants(text, self._shown)

    def prove(self) -> ListingEvidence:
        """Hear the witnesses, then try the mutants."""
        witnesses = self._witnesses()
        verdicts = self._try(witnesses)
        tests = list(witnesses.lines)
        named = [name for name in tests if name != PROGRAM]
        outcome = witnesses.outcome
        project = Project(self._book.root)
        return ListingEvidence(
            SCHEMA,
            self._listing.slug,
            tests,
            [self._row(line, witnesses, tests) for line in self._printed.lines],
            self._mutant_rows(verdicts),
            outcome.output if outcome else None,
            reach(project, self._book, self._listing, self._printed, named),
        )

    def _row(self, line: Line, witnesses: Witnesses, tests: Sequence[str]) -> LineRow:
        """What is known of a printed line."""
        acts = line.source in self._lines.called | self._lines.imported
        if line.is_mark or not acts:
            return LineRow(line.text, is_executable=False, tests=[])
        found = [tests.index(name) for name in witnesses.of(line.source)]
        return LineRow(line.text, is_executable=True, tests=found)

    def _mutant_rows(self, verdicts: Sequence[Verdict]) -> list[MutantRow]:
        """What is known of each mutant."""
        reasons = {o.change: o.reason for o in self._listing.declared.equivalent}
        shown = {line.source: n for n, line in enumerate(self._printed.lines, 1)}
        rows = []
        for mutant, verdict in zip(self._mutants, verdicts, strict=True):
            reason = "" if verdict.caught else reasons.get(mutant.change, "")
            at, change = shown[mutant.line], mutant.change
            rows.append(MutantRow(at, change, verdict.caught, verdict.how, reason))
        return rows

    def _witnesses(self) -> Witnesses:
        """Run the tests and the program, and see what each executes.

        Raises: ListingError if nobody executes anything.
        """
        heard = self._hear() if self._listing.declared.tests else None
        outcome = None
        if self._listing.program is not None:
            watched = self._listing.source
            outcome = run_program(self._book, self._listing, watched=watched)
        known = self._executed(heard)
        if outcome is not None and (done := self._shown.intersection(outcome.lines)):
            known[PROGRAM] = done
        if not known:
            raise ListingError(
                self._book.place(self._listing.path),
                "no passing test and no program executes any of its lines",
                run="name some that do: tests = ['tests/test_one.py::test_it']",
            )
        return Witnesses(known, heard, outcome)

    def _executed(self, heard: Heard | None) -> dict[str, frozenset[int]]:
        """The printed lines that each passing test executed.

        What importing runs, every test that runs one of the functions has run; if
        there is no function, every test.
        """
        if heard is None:
            return {}
        passed = {
            name: self._shown.intersection(witness.lines)
            for name, witness in heard.tests.items()
            if witness.outcome == PASSED
        }
        if self._shown & self._lines.called:
            passed = {n: d for n, d in passed.items() if d & self._lines.called}
        imported = self._shown & self._lines.imported & frozenset(heard.imported)
        return {name: done | imported for name, done in passed.items()}

    def _hear(self) -> Heard:
        """Run the tests under coverage.py. Raises: ListingError."""
        tests = self._listing.declared.tests
        job = Hearing(str(self._book.root), str(self._listing.source), tests)
        ended = self._attend("witness", job)
        if ended.status != 0 or ended.why:
            raise self._failed("its tests cannot be run", ended.printed)
        heard = msgspec.json.decode(ended.reported, type=Heard)
        if heard.status >= USAGE or not heard.tests:
            raise self._failed("its tests are not found", ended.printed)
        return heard

    def _try(self, witnesses: Witnesses) -> list[Verdict]:
        """What becomes of each mutant. Raises: ListingError."""
        ended = self._attend("trial", self._trials(witnesses))
        reports = [
            msgspec.json.decode(line, type=Control | Verdict)
            for line in ended.reported.splitlines()
        ]
        if ended.status != 0 or not reports or not isinstance(reports[0], Control):
            raise self._failed("its changes cannot be tried", ended.printed)
        control = reports[0]
        steady = {*control.passed, *([PROGRAM] if control.program else [])}
        if unsteady := [name for name in witnesses.lines if name not in steady]:
            what = f"{unsteady[0]} passes once, and not when it is run again"
            raise self._failed(what, control.printed.encode())
        if not control.served:
            raise self._failed("a test or its program imports it otherwise", b"")
        return [report for report in reports[1:] if isinstance(report, Verdict)]

    def _trials(self, witnesses: Witnesses) -> Trials:
        """What has to be tried."""
        everybody = list(witnesses.lines)
        names = [name for name in everybody if name != PROGRAM]
        return Trials(
            str(self._book.root),
            str(self._listing.source),
            sorted(self._shown),
            list(dict.fromkeys(name.partition("::")[0] for name in names)),
            names,
            [
                Case(number, self._likely(mutant.line, witnesses) or everybody)
                for number, mutant in enumerate(self._mutants)
            ],
            witnesses.modules,
            self._performance(witnesses),
        )

    def _likely(self, line: int, witnesses: Witnesses) -> list[str]:
        """Who may notice a change of a line; of what importing runs, everybody."""
        return witnesses.of(line) if line in self._lines.called else []

    def _performance(self, witnesses: Witnesses) -> Performance | None:
        """What the program has to do, if it executes any of the lines."""
        if witnesses.outcome is None or PROGRAM not in witnesses.lines:
            return None
        told, output = self._listing.declared, witnesses.outcome.output
        path = str(self._listing.program)
        return Performance(path, output, told.status, told.normalise, told.seconds)

    def _attend(self, module: str, job: object) -> Ended:
        """Run a module of the engine in a fresh Python, with a folder of its own."""
        with tempfile.TemporaryDirectory(prefix="bookfigs-") as name:
            folder = Path(name).resolve()
            root = self._book.root
            return attend(module, job, root=root, folder=folder, seconds=DAY)

    def _failed(self, what: str, printed: bytes) -> ListingError:
        text = printed.decode(errors="replace").strip().splitlines()
        last = f"; it printed last: {' | '.join(text[-3:])}" if text else ""
        run = "python -m pytest " + " ".join(self._listing.declared.tests)
        where = self._book.place(self._listing.path)
        return ListingError(where, what + last[:600], run=run)
