"""The programs for a CUDA device are their definitions, interpreted on the CPU."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from itertools import product
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

from bookfigs.core import kernels, recurrence
from bookfigs.core.kernels import cuda, launch
from bookfigs.core.kernels.strategy import Strategy
from bookfigs.core.recurrence import Form, linear_recurrence
from core.conftest import _agree as agree
from core.kernels.test_cpu import (
    DTYPES,
    REAL,
    linear_loop,
    problem,
    tanh_loop,
)
from core.kernels.triton_process import interpreted

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL = {
    "walk": Strategy("walk", 1000, block_t=8, block_n=8, reason=""),
    "split": Strategy("split", 4, block_t=4, block_n=8, reason=""),
}
"""Tiles so small that a few steps fill several."""
LARGE = {
    "walk": Strategy("walk", 1000, block_t=32, block_n=2, reason=""),
    "split": Strategy("split", 64, block_t=32, block_n=2, reason=""),
}

each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
each_real = pytest.mark.parametrize("dtype", REAL, ids=str)
each_kind = pytest.mark.parametrize("fixed", [True, False], ids=["fixed", "varying"])
each_strategy = pytest.mark.parametrize("name", SMALL)


@contextmanager
def cut(plan: Strategy) -> Iterator[None]:
    """Cut what follows like this, whatever its size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch, "strategy", lambda *_: plan)
        yield


@interpreted
def test_three_steps_by_hand() -> None:
    a, b = torch.tensor([2.0]), torch.tensor([7.0, 10.0, 100.0]).reshape(1, 3, 1)
    assert cuda.linear(a, b).flatten().tolist() == [7.0, 24.0, 148.0]


@pytest.mark.parametrize(
    ("name", "steps", "dtype"),
    [
        *product(["walk"], (1, 2, 3, 7, 8, 9), (torch.float32, torch.complex128)),
        *product(["split"], (7, 8, 9), (torch.float32, torch.complex128)),
        *product(SMALL, (9,), (torch.float64, torch.complex64)),
    ],
    ids=str,
)
@each_kind
@interpreted
def test_the_linear_recurrence_is_its_definition(
    name: str, steps: int, dtype: torch.dtype, *, fixed: bool
) -> None:
    batch = 2 if steps == 7 else 1
    with cut(SMALL[name]):
        agree(
            cuda.linear, linear_loop, *problem(steps, dtype, fixed=fixed, batch=batch)
        )


@pytest.mark.parametrize(
    ("steps", "dtype"),
    [(100, torch.float64), (100, torch.complex64), (257, torch.float32)],
    ids=str,
)
@each_kind
@each_strategy
@interpreted
def test_over_many_tiles_no_error_grows(
    steps: int, dtype: torch.dtype, name: str, *, fixed: bool
) -> None:
    a, b = problem(steps, dtype, fixed=fixed, batch=1)
    near_the_circle = slice(3, 5)
    with cut(LARGE[name]):
        agree(cuda.linear, linear_loop, a[..., near_the_circle], b[..., :2])


@pytest.mark.parametrize("channels", [1, 3, 64, 65])
@pytest.mark.parametrize(
    ("batch", "dtype"), [(1, torch.complex64), (3, torch.float32)], ids=str
)
@interpreted
def test_any_number_of_channels_is_cut_into_blocks(
    channels: int, batch: int, dtype: torch.dtype
) -> None:
    b = torch.randn(batch, 2, channels, dtype=dtype)
    agree(cuda.linear, linear_loop, torch.randn_like(b[0, 0]), b)
    agree(cuda.linear, linear_loop, torch.randn_like(b), b)


@pytest.mark.parametrize(("name", "fixed"), [("walk", True), ("split", False)])
@interpreted
def test_the_layout_in_memory_does_not_matter(name: str, *, fixed: bool) -> None:
    a, b = problem(5, torch.complex128, fixed=fixed)
    transposed = b.transpose(0, 2).contiguous().transpose(0, 2)
    every_other = b.repeat_interleave(2, dim=1)[:, ::2]
    of_channels = b.repeat_interleave(2, dim=2)[:, :, ::2]
    with cut(SMALL[name]):
        for layout in (transposed, every_other, of_channels, b.conj(), b.imag):
            factor = a.imag if not layout.is_complex() else a.conj()
            agree(cuda.linear, linear_loop, factor, layout)


