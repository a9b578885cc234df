"""Ways to change a record, so that a claim about it becomes false."""

from collections.abc import Callable

import msgspec

from bookfigs.column import Cell
from bookfigs.record import Record

Row = dict[str, Cell]
Break = Callable[[Record], Record]


def changed(record: Record, column: str, change: Callable[[Row], Cell]) -> Record:
    """A record in which one column was computed anew, row by row."""
    names = list(record.columns)
    rows = zip(*(record.columns[name].values for name in names), strict=True)
    cells = [change(dict(zip(names, row, strict=True))) for row in rows]
    column_ = msgspec.structs.replace(record.columns[column], values=cells)
    return msgspec.structs.replace(record, columns={**record.columns, column: column_})


def is_at(row: Row, where: Row) -> bool:
    """Whether a row has these keys."""
    return all(row[name] == value for name, value in where.items())


def scaled(column: str, factor: float, **where: Cell) -> Break:
    """Multiply the numbers of a column in the rows with these keys."""

    def times(row: Row) -> Cell:
        cell = row[column]
        if not is_at(row, where) or cell is None or isinstance(cell, str):
            return cell
        if isinstance(cell, list):
            return [sample * factor for sample in cell]
        return cell * factor

    return lambda record: changed(record, column, times)


def replaced(column: str, value: float, **where: Cell) -> Break:
    """Put one number in place of those of a column, in the rows with these keys."""

    def put(row: Row) -> Cell:
        cell = row[column]
        if not is_at(row, where):
            return cell
        return [value] * len(cell) if isinstance(cell, list) else value

    return lambda record: changed(record, column, put)


def more(column: str, by: int, **where: Cell) -> Break:
    """Add to the counts of a column in the rows with these keys."""

    def add(row: Row) -> Cell:
        cell = row[column]
        assert isinstance(cell, int)
        return cell + by * is_at(row, where)

    return lambda record: changed(record, column, add)
