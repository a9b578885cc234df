"""One comparison for the whole core: a program against its definition."""

from collections.abc import Callable, Iterator
from functools import reduce
from typing import Protocol

import pytest
import torch
from torch import Tensor

Program = Callable[..., Tensor]

LENGTHS = (1, 2, 3, 7, 8, 9, 100, 1000)

TOLERANCE = {
    torch.float32: 2e-4,
    torch.complex64: 2e-4,
    torch.float64: 4e-13,
    torch.complex128: 4e-13,
}
"""Largest error allowed, in units of the largest value of the same channel."""

FLOOR = 1e-3
"""The least unit: where the true values cancel to nothing, rounding is left."""


class Agree(Protocol):
    """Asserts that a program and its definition give the same."""

    def __call__(
        self, program: Program, definition: Program, *inputs: Tensor
    ) -> None: ...


@pytest.fixture(scope="session")
def agree() -> Agree:
    """Compare outputs, and the gradients of every input."""
    return _agree


@pytest.fixture(params=LENGTHS)
def length(request: pytest.FixtureRequest) -> int:
    """One, two, three, both sides of a power of two, and long."""
    return int(request.param)


@pytest.fixture(autouse=True)
def _seed() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(1990)
        yield


def _agree(program: Program, definition: Program, *inputs: Tensor) -> None:
    """Run both, the definition in double precision on the same numbers."""
    expected = _outcome(definition, [_double(tensor) for tensor in inputs])
    got = _outcome(program, list(inputs))
    dtypes = [tensor.dtype for tensor in inputs]
    assert got[0].dtype == reduce(torch.promote_types, dtypes)
    names = ["output", *(f"gradient of input {i}" for i in range(len(inputs)))]
    for name, mine, true in zip(names, got, expected, strict=True):
        assert mine.shape == true.shape, name
        error, allowed = _error(mine, true), TOLERANCE[mine.dtype]
        assert error <= allowed, f"{name}: error {error:.1e} > {allowed:.1e}"


def _outcome(program: Program, inputs: list[Tensor]) -> list[Tensor]:
    """The output, and how a fixed random combination of it depends on the inputs."""
    inputs = [tensor.detach().requires_grad_() for tensor in inputs]
    output = program(*inputs)
    dtype = torch.complex64 if output.is_complex() else torch.float32
    dice = torch.Generator().manual_seed(1847)
    weight = torch.randn(output.shape, dtype=dtype, generator=dice).to(output.dtype)
    gradients = torch.autograd.grad(output, inputs, weight, materialize_grads=True)
    return [output.detach(), *gradients]


def _double(tensor: Tensor) -> Tensor:
    return tensor.to(torch.complex128 if tensor.is_complex() else torch.float64)


def _error(mine: Tensor, true: Tensor) -> float:
    """Largest error, as a share of the largest value of its channel (last axis)."""
    if true.numel() == 0:
        return 0.0
    scale = true.abs().reshape(-1, true.shape[-1]).amax(dim=0).clamp(min=FLOOR)
    share = (_double(mine) - true).abs() / scale
    return float(share.max().nan_to_num(nan=torch.inf))
