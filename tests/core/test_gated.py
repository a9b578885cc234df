"""GRU and LSTM by hand are the framework's, step by step too."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

from bookfigs.core.framework import FusedRNN
from bookfigs.core.gated import (
    GRU,
    LSTM,
    gru_states,
    gru_step,
    lstm_states,
    lstm_step,
)
from bookfigs.core.rnn import rnn_states
from bookfigs.measure.span import SpanMeter

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.conftest import Agree

each_dtype = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
each_kind = pytest.mark.parametrize("kind", FusedRNN.kinds)


def weights(layer: nn.Module, *values: Tensor) -> dict[str, Tensor]:
    """The first values by the framework's names, its second bias at zero."""
    names = [name for name, _ in layer.named_parameters()]
    given = dict(zip(names, values, strict=False))
    return {"bias_hh_l0": torch.zeros_like(values[2]), **given}


def framework_gru(
    x: Tensor, W_x: Tensor, W_h: Tensor, b: Tensor, b_n: Tensor, h_0: Tensor
) -> Tensor:
    """States and final state of torch.nn.GRU, one after the other in time."""
    layer = nn.GRU(3, 4, batch_first=True, dtype=x.dtype)
    b_hh = torch.cat([torch.zeros_like(b[:8]), b_n])
    parameters = weights(layer, W_x, W_h, b, b_hh)
    y, h = torch.func.functional_call(layer, parameters, (x, h_0.unsqueeze(0)))
    return torch.cat([y, h.transpose(0, 1)], dim=1)


def gru(
    x: Tensor, W_x: Tensor, W_h: Tensor, b: Tensor, b_n: Tensor, h_0: Tensor
) -> Tensor:
    y = gru_states(x, W_x, W_h, b, b_n, h_0)
    return torch.cat([y, y[:, -1:]], dim=1)


def framework_lstm(
    x: Tensor, W_x: Tensor, W_h: Tensor, b: Tensor, h_0: Tensor, c_0: Tensor
) -> Tensor:
    layer = nn.LSTM(3, 4, batch_first=True, dtype=x.dtype)
    state = h_0.unsqueeze(0), c_0.unsqueeze(0)
    y, (h, c) = torch.func.functional_call(
        layer, weights(layer, W_x, W_h, b), (x, state)
    )
    return torch.cat([y, h.transpose(0, 1), c.transpose(0, 1)], dim=1)


def lstm(
    x: Tensor, W_x: Tensor, W_h: Tensor, b: Tensor, h_0: Tensor, c_0: Tensor
) -> Tensor:
    y, c = lstm_states(x, W_x, W_h, b, (h_0, c_0))
    return torch.cat([y, y[:, -1:], c.unsqueeze(1)], dim=1)


def problem(
    gates: int, length: int, dtype: torch.dtype = torch.float64
) -> list[Tensor]:
    """Inputs, weights, one bias and an initial state: B = 2, D = 3, N = 4."""
    N = 4 * gates
    shapes = (2, length, 3), (N, 3), (N, 4), (N,), (2, 4)
    return [torch.randn(shape, dtype=dtype) / 2 for shape in shapes]


@each_dtype
def test_the_gru_is_that_of_the_framework(
    agree: Agree, dtype: torch.dtype, length: int
) -> None:
    x, W_x, W_h, b, h_0 = problem(3, length, dtype)
    agree(gru, framework_gru, x, W_x, W_h, b, torch.randn(4, dtype=dtype), h_0)


@each_dtype
def test_the_lstm_is_that_of_the_framework(
    agree: Agree, dtype: torch.dtype, length: int
) -> None:
    *inputs, h_0 = problem(4, length, dtype)
    agree(lstm, framework_lstm, *inputs, h_0, torch.randn_like(h_0))


