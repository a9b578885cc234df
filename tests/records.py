"""Records for tests."""

from collections.abc import Sequence

import msgspec

from bookfigs.column import Cell, Column
from bookfigs.record import SCHEMA, Device, Provenance, Record

DEVICE = Device("cpu", "Model X-1", 2, 24)
MADE = Provenance("f" * 40, dirty=False, date="2026-01-02T03:04:05Z", versions={},
                  threads=2, load=0.1, seconds=1.0, closure={"a.b": "c"})  # fmt: skip


def record(**columns: tuple[Column, Sequence[Cell]]) -> Record:
    filled = {
        name: msgspec.structs.replace(column, values=list(values))
        for name, (column, values) in columns.items()
    }
    return Record(SCHEMA, "figure", DEVICE, MADE, filled)
