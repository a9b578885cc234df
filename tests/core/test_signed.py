"""The minGRU with signed coefficients is its definition, and can flip its state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.func import functional_call

from bookfigs.core.signed import SignedMinGRU

if TYPE_CHECKING:
    from core.conftest import Agree


def walked(x: Tensor, W_z: Tensor, b_z: Tensor, W_h: Tensor, b_h: Tensor) -> Tensor:
    """Step by step, as its equation says."""
    h = x.new_zeros(len(x), len(b_z))
    states = []
    for x_t in x.unbind(dim=1):
        z = torch.sigmoid(x_t @ W_z.T + b_z)
        h = (1 - 2 * z) * h + z * (x_t @ W_h.T + b_h)
        states.append(h)
    return torch.stack(states, dim=1)


def test_it_computes_what_its_equation_says(agree: Agree, length: int) -> None:
    layer = SignedMinGRU(3, 4)
    names = [name for name, _ in layer.named_parameters()]
    assert names == ["W_z.weight", "W_z.bias", "W_h.weight", "W_h.bias"]

    def program(x: Tensor, *weights: Tensor) -> Tensor:
        y: Tensor = functional_call(layer, dict(zip(names, weights, strict=True)), x)[0]
        return y

    weights = [weight.detach() for weight in layer.parameters()]
    agree(program, walked, torch.randn(2, length, 3), *weights)


def test_a_step_is_a_sequence_of_one() -> None:
    layer, x = SignedMinGRU(3, 4), torch.randn(2, 3)
    h = torch.randn(2, 4)
    torch.testing.assert_close(layer.step(x, h)[0], layer(x.unsqueeze(1), h)[0][:, 0])


def test_its_coefficients_reach_from_minus_one_to_one() -> None:
    layer = SignedMinGRU(1, 1).double()
    with torch.no_grad():
        layer.W_z.weight.fill_(1)
        layer.W_z.bias.fill_(0)
    a, _ = layer.coefficients(torch.tensor([[-50.0], [0.0], [50.0]]).double())
    torch.testing.assert_close(
        a.detach(), torch.tensor([[1.0], [0.0], [-1.0]]).double()
    )
