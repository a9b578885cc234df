r"""Tables: what a figure shows, as CSV and JSON beside it, for whoever reads on.

Both hold every device's record, and follow from the evidence alone: the same bytes
wherever they are made. Column names are those of the record; ``device`` comes first,
then keys, exact, close, seeded and measured columns, each in the order of the
alphabet.

*CSV* (RFC 4180, UTF-8, lines end with ``\n``): a line for each round, or seed, of a
row, so that no cell has to be taken apart; ``round`` counts them, and beside each
column of samples ``…_median`` repeats the median over all of them (take ``round`` 1
for a table of medians). A record without samples has one line for each row. An empty
cell is what could not be measured.
*JSON*: units and kinds of the columns, where and when it was measured, what is
missing and why, and ``rows``, each with all samples as a list.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from statistics import median
from typing import Any

from bookfigs.canonical import to_json
from bookfigs.column import Cell, Column
from bookfigs.record import Record

SCHEMA = 1
FORMATS = ("csv", "json")
"""How the names of the files end."""

KINDS = ("key", "exact", "close", "seeded", "measured")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet program takes a text for that begins so: something to run."""

Row = dict[str, Any]


def tables(records: Sequence[Record]) -> dict[str, bytes]:
    """The content of each file, by its suffix; none without a record."""
    if not records:
        return {}
    columns = _columns(records)
    names = _Names(columns)
    return {
        "csv": _csv(records, columns, names),
        "json": to_json(_document(records, columns, names)),
    }


class _Names:
    """Names of the columns that are added, none of which the record has itself."""

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self._taken = {*columns}
        self.device = self._free("device")
        self.round = self._free("round")
        sampled = [name for name, column in columns.items() if column.is_sampled]
        self.median = {name: self._free(f"{name}_median") for name in sampled}

    def _free(self, name: str) -> str:
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name


def _columns(records: Sequence[Record]) -> dict[str, Column]:
    """All columns, as the first record that has one declares it, in order."""
    found: dict[str, Column] = {}
    for record in records:
        for name, column in record.columns.items():
            found.setdefault(name, column)
    order = sorted(found, key=lambda name: (KINDS.index(found[name].kind), name))
    return {name: found[name] for name in order}


def _document(
    records: Sequence[Record], columns: Mapping[str, Column], names: _Names
) -> dict[str, Any]:
    """What the JSON file holds."""
    described = [{"name": names.device, "kind": "key"}]
    for name, column in columns.items():
        about: Row = {"name": name, "kind": column.kind, "unit": column.unit}
        if column.kind == "close":
            about["tolerance"] = column.tolerance
        described.append(about)
        if name in names.median:
            about = {"name": names.median[name], "kind": "median", "unit": column.unit}
            described.append(about)
    return {
        "schema": SCHEMA,
        "figure": records[0].figure,
        "columns": described,
        "devices": {record.device.slug: _about(record) for record in records},
        "rows": [row for record in records for row in _rows(record, columns, names)],
    }


def _about(record: Record) -> dict[str, Any]:
    """Where a record is from, and what it lacks."""
    return {
        "title": record.device.title,
        "date": record.provenance.date,
        "commit": record.provenance.commit,
        "gaps": [{"point": gap.point, "reason": gap.reason} for gap in record.gaps],
    }


def _rows(
    record: Record, columns: Mapping[str, Column], names: _Names
) -> Iterator[Row]:
    """Rows of one record, each cell under its name."""
    lengths = {len(column.values) for column in record.columns.values()}
    for number in range(max(lengths, default=0)):
        row: Row = {names.device: record.device.slug}
        for name in columns:
            held = record.columns.get(name)
            cell = held.values[number] if held else None
            row[name] = cell
            if name in names.median:
                row[names.median[name]] = _median(cell)
        yield row


def _median(cell: Cell) -> float | None:
    return float(median(cell)) if isinstance(cell, list) else None


def _csv(
    records: Sequence[Record], columns: Mapping[str, Column], names: _Names
) -> bytes:
    """The lines of the CSV file: a header, then a line for each round of each row."""
    sampled = list(names.median)
    plain = [names.device, *(name for name in columns if name not in names.median)]
    measured = [part for name in sampled for part in (name, names.median[name])]
    header = [*plain, *([names.round] if sampled else []), *measured]
    lines = [_line(header)]
    for record in records:
        for row in _rows(record, columns, names):
            first = [row[name] for name in plain]
            for turn, at in enumerate(_rounds(row, sampled), 1):
                turns = [turn] if sampled else []
                lines.append(_line([*first, *turns, *_with_medians(row, names, at)]))
    return "".join(f"{line}\n" for line in lines).encode()


def _rounds(row: Row, sampled: Sequence[str]) -> list[tuple[float | None, ...]]:
    """Samples of each round; one round of nothing where there are none."""
    samples = [row[name] if isinstance(row[name], list) else [] for name in sampled]
    return list(zip_longest(*samples)) or [(None,) * len(sampled)]


def _with_medians(
    row: Row, names: _Names, samples: Sequence[float | None]
) -> Iterator[float | None]:
    """The samples of one round, each followed by the median over all of them."""
    for sample, name in zip(samples, names.median.values(), strict=True):
        yield sample
        yield row[name]


def _line(cells: Sequence[str | float | None]) -> str:
    return ",".join(map(_text, cells))


def _text(cell: str | float | None) -> str:
    """A cell as RFC 4180 writes it; a text never begins as a formula does.

    A number is written with the fewest digits that give it back.
    """
    if cell is None:
        return ""
    if not isinstance(cell, str):
        return repr(cell)
    text = f"'{cell}" if cell.lstrip(" ").startswith(FORMULA) else cell
    if not text or text != text.strip() or any(sign in text for sign in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text
