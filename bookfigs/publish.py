"""Publishing: a record of this machine becomes evidence, if it passes the gates.

A separate, deliberate step, since the book stands on what is published.
"""

import statistics
from pathlib import Path

from bookfigs.book import Book, write_whole
from bookfigs.canonical import to_json
from bookfigs.errors import PublishError
from bookfigs.plan import FigureState
from bookfigs.record import Record, read_record

FEWEST_SAMPLES = 9
"""Rounds below which an interval over rounds says little."""

WIDEST_SPREAD = 0.5
"""Interquartile range over median, of any one cell."""


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
    write_whole(target, to_json(record))
    return target


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
    if made.load > record.device.cores and _is_timed(record):
        refusals.append(
            f"the machine was busy (load {made.load} on {record.device.cores} cores)"
        )
    return refusals + _noise(record)


def _is_timed(record: Record) -> bool:
    return any(column.kind == "measured" for column in record.columns.values())


def _noise(record: Record) -> list[str]:
    """Cells with too few samples, or too far apart to mean anything."""
    found = []
    for name, column in record.columns.items():
        for row, cell in enumerate(column.values):
            if not isinstance(cell, list):
                continue
            if len(cell) < FEWEST_SAMPLES:
                found.append(
                    f"{name}, row {row + 1}: {len(cell)} samples, fewer than "
                    f"{FEWEST_SAMPLES}"
                )
                continue
            low, middle, high = statistics.quantiles(cell, n=4)
            if (high - low) / middle > WIDEST_SPREAD:
                found.append(
                    f"{name}, row {row + 1}: the middle half of its samples spreads "
                    f"over {(high - low) / middle:.0%} of their median"
                )
    return found
