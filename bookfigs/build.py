"""Building: measure what is stale here, make what is stale of the book.

A record is written, read back, and drawn from what was read, so a picture
cannot hold a number that the record does not. The book is made from evidence
alone; what this machine measured stays in its own folder until it is published.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Protocol, TypeVar

from filelock import FileLock, Timeout
from msgspec import structs

from bookfigs.book import Book, write_whole
from bookfigs.canonical import fingerprint, to_json
from bookfigs.closure import Project, changes
from bookfigs.errors import BookfigsError, FigureError
from bookfigs.figure import Figure, Source, guarded, load
from bookfigs.manifest import (
    ClaimEntry,
    Entries,
    FigureEntry,
    File,
    Manifest,
    ValueEntry,
    broken_claims,
    entries,
)
from bookfigs.plan import FigureState, Plan, listing_file, picture_file
from bookfigs.provenance import cores, provenance
from bookfigs.record import SCHEMA, Record, read_record

E = TypeVar("E", FigureEntry, ValueEntry, ClaimEntry)


class Reporter(Protocol):
    """Who is told how far the work is."""

    def progress(self, slug: str, done: int, total: int) -> None:
        """So many of a figure's points are measured."""

    def done(self, slug: str, what: str) -> None:
        """Something was done with a figure or listing."""


@dataclass
class Made:
    """What a build did, and what went wrong."""

    measured: list[str] = field(default_factory=list)
    drawn: list[str] = field(default_factory=list)
    errors: list[BookfigsError] = field(default_factory=list)

    @contextmanager
    def isolated(self) -> Iterator[None]:
        """Keep the failure of one figure from stopping the others."""
        try:
            yield
        except BookfigsError as error:
            self.errors.append(error)