@interpreted
def test_inputs_may_be_expanded() -> None:
    a, b = problem(5, torch.float64, fixed=True)
    with cut(SMALL["split"]):
        for shared in (b[:, :1], b[:1, :1, :1]):
            agree(cuda.linear, linear_loop, a, shared.expand_as(b))
            agree(cuda.linear, linear_loop, shared.expand_as(b), b)
        agree(cuda.linear, linear_loop, a.expand_as(b), b)
        agree(cuda.linear, linear_loop, a[:1].expand(6), b)


@interpreted
def test_an_expanded_gradient_is_added_up_like_any_other() -> None:
    a, b = (x.requires_grad_() for x in problem(9, torch.float64, fixed=False))
    got = torch.autograd.grad(cuda.linear(a, b).sum(), (a, b))
    expected = torch.autograd.grad(linear_loop(a, b).sum(), (a, b))
    torch.testing.assert_close(got, expected)


@each_strategy
@interpreted
def test_an_initial_state_and_both_directions_are_the_form_s_as_well(
    name: str,
) -> None:
    a, b = problem(5, torch.complex64, fixed=False)

    def by(form: Form, *, reverse: bool) -> Any:
        return lambda a, b, h_0: linear_recurrence(
            a, b, h_0, form=form, reverse=reverse
        )

    with cut(SMALL[name]), pytest.MonkeyPatch.context() as patch:
        patch.setitem(recurrence._FORMS, "fused", cuda.linear)
        for reverse in (False, True):
            mine, true = by("fused", reverse=reverse), by("loop", reverse=reverse)
            agree(mine, true, a, b, torch.randn_like(b[:, 0]))


@pytest.mark.parametrize("steps", [1, 2, 3, 8, 9, 300])
@each_real
@interpreted
def test_the_tanh_recurrence_is_its_definition(steps: int, dtype: torch.dtype) -> None:
    w, u = problem(steps, dtype, fixed=True, batch=1)
    agree(cuda.tanh, tanh_loop, 0.9 * w, u)


@pytest.mark.parametrize("channels", [1, 3, 64, 65])
@interpreted
def test_any_number_of_channels_of_tanh_is_cut_into_blocks(channels: int) -> None:
    u = torch.randn(3, 5, channels)
    agree(cuda.tanh, tanh_loop, torch.randn(channels), u)


@each_real
@interpreted
def test_tanh_is_right_to_the_last_few_bits(dtype: torch.dtype) -> None:
    x = torch.linspace(-25, 25, 50_001, dtype=torch.float64)
    x = torch.cat([x, torch.logspace(-30, 1, 5000, dtype=torch.float64)]).to(dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch, "LANES", 2**16)
        got = cuda.tanh(torch.zeros_like(x), x.reshape(1, 1, -1)).flatten()
    true = torch.tanh(x.double())
    error = (got.double() - true).abs() / true.abs().clamp(min=1e-300)
    assert error.max() <= 4 * torch.finfo(dtype).eps
    assert got.abs().max() <= 1


@interpreted
def test_what_is_not_a_number_stays_so_and_infinity_saturates() -> None:
    u = torch.tensor([0.0, torch.inf, -torch.inf, torch.nan]).expand(1, 2, 4)
    h = cuda.tanh(torch.zeros(4), u)
    expected = torch.tensor([0.0, 1.0, -1.0, torch.nan]).expand(1, 2, 4)
    assert h.allclose(expected, rtol=0, atol=0, equal_nan=True)
    a = torch.full((4,), 0.5)
    with cut(SMALL["walk"]):
        states = cuda.linear(a, u)
    torch.testing.assert_close(states, linear_loop(a, u), equal_nan=True)


@each_strategy
@each_kind
@interpreted
def test_the_first_coefficient_is_not_read(name: str, *, fixed: bool) -> None:
    a, b = problem(9, torch.float64, fixed=fixed)
    with cut(SMALL[name]):
        if fixed:
            h = cuda.linear(torch.full_like(a, torch.nan), b)
            assert h[:, 0].equal(b[:, 0])
            return
        a[:, 0] = torch.nan
        a.requires_grad_()
        h = cuda.linear(a, b)
        (gradient,) = torch.autograd.grad(h.sum(), a)
    assert h.isfinite().all()
    assert gradient.isfinite().all()


@each_strategy
@interpreted
def test_zero_and_tiny_coefficients_are_harmless(name: str) -> None:
    b = torch.randn(1, 9, 3)
    a = torch.tensor([0.0, 1e-38, 1e-20]).expand_as(b)
    with cut(SMALL[name]):
        agree(cuda.linear, linear_loop, a, b)


