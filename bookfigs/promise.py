"""Promises: what listings say of their lines, and whether that is so."""

from itertools import zip_longest

from bookfigs.book import Book
from bookfigs.errors import BookfigsError, OutdatedError
from bookfigs.listings.listed import ListingState
from bookfigs.listings.program import run_program
from bookfigs.plan import Plan

REMEDY = "bookfigs figures"
SHOWN = 3
"""Reasons that a message spells out."""


def unkept(book: Book, found: Plan) -> list[tuple[str, str, str]]:
    """What the plan tells of listings: place, what, and what to run."""
    problems: list[tuple[str, str, str]] = []
    for slug, state in found.listings.items():
        place, run = book.place(state.listing.path), f"bookfigs prove {slug}"
        if state.unproven:
            more = len(state.unproven) - SHOWN
            what = "; ".join(state.unproven[:SHOWN])
            what += f" (and {more} more)" if more > 0 else ""
            problems.append((place, f"its lines are not proven: {what}", run))
        elif slug in found.changed_listings:
            what = "the printed listing is not its source, caption and evidence"
            problems.append((place, what, REMEDY))
        problems += [(place, what, f"mend it, then: {run}") for what in state.lacking]
    return problems


def rerun(book: Book, state: ListingState) -> list[BookfigsError]:
    """Run the program of a listing again; an error if it prints something else."""
    if state.evidence is None or state.unproven or state.listing.program is None:
        return []
    try:
        now = run_program(book, state.listing).output
    except BookfigsError as error:
        return [error]
    before = state.evidence.output or ""
    if now == before:
        return []
    pairs = enumerate(zip_longest(before.splitlines(), now.splitlines()), 1)
    differing = [(n, old, new) for n, (old, new) in pairs if old != new]
    what = "ends its lines otherwise than its evidence says"
    if differing:
        number, old, new = differing[0]
        what = f"prints {new!r} in line {number}, and its evidence says {old!r}"
    place = book.place(state.listing.program)
    run = f"bookfigs prove {state.listing.slug} --force"
    return [OutdatedError(place, what, run=run)]
