"""Replicating: measure again, here, and see whether each claim holds here.

What is exact has to equal the evidence, what is close to be within its tolerance;
times are judged by the claims alone, never by how long something took. Nothing of
the book is changed, nor what is kept of this machine.

A disturbance must not raise an alarm. A figure with times of which a claim fails, or
is not decided, is measured again, up to ``AGAIN`` times, and the rounds are pooled: it
fails only if it does by all of them, on the interval that claims are decided on. A lie
gets as many chances to hold by luck, each below ``bookfigs.measure.interval.ERROR``.

With ``quick`` only the points are measured that a figure calls QUICK. A claim is then
judged if the evidence says the same of these points alone as of all; else it is *not
applicable here*, and that is said.
"""

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from bookfigs.agreement import contradictions, count, pairs, pooled, restricted
from bookfigs.book import Book
from bookfigs.claim import Claim, Judgement
from bookfigs.closure import changes
from bookfigs.errors import BookfigsError, ClaimError, InputError, UnknownNameError
from bookfigs.figure import Figure, guarded, load
from bookfigs.plan import FigureState, Plan
from bookfigs.provenance import cores
from bookfigs.record import Record
from bookfigs.recording import finished
from bookfigs.runner import InTurn, Reporter, Runner

AGAIN = 3
"""How often a figure is measured once more before a claim of it fails."""

SHOWN = 3
"""How many contradictions a message spells out."""

UNDECIDED = {"fails", "inconclusive"}

Measured = tuple[dict[str, Record], dict[str, BookfigsError]]
"""Records by figure, and what failed of the others."""


