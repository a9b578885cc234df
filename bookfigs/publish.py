"""Publishing: a record that is kept here becomes evidence, if it passes the gates.

It was measured on this machine, or imported; the gates are the same. A separate,
deliberate step, since the book stands on what is published.
"""

import dataclasses
import statistics
from pathlib import Path

from msgspec import structs

from bookfigs.agreement import differences
from bookfigs.book import Book, store
from bookfigs.cache import Cache
from bookfigs.canonical import to_json
from bookfigs.errors import PublishError, UnknownNameError
from bookfigs.figure import load
from bookfigs.measure.conditions import Conditions
from bookfigs.measure.interval import fewest_rounds
from bookfigs.plan import FigureState
from bookfigs.record import Record, read_record
from bookfigs.stale import unmeasured

FEWEST_SAMPLES = fewest_rounds()
"""Rounds below which no claim over samples is decided."""

WIDEST_SPREAD = 1.0
"""Interquartile range over median, of any one cell.

Two virtual processors may be two cores at one time and share one at another: work
on two threads then takes up to twice as long, in phases of seconds that nothing in
the machine shows. Such a cell is kept, for arms are compared within their rounds
and intervals widen with the spread; one that varies by more tells nothing.
"""

MOST_DISTURBED = 0.1
"""Share of the timing windows that may have been kept though disturbed."""

MOST_REFUSED = 0.5
"""Share of all timing windows that may have been refused and repeated."""


def publish(book: Book, state: FigureState) -> Path:
    """Copy this machine's record of a figure to the evidence; returns where.

    Raises: PublishError with every gate that refused it.
    """
    slug = state.source.slug
    if state.unmeasured:
        raise PublishError(
            slug,
            f"its record here cannot be published: {state.unmeasured[0]}",
            run=f"bookfigs figures --only {slug}",
        )
    record = read_record(state.local, book.place(state.local))
    refusals = gates(record)
    if refusals:
        raise PublishError(
            slug,
            f"its record is no evidence: {'; '.join(refusals)}",
            run=f"bookfigs figures --only {slug} --force",
        )
    chapter = state.source.path.parent.parent
    target = chapter / "evidence" / slug / f"{record.device.slug}.json"
    store(book, target, to_json(record), f"bookfigs publish {slug}")
    return target


def of_device(book: Book, state: FigureState, device: str) -> FigureState:
    """The state of a figure with the record of another device, by the device's slug.

    Nobody watched how it came about: so it is compared with what its figure declares
    and with the evidence.
    Raises: UnknownNameError if none is kept here; PublishError if it contradicts.
    """
    slug, folder = state.source.slug, state.local.parent
    kept = [path.stem for path in sorted(folder.glob("[!.]*.json"))]
    if device not in kept:
        what = f"no record of {device!r} is kept here"
        run = "bookfigs import FILE"
        raise UnknownNameError(slug, what, asked=device, available=kept, run=run)
    local = folder / f"{device}.json"
    reasons = unmeasured(book, state.source, local, Cache())
    if not reasons:
        reasons = _contradictions(book, state, read_record(local, book.place(local)))
    if reasons:
        what = f"its record of {device} cannot be published: {reasons[0]}"
        run = f"bookfigs figures --only {slug}, on that machine; then import it again"
        raise PublishError(slug, what, run=run)
    return dataclasses.replace(state, local=local, unmeasured=[])


def _contradictions(book: Book, state: FigureState, record: Record) -> list[str]:
    """What speaks against a record that came from elsewhere."""
    figure = load(state.source.slug, state.source.path, book.root)
    bare = {n: structs.replace(c, values=[]) for n, c in record.columns.items()}
    if bare != dict(figure.columns):
        return ["its columns are not those that the figure declares"]
    return [
        f"it contradicts {book.place(path)}: {found}"
        for path, published in state.evidence.items()
        if published.provenance.closure == record.provenance.closure
        for found in differences(published, record)
    ]


