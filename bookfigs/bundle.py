"""A bundle: records in one file, on their way from one machine to another.

One JSON document, so there are no paths, links, archives or code in it::

    {"schema": 1, "generator": "bookfigs …",
     "records": [{"figure": …, "device": …, "sha256": …, "record": "…"}, …]}

Each record is the text of its file, byte for byte, and its digest is that of these
bytes. What is read is data: it is verified before anything is written, and never
executed. A digest notices damage, not forgery: it is signed by nobody, so whoever
publishes what came in vouches for where it came from.
"""

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from bookfigs import __version__
from bookfigs.canonical import decode_json, to_json
from bookfigs.errors import InputError
from bookfigs.provenance import day
from bookfigs.record import SCHEMA as RECORD_SCHEMA
from bookfigs.record import Record

SCHEMA = 1
LARGEST = 32 << 20
"""Bytes that a bundle may have; no more are read."""

LARGEST_RECORD = 8 << 20
MOST_RECORDS = 1000

SLUG = re.compile(r"[a-z_][a-z0-9_]{0,99}")
DEVICE = re.compile(r"(?:cpu|cuda)(?:-[a-z0-9]+){1,20}")
LONGEST_NAME = 120

INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Classes of characters that no text of a record has: they steer terminals."""

AGAIN = "bookfigs bundle --to FILE, on the machine that measured, and copy it again"


class Packed(Struct, frozen=True, forbid_unknown_fields=True):
    """One record in a bundle."""

    figure: str
    device: str
    sha256: str
    record: str


class Bundle(Struct, frozen=True, forbid_unknown_fields=True):
    """The document."""

    schema: int
    generator: str
    records: list[Packed]


def written(records: list[Record]) -> bytes:
    """Write a bundle; the same records are the same bytes, in whatever order."""
    records = sorted(records, key=lambda record: (record.figure, record.device.slug))
    document = Bundle(SCHEMA, f"bookfigs {__version__}", list(map(packed, records)))
    return to_json(document)


def read_bundle(path: Path) -> list[Record]:
    """Read a bundle; every record of it is sound, and its name good for a file.

    Raises: InputError or NewerSchemaError at the first that is not.
    Cost: linear in the size of the file, which is bounded.
    """
    bundle = decode_json(read_bounded(path), str(path), Bundle, SCHEMA)
    if not 0 < len(bundle.records) <= MOST_RECORDS:
        what = f"holds {len(bundle.records)} records; expected 1 to {MOST_RECORDS}"
        raise InputError(path, what, run=AGAIN)
    records: dict[tuple[str, str], Record] = {}
    for number, one in enumerate(bundle.records, 1):
        where = f"{path}, record {number}"
        if (one.figure, one.device) in records:
            what = f"is the second one of {one.figure!a} on {one.device!a}"
            raise InputError(where, what, run=AGAIN)
        records[one.figure, one.device] = verified(where, one)
    return list(records.values())


def packed(record: Record) -> Packed:
    """Write a record down with its digest."""
    content = to_json(record)
    digest = hashlib.sha256(content).hexdigest()
    return Packed(record.figure, record.device.slug, digest, content.decode())


def read_bounded(path: Path) -> bytes:
    """Read a plain file of bounded size. Raises: InputError."""
    try:  # opening what is no plain file must not wait
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InputError(path, "is no plain file", run=AGAIN)
    try:
        with os.fdopen(descriptor, "rb") as file:
            content = file.read(LARGEST + 1) or b""  # of some files there is none
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from error
    if len(content) > LARGEST:
        what = f"has more than {LARGEST >> 20} MiB, which no bundle has"
        raise InputError(path, what, run=AGAIN)
    return content


def verified(where: str, one: Packed) -> Record:
    """Return the record, if it is one, whole, and the one that it is said to be.

    Raises: InputError, NewerSchemaError.
    """
    _check_names(where, one.figure, one.device)
    content = one.record.encode()
    if len(content) > LARGEST_RECORD:
        what = f"has more than {LARGEST_RECORD >> 20} MiB, which no record has"
        raise InputError(where, what, run=AGAIN)
    if hashlib.sha256(content).hexdigest() != one.sha256:
        what = "is damaged: its digest is not that of its content"
        raise InputError(where, what, run=AGAIN)
    record = decode_json(content, where, Record, RECORD_SCHEMA)
    if not _is_canonical(record, content):
        what = "is not as bookfigs writes it: other order, spacing or numbers"
        raise InputError(where, what, run=AGAIN)
    if (record.figure, record.device.slug) != (one.figure, one.device):
        what = (
            f"is called {one.figure} on {one.device}, and is of "
            f"{record.figure!r} on {record.device.slug!r}"
        )
        raise InputError(where, what, run=AGAIN)
    for text in _texts(msgspec.to_builtins(record)):
        if any(unicodedata.category(sign) in INVISIBLE for sign in text):
            what = f"has characters that nobody sees, in {text[:40]!a}"
            raise InputError(where, what, run=AGAIN)
    day(record.provenance.date, where)
    return record


def _check_names(where: str, figure: str, device: str) -> None:
    """Refuse what cannot be part of a file's name. Raises: InputError."""
    for name, pattern, what in ((figure, SLUG, "figure"), (device, DEVICE, "device")):
        if not pattern.fullmatch(name) or len(name) > LONGEST_NAME:
            said = f"{name[:40]!a} is no name of a {what}: it has to match"
            raise InputError(where, f"{said} {pattern.pattern}", run=AGAIN)


def _is_canonical(record: Record, content: bytes) -> bool:
    try:
        return to_json(record) == content
    except (OverflowError, ValueError):  # a number that JSON was read from, not written
        return False


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - plain data of any shape
    """Every text in plain data, names included."""
    pending = [value]
    while pending:
        match pending.pop():
            case str() as text:
                yield text
            case dict() as named:
                pending += [*named, *named.values()]
            case list() as listed:
                pending += listed