def test_the_state_starts_at_zero() -> None:
    x, W_x, W_h, b, h_0 = problem(3, 5)
    zero, b_n = torch.zeros_like(h_0), torch.randn(4, dtype=h_0.dtype)
    torch.testing.assert_close(
        gru_states(x, W_x, W_h, b, b_n), gru_states(x, W_x, W_h, b, b_n, zero)
    )
    x, W_x, W_h, b, _ = problem(4, 5)
    torch.testing.assert_close(
        lstm_states(x, W_x, W_h, b), lstm_states(x, W_x, W_h, b, (zero, zero))
    )


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def test_one_step_of_the_gru_by_hand() -> None:
    u = torch.tensor([[0.1, 0.2, 0.3]], dtype=torch.float64)
    W = torch.tensor([[1.0], [2.0], [3.0]], dtype=torch.float64)
    h, b_n = torch.full_like(u[:, :1], 0.5), torch.full_like(u[0, :1], -0.7)
    r, z = sigmoid(0.1 + 0.5), sigmoid(0.2 + 1.0)
    n = math.tanh(0.3 + r * (1.5 - 0.7))
    assert gru_step(u, h, W, b_n).item() == pytest.approx((1 - z) * n + z * 0.5)


def test_one_step_of_the_lstm_by_hand() -> None:
    u = torch.tensor([[0.1, 0.2, 0.3, 0.4]], dtype=torch.float64)
    W = torch.tensor([[1.0], [2.0], [3.0], [4.0]], dtype=torch.float64)
    h, c = torch.full_like(u[:, :1], 0.5), torch.full_like(u[:, :1], -2.0)
    i, f, o = sigmoid(0.1 + 0.5), sigmoid(0.2 + 1.0), sigmoid(0.4 + 2.0)
    kept = f * -2.0 + i * math.tanh(0.3 + 1.5)
    h, c = lstm_step(u, (h, c), W)
    assert c.item() == pytest.approx(kept)
    assert h.item() == pytest.approx(o * math.tanh(kept))


def test_the_framework_layers_have_the_weights_of_the_ones_by_hand() -> None:
    x = torch.randn(2, 6, 3)
    by_hand, fused = GRU(3, 4), FusedRNN("GRU", 3, 4)
    values = by_hand.W_x, by_hand.W_h, by_hand.b
    b_hh = torch.cat([torch.zeros(8), by_hand.b_n.detach()])
    fused.layer.load_state_dict(weights(fused.layer, *values, b_hh))
    torch.testing.assert_close(by_hand(x), fused(x))
    long, quick = LSTM(3, 4), FusedRNN("LSTM", 3, 4)
    quick.layer.load_state_dict(weights(quick.layer, long.W_x, long.W_h, long.b))
    torch.testing.assert_close(long(x), quick(x))


def test_the_fused_elman_network_is_the_loop() -> None:
    fused, x, h_0 = FusedRNN("RNN", 3, 4), torch.randn(2, 6, 3), torch.randn(2, 4)
    W_x, W_h, b_x, b_h = fused.layer.parameters()
    y, h = fused(x, h_0)
    torch.testing.assert_close(y, rnn_states(x, W_x, W_h, b_x + b_h, h_0))
    torch.testing.assert_close(h, y[:, -1])


LAYERS: dict[str, Callable[[int, int], Any]] = {
    "GRU": GRU,
    "LSTM": LSTM,
    **{f"fused {kind}": partial(FusedRNN, kind) for kind in FusedRNN.kinds},
}
each_layer = pytest.mark.parametrize("name", LAYERS)


def random_state(layer: Any, batch: int) -> Tensor | tuple[Tensor, ...]:
    state = layer.initial_state(batch)
    if isinstance(state, tuple):
        return tuple(torch.randn_like(part) for part in state)
    return torch.randn_like(torch.as_tensor(state))