@dataclass
class Result:
    """What came of one figure."""

    slug: str
    notes: list[str] = field(default_factory=list)
    rows: list[tuple[str, str, str, str]] = field(default_factory=list)
    """Claim, its verdict in the evidence, its verdict here, what it stands on."""
    alarms: list[BookfigsError] = field(default_factory=list)


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

            def measure(pending: list[str]) -> Measured:
                return self._measure(scratch, pending)

            return self.judged(slugs, measure)

    def judged(
        self, slugs: list[str], measure: Callable[[list[str]], Measured]
    ) -> tuple[list[Result], list[BookfigsError]]:
        """Judge what ``measure`` finds, and let it find more where that decides."""
        records: dict[str, Record] = {}
        results: dict[str, Result] = {}
        failed: dict[str, BookfigsError] = {}
        pending, turn = slugs, 1
        while pending:
            measured, broken = measure(pending)
            failed |= broken
            for slug, record in measured.items():
                try:
                    pool, found = self._pooled(slug, records, record)
                    records[slug] = pool
                    results[slug] = self._result(slug, pool, found, turn)
                except BookfigsError as error:
                    failed[slug] = error
            if turn > AGAIN:
                break
            pending = [
                slug
                for slug in measured
                if slug not in failed and _may_decide(results[slug], records[slug])
            ]
            for slug in pending:
                self.reporter.done(slug, "not decided yet, measured again")
            turn += 1
        return [results[s] for s in slugs if s in results], list(failed.values())

    def _measure(self, scratch: Book, slugs: list[str]) -> Measured:
        """Measure figures into the scratch place."""
        jobs = self.jobs or cores()
        runner = Runner(
            scratch, self.found.device, InTurn(self.reporter), quick=self.quick
        )
        states = {slug: self.found.figures[slug] for slug in slugs}
        works = runner.works(states, jobs=jobs, force=True)
        records: dict[str, Record] = {}
        failed: dict[str, BookfigsError] = {}
        with closing(runner.measure(works, jobs=jobs)) as done:
            for work in done:
                try:
                    records[work.slug] = finished(scratch, self.found.device, work)
                except BookfigsError as error:
                    failed[work.slug] = error
        return records, failed

    def _pooled(
        self, slug: str, records: dict[str, Record], record: Record
    ) -> tuple[Record, list[str]]:
        """All rounds so far, and what two runs contradict each other in."""
        if slug not in records:
            return record, []
        found = contradictions(records[slug], record, partly=True)
        return pooled(records[slug], record), found

    def _result(
        self, slug: str, here: Record, unsteady: list[str], turns: int
    ) -> Result:
        """Compare a record with the evidence, and judge the claims."""
        state = self.found.figures[slug]
        result = Result(slug)
        figure = load(slug, state.source.path, self.book.root)
        measured = f"{count(here)} rows measured on {here.device.title}"
        result.notes.append(f"{measured}{f', {turns} times' if turns > 1 else ''}")
        result.notes += [f"a gap at {gap}" for gap in here.gaps]
        if unsteady:
            _alarm(result, "two runs here contradict each other", unsteady)
        self._compare(result, state, here)
        published = _nearest(state.evidence.values(), here)
        with guarded(figure.path, "a claim failed"):
            self._judge_all(result, figure, published, here)
        return result

    def _compare(self, result: Result, state: FigureState, here: Record) -> None:
        """Hold what has to be equal everywhere against every published record."""
        if not state.evidence:
            result.notes.append("nothing is published that it could be held against")
        for record in state.evidence.values():
            other = changes(record.provenance.closure, state.source.measured_by)
            title = record.device.title
            if other:
                result.notes.append(
                    f"its evidence on {title} is of other code: {other[0]}"
                )
            kinds = {column.kind for column in record.columns.values()}
            if not kinds & {"exact", "close"}:
                continue
            partly = self.quick or record.device.kind != here.device.kind
            if found := contradictions(record, here, partly=partly):
                _alarm(result, f"it contradicts the evidence on {title}", found)
            else:
                rows = len(pairs(record, here))
                equal = "exact and close columns agree with the evidence"
                result.notes.append(f"{equal} on {title}, in {rows} rows")

    def _judge_all(
        self, result: Result, figure: Figure, published: Record | None, here: Record
    ) -> None:
        for name, claim in figure.claims.items():
            whole = f"{figure.slug}.{name}"
            before = _verdict(claim, published)
            now = self._judge(claim, published, here)
            expected = f"; expected {now.expected}" if now.statistic else ""
            result.rows.append((whole, before, now.verdict, now.statistic + expected))
            if now.verdict == "fails":
                what = (
                    f"the claim fails on {here.device.title}: {claim.sentence!r}; "
                    f"{now.statistic}, expected {now.expected}; in the evidence: "
                    f"{before}"
                )
                run = f"bookfigs why {whole}"
                result.alarms.append(ClaimError(whole, what, run=run))

    def _judge(self, claim: Claim, published: Record | None, here: Record) -> Judgement:
        """Judge a claim here; by few points only if they can tell."""
        if not self.quick:
            return claim.judge(here)
        if published and 0 < len(pairs(published, here)) < count(published):
            among = _verdict(claim, restricted(published, here))
            if among not in {_verdict(claim, published), NO_ROWS}:
                why = f"of the points of --quick alone the evidence says: {among}"
                return Judgement("not applicable here", why, claim.expected)
        try:
            return claim.judge(here)
        except (UnknownNameError, InputError):
            why = "it is about points that --quick does not measure"
            return Judgement("not applicable here", why, claim.expected)


NO_ROWS = "no such rows"


def _verdict(claim: Claim, record: Record | None) -> str:
    """The verdict over a published record, in a word."""
    if record is None:
        return "no evidence"
    try:
        return claim.judge(record).verdict
    except (UnknownNameError, InputError):
        return NO_ROWS


def _nearest(records: Iterable[Record], here: Record) -> Record | None:
    """The published record whose device is most like the one here."""
    device = here.device
    order = sorted(
        records,
        key=lambda r: (r.device.slug != device.slug, r.device.kind != device.kind),
    )
    return order[0] if order else None


def _may_decide(result: Result, record: Record) -> bool:
    """Whether more rounds may decide a claim, or decide it otherwise."""
    if all(column.kind != "measured" for column in record.columns.values()):
        return False
    return any(verdict in UNDECIDED for _, _, verdict, _ in result.rows)


def _alarm(result: Result, what: str, found: list[str]) -> None:
    more = f" (and {len(found) - SHOWN} more)" if len(found) > SHOWN else ""
    said = f"{what}: {'; '.join(found[:SHOWN])}{more}"
    run = f"bookfigs why {result.slug}"
    result.alarms.append(ClaimError(result.slug, said, run=run))
