"""Listed: one listing as the book has it, and why its lines are not proven.

Found by reading alone. A listing that names neither tests nor a program makes no
promise, and needs no evidence.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import UNSET, structs

from bookfigs.book import RESERVED, Book
from bookfigs.closure import Project
from bookfigs.entry import ListingEntry, Proven
from bookfigs.errors import InputError, NewerSchemaError
from bookfigs.listings.lines import (
    ListingEvidence,
    evidence_file,
    read_evidence,
    shortcomings,
)
from bookfigs.listings.listing import (
    Listing,
    Printed,
    print_listing,
    read_listing,
    render_listing,
)
from bookfigs.listings.page import require_printable
from bookfigs.listings.reach import SETUP, stale


@dataclass(frozen=True)
class ListingState:
    """One listing: what is printed, what proves it, and what is stale of it."""

    listing: Listing
    printed: Printed
    entry: ListingEntry
    """What the manifest has to say of it."""
    evidence: ListingEvidence | None = None
    unproven: tuple[str, ...] = ()
    """Why its lines have to be proven again; empty if they have not."""
    lacking: tuple[str, ...] = ()
    """What its evidence, which is of these lines, does not prove."""

    @property
    def promises(self) -> bool:
        """Whether it names something that is to prove its lines."""
        return promises(self.listing)

    @property
    def origin(self) -> str:
        """File and name of what is printed, for people."""
        return f"{self.entry.source}:{self.entry.symbol}".rstrip(":")

    @property
    def reason(self) -> str | None:
        """Why it must not reach a reader, in short."""
        reasons = self.unproven or self.lacking
        if not reasons:
            return None
        more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
        return reasons[0] + more


def promises(listing: Listing) -> bool:
    """Whether a listing names something that is to prove its lines."""
    return bool(listing.declared.tests or listing.program)


def listing_state(project: Project, book: Book, slug: str, path: Path) -> ListingState:
    """Read a listing, what it prints, and what is known to prove it.

    The project's cache gets to see every file that this depends on.
    Raises: InputError or UnknownNameError if it cannot be printed; NewerSchemaError.
    """
    listing = read_listing(book, slug, path)
    if listing.symbol:
        project.look_for(listing.module)
    for file in {listing.source, listing.program, evidence_file(listing)} - {None}:
        project.cache.digest(str(file))  # before it is read
    printed = print_listing(book, listing)
    state = ListingState(listing, printed, render_listing(book, listing, printed))
    return _judged(project, book, state) if promises(listing) else state


def _judged(project: Project, book: Book, state: ListingState) -> ListingState:
    """A listing that makes a promise, with what is known of it."""
    listing, printed = state.listing, state.printed
    try:
        evidence = read_evidence(book, listing)
        _look_at_tests(project, book, [*listing.declared.tests, *_tests(evidence)])
        unproven = stale(project, book, listing, printed, evidence)
        _require_shown(book, listing, evidence)
    except NewerSchemaError:
        raise
    except InputError as error:
        evidence, unproven = None, [f"{error.where}: {error.what}"]
    fresh = evidence is not None and not unproven
    lacking = shortcomings(listing, evidence) if evidence and fresh else []
    judged = replace(
        state, evidence=evidence, unproven=tuple(unproven), lacking=tuple(lacking)
    )
    return replace(judged, entry=_entry(judged))


def _entry(state: ListingState) -> ListingEntry:
    """The entry of a listing with what running it told."""
    evidence = state.evidence
    if evidence is None:
        return structs.replace(state.entry, outdated=state.reason)
    output = _output(state.listing, evidence)
    return structs.replace(
        state.entry,
        outdated=state.reason,
        output=UNSET if output is None else output,
        evidence=_proven(evidence),
    )


def _output(listing: Listing, evidence: ListingEvidence | None) -> str | None:
    """What is printed of the output of a listing's program."""
    return evidence.output if evidence and listing.declared.output else None


def _require_shown(
    book: Book, listing: Listing, evidence: ListingEvidence | None
) -> None:
    """Refuse an output that the page cannot hold. Raises: InputError."""
    told, place = listing.declared, book.place(evidence_file(listing))
    glyphs = told.glyphs + ("\ufffd" if told.undecodable else "")
    lines = (_output(listing, evidence) or "").splitlines()
    require_printable(lines, place, "output line", glyphs, told.columns)


def _proven(evidence: ListingEvidence) -> Proven:
    """The evidence in numbers."""
    executable = sum(row.is_executable for row in evidence.lines)
    return Proven(
        executed=executable - len(evidence.unexecuted),
        executable=executable,
        caught=evidence.counted - len(evidence.survivors),
        counted=evidence.counted,
        equivalent=len(evidence.mutants) - evidence.counted,
        tests=evidence.tests,
    )


def _tests(evidence: ListingEvidence | None) -> list[str]:
    return [] if evidence is None else evidence.tests


def _look_at_tests(project: Project, book: Book, tests: Iterable[str]) -> None:
    """Let the cache see test files, and where files with fixtures are or might be."""
    for name in sorted({test.partition("::")[0] for test in tests}):
        path = book.root / name
        project.cache.digest(path)
        for folder in path.parents:
            if folder.is_relative_to(book.root):
                project.cache.digest(folder / SETUP)


def stray_evidence(book: Book, listings: Mapping[str, Path]) -> list[Path]:
    """Evidence of listings that are gone from their chapter."""
    return [
        path
        for path in sorted(book.folder.glob(f"*/evidence/{RESERVED}/*.json"))
        if path.stem not in listings
        or listings[path.stem].parents[1] != path.parents[2]
    ]
