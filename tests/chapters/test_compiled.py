"""Figures that time fused forms: their hash covers what is compiled."""

from __future__ import annotations

import sys

import pytest

from bookfigs import escape
from bookfigs.book import Book
from bookfigs.column import tabulate
from bookfigs.figure import MEASURED_BY, load
from bookfigs.measure import clock
from bookfigs.provenance import this_device
from smallbook import ROOT

BOOK = Book(ROOT / "chapters")
SMALLEST = {"step_time": 0, "batch_throughput": 0, "decoding": 1, "hardware": 1}
"""For each figure, a point that is soon computed."""


@pytest.fixture(autouse=True)
def _one_short_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time nothing well: what runs is the question."""
    defaults = clock.compare.__kwdefaults__ or {}
    monkeypatch.setattr(clock, "FEWEST", -1)
    monkeypatch.setitem(defaults, "fewest", 1)
    monkeypatch.setitem(defaults, "block", 0.0)


@pytest.mark.parametrize("slug", SMALLEST)
def test_what_is_timed_is_covered_by_the_hash_of_the_figure(
    monkeypatch: pytest.MonkeyPatch, slug: str
) -> None:
    shown = load(slug, BOOK.figures()[slug], BOOK.root)
    monkeypatch.setattr(sys.modules[f"bookfigs_figure_{slug}"], "SECONDS", 0)
    with escape.watch(shown.root, shown.path, MEASURED_BY):
        rows = shown.rows_at(this_device("cpu"), SMALLEST[slug])
    table = tabulate(shown.columns, rows, slug)
    assert all(table["seconds"].values)
