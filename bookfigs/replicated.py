"""Replicated: what was measured again, beside what the evidence says.

What is exact has to equal the evidence, what is close to be within its tolerance;
times are judged by the claims alone. Of few points, as ``--quick`` measures, a claim
is judged if the evidence says the same of these points alone as of all; else it is
*not applicable here*, and that is said.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bookfigs.agreement import contradictions, count, pairs, restricted, without
from bookfigs.book import Book
from bookfigs.claim import Claim, Judgement
from bookfigs.closure import changes
from bookfigs.errors import BookfigsError, ClaimError, InputError, UnknownNameError
from bookfigs.figure import Figure, guarded, load
from bookfigs.plan import FigureState, Plan
from bookfigs.record import Record

SHOWN = 3
"""How many contradictions a message spells out."""

UNDECIDED = {"fails", "inconclusive"}
"""Verdicts that more rounds may change."""

NO_ROWS = "no such rows"


@dataclass
class Result:
    """What came of one figure."""

    slug: str
    notes: list[str] = field(default_factory=list)
    rows: list[tuple[str, str, str, str]] = field(default_factory=list)
    """Claim, its verdict in the evidence, its verdict here, what it stands on."""
    alarms: list[BookfigsError] = field(default_factory=list)

    @property
    def undecided(self) -> list[str]:
        """Claims that more rounds may decide, or decide otherwise."""
        return [claim for claim, _, verdict, _ in self.rows if verdict in UNDECIDED]


@dataclass(frozen=True)
class Judge:
    """Judges figures of one book, of all their points or of few."""

    book: Book
    found: Plan
    quick: bool

    def result(
        self, slug: str, here: Record, unsteady: list[str], turns: int
    ) -> Result:
        """Compare a record with the evidence, and judge the claims."""
        state = self.found.figures[slug]
        result = Result(slug)
        figure = self._figure(slug)
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

    def deciding(
        self, result: Result, here: Record, points: Sequence[int]
    ) -> frozenset[int]:
        """Points without which a claim that is not decided would say otherwise.

        ``points`` are those that the rows are from. Nothing is decided by times that
        are not there: no points, if the figure takes none.
        """
        if all(column.kind != "measured" for column in here.columns.values()):
            return frozenset()
        figure = self._figure(result.slug)
        undecided = [
            figure.claims[whole.removeprefix(f"{result.slug}.")]
            for whole in result.undecided
        ]
        if not undecided:
            return frozenset()
        said = [_said(claim, here) for claim in undecided]

        def decides(point: int) -> bool:
            left = without(here, [row for row, of in enumerate(points) if of == point])
            return [_said(claim, left) for claim in undecided] != said

        return frozenset(filter(decides, points)) or frozenset(points)

    def _figure(self, slug: str) -> Figure:
        """A figure, as its file offers it now."""
        return load(slug, self.found.figures[slug].source.path, self.book.root)


def _said(claim: Claim, record: Record) -> Judgement | None:
    """What a claim says of a record; None if it is about rows that are not there."""
    try:
        return claim.judge(record)
    except (UnknownNameError, InputError):
        return None


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


def _alarm(result: Result, what: str, found: list[str]) -> None:
    more = f" (and {len(found) - SHOWN} more)" if len(found) > SHOWN else ""
    said = f"{what}: {'; '.join(found[:SHOWN])}{more}"
    run = f"bookfigs why {result.slug}"
    result.alarms.append(ClaimError(result.slug, said, run=run))
