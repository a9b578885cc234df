"""Backpropagation through time by hand is what autograd does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

from bookfigs.core.bptt import bptt_states, deltas
from bookfigs.core.rnn import rnn_states
from bookfigs.measure.span import SpanMeter

if TYPE_CHECKING:
    from core.conftest import Agree

each_dtype = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def problem(length: int, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """Inputs, three weights and an initial state: B = 2, D = 3, N = 4."""
    shapes = (2, length, 3), (4, 3), (4, 4), (4,), (2, 4)
    x, W_hx, W_hh, b, h_0 = (torch.randn(shape, dtype=dtype) for shape in shapes)
    return [x, W_hx, W_hh / 4, b, h_0]


@each_dtype
def test_states_and_gradients_are_those_of_autograd(
    agree: Agree, dtype: torch.dtype, length: int
) -> None:
    *inputs, h_0 = problem(length, dtype)
    agree(bptt_states, rnn_states, *inputs)
    agree(bptt_states, rnn_states, *inputs, h_0)


def test_gradients_are_those_of_finite_differences() -> None:
    inputs = [tensor.requires_grad_() for tensor in problem(4)]
    assert torch.autograd.gradcheck(bptt_states, inputs)


def test_the_gradient_of_some_inputs_only_is_right_too(agree: Agree) -> None:
    x, W_hx, W_hh, b, h_0 = problem(7)
    agree(
        lambda W: bptt_states(x, W_hx, W, b, h_0),
        lambda W: rnn_states(x, W_hx, W, b, h_0),
        W_hh,
    )
    agree(
        lambda h: bptt_states(x, W_hx, W_hh, b, h),
        lambda h: rnn_states(x, W_hx, W_hh, b, h),
        h_0,
    )


def test_two_steps_backward_by_hand() -> None:
    h = torch.tensor([0.5, -0.25]).reshape(1, 2, 1)
    g = torch.tensor([3.0, 2.0]).reshape(1, 2, 1)
    last = 2.0 * (1 - 0.25**2)
    first = (3.0 + 1.5 * last) * (1 - 0.5**2)
    by_hand = deltas(h, g, torch.tensor([[1.5]])).flatten().tolist()
    assert by_hand == pytest.approx([first, last])


def test_a_state_reached_late_remembers_its_first_input() -> None:
    """∂h_T/∂x_1 is a product of T slopes and T - 1 weights."""
    x = torch.zeros(1, 6, 1).requires_grad_()
    one, zero = torch.ones(1, 1), torch.zeros(1)
    bptt_states(x, one, 0.5 * one, zero)[0, -1, 0].backward()
    assert x.grad is not None
    assert x.grad[0, 0, 0].item() == pytest.approx(math.pow(0.5, 5))


def test_the_layout_in_memory_does_not_matter(agree: Agree) -> None:
    x, W_hx, W_hh, b, h_0 = problem(7)
    strided = x.transpose(0, 1).contiguous().transpose(0, 1)
    agree(bptt_states, rnn_states, strided, W_hx.T.contiguous().T, W_hh, b, h_0)
    agree(bptt_states, rnn_states, x[:1].expand_as(x), W_hx, W_hh, b, h_0)


def test_no_steps_give_no_states_and_no_gradient() -> None:
    inputs = [tensor.requires_grad_() for tensor in problem(0)]
    h = bptt_states(*inputs)
    assert h.shape == (2, 0, 4)
    for gradient in torch.autograd.grad(h.sum(), inputs):
        assert gradient.count_nonzero() == 0


def test_shapes_that_do_not_fit_are_refused() -> None:
    x, W_hx, *rest = problem(5)
    message = r"bptt_states: W_hx has shape \(3, 4\); expected \(N, D\) = \(4, D\)"
    with pytest.raises(ValueError, match=message):
        bptt_states(x, W_hx.T, *rest)


def test_it_refuses_to_be_differentiated_twice() -> None:
    inputs = [tensor.requires_grad_() for tensor in problem(5)]
    for loss in (torch.sum, torch.linalg.norm):
        once = torch.autograd.grad(
            loss(bptt_states(*inputs)), inputs, create_graph=True
        )
        for gradient in once:
            with pytest.raises(
                RuntimeError, match=r"bptt_states can be .* once.* use r"
            ):
                torch.autograd.grad(gradient.sum(), inputs, retain_graph=True)


def test_the_chain_grows_with_the_sequence_backward_too() -> None:
    chains = []
    for length in (16, 32):
        inputs = [tensor.requires_grad_() for tensor in problem(length)]
        with SpanMeter() as meter:
            h = bptt_states(*inputs)
            forward = meter.depth(h)
            h.backward(torch.ones_like(h))
            assert inputs[0].grad is not None
            chains.append((forward, meter.depth(inputs[0].grad)))
    (short_f, short_b), (long_f, long_b) = chains
    assert long_f - short_f == 2 * 16
    assert long_b - short_b >= 4 * 16
