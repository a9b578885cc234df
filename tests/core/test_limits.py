"""Where numbers end: NaN, infinity, overflow, underflow, and the second derivative."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, get_args

import pytest
import torch
from torch import Tensor

from bookfigs.core.attention import CausalAttention
from bookfigs.core.attention import Form as AttentionForm
from bookfigs.core.mixers import MIXERS
from bookfigs.core.recurrence import FIXED_ONLY, Form, linear_recurrence
from bookfigs.core.ssm import S4D

if TYPE_CHECKING:
    from core.conftest import Agree

FORMS: tuple[Form, ...] = tuple(form for form in get_args(Form) if form != "auto")
CASES = [
    (form, fixed)
    for form, fixed in product(FORMS, (True, False))
    if fixed or form not in FIXED_ONLY
]
each_case = pytest.mark.parametrize(
    ("form", "fixed"),
    CASES,
    ids=lambda value: {True: "fixed", False: "varying"}.get(value, value),
)
each_bad = pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])

MIXES_ALL = ("fft",)
"""Forms whose every output is a sum over every input, later ones too."""
SUMS = ("convolution", "fft", "log")
"""Forms that do not end in infinity where the loop does."""


def problem(
    length: int, radius: float, *, fixed: bool, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor]:
    """Two sequences of two channels whose coefficients are of one size."""
    a = torch.full((2,) if fixed else (2, length, 2), radius, dtype=dtype)
    return a, torch.randn(2, length, 2, dtype=dtype)


@each_case
@each_bad
def test_what_is_no_number_reaches_later_steps_of_its_channel_only(
    form: Form, bad: float, *, fixed: bool
) -> None:
    for length, step in ((9, 5), (100, 37), (1000, 501)):
        a, b = problem(length, 0.9, fixed=fixed)
        before = linear_recurrence(a, b, form=form)
        b[0, step, 1] = bad
        h = linear_recurrence(a, b, form=form)
        touched = h.isfinite().logical_not()
        assert touched[0, step:, 1].all()
        assert not touched[1].any()
        if form in MIXES_ALL:
            assert touched[0, :step, 1].all()
        else:
            torch.testing.assert_close(h[0, :step], before[0, :step])
            assert not touched[0, :, 0].any()


@pytest.mark.parametrize("form", [form for form, fixed in CASES if not fixed])
def test_a_coefficient_that_is_no_number_reaches_later_steps_only(form: Form) -> None:
    a, b = problem(100, 0.9, fixed=False)
    a[0, 37, 1] = math.nan
    touched = linear_recurrence(a, b, form=form).isnan()
    assert touched[0, 37:, 1].all()
    assert touched.sum() == 100 - 37


@each_case
def test_a_gradient_that_is_no_number_reaches_earlier_steps_only(
    form: Form, *, fixed: bool
) -> None:
    a, b = problem(100, 0.9, fixed=fixed)
    h = linear_recurrence(a, b.requires_grad_(), form=form)
    weight = torch.ones_like(h)
    weight[0, 37, 1] = math.nan
    (gradient,) = torch.autograd.grad(h, b, weight)
    touched = gradient.isnan()
    assert touched.sum() == touched[0, :, 1].sum()
    if form not in {"fft", "log"}:  # whose gradients are sums over all steps
        assert touched[0, :38, 1].all()
        assert touched.sum() == 38


@pytest.mark.parametrize("name", MIXERS)
def test_a_layer_hands_no_bad_number_to_another_sequence_or_an_earlier_step(
    name: str,
) -> None:
    """Attention does to earlier steps: the weight 0 times NaN is NaN."""
    layer, x = MIXERS[name](4), torch.randn(2, 9, 4)
    x[0, 5] = math.nan
    touched = layer(x)[0].isnan()
    assert touched[0, 5:].all()
    assert not touched[1].any()
    assert touched[0, :5].all() if name == "attention" else not touched[0, :5].any()


@pytest.mark.parametrize("form", get_args(AttentionForm))
def test_attention_hands_no_bad_number_to_another_sequence(form: AttentionForm) -> None:
    layer, x = CausalAttention(4, 2), torch.randn(2, 9, 4)
    x[0, 5] = math.nan
    touched = layer(x, form=form).isnan()
    assert touched[0].all()
    assert not touched[1].any()


@each_case
def test_coefficients_above_one_overflow_as_in_the_loop(
    form: Form, *, fixed: bool
) -> None:
    """1.5 to the power of 219 is above single precision; forms that sum differ."""
    a, b = problem(1000, 1.5, fixed=fixed)
    b = b.abs()
    h, true = (linear_recurrence(a, b, form=f) for f in (form, "loop"))
    finite = true.isfinite()
    assert 200 < finite[0, :, 0].sum() < 230
    if form in FIXED_ONLY:
        assert h[:, :-1].isnan().all()
        return
    torch.testing.assert_close(h[finite], true[finite], rtol=1e-4, atol=0)
    beyond = h[~finite]
    assert beyond.isinf().all() or (form in SUMS and not beyond.isfinite().any())


@pytest.mark.parametrize("form", FIXED_ONLY)
def test_growth_within_range_is_right_to_the_rounding_of_the_largest_state(
    form: Form,
) -> None:
    a, b = problem(200, 1.5, fixed=True)
    h, true = (linear_recurrence(a, b, form=f) for f in (form, "loop"))
    error = (h - true).abs().amax(dim=1)
    assert (error <= 1e-4 * true.abs().amax(dim=1)).all()


@each_case
@pytest.mark.parametrize("radius", [1e-38, 1e-30, 1e-3, 0.1])
def test_powers_that_underflow_do_no_harm(
    agree: Agree, form: Form, radius: float, *, fixed: bool
) -> None:
    """Logarithms lose the gradient of a where a is small, as 1e-16 / a."""
    radius = max(radius, 1e-3) if form == "log" else radius
    a, b = problem(1000, radius, fixed=fixed)

    def states(a: Tensor, b: Tensor) -> Tensor:
        return linear_recurrence(a, b, form=form)

    def loop(a: Tensor, b: Tensor) -> Tensor:
        return linear_recurrence(a, b, form="loop")

    agree(states, loop, a, b)


@pytest.mark.parametrize(("form", "fixed"), [c for c in CASES if c[0] != "loop"])
@pytest.mark.parametrize("radius", [0.1, 1.0])
def test_nothing_overflows_in_a_very_long_sequence(
    form: Form, radius: float, *, fixed: bool
) -> None:
    length = 2**10 if form == "convolution" else 2**16
    a, b = problem(length, radius, fixed=fixed)
    a, b = a.requires_grad_(), b.requires_grad_()
    h = linear_recurrence(a, b, form=form)
    for found in (h, *torch.autograd.grad(h.sum(), (a, b))):
        assert found.isfinite().all()
    if radius == 1:
        expected = b.detach().double().cumsum(dim=1)
        error = (h.detach() - expected).abs().max() / expected.abs().max()
        assert error < 1e-4


TINY = {
    torch.float32: 1e-42,
    torch.complex64: 1e-42j,
    torch.float64: 1e-315,
    torch.complex128: 1e-315j,
}
"""Subnormal coefficients, whose inverse is infinite."""


@pytest.mark.parametrize("dtype", TINY, ids=str)
@pytest.mark.parametrize("form", [form for form in FORMS if form != "log"])
def test_a_subnormal_coefficient_has_a_finite_gradient(
    form: Form, dtype: torch.dtype
) -> None:
    a = torch.tensor([TINY[dtype], 0.5], dtype=dtype, requires_grad=True)
    b = torch.randn(2, 100, 2, dtype=dtype, requires_grad=True)
    h = linear_recurrence(a, b, form=form)
    of_a, of_b = torch.autograd.grad(h, (a, b), torch.ones_like(h))
    torch.testing.assert_close(of_a[0].detach(), b[:, :-1, 0].sum().conj().detach())
    assert of_b.isfinite().all()


def test_the_kernel_of_s4d_has_a_finite_gradient_where_modes_die_at_once() -> None:
    layer = S4D(2, 4, dt=(0.1, 0.1), form="fft")
    with torch.no_grad():
        layer.A_log.fill_(math.log(1000))  # exp(-100), below single precision
    y, _ = layer(torch.randn(1, 50, 2))
    for gradient in torch.autograd.grad(y.sum(), list(layer.parameters())):
        assert gradient.isfinite().all()
