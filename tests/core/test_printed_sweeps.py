"""What proves the printed loop and scan of a linear recurrence, in milliseconds."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bookfigs.core.recurrence import loop
from bookfigs.core.sweeps import forward_scan

LENGTHS = (1, 2, 3, 7, 8, 9)
COEFFICIENTS = ("varying", "fixed")


def problem(length: int, kind: str) -> tuple[Tensor, Tensor]:
    """Coefficients (3, T, 2), or (2,) if they are fixed, and inputs."""
    shape = (2,) if kind == "fixed" else (3, length, 2)
    a = torch.randn(shape, dtype=torch.float64)
    return a, torch.randn(3, length, 2, dtype=torch.float64)


def definition(a: Tensor, b: Tensor) -> Tensor:
    """h_t = a_t h_{t-1} + b_t, number by number."""
    h = b.clone()
    a = a.expand_as(b)
    for i, t, n in torch.cartesian_prod(*map(torch.arange, b.shape)).tolist():
        if t > 0:
            h[i, t, n] += a[i, t, n] * h[i, t - 1, n]
    return h


@pytest.mark.parametrize("kind", COEFFICIENTS)
@pytest.mark.parametrize("length", LENGTHS)
def test_the_loop_is_its_definition_number_by_number(length: int, kind: str) -> None:
    a, b = problem(length, kind)
    torch.testing.assert_close(loop(a, b), definition(a, b))


def test_the_loop_refuses_coefficients_of_another_length() -> None:
    a, b = problem(5, "varying")
    for one, other in ((a[:, 1:], b), (a, b[:, 1:])):
        with pytest.raises(ValueError, match="zip"):
            loop(one, other)


@pytest.mark.parametrize("kind", COEFFICIENTS)
@pytest.mark.parametrize("length", LENGTHS)
def test_the_scan_is_its_definition_number_by_number(length: int, kind: str) -> None:
    a, b = problem(length, kind)
    before = b.clone()
    link = a[None, None] if kind == "fixed" else a
    torch.testing.assert_close(forward_scan(link, b), definition(a, b))
    assert torch.equal(b, before)