@contextmanager
def exclusive(book: Book, waiting: Callable[[], None]) -> Iterator[None]:
    """Let no two builds of a book write, or time, at the same moment."""
    book.local.mkdir(parents=True, exist_ok=True)
    lock = FileLock(book.local / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        waiting()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def apply(book: Book, todo: Plan, reporter: Reporter, *, measure: list[str]) -> Made:
    """Measure the named figures here, then make the book's stale part.

    Failures are collected: one figure's does not keep the others from being
    done, and is never stored as a result.
    Cost: that of each figure's ``measure``, and about a second for each drawing.
    """
    made = Made(errors=list(todo.broken))
    for slug in measure:
        with made.isolated():
            _measure(book, todo, todo.figures[slug], reporter)
            made.measured.append(slug)
    drawn: dict[str, Entries] = {}
    for slug in todo.to_draw:
        with made.isolated():
            drawn[slug] = _draw(book, todo.figures[slug])
            made.drawn.append(slug)
            reporter.done(slug, f"drawn: {'; '.join(todo.figures[slug].undrawn)}")
    for slug in todo.changed_listings:
        write_whole(listing_file(book, slug), todo.listings[slug].code.encode())
        reporter.done(slug, "listing written")
    for path in todo.orphans:
        path.unlink()
        reporter.done(path.stem, f"{book.place(path)} removed: nothing declares it")
    manifest = todo.manifest
    if drawn or made.errors or todo.changed_listings or todo.manifest_problem:
        manifest = _assemble(book, todo, drawn)
        write_whole(book.manifest, to_json(manifest))
    made.errors += broken_claims(manifest)
    return made


def _measure(book: Book, todo: Plan, state: FigureState, reporter: Reporter) -> None:
    """Measure a figure on this device and keep the record, if it is honest."""
    from bookfigs.measure.clock import pin_threads  # noqa: PLC0415 - imports torch

    slug = state.source.slug
    figure = load(slug, state.source.path, book.root)
    load_before = os.getloadavg()[0]
    pin_threads(cores())
    start = time.monotonic()
    columns = figure.measure(
        todo.device, lambda done: reporter.progress(slug, done, len(figure.points))
    )
    seconds = time.monotonic() - start
    _require_same_code(book, state)
    try:
        record = Record(
            SCHEMA,
            slug,
            todo.device,
            provenance(
                book.root,
                state.source.measured_by,
                threads=cores(),
                load=load_before,
                seconds=seconds,
            ),
            columns,
        )
    except ValueError as error:
        raise FigureError(state.source.path.name, str(error)) from error
    _compare(book, state, record)
    write_whole(state.local, to_json(record))
    record = read_record(state.local, book.place(state.local))
    with guarded(figure.path, "measured, but draw() or a claim failed"):
        preview = _preview(book, figure, record)
        verdicts = _verdicts(figure, record)
    reason = state.unmeasured[0] if state.unmeasured else "asked for"
    reporter.done(
        slug,
        f"measured in {seconds:.1f} s ({reason}); "
        f"{verdicts}; looks here like {book.place(preview)}",
    )


def _require_same_code(book: Book, state: FigureState) -> None:
    """Refuse a result if its code is no longer the code that was planned with."""
    slug, path = state.source.slug, state.source.path
    now = Source.read(Project(book.root), slug, path).measured_by
    if changed := changes(state.source.measured_by, now):
        what = f"its code changed while it was measured: {changed[0]}"
        raise FigureError(path.name, what, run=f"bookfigs figures --only {slug}")


def _compare(book: Book, state: FigureState, record: Record) -> None:
    """Refuse a record whose exact columns contradict evidence of the same code."""
    for path, published in state.evidence.items():
        if published.provenance.closure != record.provenance.closure:
            continue
        found = published.differences(record)
        if found:
            raise FigureError(
                state.source.slug,
                f"the same code gave another result than {book.place(path)}: "
                f"{'; '.join(found[:3])}"
                + (f" (and {len(found) - 3} more)" if len(found) > 3 else ""),  # noqa: PLR2004
                run=f"bookfigs why {state.source.slug}",
            )


def _preview(book: Book, figure: Figure, record: Record) -> Path:
    """Draw this machine's own record beside its own records."""
    from bookfigs.style import paint  # noqa: PLC0415 - imports matplotlib

    folder = book.local / "figures"
    for name, content in paint(figure.slug, figure.size, figure.draw, [record]).items():
        write_whole(folder / f"{figure.slug}.{name}", content)
    return folder / f"{figure.slug}.png"


def _verdicts(figure: Figure, record: Record) -> str:
    """Sum up how the claims fare on this machine."""
    verdicts = [claim.judge(record).verdict for claim in figure.claims.values()]
    holding = verdicts.count("holds")
    about = len(verdicts) - verdicts.count("not applicable here")
    return f"{holding} of {about} claims hold here"


def _draw(book: Book, state: FigureState) -> Entries:
    """Draw a figure from its evidence and make its entries."""
    figure = load(state.source.slug, state.source.path, book.root)
    images: dict[str, File] = {}
    for name, content in picture(figure, state).items():
        path = picture_file(book, figure.slug, name)
        write_whole(path, content)
        images[name] = File(book.relative(path), fingerprint(content))
    return worded(book, figure, state, images, matplotlib_version())


def worded(
    book: Book,
    figure: Figure,
    state: FigureState,
    images: dict[str, File],
    drawn_with: str,
) -> Entries:
    """Entries of a figure. Raises: BookfigsError whatever in the file fails."""
    with guarded(figure.path, "a value, a claim or a text failed"):
        return entries(
            book,
            figure,
            state.evidence,
            images=images,
            follows=state.follows,
            outdated=state.outdated,
            drawn_with=drawn_with,
        )


def picture(figure: Figure, state: FigureState) -> dict[str, bytes]:
    """Return the files of a figure, drawn from its evidence; none without it.

    What every device must find alike is drawn once, from the first record.
    """
    from bookfigs.style import paint  # noqa: PLC0415 - imports matplotlib

    records = list(state.evidence.values())
    if not records:
        return {}
    shown = records[:1] if figure.is_exact else records
    with guarded(figure.path, "draw() failed"):
        files = paint(figure.slug, figure.size, figure.draw, shown)
    return {str(name): content for name, content in files.items()}


def matplotlib_version() -> str:
    """Name the program whose version a picture's bytes depend on."""
    return f"matplotlib {metadata.version('matplotlib')}"


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
    return Manifest(
        figures=figures, listings=dict(todo.listings), values=values, claims=claims
    ).sealed()
