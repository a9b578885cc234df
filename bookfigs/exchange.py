"""Exchange: records travel between machines, and lie beside those made here."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bookfigs.book import Book, store
from bookfigs.bundle import packed, read_bounded, read_bundle, verified, written
from bookfigs.canonical import to_json
from bookfigs.closure import Project, changes
from bookfigs.errors import InputError, NewerSchemaError, UnknownNameError
from bookfigs.figure import Source
from bookfigs.record import Record, read_record


@dataclass(frozen=True)
class Brought:
    """A record that came in: where it belongs, and what is to be known of it."""

    record: Record
    content: bytes
    path: Path
    is_new: bool
    """Whether it is to be written; else what lies there stays."""
    said: list[str]


def pack(book: Book, slugs: tuple[str, ...], target: Path) -> list[Record]:
    """Write the records that are kept here of some figures, or of all, to a file.

    The same records are the same bytes.
    Raises: UnknownNameError for a figure without a record; InputError if there is
    something else at the target, or a record cannot be read.
    """
    contents = {}
    for path in _kept(book, slugs):
        record = read_record(path, book.place(path))
        contents[record.figure, record.device.slug] = record
        verified(book.place(path), packed(record))
    whole = written(list(contents.values()))
    if target.exists() and read_bounded(target) != whole:
        what = "is there already, and is not this bundle"
        raise InputError(target, what, run="bookfigs bundle --to ANOTHER_FILE")
    store(book, target, whole, f"bookfigs bundle --to {target}")
    return list(contents.values())


def unpack(book: Book, path: Path, *, replace: bool = False) -> list[Brought]:
    """Put the records of a bundle beside those of this machine.

    All of a bundle is verified before any of it is written. A record here that is
    newer stays, unless asked to ``replace`` it. A record of other code comes in, too.
    Raises: InputError, NewerSchemaError or UnknownNameError at whatever is not sound;
    StorageError.
    Cost: linear in the size of the file, which is bounded.
    """
    figures, project = book.figures(), Project(book.root)
    brought = []
    for record in read_bundle(path):
        slug = record.figure
        if slug not in figures:
            what = f"holds a record of {slug!r}, a figure that this book does not have"
            run = "bookfigs list"
            raise UnknownNameError(path, what, asked=slug, available=figures, run=run)
        source = Source.read(project, slug, figures[slug])
        brought.append(_placed(book, source, record, replace=replace))
    for one in brought:
        if one.is_new:
            store(book, one.path, one.content, f"bookfigs import {path}")
    return brought


def _kept(book: Book, slugs: tuple[str, ...]) -> Iterator[Path]:
    """Files of records that are kept here. Raises: UnknownNameError."""
    folder = book.local / "records"
    known = book.figures()
    kept = {
        slug: found
        for slug in known
        if (found := sorted((folder / slug).glob("[!.]*.json")))
    }
    for slug in slugs or tuple(kept) or ("the book",):
        if slug not in kept:
            is_known = slug in known or slug == "the book"
            what = "nothing of it is measured here" if is_known else "no such figure"
            run = "bookfigs figures" if is_known else "bookfigs list"
            raise UnknownNameError(slug, what, asked=slug, available=kept, run=run)
        yield from kept[slug]


def _placed(book: Book, source: Source, record: Record, *, replace: bool) -> Brought:
    """Say where a record belongs, and how it stands to the code and to what is there.

    Raises: NewerSchemaError if a later version of bookfigs wrote what is there.
    """
    path = book.local / "records" / record.figure / f"{record.device.slug}.json"
    content = to_json(record)
    is_new, beside = _beside(book, path, content, record, replace=replace)
    other = changes(record.provenance.closure, source.measured_by)
    more = f" (and {len(other) - 1} more)" if len(other) > 1 else ""
    said = [f"{record.device.title}, {record.provenance.date}", beside]
    said += [f"of other code: {other[0]}{more}"] if other else []
    return Brought(record, content, path, is_new, said)


def _beside(
    book: Book, path: Path, content: bytes, record: Record, *, replace: bool
) -> tuple[bool, str]:
    """Whether a record is to be written, and what there is to say about it."""
    if not path.is_file():
        return True, "imported"
    if path.read_bytes() == content:
        return False, "is here already"
    try:
        there = read_record(path, book.place(path))
        moment = there.provenance.date
        is_newer = _moment(moment) > _moment(record.provenance.date)
    except NewerSchemaError:
        raise
    except (InputError, ValueError):
        return True, "imported in place of one that could not be read"
    if is_newer and not replace:
        return False, f"not imported: the one here is newer, of {moment}; see --replace"
    return True, f"imported in place of {'a newer' if is_newer else 'the'} one {moment}"


def _moment(text: str) -> datetime:
    """A date and time; without a zone it is taken for UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
