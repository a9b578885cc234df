"""The scan's diagram: what was traced is what a scan is by definition."""

import sys
from types import ModuleType
from typing import Any

import pytest
import torch

from bookfigs.book import Book
from bookfigs.core import sweeps
from bookfigs.figure import load
from bookfigs.measure.trace import ElementTrace
from bookfigs.provenance import this_device
from smallbook import ROOT

BOOK = Book(ROOT / "chapters")
SHOWN = load("scan_tree", BOOK.figures()["scan_tree"], BOOK.root)
FIGURE: ModuleType = sys.modules["bookfigs_figure_scan_tree"]


def rows(T: int) -> list[dict[str, Any]]:
    return [dict(row) for row in SHOWN.rows(device=this_device("cpu"), T=T)]


@pytest.mark.parametrize("T", FIGURE.LENGTHS[:8])
def test_counts_are_the_closed_forms_and_nothing_is_missing(T: int) -> None:
    totals = [row for row in rows(T) if row["row"] == "total"]
    for row in totals:
        closed = FIGURE.closed_form(row["arm"], T)
        assert {name: row[name] for name in closed} == closed, row["arm"]
        assert row["wrong"] == 0
    assert {row["arm"] for row in totals} == {"loop", "scan", "doubling", "backward"}


def test_the_recorded_combines_are_the_ones_that_were_counted() -> None:
    found = rows(FIGURE.DRAWN)
    combines = [row for row in found if row["row"] == "combine"]
    (total,) = [r for r in found if r["row"] == "total" and r["arm"] == "scan"]
    assert len(combines) == total["combines"]
    assert max(row["round"] for row in combines) == total["rounds"]
    assert {row["way"] for row in combines if row["round"] <= 4} == {"up"}
    assert {row["way"] for row in combines if row["round"] > 4} == {"down"}


def test_replaying_the_recorded_combines_computes_the_states() -> None:
    """The diagram is complete: done in its order, on intervals, it is the scan."""
    spans = {step: (step, step) for step in range(1, FIGURE.DRAWN + 1)}
    for row in rows(FIGURE.DRAWN):
        if row["row"] == "combine":
            assert spans[row["left"]] == (row["first"], row["left"])
            assert spans[row["right"]] == (row["later"], row["right"])
            spans[row["right"]] = (row["first"], row["right"])
    assert spans == {step: (1, step) for step in spans}


@pytest.mark.parametrize("T", [3, 5, 7, 11, 12, 100])
def test_lengths_between_powers_of_two_stay_below_the_bounds(T: int) -> None:
    a, b = torch.rand(1, T, 1), torch.rand(1, T, 1)
    with ElementTrace(a=a, b=b) as trace:
        h = sweeps.forward_scan(a, b)
    total = FIGURE.total("scan", T, trace, trace.numbers(h), range(T))
    assert T - 1 <= total["combines"] <= 2 * T - 2
    assert total["rounds"] <= 2 * T.bit_length()
    assert total["wrong"] == 0


def test_a_scan_that_forgets_an_input_is_found_out() -> None:
    T = 8
    a, b = torch.rand(1, T, 1), torch.rand(1, T, 1)
    with ElementTrace(a=a, b=b) as trace:
        h = sweeps.forward_scan(a, b)
        h[:, 5] = b[:, 5]
    total = FIGURE.total("scan", T, trace, trace.numbers(h), range(T))
    assert total["wrong"] == 5
