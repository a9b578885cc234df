"""The gradient that is followed is the one that there is, and its closed form."""

import math
import sys
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from bookfigs.book import Book
from bookfigs.core.lru import ring
from bookfigs.core.mixers import MIXERS, LRUMixer, RNNMixer
from bookfigs.figure import load
from bookfigs.provenance import this_device
from smallbook import ROOT

BOOK = Book(ROOT / "chapters")
SHOWN = load("gradient_flow", BOOK.figures()["gradient_flow"], BOOK.root)
FIGURE: ModuleType = sys.modules["bookfigs_figure_gradient_flow"]
CPU = this_device("cpu")


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything as in the figure, but less of it."""
    torch.manual_seed(0)
    monkeypatch.setattr(FIGURE, "STEPS", 2)
    monkeypatch.setattr(FIGURE, "SEARCHED", range(100, 101))
    monkeypatch.setattr(FIGURE, "SEEDS", range(2))
    monkeypatch.setattr(FIGURE, "TESTED", 8)


@pytest.mark.parametrize("name", ["rnn", "fused-rnn", "fused-gru", "gru"])
def test_the_matrices_are_those_of_the_step_composed(name: str) -> None:
    mixer: Any = MIXERS[name](5)
    mixer.double()
    inputs = torch.randn(6, 5).double()
    h, states = torch.zeros(1, 5).double(), []
    for x_t in inputs:
        states.append(h)
        h = mixer.step(x_t.unsqueeze(0), h)[1].detach()
    expected = [torch.eye(5).double()]
    for x_t, before in zip(inputs.flip(0), reversed(states), strict=True):

        def step(h: Tensor, x_t: Tensor = x_t) -> Tensor:
            after: Tensor = mixer.step(x_t.unsqueeze(0), h.unsqueeze(0))[1][0]
            return after

        jacobian: Any = torch.autograd.functional.jacobian(step, before[0])
        expected.append(expected[-1] @ jacobian)
    torch.testing.assert_close(FIGURE.jacobians(mixer, inputs), expected)


def test_those_of_the_lru_are_the_powers_of_its_coefficients() -> None:
    mixer = LRUMixer(4, 5, r_min=0.5, r_max=0.99).double()
    a = mixer.layer.eigenvalues().detach()
    found = FIGURE.jacobians(mixer, torch.randn(7, 4).double())
    for k, J in enumerate(found):
        torch.testing.assert_close(J, torch.diag(a.conj() ** k))
        assert FIGURE.decades(J) == pytest.approx(FIGURE.decades(a**k), abs=1e-9)


def test_the_ring_alone_says_what_comes_back_on_average() -> None:
    """|λ|² is uniform on the ring: E|λ|^2k = (r_1^(2k+2) - r_0^(2k+2))/((k+1)(…))."""
    low, high, k = 0.9, 0.999, 100
    nu, _ = ring(200_000, low, high, 1.0)
    expected = (high ** (2 * k + 2) - low ** (2 * k + 2)) / (
        (k + 1) * (high**2 - low**2)
    )
    measured = torch.exp(-2 * k * nu.double()).mean().item()
    assert measured == pytest.approx(expected, rel=0.02)
    assert -math.log10(expected) / 2 < 1


def test_decades_are_counted_from_the_identity() -> None:
    eye = torch.eye(3).double()
    assert FIGURE.decades(eye) == 0
    assert FIGURE.decades(1e-7 * eye) == pytest.approx(7)
    assert FIGURE.decades(10 * eye) == pytest.approx(-1)
    assert FIGURE.decades(0 * eye) == pytest.approx(300)
    assert FIGURE.decades(torch.tensor([3.0, 4.0])) == pytest.approx(
        -math.log10(math.sqrt(12.5))
    )


def layer(arm: str) -> Any:
    mixer: Any = FIGURE.build(arm, 6, 4).blocks[0].mixer
    return mixer.layer if isinstance(mixer, RNNMixer) else mixer


def test_the_orthogonal_arm_is_orthogonal_with_small_inputs() -> None:
    orthogonal, usual = layer("orthogonal"), layer("rnn")
    W = orthogonal.W_hh.detach()
    torch.testing.assert_close(W @ W.T, torch.eye(len(W)), rtol=0, atol=1e-5)
    bound = usual.W_hx.abs().max() * FIGURE.SMALL
    assert 0.9 * bound < orthogonal.W_hx.abs().max() < 1.1 * bound
    assert not orthogonal.b.any()
    assert usual.b.any()


def test_gates_that_start_open_keep_the_state_and_usual_ones_half_of_it() -> None:
    N = FIGURE.WIDTH
    kept = {arm: torch.sigmoid(layer(arm).b[N : 2 * N]) for arm in ("open", "gru")}
    assert kept["open"].min() >= 0.5
    assert kept["open"].mean() > 0.9
    assert kept["gru"].min() < 0.5


def test_the_task_needs_the_whole_distance() -> None:
    model = FIGURE.experiment(CPU, "lru", steps=0).train(1e-3, 0).model
    found = FIGURE.seen(model)
    assert len(found.lost) == FIGURE.FARTHEST + 2
    assert len(found.closed_form) == FIGURE.FARTHEST + 1
    assert found.lost[0] == 0


@pytest.mark.parametrize("arm", FIGURE.OPTIONS)
def test_every_arm_is_measured_at_every_distance_with_all_seeds(arm: str) -> None:
    rows = list(SHOWN.rows(device=CPU, arm=arm))
    names = [arm, "closed form"] if arm == "lru" else [arm]
    expected = [
        (name, trained, distance)
        for trained in (0, 2)
        for name in names
        for distance in FIGURE.DISTANCES
    ]
    assert [(r["arm"], r["trained"], r["distance"]) for r in rows] == expected
    for row in rows:
        for name in ("lost", "right"):
            cell = row[name]
            assert isinstance(cell, list)
            assert len(cell) == 2
