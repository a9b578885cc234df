"""Proving: the listings of a book whose lines are not proven, several at once.

Each is run in processes of its own; what fails in one leaves the others done.
Evidence is written as soon as it is there, so that a run that was interrupted goes
on where it was.
"""

import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bookfigs.book import Book, store
from bookfigs.cache import Cache
from bookfigs.closure import Project
from bookfigs.errors import BookfigsError, EnvironmentMissingError, ListingError
from bookfigs.listings.child import INTERRUPTED
from bookfigs.listings.lines import (
    ListingEvidence,
    evidence_file,
    shortcomings,
    write_evidence,
)
from bookfigs.listings.listed import ListingState
from bookfigs.listings.listing import print_listing, read_listing
from bookfigs.listings.proof import prove
from bookfigs.listings.reach import stale

if TYPE_CHECKING:
    from bookfigs.runner import Reporter


@dataclass
class Proved:
    """What came of proving, and what went wrong."""

    done: list[str] = field(default_factory=list)
    """Listings whose lines are proven now."""
    failed: list[str] = field(default_factory=list)
    """Listings that could not be proven, or that their tests do not prove."""
    errors: list[BookfigsError] = field(default_factory=list)


def prove_all(
    book: Book, states: Iterable[ListingState], reporter: "Reporter", *, jobs: int
) -> Proved:
    """Prove listings, as many at once as ``jobs``, and write their evidence.

    Failures are collected. An interruption ends every process that was started.
    Cost: that of ``prove`` for each.
    """
    proved, waiting = Proved(), list(states)
    running: dict[Future[ListingEvidence], ListingState] = {}
    pool = ThreadPoolExecutor(jobs)
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                state = waiting.pop(0)
                why = state.unproven[0] if state.unproven else "asked for"
                reporter.done(state.listing.slug, f"being proven: {why}")
                running[pool.submit(_prove, book, state)] = state
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                _conclude(book, running.pop(future), future, proved, reporter)
    except BaseException:
        INTERRUPTED.set()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        INTERRUPTED.clear()
    return proved


def _conclude(
    book: Book,
    state: ListingState,
    future: Future[ListingEvidence],
    proved: Proved,
    reporter: "Reporter",
) -> None:
    """Tell what came of one listing."""
    slug, place = state.listing.slug, book.place(state.listing.path)
    try:
        evidence = future.result()
    except BookfigsError as error:
        is_told = error.what in [known.what for known in proved.errors]
        if not (isinstance(error, EnvironmentMissingError) and is_told):
            proved.errors.append(error)  # a missing package is told once
        proved.failed.append(slug)
        return
    lacking = shortcomings(state.listing, evidence)
    reporter.done(slug, f"{'not all ' if lacking else ''}proven: {evidence.summary}")
    (proved.failed if lacking else proved.done).append(slug)
    run = f"mend {place} or what it names, then: bookfigs prove {slug}"
    proved.errors += [ListingError(place, what, run=run) for what in lacking]


def _prove(book: Book, state: ListingState) -> ListingEvidence:
    """Prove one listing as it is now, and write its evidence.

    Raises: as ``prove``; ListingError if what it stands on changed meanwhile.
    """
    began = time.time_ns()
    listing = read_listing(book, state.listing.slug, state.listing.path)
    printed = print_listing(book, listing)
    evidence = prove(book, listing, printed)
    cache = Cache()
    reasons = stale(Project(book.root, cache), book, listing, printed, evidence)
    for path, seen in cache.states.items():
        if seen is not None and seen[-1] > began:
            reasons.append(f"{book.place(Path(path))} was written")
    if reasons:
        where, run = book.place(listing.path), f"bookfigs prove {listing.slug}"
        what = f"what it stands on changed while it was proven: {reasons[0]}"
        raise ListingError(where, what, run=run)
    again = f"bookfigs prove {listing.slug}"
    store(book, evidence_file(listing), write_evidence(evidence), again)
    return evidence
