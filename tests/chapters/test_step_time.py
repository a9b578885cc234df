"""The timed training steps: what they compute, not how long they take."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch

from bookfigs.book import Book
from bookfigs.figure import load
from chapters.rnn_training.steps import training_steps
from smallbook import ROOT

BOOK = Book(ROOT / "chapters")
FIGURE = load("step_time", BOOK.figures()["step_time"], BOOK.root)
MODULE: Any = sys.modules["bookfigs_figure_step_time"]


def gradients(T: int) -> dict[str, Any]:
    """What one training step of each arm returns."""
    torch.manual_seed(1)
    arms = training_steps(torch.randn(2, T, MODULE.WIDTH), MODULE.TIMED)
    return {name: arm() for name, arm in arms.items()}


def test_every_arm_is_timed_and_has_a_look() -> None:
    assert sorted(gradients(3)) == sorted(MODULE.TIMED)
    assert set(MODULE.TIMED) <= set(MODULE.ARMS)


def test_an_arm_that_nobody_knows_is_refused() -> None:
    with pytest.raises(KeyError, match="lstm"):
        training_steps(torch.randn(1, 2, 4), ["scan", "lstm"])


def test_a_step_computes_the_gradient_of_every_weight() -> None:
    for arm, found in gradients(5).items():
        assert found, arm
        for gradient in found:
            assert gradient.isfinite().all(), arm
            assert (gradient != 0).any(), arm


@pytest.mark.parametrize("form", ["fft", "scan", "fused"])
@pytest.mark.parametrize("T", [3, 64, 100])
def test_the_forms_of_the_unit_are_one_computation(form: str, T: int) -> None:
    found = gradients(T)
    for mine, loop in zip(found[form], found["loop"], strict=True):
        torch.testing.assert_close(mine, loop, rtol=1e-3, atol=1e-3)


def test_quick_points_are_points_and_reach_the_longest() -> None:
    assert all(point in FIGURE.points for point in FIGURE.quick)
    assert MODULE.LONGEST in [point["T"] for point in FIGURE.quick]


@pytest.mark.parametrize(
    ("factor", "text"), [(0.61, "× 0.6"), (2.0, "× 2.0"), (12.3, "× 12")]
)
def test_a_factor_is_written_with_the_digits_that_matter(
    factor: float, text: str
) -> None:
    assert MODULE.times(factor) == text
