"""Entries of the manifest: what a page needs of each figure, listing and number.

A field that came later is left out where it has nothing to say, so that an older
manifest stays the same document.
"""

from msgspec import UNSET, Struct, UnsetType

from bookfigs.listings.callout import Callout


class File(Struct, frozen=True):
    """A file that an entry stands on, and what it has to contain."""

    path: str
    sha1: str


class Measurement(Struct, frozen=True):
    """Where and when a figure was measured, and with which commit."""

    device: str
    date: str
    commit: str


class FigureEntry(Struct, frozen=True):
    """All that a page needs to embed a figure."""

    caption: str = ""
    alt: str = ""
    width: str = ""
    images: dict[str, File] = {}
    evidence: list[File] = []
    outdated: str | None = None
    follows: str = ""
    """Digest of the evidence and the code that this entry follows from."""
    drawn_with: str = ""
    data: dict[str, File] | UnsetType = UNSET
    """Tables of what it shows; older manifests have none."""
    measured: list[Measurement] | UnsetType = UNSET
    """Every record that it shows; older manifests do not say."""

    @property
    def files(self) -> dict[str, File]:
        """Every generated file that the entry stands on."""
        data = {} if isinstance(self.data, UnsetType) else self.data
        return self.images | data


class Proven(Struct, frozen=True):
    """What proves the lines of a listing, in numbers."""

    executed: int
    executable: int
    caught: int
    """Changes of the lines that somebody noticed."""
    counted: int
    """Changes that make a difference."""
    equivalent: int
    """Changes that make none."""
    tests: list[str]
    """Tests that passed and executed one of the lines, and the program."""


class ListingEntry(Struct, frozen=True):
    """All that a page needs to print a listing.

    What a listing does not have is left out, as older manifests leave it out.
    """

    caption: str
    language: str
    code: str
    """The lines, with the marks of its call-outs."""
    source: str
    symbol: str
    outdated: str | None = None
    numbers: bool | UnsetType = UNSET
    """Whether the lines are shown with their numbers."""
    callouts: list[Callout] | UnsetType = UNSET
    output: str | UnsetType = UNSET
    """What its program printed."""
    evidence: Proven | UnsetType = UNSET


class ValueEntry(Struct, frozen=True):
    """A number as it is printed."""

    text: str
    figure: str
    outdated: str | None = None


class ClaimRow(Struct, frozen=True):
    """The verdict on one device."""

    device: str
    verdict: str
    statistic: str
    expected: str
    date: str
    commit: str


class ClaimEntry(Struct, frozen=True):
    """A sentence and what the evidence says of it."""

    sentence: str
    verdict: str
    figure: str
    source: str
    rows: list[ClaimRow]
    outdated: str | None = None


class Entries(Struct, frozen=True):
    """What one figure contributes."""

    figure: FigureEntry
    values: dict[str, ValueEntry]
    claims: dict[str, ClaimEntry]
