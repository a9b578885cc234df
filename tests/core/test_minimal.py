"""minGRU and minLSTM: walked or scanned, they are their equations."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from bookfigs.core.minimal import MinGRU, MinLSTM
from bookfigs.measure.span import SpanMeter

if TYPE_CHECKING:
    from bookfigs.core.recurrence import Form
    from core.conftest import Agree, Program

Layer: TypeAlias = MinGRU | MinLSTM

each_kind = pytest.mark.parametrize("kind", [MinGRU, MinLSTM])
each_form = pytest.mark.parametrize("form", ["loop", "scan"])
each_dtype = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def by(layer: Layer) -> Program:
    """All states, then the final one, for given weights."""
    names = [name for name, _ in layer.named_parameters()]

    def program(x: Tensor, h_0: Tensor, *weights: Tensor) -> Tensor:
        parameters = dict(zip(names, weights, strict=True))
        y, h = functional_call(layer, parameters, (x, h_0))
        return torch.cat([y, h.unsqueeze(1)], dim=1)

    return program


def sigmoid(z: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-z))


def equations(layer: Layer) -> Program:
    """What the paper says, one step after another."""
    names = [name for name, _ in layer.named_parameters()]

    def program(x: Tensor, h: Tensor, *weights: Tensor) -> Tensor:
        p = dict(zip(names, weights, strict=True))

        def linear(name: str, x_t: Tensor) -> Tensor:
            return x_t @ p[f"{name}.weight"].T + p[f"{name}.bias"]

        states = []
        for t in range(x.shape[1]):
            candidate = linear("W_h", x[:, t])
            if isinstance(layer, MinGRU):
                z = sigmoid(linear("W_z", x[:, t]))
                h = (1 - z) * h + z * candidate
            else:
                f = sigmoid(linear("W_f", x[:, t]))
                i = sigmoid(linear("W_i", x[:, t]))
                h = f / (f + i) * h + i / (f + i) * candidate
            states.append(h)
        return torch.stack([*states, h], dim=1)

    return program


@each_kind
@each_form
@each_dtype
def test_every_form_is_the_equations(
    agree: Agree, kind: type[Layer], form: Form, dtype: torch.dtype, length: int
) -> None:
    layer = kind(3, 4, form=form).to(dtype)
    x, h_0 = torch.randn(2, length, 3, dtype=dtype), torch.randn(2, 4, dtype=dtype)
    agree(by(layer), equations(layer), x, h_0, *layer.parameters())


@each_kind
def test_steps_give_what_the_sequence_gives(kind: type[Layer]) -> None:
    layer, x = kind(3, 4).double(), torch.randn(2, 9, 3).double()
    h = torch.randn(2, 4).double()
    expected = layer(x, h)
    outputs = []
    for x_t in x.unbind(dim=1):
        y_t, h = layer.step(x_t, h)
        outputs.append(y_t)
    torch.testing.assert_close((torch.stack(outputs, dim=1), h), expected)


@each_kind
def test_the_state_starts_at_zero(kind: type[Layer]) -> None:
    layer, x = kind(3, 4), torch.randn(2, 9, 3)
    zero = layer.initial_state(2)
    assert zero.shape == (2, 4)
    assert zero.count_nonzero() == 0
    torch.testing.assert_close(layer(x), layer(x, zero))


@each_kind
def test_no_steps_give_no_outputs_and_the_state_that_was_given(
    kind: type[Layer],
) -> None:
    h_0 = torch.randn(2, 4)
    y, h = kind(3, 4)(torch.zeros(2, 0, 3), h_0)
    assert y.shape == (2, 0, 4)
    torch.testing.assert_close(h, h_0)


@each_kind
def test_a_state_is_a_mean_of_the_last_one_and_a_candidate(kind: type[Layer]) -> None:
    """The two shares sum to one, so a constant candidate is a fixed point."""
    layer = kind(3, 4)
    with torch.no_grad():
        layer.W_h.weight.zero_()
        layer.W_h.bias.fill_(0.75)
    y, _ = layer(torch.randn(2, 9, 3), torch.full((2, 4), 0.75))
    torch.testing.assert_close(y, torch.full_like(y, 0.75))


def test_gates_that_round_to_zero_still_share_their_sum() -> None:
    layer = MinLSTM(1, 1)
    with torch.no_grad():
        for linear in (layer.W_f, layer.W_i):
            linear.weight.zero_()
            linear.bias.fill_(-200)
        layer.W_h.weight.fill_(1)
        layer.W_h.bias.zero_()
    x = torch.ones(1, 3, 1).requires_grad_()
    y, _ = layer(x)
    torch.testing.assert_close(y.flatten(), torch.tensor([0.5, 0.75, 0.875]))
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


@each_kind
def test_the_chain_of_the_scan_grows_with_the_logarithm(kind: type[Layer]) -> None:
    layer, chains = kind(3, 4, form="scan"), []
    for length in (64, 128):
        x = torch.randn(2, length, 3)
        with SpanMeter() as meter:
            chains.append(meter.depth(layer(x)[0]))
    assert 0 < chains[1] - chains[0] <= 4


@each_kind
def test_a_form_for_fixed_coefficients_is_refused(kind: type[Layer]) -> None:
    with pytest.raises(ValueError, match="use form='scan'"):
        kind(3, 4, form="fft")(torch.zeros(2, 5, 3))


@each_kind
def test_a_state_of_another_size_is_refused(kind: type[Layer]) -> None:
    with pytest.raises(ValueError, match=r"h_0 has shape \(2, 3\); .* = \(2, 4\)"):
        kind(3, 4)(torch.zeros(2, 5, 3), torch.zeros(2, 3))