def gates(record: Record) -> list[str]:
    """Reasons why a record cannot be evidence; empty if there is none."""
    refusals = []
    made = record.provenance
    if not made.commit:
        refusals.append("it was measured outside of git, so its code cannot be named")
    if made.dirty:
        refusals.append(
            "tracked files differed from the commit when it was measured, or a Python "
            "file was not in it"
        )
    return refusals + _disturbed(record) + _noise(record)


def remarks(record: Record) -> list[str]:
    """What whoever publishes a record should know, though it stops nothing."""
    gaps = [f"{gap} (no rows)" for gap in record.gaps]
    for name, column in record.columns.items():
        empty = [n for n, cell in enumerate(column.values, 1) if cell is None]
        if empty:
            gaps.append(f"{name}, row{'s' if len(empty) > 1 else ''} {_runs(empty)}")
    return [f"a gap: {gap}; claims about it stay open here" for gap in gaps]


def _runs(numbers: list[int]) -> str:
    """Rising numbers in words, those that follow each other as first to last."""
    starts = [n for n in numbers if n - 1 not in set(numbers)]
    ends = [n for n in numbers if n + 1 not in set(numbers)]
    pairs = zip(starts, ends, strict=True)
    return ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in pairs)


def _disturbed(record: Record) -> list[str]:
    """Whether the machine did something else while it was timed."""
    if not _is_timed(record):
        return []
    made, cores = record.provenance, record.device.cores
    found = []
    if made.load > cores:
        found.append(f"the machine was busy (load {made.load} on {cores} cores)")
    seen = made.conditions
    if seen is None or not seen.windows:
        return found
    throttled = seen.disturbed.get("throttled", 0)
    if throttled:
        by = f" by {', '.join(seen.throttling)}" if seen.throttling else ""
        found.append(
            f"{throttled} of {seen.windows} timing windows were throttled{by}: let the "
            "machine cool down"
        )
    disturbed = seen.disturbed_windows
    if disturbed > MOST_DISTURBED * seen.windows:
        found.append(
            f"{disturbed} of {seen.windows} timing windows were disturbed, more than "
            f"{MOST_DISTURBED:.0%} ({_worst(seen)})"
        )
    refused, all_windows = seen.refused_windows, seen.refused_windows + seen.windows
    if refused > MOST_REFUSED * all_windows:
        found.append(
            f"{refused} of {all_windows} timing windows had to be repeated, more than "
            f"{MOST_REFUSED:.0%} ({_counts(seen.refused)})"
        )
    return found


def _worst(seen: Conditions) -> str:
    """Reasons and the worst numbers, as far as they are known."""
    numbers = {
        "other programs used up to {} cores": seen.others,
        "the host took up to {} of the processor": seen.steal,
        "a loop of known work took up to {} times its quickest": seen.unsteady,
    }
    known = [text.format(n) for text, n in numbers.items() if n is not None]
    return "; ".join([_counts(seen.disturbed), *known])


def _counts(reasons: dict[str, int]) -> str:
    return ", ".join(f"{reason}: {count}" for reason, count in sorted(reasons.items()))


def _is_timed(record: Record) -> bool:
    return any(column.kind == "measured" for column in record.columns.values())


def _noise(record: Record) -> list[str]:
    """Cells of times with too few samples, or too far apart to mean anything.

    How far seeds lie apart is a result, and no fault of the machine; too few of them
    leave a claim open, which is seen there.
    """
    found = []
    timed = {n: c for n, c in record.columns.items() if c.kind == "measured"}
    for name, column in timed.items():
        for row, cell in enumerate(column.values):
            if not isinstance(cell, list):
                continue
            if len(cell) < FEWEST_SAMPLES:
                found.append(
                    f"{name}, row {row + 1}: {len(cell)} samples, fewer than the "
                    f"{FEWEST_SAMPLES} that it takes to decide a claim"
                )
                continue
            low, middle, high = statistics.quantiles(cell, n=4)
            if (high - low) / middle > WIDEST_SPREAD:
                found.append(
                    f"{name}, row {row + 1}: the middle half of its samples spreads "
                    f"over {(high - low) / middle:.0%} of their median, more than "
                    f"{WIDEST_SPREAD:.0%}"
                )
    return found
