"""Recording: what was measured of a figure becomes its record on this machine.

A record is refused if its code changed meanwhile, or if what has to be equal
everywhere contradicts the evidence. It is read back and drawn for a look; the
book is not drawn from it.
"""

from pathlib import Path

import msgspec
from msgspec import structs

from bookfigs.agreement import differences
from bookfigs.book import Book, store
from bookfigs.canonical import to_json
from bookfigs.closure import Project, changes
from bookfigs.column import Cell, Column
from bookfigs.errors import BookfigsError, FigureError
from bookfigs.figure import Figure, Source, guarded, load
from bookfigs.journal import Entry
from bookfigs.measure.conditions import Conditions
from bookfigs.plan import FigureState
from bookfigs.point import Failure, Shape
from bookfigs.provenance import provenance
from bookfigs.record import SCHEMA, Device, Gap, Record
from bookfigs.runner import Reporter, Work

SHOWN = 3
"""How many differences a message spells out."""


def keep(book: Book, device: Device, work: Work, reporter: Reporter) -> None:
    """Make the record of a figure whose points are measured, and keep it.

    The journal is given up when the record is written. If drawing fails, the
    record is kept all the same; if a picture cannot be written, the journal is, so
    that the next run makes both.
    Raises: FigureError with the reason if there can be no record; StorageError.
    """
    record = finished(book, device, work)
    _compare(book, work.state, record)
    content = to_json(record)
    looks: str | FigureError
    try:
        looks = _looks(book, work.state, content)
    except FigureError as error:
        looks = error
    store(book, work.state.local, content)
    work.journal.forget()
    if isinstance(looks, FigureError):
        raise looks
    reason = work.state.unmeasured[0] if work.state.unmeasured else "asked for"
    seconds = record.provenance.seconds
    reporter.done(work.slug, f"measured in {seconds:.1f} s ({reason}); {looks}")
    for gap in record.gaps:
        reporter.done(work.slug, f"a gap at {gap}")


def finished(book: Book, device: Device, work: Work) -> Record:
    """Make the record of a figure whose points are measured.

    Raises: FigureError with the reason if there can be none.
    """
    if work.broken:
        raise work.broken
    try:
        _require_same_code(book, work.state)
    except BookfigsError:
        work.journal.forget()  # who knows which code its entries are of
        raise
    if work.failures:
        raise _failed(work)
    return _record(book, device, work)


def _failed(work: Work) -> BookfigsError:
    """One message for all points that failed: the first, and how many more."""
    first = work.failures[min(work.failures)]
    done, more = len(work.entries), len(work.failures) - 1
    what = first.what
    if more:
        what += f" (and at {more} more of {work.total} points)"
    if done:
        what += f"; the {done} that succeeded are kept for the next run"
    return structs.replace(Failure.of(first), what=what).error()


def _record(book: Book, device: Device, work: Work) -> Record:
    """Put the points together. Raises: FigureError if there is nothing to put."""
    entries = [work.entries[index] for index in sorted(work.entries)]
    gaps = [Gap(entry.point, entry.gap) for entry in entries if entry.gap]
    path = work.state.source.path
    if gaps and len(gaps) == len(entries):
        what = f"no point could be measured here; {gaps[0]}"
        raise FigureError(path.name, what, run=f"bookfigs figures --only {work.slug}")
    made = provenance(
        book.root,
        work.state.source.measured_by,
        threads=work.threads,
        load=max((entry.load for entry in entries), default=work.load),
        seconds=sum(entry.seconds for entry in entries),
        conditions=_conditions(entries),
    )
    made = structs.replace(
        made, dirty=made.dirty or any(entry.dirty for entry in entries)
    )
    if work.origin:
        made = structs.replace(
            made,
            commit=work.origin.commit,
            versions=work.origin.versions,
            system=work.origin.system,
            dirty=any(entry.dirty for entry in entries),
        )
    shape = work.shape or Shape([], {})
    columns = {
        name: _filled(column, [e.columns[name] for e in entries if not e.gap])
        for name, column in shape.columns.items()
    }
    try:
        return Record(SCHEMA, work.slug, device, made, columns, gaps)
    except ValueError as error:
        raise FigureError(path.name, str(error)) from error


def _conditions(entries: list[Entry]) -> Conditions | None:
    """What the machine was like at all points; None if no clock ran."""
    seen = [
        msgspec.convert(entry.notes["conditions"], Conditions)
        for entry in entries
        if "conditions" in entry.notes
    ]
    merged = Conditions().merge(*seen)
    return merged if merged.runs else None


def _filled(column: Column, parts: list[list[Cell]]) -> Column:
    return structs.replace(column, values=[cell for part in parts for cell in part])


def _looks(book: Book, state: FigureState, content: bytes) -> str:
    """Read a record back, judge it, and draw it beside this machine's records."""
    figure = load(state.source.slug, state.source.path, book.root)
    with guarded(figure.path, "measured, but draw() or a claim failed"):
        record = msgspec.json.decode(content, type=Record)
        preview = _preview(book, figure, record)
        return f"{_verdicts(figure, record)}; looks here like {book.place(preview)}"


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
        found = differences(published, record)
        if found:
            more = f" (and {len(found) - SHOWN} more)" if len(found) > SHOWN else ""
            raise FigureError(
                state.source.slug,
                f"the same code gave another result than {book.place(path)}: "
                f"{'; '.join(found[:SHOWN])}{more}",
                run=f"bookfigs why {state.source.slug}",
            )


def _preview(book: Book, figure: Figure, record: Record) -> Path:
    """Draw this machine's own record beside its own records."""
    from bookfigs.style import paint  # noqa: PLC0415 - imports matplotlib

    folder = book.local / "figures"
    files = paint(figure.slug, figure.size, figure.draw, [record], figure.panels)
    for name, content in files.items():
        store(book, folder / f"{figure.slug}.{name}", content)
    return folder / f"{figure.slug}.png"


def _verdicts(figure: Figure, record: Record) -> str:
    """Sum up how the claims fare on this machine."""
    verdicts = [claim.judge(record).verdict for claim in figure.claims.values()]
    holding = verdicts.count("holds")
    about = len(verdicts) - verdicts.count("not applicable here")
    return f"{holding} of {about} claims hold here"
