"""The evidence of a book as Markdown: what a job summary or a review shows.

Made from the plan and its manifest by reading alone.
"""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import UNSET

from bookfigs.book import Book
from bookfigs.entry import ClaimEntry
from bookfigs.listings.listed import ListingState
from bookfigs.plan import FigureState, Plan

CLAIMS = ("claim", "verdict", "device", "statistic", "expected", "measured", "source")
FIGURES = ("figure", "state", "device", "measured")
LISTINGS = ("listing", "state", "lines executed", "changes caught", "source")
SIGNS = "\\`*_[]<>|#~"
"""Characters that Markdown would take for its own."""


def as_markdown(book: Book, found: Plan) -> str:
    """Tables of all claims, figures and listings, with what each stands on."""
    count = len(found.manifest.claims)
    claims = found.manifest.claims.values()
    held = sum(
        claim.verdict == "holds" and not _stale(found, claim) for claim in claims
    )
    parts = [
        "## Evidence\n",
        f"{held} of {count} claims hold.\n" if count else "No claims are made.\n",
        _table(CLAIMS, _claims(found)),
        _table(FIGURES, (_figure(found, s) for s in found.figures.values())),
        _table(LISTINGS, (_listing(found, s) for s in found.listings.values())),
    ]
    if found.manifest_problem:
        place = _plain(book.place(book.manifest))
        parts.insert(1, f"{place}: {_plain(found.manifest_problem)}\n")
    parts += [f"- {_plain(error.message())}" for error in found.broken]
    return "\n".join(part for part in parts if part).rstrip() + "\n"


def _claims(found: Plan) -> Iterator[list[str]]:
    """A row for each claim and device."""
    for name, claim in sorted(found.manifest.claims.items()):
        stale = _stale(found, claim)
        for row in claim.rows:
            yield [
                f"{_plain(claim.sentence)} ({_code(name)})",
                stale or row.verdict,
                _plain(row.device),
                _plain(row.statistic),
                _plain(row.expected),
                f"{row.date}, commit {_plain(row.commit)}",
                _code(claim.source),
            ]
        if not claim.rows:
            sentence = f"{_plain(claim.sentence)} ({_code(name)})"
            yield [
                sentence,
                stale or claim.verdict,
                "",
                "",
                "",
                "",
                _code(claim.source),
            ]


def _stale(found: Plan, claim: ClaimEntry) -> str:
    """A word for a claim that does not follow from its evidence as both are now."""
    state = found.figures.get(claim.figure)
    fresh = state is not None and not (state.outdated or state.undrawn)
    return "" if fresh else "outdated"


def _figure(found: Plan, state: FigureState) -> list[str]:
    """The row of a figure."""
    slug = state.source.slug
    entry = found.manifest.figures.get(slug)
    rows = [] if entry is None or entry.measured is UNSET else entry.measured
    return [
        _code(slug),
        _plain(state.outdated or "; ".join(state.undrawn) or "up to date"),
        ", ".join(_plain(row.device) for row in rows),
        ", ".join(f"{row.date}, commit {_plain(row.commit)}" for row in rows),
    ]


def _listing(found: Plan, state: ListingState) -> list[str]:
    """The row of a listing."""
    slug = state.listing.slug
    stale = "changed" if slug in found.changed_listings else "up to date"
    proven = state.entry.evidence
    counts = ["", ""]
    if proven is not UNSET:
        counts = [
            f"{proven.executed} of {proven.executable}",
            f"{proven.caught} of {proven.counted}",
        ]
    return [_code(slug), _plain(state.reason or stale), *counts, _code(state.origin)]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; nothing without rows."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if not lines:
        return ""
    rule = f"|{' --- |' * len(head)}"
    return "\n".join([f"| {' | '.join(head)} |", rule, *lines]) + "\n"


def _plain(text: str) -> str:
    """A text that Markdown shows as it is, on one line."""
    line = " ".join(text.split())
    return "".join(f"\\{sign}" if sign in SIGNS else sign for sign in line)


def _code(text: str) -> str:
    """A name in the face of code, in a table too."""
    return f"`{text.replace('`', '').replace('|', ' ')}`"
