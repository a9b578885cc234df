"""Replicating: measure again, here, and see whether each claim holds here.

Nothing of the book is changed, nor what is kept of this machine.

A disturbance must not raise an alarm. A figure with times of which a claim fails, or
is not decided, is measured again at the points that this claim rests on, up to
``AGAIN`` times, and the rounds are pooled: it fails only if it does by all of them, on
the interval that claims are decided on. A lie gets as many chances to hold by luck,
each below ``bookfigs.measure.interval.ERROR``.
"""

from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bookfigs.agreement import contradictions, pairs, pooled
from bookfigs.book import Book
from bookfigs.errors import BookfigsError
from bookfigs.plan import Plan
from bookfigs.provenance import cores
from bookfigs.record import Record
from bookfigs.recording import finished
from bookfigs.replicated import Judge, Result
from bookfigs.runner import InTurn, Reporter, Runner, Work

AGAIN = 3
"""How often a figure is measured once more before a claim of it fails."""


class Round(NamedTuple):
    """What was measured of a figure in one go."""

    record: Record
    points: list[int]
    """Of each row, which point it is from."""


Measured = tuple[dict[str, Round], dict[str, BookfigsError]]
"""Rounds by figure, and what failed of the others."""

Asked = dict[str, frozenset[int] | None]
"""Points to be measured, by figure; all of them if None."""


@dataclass(frozen=True)
class _Scratch(Book):
    """The book, with another place for what is measured."""

    apart: Path

    @property
    def local(self) -> Path:
        """A folder that is removed in the end."""
        return self.apart


@dataclass(frozen=True)
class Replication:
    """One run: of which book, on which device, how much of it."""

    book: Book
    found: Plan
    reporter: Reporter
    quick: bool = False
    jobs: int | None = None

    def run(self, slugs: list[str]) -> tuple[list[Result], list[BookfigsError]]:
        """Measure figures and judge them; what could not be measured is an error."""
        with TemporaryDirectory(prefix="bookfigs-") as folder:
            scratch = _Scratch(self.book.folder, Path(folder))

            def measure(pending: Asked) -> Measured:
                return self._measure(scratch, pending)

            return self.judged(slugs, measure)

    def judged(
        self, slugs: list[str], measure: Callable[[Asked], Measured]
    ) -> tuple[list[Result], list[BookfigsError]]:
        """Judge what ``measure`` finds, and let it find more where that decides."""
        rounds: dict[str, Round] = {}
        results: dict[str, Result] = {}
        failed: dict[str, BookfigsError] = {}
        judge = Judge(self.book, self.found, self.quick)
        pending: Asked = dict.fromkeys(slugs)
        turn = 1
        while pending:
            measured, broken = measure(pending)
            failed |= broken
            for slug, found in measured.items():
                try:
                    pool, unsteady = _pooled(rounds.get(slug), found, pending[slug])
                    rounds[slug] = pool
                    results[slug] = judge.result(slug, pool.record, unsteady, turn)
                except BookfigsError as error:
                    failed[slug] = error
            if turn > AGAIN:
                break
            pending = {}
            for slug in [slug for slug in measured if slug not in failed]:
                if points := judge.deciding(results[slug], *rounds[slug]):
                    pending[slug] = points
                    what = ", ".join(results[slug].undecided)
                    again = f"measured again at {_counted(points)}"
                    self.reporter.done(slug, f"{what} not decided yet, {again}")
            turn += 1
        return [results[s] for s in slugs if s in results], list(failed.values())

    def _measure(self, scratch: Book, asked: Asked) -> Measured:
        """Measure points of figures into the scratch place."""
        jobs = self.jobs or cores()
        runner = Runner(
            scratch, self.found.device, InTurn(self.reporter), quick=self.quick
        )
        states = {slug: self.found.figures[slug] for slug in asked}
        works = runner.works(states, jobs=jobs, force=True)
        for work in works:
            work.asked = asked[work.slug]
        rounds: dict[str, Round] = {}
        failed: dict[str, BookfigsError] = {}
        with closing(runner.measure(works, jobs=jobs)) as done:
            for work in done:
                try:
                    record = finished(scratch, self.found.device, work)
                    rounds[work.slug] = Round(record, _points(work))
                except BookfigsError as error:
                    failed[work.slug] = error
        return rounds, failed


def _pooled(
    known: Round | None, found: Round, asked: frozenset[int] | None
) -> tuple[Round, list[str]]:
    """All rounds so far, and what two runs contradict each other in."""
    if known is None:
        return found, []
    again = {
        row for row, point in enumerate(known.points) if asked is None or point in asked
    }
    pool = pooled(known.record, found.record, again)
    left = [row for _, row, _ in pairs(known.record, pool)]
    points = [known.points[row] for row in left]
    unsteady = contradictions(known.record, found.record, partly=True)
    return Round(pool, points), unsteady


def _points(work: Work) -> list[int]:
    """Of each row of a figure's record, which point it is from."""
    return [
        index
        for index in sorted(work.entries)
        for _ in range(max(map(len, work.entries[index].columns.values()), default=0))
    ]


def _counted(points: Collection[int]) -> str:
    return "1 point" if len(points) == 1 else f"{len(points)} points"
