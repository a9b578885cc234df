"""Agreement: two records of one figure, row beside row.

Rows belong together that have the same keys. What is exact has to be equal, what is
close equal within its tolerance; what is measured says nothing by itself.
"""

from collections.abc import Collection, Iterator
from typing import Any

from msgspec import structs

from bookfigs.column import Cell, agree, check_table
from bookfigs.record import Record

Keys = tuple[Any, ...]
Pair = tuple[str, int, int]
"""The keys in words, and the row in each of two records."""


def count(record: Record) -> int:
    """Number of rows."""
    return max((len(column.values) for column in record.columns.values()), default=0)


def pairs(one: Record, other: Record) -> list[Pair]:
    """Rows that both have, in the order of the first."""
    names = _key_names(one)
    there: dict[Keys, list[int]] = {}
    if set(names) <= other.columns.keys():
        for row, keys in enumerate(_keys(other, names)):
            there.setdefault(keys, []).append(row)
    found = []
    for row, keys in enumerate(_keys(one, names)):
        if at := there.get(keys):
            words = ", ".join(f"{n}={k}" for n, k in zip(names, keys, strict=True))
            found.append((words or f"row {row + 1}", row, at.pop(0)))
    return found


def contradictions(published: Record, here: Record, *, partly: bool) -> list[str]:
    """Where a record contradicts a published one, in words.

    ``partly``: one of them need not have all rows of the other. A row that is missing
    because it could not be measured contradicts nothing.
    """
    both = pairs(published, here)
    found = [line for pair in both for line in _differences(published, here, pair)]
    if not (partly or published.gaps or here.gaps):
        for record, where in ((published, "here"), (here, "in the evidence")):
            if missing := count(record) - len(both):
                rows = "1 row is" if missing == 1 else f"{missing} rows are"
                found.append(f"{rows} not found {where}")
    return found


def differences(one: Record, other: Record) -> list[str]:
    """Where exact or close columns of two records disagree, in words.

    Rows that only one of them has contradict nothing where the devices are of
    different kinds: what is measured on one may be more than the other can bear.
    """
    if one.device.kind == other.device.kind:
        return one.differences(other)
    return restricted(one, other).differences(restricted(other, one))


def restricted(record: Record, to: Record) -> Record:
    """The rows of a record that another one has as well."""
    return _only(record, [row for _, row, _ in pairs(record, to)])


def pooled(one: Record, other: Record, again: Collection[int]) -> Record:
    """All rows of one, those measured ``again`` with the samples of both.

    Rounds of one row stay in the order of those of another, so that what was
    interleaved is still compared round by round. A row that was to be measured again
    and is missing, or a cell that is, could not be: it is a gap of both.
    """
    there = {row: its for _, row, its in pairs(one, other) if row in again}
    kept = [row for row in range(count(one)) if row in there or row not in again]
    chosen = without(one, set(again) - there.keys())
    columns = {
        name: structs.replace(
            column,
            values=[
                _together(cell, other.columns[name].values[there[row]])
                if row in there
                else cell
                for cell, row in zip(column.values, kept, strict=True)
            ],
        )
        if column.kind == "measured"
        else column
        for name, column in chosen.columns.items()
    }
    check_table(columns)
    gaps = one.gaps + [gap for gap in other.gaps if gap not in one.gaps]
    return structs.replace(one, columns=columns, gaps=gaps)


def without(record: Record, rows: Collection[int]) -> Record:
    """A record that lacks some rows."""
    return _only(record, [row for row in range(count(record)) if row not in rows])


def _only(record: Record, rows: list[int]) -> Record:
    columns = {
        name: structs.replace(column, values=[column.values[row] for row in rows])
        for name, column in record.columns.items()
    }
    return structs.replace(record, columns=columns)


def _together(one: Cell, other: Cell) -> Cell:
    return one + other if isinstance(one, list) and isinstance(other, list) else None


def _key_names(record: Record) -> list[str]:
    return sorted(n for n, column in record.columns.items() if column.kind == "key")


def _keys(record: Record, names: list[str]) -> Iterator[Keys]:
    for row in range(count(record)):
        yield tuple(record.columns[name].values[row] for name in names)


def _differences(published: Record, here: Record, pair: Pair) -> Iterator[str]:
    """Cells of two rows that should agree and do not."""
    words, mine, theirs = pair
    for name, column in published.columns.items():
        if column.kind not in {"exact", "close"}:
            continue
        if name not in here.columns:
            yield f"{name} at {words}: there is no such column here"
            continue
        a, b = column.values[mine], here.columns[name].values[theirs]
        if a is not None and b is not None and not agree(a, b, column.tolerance):
            within = f", beyond {column.tolerance:g}" if column.tolerance else ""
            yield f"{name} at {words}: {b} here, {a} in the evidence{within}"