@interpreted
def test_the_inputs_are_left_as_they_were() -> None:
    for steps in (1, 9):
        inputs = problem(steps, torch.float64, fixed=True)
        before = [tensor.clone() for tensor in inputs]
        cuda.linear(*inputs).zero_()
        cuda.tanh(*inputs).zero_()
        torch.testing.assert_close(list(inputs), before, rtol=0, atol=0)


@each_dtype
@pytest.mark.parametrize("shape", [(2, 0, 3), (0, 3, 2), (2, 3, 0)], ids=str)
@interpreted
def test_nothing_in_gives_nothing_out_and_gradients_of_zero(
    shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    b = torch.zeros(shape, dtype=dtype, requires_grad=True)
    a = torch.ones(shape[-1], dtype=dtype, requires_grad=True)
    for program in (cuda.linear, cuda.tanh)[: 1 if dtype.is_complex else 2]:
        h = program(a, b)
        assert (h.shape, h.dtype) == (b.shape, dtype)
        of_a, of_b = torch.autograd.grad(h, (a, b), torch.zeros_like(h))
        assert of_b.shape == b.shape
        assert of_a.equal(torch.zeros_like(a))


@interpreted
def test_differentiating_twice_is_refused() -> None:
    for program in (cuda.linear, cuda.tanh):
        a, b = (x.requires_grad_() for x in problem(3, torch.float64, fixed=True))
        loss = program(a, b).square().sum()
        (once,) = torch.autograd.grad(loss, b, create_graph=True)
        with pytest.raises(RuntimeError, match="once, its gradient"):
            once.sum().backward()


ZEROS = torch.zeros(2, 5, 3)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (ZEROS, ZEROS[0], r"b \(5, 3\); expected b \(B, T, N\) and a .* or \(N,\)"),
        (ZEROS[:1], ZEROS, r"a has shape \(1, 5, 3\) and b \(2, 5, 3\)"),
        (ZEROS.double(), ZEROS, r"a is torch.float64 and b is torch.float32"),
        (ZEROS.half(), ZEROS.half(), r"one of torch.float32, .*torch.complex128"),
        (ZEROS.to("meta"), ZEROS, r"a is on meta and b on cpu; .* one CUDA device"),
    ],
)
@interpreted
def test_what_does_not_fit_is_refused_saying_what_would(
    a: Tensor, b: Tensor, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        cuda.linear(a, b)


@interpreted
def test_the_tanh_recurrence_takes_fixed_real_coefficients_only() -> None:
    with pytest.raises(ValueError, match=r"expected u \(B, T, N\) and w \(N,\)"):
        cuda.tanh(ZEROS, ZEROS)
    z = ZEROS.to(torch.complex64)
    with pytest.raises(ValueError, match=r"one of torch.float32, torch.float64$"):
        cuda.tanh(z[0, 0], z)


@pytest.fixture
def _no_triton(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "triton", None)
    kernels._available.cache_clear()
    yield
    kernels._available.cache_clear()


def on_cuda(**rest: Any) -> Any:
    """What the choice looks at; no device is needed."""
    return SimpleNamespace(
        device=torch.device("cuda"), dtype=torch.float32, is_cuda=True, **rest
    )


@pytest.mark.usefixtures("_no_triton")
def test_a_missing_triton_is_named_with_the_command_that_helps() -> None:
    for program in (cuda.linear, cuda.tanh):
        with pytest.raises(ImportError, match=r"pip install triton`.*form='scan'"):
            program(torch.ones(1), torch.ones(1, 1, 1))


@pytest.mark.usefixtures("_no_triton")
def test_the_choice_on_a_device_without_triton_is_the_scan_and_says_why() -> None:
    form, reason = recurrence.choose(on_cuda())
    assert form == "scan"
    assert "triton cannot be imported" in reason


def test_the_choice_on_a_device_is_the_fused_form(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernels, "available", {"cuda": None}.get)
    assert recurrence.choose(on_cuda()).form == "fused"
    monkeypatch.setattr(cuda, "linear", lambda a, _: a)
    assert recurrence.fused(torch.ones(1), on_cuda()).equal(torch.ones(1))


def test_no_kernel_is_promised_to_other_devices() -> None:
    assert kernels.available("mps") == "no fused kernel for mps"
