"""A training step by hand is autograd's, and a batch's is the mean of its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

from bookfigs.core.bptt import bptt_states
from bookfigs.core.byhand import Weights, batch_step, bptt
from bookfigs.core.rnn import rnn_states

if TYPE_CHECKING:
    from collections.abc import Callable


def problem(length: int, batch: int = 3) -> tuple[Weights, Tensor, Tensor]:
    """Weights, inputs and an array like the states: D = 2, N = 4."""
    dtype = torch.float64
    shapes = (4, 2), (4, 4), (4,)
    weights = Weights(*(torch.randn(shape, dtype=dtype) / 2 for shape in shapes))
    x = torch.randn(batch, length, 2, dtype=dtype)
    return weights, x, torch.randn(batch, length, 4, dtype=dtype)


@pytest.mark.parametrize("states", [rnn_states, bptt_states])
@pytest.mark.parametrize("steps", [1, 2, 3, 9])
def test_gradients_by_hand_are_those_of_autograd(
    states: Callable[..., Tensor], steps: int
) -> None:
    weights, x, g = problem(steps)
    for weight in weights:
        weight.requires_grad_()
    h = states(x, *weights)
    true = torch.autograd.grad(h, weights, g)
    with torch.no_grad():
        by_hand = bptt(x, h, g, weights.W_hh)
    torch.testing.assert_close(tuple(by_hand), true)


def test_two_steps_back_by_hand() -> None:
    x = torch.tensor([5.0, 7.0]).reshape(1, 2, 1)
    h = torch.tensor([0.5, -0.25]).reshape(1, 2, 1)
    g = torch.tensor([3.0, 2.0]).reshape(1, 2, 1)
    last = 2.0 * (1 - 0.25**2)
    first = (3.0 + 1.5 * last) * (1 - 0.5**2)
    found = bptt(x, h, g, torch.tensor([[1.5]]))
    assert [w.item() for w in found] == pytest.approx(
        [first * 5 + last * 7, last * 0.5, first + last]
    )


def test_the_gradient_that_arrives_is_left_as_it_was() -> None:
    weights, x, g = problem(5)
    before = g.clone()
    bptt(x, rnn_states(x, *weights), g, weights.W_hh)
    assert torch.equal(g, before)


def test_no_steps_have_no_gradient() -> None:
    weights, x, g = problem(0)
    for gradient, weight in zip(bptt(x, g, g, weights.W_hh), weights, strict=True):
        assert torch.equal(gradient, torch.zeros_like(weight))


def test_a_step_goes_down_the_gradient_of_the_mean_square() -> None:
    weights, x, y = problem(6)
    for weight in weights:
        weight.requires_grad_()
    true = torch.nn.functional.mse_loss(rnn_states(x, *weights), y)
    gradients = torch.autograd.grad(true, weights)
    with torch.no_grad():
        after, loss = batch_step(weights, x, y, 0.25)
    torch.testing.assert_close(loss, true.detach())
    for new, old, gradient in zip(after, weights, gradients, strict=True):
        torch.testing.assert_close(new, old - 0.25 * gradient)


def test_a_step_on_a_batch_is_the_mean_of_the_steps_on_its_sequences() -> None:
    weights, x, y = problem(6)
    whole, loss = batch_step(weights, x, y, 0.25)
    alone = [batch_step(weights, x[i : i + 1], y[i : i + 1], 0.25) for i in range(3)]
    for new, parts in zip(whole, zip(*(w for w, _ in alone), strict=True), strict=True):
        torch.testing.assert_close(new, torch.stack(parts).mean(dim=0))
    torch.testing.assert_close(loss, torch.stack([one for _, one in alone]).mean())


def test_steps_learn_what_another_network_does() -> None:
    teacher, x, _ = problem(6, batch=16)
    weights, *_ = problem(6)
    y = rnn_states(x, *teacher)
    losses = []
    for _ in range(200):
        weights, loss = batch_step(weights, x, y, 1.0)
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 100


def test_targets_that_are_not_like_the_states_are_refused() -> None:
    weights, x, y = problem(6)
    with pytest.raises(ValueError, match=r"batch_step: y has shape \(3, 5, 4\)"):
        batch_step(weights, x, y[:, 1:], 0.25)
    with pytest.raises(ValueError, match=r"batch_step: W_hx has shape \(2, 4\)"):
        batch_step(weights._replace(W_hx=weights.W_hx.T), x, y, 0.25)
