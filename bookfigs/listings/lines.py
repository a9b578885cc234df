"""Line evidence: what proves the printed lines of a listing.

For each executable line the passing tests that executed it, and for each small
change of the lines the test that fails then. Found by running; kept as canonical
JSON beside the evidence of figures, with a hash of all that it follows from.
"""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from bookfigs.book import RESERVED, Book
from bookfigs.canonical import read_json, to_json
from bookfigs.errors import InputError
from bookfigs.listings.listing import Listing

SCHEMA = 1


class LineRow(Struct, frozen=True, forbid_unknown_fields=True):
    """A printed line."""

    text: str
    is_executable: bool
    tests: list[int]
    """Who executed it, by their place among the tests."""


class MutantRow(Struct, frozen=True, forbid_unknown_fields=True):
    """A small change of a printed line."""

    line: int
    """The printed line, counted from 1."""
    change: str
    caught: str
    """Who noticed it; empty if nobody did."""
    how: str = ""
    equivalent: str = ""
    """Why nobody can notice it."""


class ListingEvidence(Struct, frozen=True, forbid_unknown_fields=True):
    """All that was found of a listing."""

    schema: int
    listing: str
    tests: list[str]
    """Tests that passed and executed one of the lines."""
    lines: list[LineRow]
    mutants: list[MutantRow]
    output: str | None
    """What its program printed, normalised."""
    closure: dict[str, str]
    """Hash of each definition that the lines, the tests or the program reach."""

    @property
    def unexecuted(self) -> list[int]:
        """Printed lines that no passing test executed."""
        rows = enumerate(self.lines, 1)
        return [n for n, row in rows if row.is_executable and not row.tests]

    @property
    def survivors(self) -> list[MutantRow]:
        """Changes that nobody noticed, and that make a difference."""
        return [m for m in self.mutants if not m.caught and not m.equivalent]

    @property
    def counted(self) -> int:
        """Number of changes that make a difference."""
        return sum(not mutant.equivalent for mutant in self.mutants)

    @property
    def score(self) -> float:
        """Share of the changes that make a difference and were noticed."""
        if not self.counted:
            return 1.0
        return 1 - len(self.survivors) / self.counted

    @property
    def summary(self) -> str:
        """The evidence in a line."""
        executable = sum(row.is_executable for row in self.lines)
        executed = executable - len(self.unexecuted)
        caught = self.counted - len(self.survivors)
        same = len(self.mutants) - self.counted
        return (
            f"{executed} of {executable} lines executed by {len(self.tests)} passing "
            f"tests; {caught} of {self.counted} changes caught"
            + (f", {same} equivalent" if same else "")
        )


def evidence_file(listing: Listing) -> Path:
    """Where the evidence of a listing is kept, in its chapter."""
    return listing.path.parents[1] / "evidence" / RESERVED / f"{listing.slug}.json"


def read_evidence(book: Book, listing: Listing) -> ListingEvidence | None:
    """Read the evidence of a listing; None if there is none.

    Raises: InputError with the place of what is wrong.
    """
    path = evidence_file(listing)
    if not path.is_file():
        return None
    found = read_json(path, book.place(path), ListingEvidence, SCHEMA)
    if found.listing != listing.slug:
        raise InputError(book.place(path), f"is evidence of {found.listing}")
    return found


def write_evidence(evidence: ListingEvidence) -> bytes:
    """The evidence as it is kept."""
    return to_json(evidence)


def shortcomings(listing: Listing, evidence: ListingEvidence) -> list[str]:
    """What the evidence does not prove: it stops the render if it is anything."""
    found = [
        f"printed line {n} is executed by no passing test: "
        f"{evidence.lines[n - 1].text.strip()}"
        for n in evidence.unexecuted
    ]
    if evidence.score < listing.declared.threshold:
        found += [
            f"printed line {m.line}: no test notices {m.change!r}"
            for m in evidence.survivors
        ]
    return found + misdeclared(listing, evidence.mutants)


def misdeclared(listing: Listing, mutants: list[MutantRow]) -> list[str]:
    """Declarations of equivalent changes that are not true."""
    caught: Mapping[str, list[MutantRow]] = {}
    caught = {m.change: [n for n in mutants if n.change == m.change] for m in mutants}
    found = []
    for one in listing.declared.equivalent:
        rows = caught.get(one.change)
        if not rows:
            found.append(f"equivalent names no change of the lines: {one.change!r}")
        elif noticed := [row.caught for row in rows if row.caught]:
            found.append(f"{one.change!r} is no equivalent: {noticed[0]} notices it")
        elif not one.reason.strip():
            found.append(f"equivalent {one.change!r} has no reason")
    return found
