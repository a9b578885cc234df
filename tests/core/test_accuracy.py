"""Each form is about as exact as the loop, however long and however near |a| = 1."""

from __future__ import annotations

import math
from functools import cache
from itertools import product

import pytest
import torch
from torch import Tensor

from bookfigs.core.recurrence import FIXED_ONLY, Form, linear_recurrence

T = 2**14
GAPS = (0.9, 0.5, 0.1, 1e-2, 1e-4, 1e-6)
"""1 - |a| of the channels, eight of each."""
CASES = tuple(product(("real", "complex"), ("fixed", "varying")))

GOAL = 2.0
"""Times the error of the loop in single precision that a form may have."""
DOUBLING = 2.1
"""Of scans by doubling: lg T roundings of each state, where the loop has one."""
FFT = {0.9: 10.0, 0.5: 10.0, 0.1: 10.0}
"""What its docstring says of rounding, by 1 - |a|."""
PRODUCTS = {1e-2: 10.0, 1e-4: 60.0, 1e-6: 100.0}
"""Of the scans that multiply coefficients which change in single precision: next to 1,
products of real numbers all err to the same side."""


@cache
def inputs(kind: str, change: str) -> tuple[Tensor, Tensor, Tensor]:
    """Coefficients just below each radius, inputs, and how to weigh the states."""
    dice = torch.Generator().manual_seed(2303)
    shape = (1, 1 if change == "fixed" else T, len(GAPS), 8)
    gap = torch.tensor(GAPS, dtype=torch.float64).view(-1, 1)
    spread = torch.rand(shape, generator=dice, dtype=torch.float64)
    a = (1 - gap) * (1 - 0.5 * gap * spread)
    if kind == "complex":
        a = torch.polar(a, 2 * math.pi * spread.roll(1, dims=-1))
    a = a.to(torch.complex64 if kind == "complex" else torch.float32).flatten(2)
    b, weight = torch.randn((2, 1, T, a.shape[-1]), dtype=a.dtype, generator=dice)
    return a.flatten() if change == "fixed" else a, b, weight


def outcome(form: Form, given: tuple[Tensor, ...], dtype: torch.dtype) -> list[Tensor]:
    """States and gradients."""
    a, b, weight = (x.to(dtype) for x in given)
    a, b = a.requires_grad_(), b.requires_grad_()
    h = linear_recurrence(a, b, form=form)
    return [h.detach(), *torch.autograd.grad(h, (a, b), weight)]


@cache
def reference(kind: str, change: str) -> tuple[list[Tensor], list[Tensor]]:
    """The loop in double precision, and the errors of the loop in single."""
    given = inputs(kind, change)
    true = outcome("loop", given, torch.promote_types(given[0].dtype, torch.float64))
    return true, errors(outcome("loop", given, given[0].dtype), true)


def errors(mine: list[Tensor], true: list[Tensor]) -> list[Tensor]:
    """Norms over all steps and channels of a radius, for states and gradients."""
    pairs = zip(mine, true, strict=True)
    shape = (-1, len(GAPS), 8)
    return [(x - y).reshape(shape).norm(dim=(0, 2)) for x, y in pairs]


def allowed(form: Form, kind: str, change: str, gap: float) -> float:
    """Times the error of the loop."""
    if form == "fft":
        return FFT.get(gap, GOAL)
    goal = DOUBLING if form == "hillis_steele" else GOAL
    if form in {"scan", "hillis_steele"} and (change, kind) == ("varying", "real"):
        return PRODUCTS.get(gap, goal)
    return goal


@pytest.mark.parametrize(("kind", "change"), CASES)
@pytest.mark.parametrize(
    "form", ["scan", "hillis_steele", "chunked", "fused", "fft", "log"]
)
def test_the_error_is_at_most_twice_that_of_the_loop(
    form: Form, kind: str, change: str
) -> None:
    given = inputs(kind, change)
    if (form in FIXED_ONLY and change == "varying") or (form, kind) == (
        "log",
        "complex",
    ):
        with pytest.raises(ValueError, match="use form='scan'"):
            linear_recurrence(*given[:2], form=form)
        return
    true, of_loop = reference(kind, change)
    found = errors(outcome(form, given, given[0].dtype), true)
    for mine, loop in zip(found, of_loop, strict=True):
        for gap, ratio in zip(GAPS, (mine / loop).tolist(), strict=True):
            assert ratio <= allowed(form, kind, change, gap), f"1 - |a| = {gap}"


def test_the_direct_sum_is_as_exact_as_the_loop() -> None:
    for kind in ("real", "complex"):
        a, b, weight = inputs(kind, "fixed")
        given = a, b[:, :1024], weight[:, :1024]
        true = outcome("loop", given, torch.promote_types(a.dtype, torch.float64))
        of_loop = errors(outcome("loop", given, a.dtype), true)
        found = errors(outcome("convolution", given, a.dtype), true)
        for mine, loop in zip(found, of_loop, strict=True):
            assert (mine / loop).max() <= GOAL
