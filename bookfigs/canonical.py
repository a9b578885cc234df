"""Canonical JSON and digests: the same content is the same bytes, anywhere."""

import hashlib
from pathlib import Path
from typing import TypeVar

import msgspec

from bookfigs.errors import InputError, NewerSchemaError

T = TypeVar("T")

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding raises: a wrong shape, bytes that are no text, too deep a nest."""


class _Versioned(msgspec.Struct):
    schema: int


def to_json(value: object) -> bytes:
    """Sorted keys, shortest floats, an object over several lines, a list on one.

    Precondition: no number is infinite or NaN; JSON has none, and null is written.
    """
    return _layout(msgspec.to_builtins(value, order="sorted"), "") + b"\n"


def _layout(value: object, indent: str) -> bytes:
    if not isinstance(value, dict) or not value:
        return msgspec.json.encode(value, order="sorted")
    inner = indent + " "
    lines = [
        inner.encode() + msgspec.json.encode(name) + b": " + _layout(value[name], inner)
        for name in sorted(value)
    ]
    return b"{\n" + b",\n".join(lines) + b"\n" + indent.encode() + b"}"


def read_json(path: Path, where: str, kind: type[T], schema: int) -> T:
    """Read a document of a schema version that is understood.

    Raises: InputError if it cannot be read or has the wrong shape; NewerSchemaError
    if a later version wrote it.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(where, f"cannot be read: {error.strerror}") from error
    return decode_json(content, where, kind, schema)


def decode_json(content: bytes, where: str, kind: type[T], schema: int) -> T:
    """Decode a document, as ``read_json`` does. Raises: the same."""
    try:
        version = msgspec.json.decode(content, type=_Versioned).schema
    except UNREADABLE as error:
        raise InputError(where, f"is not a document of bookfigs: {error}") from error
    if version > schema:
        raise NewerSchemaError(
            where,
            f"has schema {version}; this version of bookfigs reads up to {schema}",
            run="pip install --upgrade bookfigs",
        )
    try:
        return msgspec.json.decode(content, type=kind)
    except UNREADABLE as error:
        raise InputError(where, str(error)) from error


def digest(*parts: bytes | str) -> str:
    """SHA-256 over parts, each with its length, in hexadecimal."""
    contents = [part.encode() if isinstance(part, str) else part for part in parts]
    whole = b"".join([b"%d:%b" % (len(content), content) for content in contents])
    return hashlib.sha256(whole).hexdigest()


def fingerprint(content: bytes) -> str:
    """SHA-1 of a file: notices a change; it is the digest that pandoc's Lua has."""
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()
