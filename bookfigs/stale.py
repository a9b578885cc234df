"""Stale: why a figure has to be measured, published or drawn again."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from msgspec import UNSET

from bookfigs.book import RESERVED, Book
from bookfigs.cache import Cache
from bookfigs.canonical import digest
from bookfigs.closure import changes
from bookfigs.entry import FigureEntry
from bookfigs.errors import InputError, NewerSchemaError
from bookfigs.figure import Source
from bookfigs.listings.listed import stray_evidence
from bookfigs.record import Record, read_record


class Records(Mapping[Path, Record]):
    """Records of a figure, each read when it is asked for.

    What a record's closure is, and that it is a sound record of this figure, is
    known of the same bytes without reading them again.
    """

    def __init__(
        self, book: Book, source: Source, paths: list[Path], cache: Cache
    ) -> None:
        """Find out at once whether each can be read. Raises: InputError."""
        self._book = book
        self._source = source
        self._cache = cache
        self._read: dict[Path, Record] = {}
        self.closures = {path: self._closure(path) for path in paths}

    def __getitem__(self, path: Path) -> Record:
        """Read a record."""
        if path not in self._read:
            self._read[path] = own_record(self._book, self._source, path)
        return self._read[path]

    def __iter__(self) -> Iterator[Path]:
        """Go through the files, in order."""
        return iter(self.closures)

    def __len__(self) -> int:
        """Count the files."""
        return len(self.closures)

    def _closure(self, path: Path) -> Mapping[str, str]:
        key = f"{path} of {self._source.slug}"
        known = self._cache.recall(key, path)
        if known is None:
            self._cache.digest(path)
            known = self[path].provenance.closure
            self._cache.content(path)  # notices if it changed in between
            self._cache.keep(key, path, [], known)
        return known


def own_record(book: Book, source: Source, path: Path) -> Record:
    """Read a record of this figure and no other. Raises: InputError."""
    place = book.place(path)
    run = (
        f"git checkout -- {place}; or: bookfigs figures --only {source.slug}, and "
        f"bookfigs publish {source.slug}"
    )
    try:
        record = read_record(path, place)
    except NewerSchemaError:
        raise
    except InputError as error:
        raise InputError(place, error.what, run=run) from error
    if (record.figure, record.device.slug) != (source.slug, path.stem):
        what = (
            f"is a record of {record.figure} on {record.device.slug}, which belongs "
            f"to evidence/{record.figure}/{record.device.slug}.json"
        )
        raise InputError(place, what, run=run)
    return record


def unmeasured(book: Book, source: Source, local: Path, cache: Cache) -> list[str]:
    """Say why this machine has to measure a figure; empty if it has not.

    Raises: NewerSchemaError if a later version wrote its record here.
    """
    if not local.is_file():
        return ["not measured on this device"]
    try:
        records = Records(book, source, [local], cache)
    except NewerSchemaError:
        raise
    except InputError as error:
        return [f"its record cannot be used: {error.what}"]
    return changes(records.closures[local], source.measured_by)


def outdated(source: Source, evidence: Records) -> str | None:
    """Say why a reader must not see what the evidence says, if there is a reason."""
    if not evidence:
        return f"nothing is published for it; run: bookfigs publish {source.slug}"
    for path, closure in evidence.closures.items():
        if changed := changes(closure, source.measured_by):
            more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
            return (
                f"its evidence on {evidence[path].device.title} is of other code: "
                f"{changed[0]}{more}; run: bookfigs figures, then bookfigs publish "
                f"{source.slug}"
            )
    return None


def follows(
    book: Book,
    source: Source,
    painter: Mapping[str, str],
    evidence: Iterable[Path],
    cache: Cache,
) -> str:
    """Digest of code and evidence that an entry is made from."""
    code = [f"{n}={h}" for n, h in sorted({**painter, **source.drawn_by}.items())]
    files = [f"{book.relative(path)}={cache.digest(path)}" for path in evidence]
    return digest(*code, *files)


def undrawn(
    book: Book, entry: FigureEntry | None, now: str, why: str | None, cache: Cache
) -> list[str]:
    """Say why an entry does not follow from its sources, whose digest is ``now``.

    ``why`` says why its evidence is outdated.
    """
    if entry is None:
        return ["not in the manifest"]
    reasons = []
    folder = str(book.generated)
    if entry.follows != now:
        reasons.append("its evidence, or what draws and words it, changed")
    if entry.outdated != why:
        reasons.append(why or "its evidence is up to date again")
    if entry.evidence and entry.data is UNSET:
        reasons.append("its tables are not made yet")
    if entry.evidence and entry.measured is UNSET:
        reasons.append("where and when it was measured is not noted yet")
    for file in entry.files.values():
        path = f"{folder}/{file.path}"
        found = cache.digest(path)
        if found != file.sha1:
            what = "was changed" if found else "is missing"
            reasons.append(f"{book.place(Path(path))} {what}")
    return reasons


def strays(
    book: Book, figures: Mapping[str, Path], listings: Mapping[str, Path]
) -> list[Path]:
    """Evidence that has no figure, or no listing, in its chapter."""

    def is_stray(folder: Path) -> bool:
        figure = figures.get(folder.name)
        return figure is None or figure.parents[1] != folder.parents[1]

    folders = [f for f in book.evidence_folders() if f.name != RESERVED and is_stray(f)]
    return folders + stray_evidence(book, listings)
