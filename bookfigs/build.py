"""Building: measure what is stale here, make what is stale of the book.

A record is written, read back, and drawn from what was read, so a picture
cannot hold a number that the record does not. The book is made from evidence
alone; what this machine measured stays in its own folder until it is published.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import (
    AbstractContextManager,
    closing,
    contextmanager,
    nullcontext,
)
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from filelock import FileLock, Timeout
from msgspec import structs

from bookfigs.book import Book, store
from bookfigs.canonical import to_json
from bookfigs.drawing import draw
from bookfigs.entry import ClaimEntry, Entries, FigureEntry, ValueEntry
from bookfigs.errors import BookfigsError
from bookfigs.manifest import Manifest, broken_claims
from bookfigs.plan import Plan, listing_file
from bookfigs.provenance import cores

if TYPE_CHECKING:
    from bookfigs.cluster import Cluster
    from bookfigs.runner import Reporter, Runner

E = TypeVar("E", FigureEntry, ValueEntry, ClaimEntry)


@dataclass
class Made:
    """What a build did, and what went wrong."""

    measured: list[str] = field(default_factory=list)
    drawn: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    """Figure → what could not be done with it."""
    errors: list[BookfigsError] = field(default_factory=list)

    @contextmanager
    def isolated(self, slug: str, doing: str) -> Iterator[None]:
        """Keep the failure of one figure from stopping the others."""
        try:
            yield
        except BookfigsError as error:
            self.errors.append(error)
            self.failed[slug] = f"not {doing}"


@contextmanager
def exclusive(book: Book, waiting: Callable[[], None]) -> Iterator[None]:
    """Let no two builds of a book write, or time, at the same moment.

    Raises: StorageError if the folder for local files cannot be written.
    """
    lock = FileLock(book.local / "lock")
    with book.storing(book.local):
        book.local.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            waiting()
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def apply(
    book: Book,
    todo: Plan,
    reporter: "Reporter",
    *,
    measure: list[str],
    jobs: int | None = None,
    force: bool = False,
    cluster: "Cluster | None" = None,
) -> Made:
    """Measure the named figures, here or on a cluster, then make the stale part.

    Failures are collected: one figure's does not keep the others from being
    done, and is never stored as a result. Points that an earlier run measured
    before it broke off are not measured again, unless by ``force``. As many
    figures as ``jobs`` are measured at once, by default as there are cores.
    Cost: that of each figure's ``measure``, and about a second for each drawing.
    """
    made = Made(errors=list(todo.broken))
    drawn: dict[str, Entries] = {}
    manifest = todo.manifest
    with _marked(book, todo, measure):
        if measure:
            runner = _runner(book, todo, reporter, cluster, jobs)
            _measure(runner, todo, made, measure, jobs=jobs, force=force)
        for slug in todo.to_draw:
            with made.isolated(slug, "drawn"):
                drawn[slug] = draw(book, todo.figures[slug])
                made.drawn.append(slug)
                reporter.done(slug, f"drawn: {'; '.join(todo.figures[slug].undrawn)}")
        with made.isolated("the book", "written"):
            _write_rest(book, todo, reporter)
            if drawn or made.errors or todo.changed_listings or todo.manifest_problem:
                manifest = _assemble(book, todo, drawn)
                store(book, book.manifest, to_json(manifest))
    made.errors += broken_claims(manifest)
    return made


def _marked(book: Book, todo: Plan, measure: list[str]) -> AbstractContextManager[None]:
    """Mark that a run is at work, and tidy up if one was that broke off.

    Where there is nothing to do, and nothing was left, nothing is touched.
    """
    left = (book.local / "journal").is_dir()  # asked without importing the journal
    if not (left or measure or todo.to_draw or todo.has_loose_ends):
        return nullcontext()
    from bookfigs.journal import marked  # noqa: PLC0415 - only where it is needed

    unread = book.figures().keys() - todo.figures.keys()
    unmeasured = {*measure, *todo.to_measure, *unread}
    return marked(book, todo.device.slug, unmeasured)


def _runner(
    book: Book,
    todo: Plan,
    reporter: "Reporter",
    cluster: "Cluster | None",
    jobs: int | None,
) -> "Runner":
    """Who measures: this machine, or the workers of a cluster."""
    from bookfigs.runner import InTurn, Runner  # noqa: PLC0415 - only where needed

    if cluster is None:
        return Runner(book, todo.device, InTurn(reporter))
    from bookfigs.dispatch import ClusterRunner  # noqa: PLC0415 - imports Dask

    return ClusterRunner(book, todo.device, InTurn(reporter), cluster, jobs)


def _measure(
    runner: "Runner",
    todo: Plan,
    made: Made,
    slugs: list[str],
    *,
    jobs: int | None,
    force: bool,
) -> None:
    """Measure figures on the plan's device and keep the records that are honest."""
    from bookfigs.recording import keep  # noqa: PLC0415 - only where it is needed

    jobs = jobs or cores()
    states = {slug: todo.figures[slug] for slug in slugs}
    works = runner.works(states, jobs=jobs, force=force)
    measuring = runner.measure(works, jobs=jobs)
    with made.isolated("the machine", "locked"), closing(measuring) as done:
        for work in done:
            with made.isolated(work.slug, "measured"):
                keep(runner.book, todo.device, work, runner.reporter)
                made.measured.append(work.slug)


def _write_rest(book: Book, todo: Plan, reporter: "Reporter") -> None:
    """Write changed listings, and remove what nothing declares."""
    for slug in todo.changed_listings:
        store(book, listing_file(book, slug), todo.listings[slug].printed.code.encode())
        reporter.done(slug, "listing written")
    for path in todo.orphans:
        with book.storing(path):
            path.unlink(missing_ok=True)  # writing took over what a killed run left
        reporter.done(path.stem, f"{book.place(path)} removed: nothing declares it")


def _assemble(book: Book, todo: Plan, drawn: Mapping[str, Entries]) -> Manifest:
    """Return new entries and the old ones that stay; what failed is marked."""
    old = todo.manifest
    kept = {slug for slug in book.figures() if slug in old.figures} - drawn.keys()
    sound = {slug for slug, state in todo.figures.items() if not state.undrawn}

    def entry(old_entry: E, slug: str) -> E:
        if slug in sound:
            return old_entry
        reason = "its figure file fails; run: bookfigs figures"
        return structs.replace(old_entry, outdated=reason)

    figures = {slug: entry(old.figures[slug], slug) for slug in kept}
    values = {n: entry(e, e.figure) for n, e in old.values.items() if e.figure in kept}
    claims = {n: entry(e, e.figure) for n, e in old.claims.items() if e.figure in kept}
    for slug, new in drawn.items():
        figures[slug] = new.figure
        values |= new.values
        claims |= new.claims
    listings = {slug: state.entry for slug, state in todo.listings.items()}
    return Manifest(
        figures=figures, listings=listings, values=values, claims=claims
    ).sealed()
