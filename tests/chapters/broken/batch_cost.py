"""Records that break what is claimed of the cost of a large batch."""

from breaking import Break, changed, more, replaced, scaled

from bookfigs.column import Cell
from bookfigs.record import Record


def unbent(record: Record) -> Record:
    """Steps that halve with each doubling, as if no batch were too large."""

    def halved(row: dict[str, Cell]) -> Cell:
        steps, batch = row["steps"], row["batch"]
        assert isinstance(steps, list)
        assert isinstance(batch, int)
        return [4096 / batch for _ in steps]

    return changed(record, "steps", halved)


BROKEN: dict[str, Break] = {
    "batch_cost.chain_constant": more("chain", 1, batch=1024),
    "batch_cost.all_reached": replaced("reached", 0, batch=32),
    "batch_cost.rates_inside": replaced("rate", 2.0**-4, batch=1024),
    "batch_cost.small_halves": scaled("steps", 4, batch=4),
    "batch_cost.large_flat": scaled("steps", 1 / 4, batch=1024),
    "batch_cost.small_as_good": scaled("samples", 4, batch=4),
    "batch_cost.large_costs": scaled("samples", 1 / 16, batch=1024),
    "batch_cost.one_law": scaled("steps", 8, batch=32),
    "batch_cost.critical": unbent,
}
