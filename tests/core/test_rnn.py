"""The Elman network is the framework's, and its state carries over."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

from bookfigs.core.rnn import RNN, rnn_states
from bookfigs.measure.span import SpanMeter

if TYPE_CHECKING:
    from core.conftest import Agree

each_dtype = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def framework(
    x: Tensor, W_hx: Tensor, W_hh: Tensor, b: Tensor, h_0: Tensor | None = None
) -> Tensor:
    """torch.nn.RNN with these weights, and its second bias at zero."""
    rnn = nn.RNN(*W_hx.T.shape, batch_first=True, dtype=x.dtype)
    weights = {
        "weight_ih_l0": W_hx,
        "weight_hh_l0": W_hh,
        "bias_ih_l0": b,
        "bias_hh_l0": torch.zeros_like(b),
    }
    start = () if h_0 is None else (h_0.unsqueeze(0),)
    states: Tensor = torch.func.functional_call(rnn, weights, (x, *start))[0]
    return states


def problem(length: int, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """Inputs, three weights and an initial state: B = 2, D = 3, N = 4."""
    shapes = (2, length, 3), (4, 3), (4, 4), (4,), (2, 4)
    return [torch.randn(shape, dtype=dtype) for shape in shapes]


@each_dtype
def test_the_states_are_those_of_the_framework(
    agree: Agree, length: int, dtype: torch.dtype
) -> None:
    x, W_hx, W_hh, b, h_0 = problem(length, dtype)
    agree(rnn_states, framework, x, W_hx, W_hh / 4, b)
    agree(rnn_states, framework, x, W_hx, W_hh / 4, b, h_0)


def test_gradients_are_those_of_finite_differences() -> None:
    inputs = [tensor.requires_grad_() for tensor in problem(4)]
    assert torch.autograd.gradcheck(rnn_states, inputs)


def test_one_step_by_hand() -> None:
    one, half = torch.ones(1, 1), torch.full((1, 1), 0.5)
    h = rnn_states(one.unsqueeze(0), 2 * one, 3 * one, torch.tensor([0.25]), half)
    assert h.item() == pytest.approx(math.tanh(3 * 0.5 + 2 * 1 + 0.25))


def test_the_initial_state_continues_a_sequence() -> None:
    x, W_hx, W_hh, b, h_0 = problem(9)
    whole = rnn_states(x, W_hx, W_hh, b, h_0)
    for cut in range(1, 9):
        first = rnn_states(x[:, :cut], W_hx, W_hh, b, h_0)
        second = rnn_states(x[:, cut:], W_hx, W_hh, b, first[:, -1])
        torch.testing.assert_close(torch.cat([first, second], dim=1), whole)


def test_no_steps_after_an_initial_state_give_no_states() -> None:
    assert rnn_states(*problem(0)).shape == (2, 0, 4)


def test_no_steps_give_no_states() -> None:
    *inputs, _ = problem(0)
    assert rnn_states(*inputs).shape == (2, 0, 4)


def test_the_layer_is_the_function_with_its_weights() -> None:
    layer, x, h_0 = RNN(3, 4), torch.randn(2, 7, 3), torch.randn(2, 4)
    weights = layer.W_hx, layer.W_hh, layer.b
    torch.testing.assert_close(layer(x), rnn_states(x, *weights))
    torch.testing.assert_close(layer(x, h_0), rnn_states(x, *weights, h_0))


def test_weights_start_uniform_and_fill_their_interval() -> None:
    layer = RNN(64, 256)
    assert [tuple(w.shape) for w in layer.parameters()] == [
        (256, 64),
        (256, 256),
        (256,),
    ]
    bound = 1 / math.sqrt(256)
    for weight in layer.parameters():
        assert weight.abs().max() <= bound
        assert weight.min() < -0.9 * bound
        assert weight.max() > 0.9 * bound


def test_shapes_that_do_not_fit_are_refused() -> None:
    x, W_hx, *rest = problem(5)
    message = r"rnn_states: W_hx has shape \(3, 4\); expected \(N, D\) = \(4, D\)"
    with pytest.raises(ValueError, match=message):
        rnn_states(x, W_hx.T, *rest)


def test_the_input_projection_is_not_part_of_the_chain() -> None:
    """A step is a product and a tanh; the projection is paid once."""
    for length in (1, 8, 64):
        x, W_hx, W_hh, b, h_0 = problem(length)
        with SpanMeter() as meter:
            h = rnn_states(x, W_hx, W_hh, b, h_0)
            projection = meter.depth(x @ W_hx.T + b)
        assert meter.depth(h) == projection + 2 * length + 1
