"""MLP and GLU are their equations, and mix channels only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from bookfigs.core.mixing import CHANNELS, GATES, GLU, MLP

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.conftest import Agree, Program

each_dtype = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
each_gate = pytest.mark.parametrize("gate", GATES)


def by(layer: nn.Module) -> Program:
    """The layer as a function of its input and its weights."""
    names = [name for name, _ in layer.named_parameters()]

    def program(x: Tensor, *weights: Tensor) -> Tensor:
        parameters = dict(zip(names, weights, strict=True))
        y: Tensor = functional_call(layer, parameters, x)
        return y

    return program


def gelu(z: Tensor) -> Tensor:
    """z Φ(z), by the error function."""
    return z * (1 + torch.erf(z / math.sqrt(2))) / 2


def mlp(x: Tensor, W_1: Tensor, W_2: Tensor) -> Tensor:
    return torch.einsum("dn,btn->btd", W_2, gelu(torch.einsum("nd,btd->btn", W_1, x)))


DEFINITIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": lambda z: 1 / (1 + torch.exp(-z)),
    "identity": lambda z: z,
    "relu": lambda z: z * (z > 0),
    "gelu": gelu,
    "swish": lambda z: z / (1 + torch.exp(-z)),
}


def test_every_gate_has_a_definition() -> None:
    assert set(DEFINITIONS) == set(GATES)


@each_dtype
@pytest.mark.parametrize("length", [0, 1, 7])
def test_the_perceptron_is_its_equation(
    agree: Agree, dtype: torch.dtype, length: int
) -> None:
    layer, x = MLP(3, 5).to(dtype), torch.randn(2, length, 3, dtype=dtype)
    agree(by(layer), mlp, x, *layer.parameters())


@each_dtype
@each_gate
@pytest.mark.parametrize("length", [0, 1, 7])
def test_the_gated_unit_is_its_equation(
    agree: Agree, gate: str, dtype: torch.dtype, length: int
) -> None:
    def definition(x: Tensor, W: Tensor, V: Tensor, W_2: Tensor) -> Tensor:
        return (DEFINITIONS[gate](x @ W.T) * (x @ V.T)) @ W_2.T

    layer, x = GLU(3, 5, gate).to(dtype), torch.randn(2, length, 3, dtype=dtype)
    agree(by(layer), definition, x, layer.W.weight, layer.V.weight, layer.W_2.weight)


@pytest.mark.parametrize("layer", [MLP(3, 5), GLU(3, 5)])
def test_a_step_does_not_see_another(layer: nn.Module) -> None:
    x = torch.randn(2, 7, 3)
    y = layer(x)
    x[:, 3] += 1
    changed = (layer(x) != y).any(dim=(0, 2))
    assert changed.nonzero().flatten().tolist() == [3]


def test_a_gate_is_swish_unless_named() -> None:
    swish, silent = GLU(3, 5, "swish"), GLU(3, 5)
    silent.load_state_dict(swish.state_dict())
    x = torch.randn(2, 4, 3)
    torch.testing.assert_close(silent(x), swish(x))


def test_a_gated_unit_of_two_thirds_costs_what_a_perceptron_costs() -> None:
    def size(layer: nn.Module) -> int:
        return sum(weight.numel() for weight in layer.parameters())

    assert size(GLU(6, 8)) == size(MLP(6, 12)) == 2 * 6 * 12


def test_channel_mixers_of_either_name_cost_the_same() -> None:
    def size(name: str) -> int:
        layer = CHANNELS[name](12)
        return 0 if layer is None else sum(w.numel() for w in layer.parameters())

    assert size("mlp") == size("glu") == 8 * 12 * 12
    assert size("none") == 0


def test_an_unknown_gate_is_refused() -> None:
    with pytest.raises(ValueError, match="gate='door' is unknown; gates: sigmoid, id"):
        GLU(3, 5, "door")