@each_layer
def test_steps_give_what_the_sequence_gives(name: str) -> None:
    layer, x = LAYERS[name](3, 4).double(), torch.randn(2, 6, 3).double()
    state = random_state(layer, 2)
    expected = layer(x, state)
    outputs = []
    for x_t in x.unbind(dim=1):
        y_t, state = layer.step(x_t, state)
        outputs.append(y_t)
    torch.testing.assert_close((torch.stack(outputs, dim=1), state), expected)


@each_layer
def test_a_sequence_may_be_cut_anywhere(name: str) -> None:
    layer, x = LAYERS[name](3, 4).double(), torch.randn(2, 6, 3).double()
    state = random_state(layer, 2)
    y, last = layer(x, state)
    for cut in range(7):
        first, between = layer(x[:, :cut], state)
        second, end = layer(x[:, cut:], between)
        torch.testing.assert_close(torch.cat([first, second], dim=1), y)
        torch.testing.assert_close(end, last)


@each_layer
def test_the_initial_state_is_zero_and_taken_if_none_is_given(name: str) -> None:
    layer, x = LAYERS[name](3, 4).double(), torch.randn(2, 6, 3).double()
    zero = layer.initial_state(2)
    for part in zero if isinstance(zero, tuple) else (zero,):
        torch.testing.assert_close(part, torch.zeros(2, 4, dtype=torch.float64))
    torch.testing.assert_close(layer(x), layer(x, zero))


def test_weights_start_uniform_and_fill_their_interval() -> None:
    bound = 1 / math.sqrt(256)
    for layer in (GRU(64, 256), LSTM(64, 256)):
        for weight in layer.parameters():
            assert weight.abs().max() <= bound
            assert weight.min() < -0.9 * bound
            assert weight.max() > 0.9 * bound


def test_the_input_projection_is_not_part_of_the_chain() -> None:
    """A step is eight operations in a row; the projection is paid once."""
    chains = []
    for length in (8, 16, 32):
        x, W_x, W_h, b, h_0 = problem(3, length)
        with SpanMeter() as meter:
            h = gru_states(x, W_x, W_h, b, b[:4], h_0)
            projection = meter.depth(x @ W_x.T + b)
        chains.append(meter.depth(h) - projection)
    assert chains == [64, 128, 256]


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        (0, r"x has shape \(2, 5\); expected \(B, T, D\)"),
        (1, r"W_x has shape \(12,\); expected \(3N, D\) = \(12, D\)"),
        (2, r"W_h has shape \(12, 3\); expected \(3N, N\) = \(9, 3\)"),
        (3, r"b has shape \(11,\); expected \(3N,\) = \(12,\)"),
        (4, r"b_n has shape \(3,\); expected \(N,\) = \(4,\)"),
        (5, r"h_0 has shape \(2, 3\); expected \(B, N\) = \(2, 4\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(spoilt: int, message: str) -> None:
    x, W_x, W_h, b, h_0 = problem(3, 5)
    inputs = [x, W_x, W_h, b, b[:4], h_0]
    last = inputs[spoilt].shape[-1] - 1
    cut = inputs[spoilt][..., 0] if spoilt < 2 else inputs[spoilt][..., :last]
    inputs[spoilt] = cut
    with pytest.raises(ValueError, match=message):
        gru_states(*inputs)


def test_a_state_that_would_be_broadcast_is_refused() -> None:
    x, W_x, W_h, b, h_0 = problem(4, 5)
    with pytest.raises(ValueError, match=r"c_0 has shape \(1, 4\); .* = \(2, 4\)"):
        lstm_states(x, W_x, W_h, b, (h_0, h_0[:1]))
    with pytest.raises(ValueError, match=r"h_0 has shape \(4,\); .* = \(2, 4\)"):
        lstm_states(x, W_x, W_h, b, (h_0[0], h_0))
    with pytest.raises(ValueError, match=r"W_h has shape \(12, 4\); .* = \(16, 4"):
        lstm_states(x, W_x, W_h[:12], b)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="kind='Elman' is unknown; kinds: RNN, GRU"):
        FusedRNN("Elman", 3, 4)
