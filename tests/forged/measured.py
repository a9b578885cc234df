"""Lies in records: cells, samples, columns, stamps."""

import copy
import json
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from bookfigs.canonical import fingerprint, to_json
from forged.entries import raise_digit
from tampering import Desk, Lie, digit

Change = tuple[str, str, Callable[[Any], object]]
"""A kind of change, of what, and how a record is changed so."""


def every_record(desk: Desk) -> Iterator[tuple[str, Path, dict[str, Any]]]:
    """Every record of the evidence: its figure, its file, its content."""
    for slug in desk.book.figures():
        for path in desk.book.evidence(slug):
            yield slug, path, json.loads(path.read_bytes())


def _numbers(cells: Any, where: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """Places of numbers other than zero in nested lists."""
    for index, cell in enumerate(cells):
        if isinstance(cell, list):
            yield from _numbers(cell, (*where, index))
        elif isinstance(cell, int | float) and not isinstance(cell, bool) and cell:
            yield (*where, index)


def _put(
    record: Any, name: str, where: tuple[int, ...], how: Callable[[Any], object]
) -> None:
    """Change a number in a column."""
    cells = record["columns"][name]["values"]
    for index in where[:-1]:
        cells = cells[index]
    cells[where[-1]] = how(cells[where[-1]])


def _raised(number: float) -> object:
    """A number whose first digit is another one."""
    return json.loads(digit(json.dumps(abs(number)))) or 1


HOW: dict[str, Callable[[Any], object]] = {
    "a digit of": _raised,
    "the sign of": lambda number: -number,
    "nothing for": lambda _: None,
}


def _cells(record: dict[str, Any]) -> Iterator[Change]:
    """Changes of one cell, or of how many there are."""

    def fewer(found: Any, name: str, row: int | None = None) -> None:
        values = found["columns"][name]["values"]
        (values if row is None else values[row]).pop()

    for name, column in record["columns"].items():
        places = list(_numbers(column["values"]))
        for kind, how in HOW.items() if places else ():
            change = partial(_put, name=name, where=places[-1], how=how)
            yield f"record: {kind} a cell", name, change
        row = places[0][0] if places else 0
        if isinstance(column["values"][row], list):
            change = partial(fewer, name=name, row=row)
            yield "record: a sample removed", name, change
        yield "record: a cell removed", name, partial(fewer, name=name)


def _columns(record: dict[str, Any]) -> Iterator[Change]:
    """Changes of whole columns and rows."""

    def swap(found: Any, names: tuple[str, str]) -> None:
        one, other = (found["columns"][name] for name in names)
        one["values"], other["values"] = other["values"], one["values"]

    def last(found: Any) -> None:
        for column in found["columns"].values():
            column["values"].pop()

    for names in pairwise(record["columns"]):
        yield "record: columns swapped", ", ".join(names), partial(swap, names=names)
    yield "record: a row removed", "the last", last


def _origin(record: dict[str, Any]) -> Iterator[Change]:
    """Changes of what a record says of where it comes from."""

    def code(found: Any) -> None:
        closure = found["provenance"]["closure"]
        closure[next(iter(closure))] = "0" * 16

    def dirty(found: Any) -> None:
        found["provenance"]["dirty"] = not found["provenance"]["dirty"]

    for key in ("date", "commit"):
        if record["provenance"][key]:
            change = partial(_stamp, key=key)
            yield "record: stamp", key, change
    yield "record: stamp", "dirty", dirty
    yield "record: device", "name", lambda found: raise_digit(found["device"], "name")
    yield "record: figure", "name", lambda found: raise_digit(found, "figure")
    yield "record: digest of code", "the first", code


def _stamp(found: Any, key: str) -> None:
    raise_digit(found["provenance"], key)


def records(desk: Desk) -> Iterator[Lie]:
    """Every column of every record, and what is said of how it came to be."""
    for slug, path, record in every_record(desk):
        for kind, part, change in (
            *_cells(record),
            *_columns(record),
            *_origin(record),
        ):
            what = f"{slug}: {part}"
            tell = partial(_change, path=path, change=change)
            yield Lie(kind, what, tell, (slug,))
            sealed = partial(_sealed, slug=slug, path=path, change=change)
            yield Lie(f"{kind}, sealed anew", what, sealed, (slug,))
        yield Lie("record removed", slug, partial(Desk.remove, path=path), (slug,))
        renamed = partial(_renamed, path=path)
        yield Lie("record renamed", slug, renamed, (slug,))


def _change(desk: Desk, path: Path, change: Callable[[Any], object]) -> None:
    """Change a record, and nothing else."""
    found = json.loads(path.read_bytes())
    before = copy.deepcopy(found)
    change(found)
    assert found != before
    desk.write(path, to_json(found))


def _sealed(desk: Desk, slug: str, path: Path, change: Callable[[Any], object]) -> None:
    """Change a record, and its digest in the manifest with it."""
    _change(desk, path, change)
    manifest = desk.manifest()
    for entry in manifest["figures"][slug]["evidence"]:
        entry["sha1"] = fingerprint(path.read_bytes())
    desk.put(manifest)


def _renamed(desk: Desk, path: Path) -> None:
    """Let a record be one of another device."""
    content = path.read_bytes()
    desk.remove(path)
    desk.write(path.with_stem(f"{path.stem}-2"), content)
