"""Throughput against batch: what is computed, and what is drawn of it."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch

from bookfigs.book import Book
from bookfigs.column import key, measured
from bookfigs.figure import load
from chapters.rnn_training.steps import training_steps
from records import record
from smallbook import ROOT

BOOK = Book(ROOT / "chapters")
FIGURE = load("batch_throughput", BOOK.figures()["batch_throughput"], BOOK.root)
MODULE: Any = sys.modules["bookfigs_figure_batch_throughput"]


def gradients(batch: int) -> dict[str, Any]:
    """What one training step of each arm returns."""
    torch.manual_seed(1)
    arms = training_steps(torch.randn(batch, 6, MODULE.WIDTH), MODULE.TIMED)
    return {name: arm() for name, arm in arms.items()}


def test_every_arm_is_timed_and_has_a_look() -> None:
    assert sorted(gradients(1)) == sorted(MODULE.TIMED)
    assert set(MODULE.TIMED) <= set(MODULE.ARMS)


@pytest.mark.parametrize("batch", [1, 3])
def test_a_step_computes_the_gradient_of_every_weight(batch: int) -> None:
    for arm, found in gradients(batch).items():
        assert found, arm
        for gradient in found:
            assert gradient.isfinite().all(), arm
            assert (gradient != 0).any(), arm


def test_scan_and_fused_loop_are_one_computation() -> None:
    found = gradients(2)
    for scan, fused in zip(found["scan"], found["fused"], strict=True):
        torch.testing.assert_close(scan, fused, rtol=1e-3, atol=1e-3)


def test_throughput_is_all_tokens_of_the_batch_over_the_median_time() -> None:
    table = record(
        arm=(key(), ["rnn", "rnn", "scan"]),
        batch=(key(), [1, 4, 4]),
        T=(key(), [512, 512, 512]),
        seconds=(measured("s"), [[1.0], [1.0, 2.0, 4.0], [7.0]]),
    )
    assert MODULE.throughput(table, "rnn") == [512, 4 * 512 / 2]


def test_batches_double_and_quick_points_hold_both_ends() -> None:
    pairs = zip(MODULE.BATCHES, MODULE.BATCHES[1:], strict=False)
    assert {b / a for a, b in pairs} == {2}
    assert all(point in FIGURE.points for point in FIGURE.quick)
    quick = [point["batch"] for point in FIGURE.quick]
    assert {MODULE.ONE, MODULE.LARGEST} <= set(quick)
