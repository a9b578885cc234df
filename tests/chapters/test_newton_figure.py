"""Newton's method in the book: problems, exponents and what is timed."""

import math
import sys
from types import ModuleType

import pytest
import torch
from torch import Tensor

from bookfigs.book import Book
from bookfigs.figure import load
from bookfigs.measure import clock
from bookfigs.provenance import this_device
from smallbook import ROOT

BOOK = Book(ROOT / "chapters")
SHOWN = load("newton", BOOK.figures()["newton"], BOOK.root)
FIGURE: ModuleType = sys.modules["bookfigs_figure_newton"]


@pytest.mark.parametrize("scale", [FIGURE.CALM, FIGURE.CHAOTIC])
def test_all_singular_values_of_the_weights_are_the_scale(scale: float) -> None:
    u, W = FIGURE.problem(scale, 2000, 8, seed=0)
    sizes = torch.linalg.svdvals(W)
    torch.testing.assert_close(sizes, torch.full_like(sizes, scale))
    assert abs(float(u.std()) - FIGURE.INPUTS) < 0.02
    assert not torch.equal(W, FIGURE.problem(scale, 2000, 8, seed=1)[1])


def test_a_seed_draws_the_same_problem_at_every_scale() -> None:
    (u, calm), (v, chaotic) = (FIGURE.problem(s, 5, 4, seed=2) for s in (0.9, 3.0))
    assert torch.equal(u, v)
    torch.testing.assert_close(calm / 0.9, chaotic / 3)


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_the_exponent_of_a_linear_regime_is_the_logarithm_of_the_scale(
    scale: float,
) -> None:
    """Without input the state stays zero, where the Jacobian is W."""
    problems = [FIGURE.problem(scale, 50, 4, seed) for seed in range(3)]
    silent = [(0 * u, W) for u, W in problems]
    for found in FIGURE.exponents(silent):
        assert found == pytest.approx(math.log(scale), abs=1e-3)


def test_the_exponent_is_how_fast_two_near_states_part() -> None:
    u, W = FIGURE.problem(FIGURE.CHAOTIC, 400, FIGURE.WIDTH, seed=0)

    def walk(h: Tensor) -> Tensor:
        for u_t in u[0, :40]:
            h = torch.tanh(W @ h + u_t)
        return h

    zero, nudge = torch.zeros(FIGURE.WIDTH).double(), 1e-9
    apart = (walk(zero + nudge) - walk(zero)).norm() / (nudge * FIGURE.WIDTH**0.5)
    (found,) = FIGURE.exponents([(u[:, :40], W)])
    assert found == pytest.approx(math.log(apart) / 40, abs=0.01)


def test_scans_are_counted_and_never_more_than_steps() -> None:
    calm = FIGURE.scans("newton", *FIGURE.problem(FIGURE.CALM, 64, 8, seed=0))
    quasi = FIGURE.scans("quasi", *FIGURE.problem(FIGURE.CALM, 64, 8, seed=0))
    chaotic = FIGURE.scans("newton", *FIGURE.problem(FIGURE.CHAOTIC, 64, 16, seed=0))
    assert 1 <= calm < quasi <= 64
    assert calm < chaotic <= 64


def test_a_point_is_a_row_of_samples_one_for_each_seed() -> None:
    point = {"method": "newton", "scale": FIGURE.CALM, "T": 16, "width": FIGURE.WIDTH}
    assert point in SHOWN.points
    (row,) = SHOWN.rows(device=this_device("cpu"), **point)
    for name in ("scans", "exponent"):
        cell = row[name]
        assert isinstance(cell, list)
        assert len(cell) == FIGURE.SEEDS
    assert row["seconds"] is None


def test_every_timed_arm_runs_and_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def once(arms: dict[str, object], **_: object) -> dict[str, list[float]]:
        for arm in arms.values():
            gradients = arm()  # type: ignore[operator] # an arm is a function
            assert all(bool(g.isfinite().all()) for g in gradients)
        return {name: [1.0] for name in arms}

    monkeypatch.setattr(clock, "compare", once)
    rows = list(FIGURE.times("cpu", FIGURE.CALM, 32, 4))
    assert [row["arm"] for row in rows] == list(FIGURE.TIMED)
    assert all(row["seconds"] == [1.0] for row in rows)


def test_no_row_of_a_count_can_be_mistaken_for_one_of_a_time() -> None:
    methods = {point["method"] for point in SHOWN.points}
    assert not methods & FIGURE.TIMED.keys()
