"""The four forms: the figure measures errors, and measures them rightly."""

import sys
from types import ModuleType
from typing import Any

import pytest
import torch

from bookfigs.book import Book
from bookfigs.figure import load
from bookfigs.provenance import this_device
from smallbook import ROOT

BOOK = Book(ROOT / "chapters")
SHOWN = load("four_forms", BOOK.figures()["four_forms"], BOOK.root)
FIGURE: ModuleType = sys.modules["bookfigs_figure_four_forms"]


def rows(T: int) -> list[dict[str, Any]]:
    return [dict(row) for row in SHOWN.rows(device=this_device("cpu"), T=T)]


def test_the_example_is_the_sum_of_the_kernels_of_its_impulses() -> None:
    found = rows(FIGURE.SHOWN)
    curves = {
        arm: torch.tensor([row["value"] for row in found if row["arm"] == arm])
        for arm in (*FIGURE.FORMS, "kernel")
    }
    a = torch.polar(torch.tensor(1 - 1 / 16.0), torch.tensor(2 * torch.pi / 10))
    steps = torch.arange(FIGURE.SHOWN)
    torch.testing.assert_close(curves["kernel"], (a**steps).real, rtol=0, atol=1e-6)
    expected = torch.zeros(FIGURE.SHOWN)
    for step, kick in FIGURE.KICKS.items():
        later = FIGURE.SHOWN - step + 1
        expected[step - 1 :] += kick * curves["kernel"][:later]
    for form in FIGURE.FORMS:
        torch.testing.assert_close(curves[form], expected, rtol=0, atol=1e-6)


def test_no_shown_value_is_so_small_that_rounding_could_change_it_much() -> None:
    """A close column is compared relatively."""
    column = SHOWN.columns["value"]
    for row in rows(FIGURE.SHOWN):
        assert abs(row["value"]) * column.tolerance > 100 * torch.finfo().eps


def test_every_form_is_compared_for_each_quantity_and_memory() -> None:
    found = rows(16)
    assert {(row["arm"], row["memory"], row["of"]) for row in found} == {
        (arm, memory, of)
        for arm in FIGURE.FORMS
        for memory in FIGURE.MEMORIES
        for of in FIGURE.QUANTITIES
    }
    for row in found:
        assert len(row["error"]) == FIGURE.SEEDS
        assert all(0 < error < 10 for error in row["error"])
        assert (row["double"] is None) == (row["arm"] == "loop")


def test_seeds_are_independent_and_memories_share_them() -> None:
    a, b, _ = FIGURE.problem("cpu", 16, range(FIGURE.SEEDS))
    shape = (2, FIGURE.SEEDS, FIGURE.MODES)
    radii = a.abs().view(shape)
    for radius, memory in zip(radii, FIGURE.MEMORIES, strict=True):
        torch.testing.assert_close(radius, torch.full_like(radius, 1 - 1 / memory))
    short, long = b.view(16, *shape).unbind(1)
    assert torch.equal(short, long)
    assert len(short.real.flatten().unique()) == short.numel()


def test_a_seed_draws_the_same_in_whichever_company_it_is_compared() -> None:
    together = FIGURE.problem("cpu", 16, range(3))
    alone = FIGURE.problem("cpu", 16, range(2, 3))
    for all_of_them, third in zip(together, alone, strict=True):
        parts = all_of_them.unflatten(-1, (2, 3, FIGURE.MODES))
        assert torch.equal(parts[..., 2, :].flatten(-2), third)


@pytest.mark.parametrize("which", [0, 1])
def test_an_error_is_the_share_of_the_norm_that_is_off_for_its_seed(which: int) -> None:
    true = torch.ones(1, 4, 2 * FIGURE.SEEDS * FIGURE.MODES, dtype=torch.complex128)
    mine = true.clone()
    mine.view(4, 2, FIGURE.SEEDS, FIGURE.MODES)[:, which, 3] *= 1.25
    found = FIGURE.errors(mine, true, unit=0.5)
    for place, memory in enumerate(FIGURE.MEMORIES):
        expected = [0.5 * (seed == 3 and place == which) for seed in range(24)]
        assert found[memory] == expected


def test_the_shown_lengths_include_those_of_every_claim() -> None:
    quick = {point["T"] for point in SHOWN.quick}
    assert {FIGURE.SHOWN, FIGURE.LENGTHS[0], FIGURE.LONGEST} <= quick
    assert quick <= {point["T"] for point in SHOWN.points}
