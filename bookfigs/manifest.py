"""The manifest: the one generated document, and all that the extension sees.

It follows from the evidence and from the figure and listing files, so that it
is the same bytes wherever it is made. Paths in it are relative to its folder.
``outdated`` says why an entry must not reach a reader; the extension then
stops the render.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from bookfigs import __version__
from bookfigs.book import Book
from bookfigs.canonical import digest, fingerprint, read_json, to_json
from bookfigs.devices import measured_on
from bookfigs.entry import (
    ClaimEntry,
    ClaimRow,
    Entries,
    FigureEntry,
    File,
    ListingEntry,
    Measurement,
    ValueEntry,
)
from bookfigs.errors import ClaimError, InputError
from bookfigs.provenance import day

if TYPE_CHECKING:
    from pathlib import Path

    from bookfigs.claim import Claim
    from bookfigs.figure import Figure
    from bookfigs.record import Record

SCHEMA = 1
ALT_LENGTH = 250
SEVERITY = ("not applicable here", "holds", "inconclusive", "fails")
"""Verdicts, from the one that says least to the one that weighs most."""


class Manifest(Struct, frozen=True, kw_only=True):
    """Everything generated, by name."""

    schema: int = SCHEMA
    generator: str = f"bookfigs {__version__}"
    figures: dict[str, FigureEntry] = {}
    listings: dict[str, ListingEntry] = {}
    values: dict[str, ValueEntry] = {}
    claims: dict[str, ClaimEntry] = {}
    digest: str = ""
    """Over all the rest, so that an edit by hand is noticed."""

    def sealed(self) -> "Manifest":
        """Return the manifest with the digest of its content."""
        bare = structs.replace(self, digest="")
        return structs.replace(self, digest=digest(to_json(bare)))

    @property
    def is_sealed(self) -> bool:
        """Whether the digest is that of the content."""
        return self.sealed().digest == self.digest


def read_manifest(book: Book) -> Manifest | None:
    """Read the manifest; None if there is none.

    Raises: InputError if it cannot be understood.
    """
    if not book.manifest.is_file():
        return None
    return read_json(book.manifest, book.place(book.manifest), Manifest, SCHEMA)


def entries(
    book: Book,
    figure: "Figure",
    records: "Mapping[Path, Record]",
    *,
    images: dict[str, File],
    data: dict[str, File],
    follows: str,
    outdated: str | None,
    drawn_with: str,
) -> Entries:
    """Entries of a figure from its evidence; numbers are those of the first record.

    Raises: BookfigsError if a value, claim, caption or alternative text fails.
    """
    texts = value_texts(figure, list(records.values()))
    evidence = [file_entry(book, path) for path in records]
    entry = FigureEntry(
        *(("", "") if texts is None else _words(figure, texts, records.values())),
        f"{figure.size[0]}in",
        images,
        evidence,
        outdated,
        follows,
        drawn_with,
        data,
        [_measurement(book, path, record) for path, record in records.items()],
    )
    return Entries(
        entry,
        {
            f"{figure.slug}.{name}": ValueEntry(
                (texts or {}).get(name, ""), figure.slug, outdated
            )
            for name in figure.values
        },
        {
            f"{figure.slug}.{name}": _claim(book, figure, claim, records, outdated)
            for name, claim in figure.claims.items()
        },
    )


def value_texts(figure: "Figure", records: "Sequence[Record]") -> dict[str, str] | None:
    """Every value as it is printed, from the first record; None without one."""
    if not records:
        return None
    return {name: value.text(records[0]) for name, value in figure.values.items()}


def broken_claims(manifest: Manifest) -> list[ClaimError]:
    """Return an error for each claim that its evidence does not bear out."""
    return [
        ClaimError(
            name,
            f"the claim {entry.verdict}: {entry.sentence!r}; "
            + "; ".join(
                f"{row.device}: {row.verdict}, {row.statistic}, expected {row.expected}"
                for row in entry.rows
            ),
            run=f"bookfigs why {entry.figure}",
        )
        for name, entry in sorted(manifest.claims.items())
        if entry.outdated is None and entry.verdict in {"fails", "inconclusive"}
    ]


def file_entry(book: Book, path: "Path") -> File:
    """Name a file and its fingerprint."""
    return File(book.relative(path), fingerprint(path.read_bytes()))


def _claim(
    book: Book,
    figure: "Figure",
    claim: "Claim",
    records: "Mapping[Path, Record]",
    outdated: str | None,
) -> ClaimEntry:
    """Judge a claim on every device; the weightiest verdict is the claim's."""
    rows = []
    for path, record in records.items():
        verdict, statistic, expected = claim.judge(record)
        at = _measurement(book, path, record)
        rows.append(
            ClaimRow(at.device, verdict, statistic, expected, at.date, at.commit)
        )
    worst = max(
        (row.verdict for row in rows), key=SEVERITY.index, default="inconclusive"
    )
    place = book.place(figure.path)
    return ClaimEntry(claim.sentence, worst, figure.slug, place, rows, outdated)


def _measurement(book: Book, path: "Path", record: "Record") -> Measurement:
    """Say of a record where and when it was measured. Raises: InputError."""
    date = day(record.provenance.date, book.place(path))
    return Measurement(record.device.title, date, record.provenance.commit[:7])


def _words(
    figure: "Figure", texts: "Mapping[str, str]", records: "Iterable[Record]"
) -> tuple[str, str]:
    """Caption, with the devices where it matters, and alternative text.

    Raises: InputError if they break the book's rules, or use an unknown value.
    """
    caption, alt = figure.fill(figure.caption, texts), figure.fill(figure.alt, texts)
    where = figure.path.name
    if not (caption.startswith("**") and "**: " in caption and caption.endswith(".")):
        raise InputError(where, "CAPTION has to have the form '**Title**: sentence.'")
    if not 0 < len(alt.strip()) <= ALT_LENGTH:
        raise InputError(
            where, f"ALT has {len(alt)} characters; it needs 1 to {ALT_LENGTH}"
        )
    note = measured_on(list(records), figure.claims.values())
    return f"{caption} {note}".rstrip(), alt
