"""The fused loops are their definitions, gradients and corners too."""

from __future__ import annotations

import math
import sys
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

from bookfigs.core import kernels
from bookfigs.core.kernels import cpu, fraction, team

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.conftest import Agree

DTYPES = (torch.float32, torch.float64, torch.complex64, torch.complex128)
REAL = DTYPES[:2]
RADII = (0.0, 0.1, 0.9, 1 - 1e-6, 1.0)
LENGTHS = (1, 2, 3, 7, 8, 9, 100, 1000, 4097)

each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
each_real = pytest.mark.parametrize("dtype", REAL, ids=str)
each_length = pytest.mark.parametrize("steps", LENGTHS)
each_kind = pytest.mark.parametrize("fixed", [True, False], ids=["fixed", "varying"])


def linear_loop(a: Tensor, b: Tensor) -> Tensor:
    """h_t = a_t h_{t-1} + b_t, word for word."""
    steps = a.unbind(1) if a.dim() == 3 else [a] * b.shape[1]
    h, states = torch.zeros_like(b[:, 0]), []
    for a_t, b_t in zip(steps, b.unbind(1), strict=True):
        h = a_t * h + b_t
        states.append(h)
    return torch.stack(states, dim=1)


def tanh_loop(w: Tensor, u: Tensor) -> Tensor:
    """h_t = tanh(w h_{t-1} + u_t), word for word."""
    h, states = torch.zeros_like(u[:, 0]), []
    for u_t in u.unbind(1):
        h = torch.tanh(w * h + u_t)
        states.append(h)
    return torch.stack(states, dim=1)


def coefficients(*shape: int, dtype: torch.dtype) -> Tensor:
    """A channel for each radius, one of mixed radii; signs or phases at random."""
    radii = torch.tensor(RADII, dtype=torch.float64)
    mixed = radii[torch.randint(len(radii), (*shape, 1))]
    modulus = torch.cat([radii.expand(*shape, -1), mixed], dim=-1)
    turn = torch.rand_like(modulus)
    if dtype.is_complex:
        return torch.polar(modulus, 2 * math.pi * turn).to(dtype)
    return (modulus * torch.where(turn < 0.5, -1, 1)).to(dtype)


def problem(
    steps: int, dtype: torch.dtype, *, fixed: bool, batch: int = 2
) -> tuple[Tensor, Tensor]:
    """Coefficients and inputs, six channels."""
    a = coefficients(*(() if fixed else (batch, steps)), dtype=dtype)
    return a, torch.randn(batch, steps, a.shape[-1], dtype=dtype)


@pytest.fixture
def _two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_three_steps_by_hand() -> None:
    a, b = torch.tensor([2.0]), torch.tensor([7.0, 10.0, 100.0]).reshape(1, 3, 1)
    torch.testing.assert_close(
        cpu.linear(a, b).flatten(), torch.tensor([7.0, 24.0, 148.0])
    )


@each_length
@each_dtype
@each_kind
def test_the_linear_recurrence_is_its_definition(
    agree: Agree, steps: int, dtype: torch.dtype, *, fixed: bool
) -> None:
    agree(cpu.linear, linear_loop, *problem(steps, dtype, fixed=fixed))


@each_length
@each_real
def test_the_tanh_recurrence_is_its_definition(
    agree: Agree, steps: int, dtype: torch.dtype
) -> None:
    w, u = problem(steps, dtype, fixed=True)
    agree(cpu.tanh, tanh_loop, 0.9 * w, u)


@pytest.mark.usefixtures("_two_threads")
@pytest.mark.parametrize("channels", [1, 2, 3, 64, 65, 130, 257])
@pytest.mark.parametrize("batch", [1, 3, 8])
@each_kind
def test_any_number_of_channels_is_cut_into_blocks(
    batch: int, channels: int, *, fixed: bool
) -> None:
    b = torch.randn(batch, 300, channels, dtype=torch.float64)
    a = torch.rand_like(b[0, 0] if fixed else b)
    inputs, g = (a.requires_grad_(), b.requires_grad_()), torch.randn_like(b)
    got, expected = cpu.linear(a, b), linear_loop(a, b)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-9)
    of_got = torch.autograd.grad(got, inputs, g)
    of_expected = torch.autograd.grad(expected, inputs, g)
    torch.testing.assert_close(of_got, of_expected, rtol=0, atol=1e-9)


@pytest.mark.usefixtures("_two_threads")
@pytest.mark.parametrize("channels", [1, 3, 33, 64])
def test_pairs_of_real_and_imaginary_parts_stay_together(
    agree: Agree, channels: int
) -> None:
    b = torch.randn(3, 300, channels, dtype=torch.complex64)
    a = torch.polar(0.9 * torch.rand(channels), 6 * torch.rand(channels))
    agree(cpu.linear, linear_loop, a, b)
    agree(cpu.linear, linear_loop, a.expand_as(b), b)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("openmp", [True, False])
def test_each_number_of_threads_gives_the_same(
    monkeypatch: pytest.MonkeyPatch, threads: int, *, openmp: bool
) -> None:
    a, b = torch.rand(2, 3000, 40), torch.randn(2, 3000, 40)
    expected = cpu.linear(a, b)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    if not openmp:
        monkeypatch.setattr(team, "_openmp", lambda: None)
    assert cpu.linear(a, b).equal(expected)


@pytest.mark.parametrize(
    ("rows", "numbers", "threads"),
    [*product((1, 3, 8), (1, 2, 63, 64, 65, 512, 1000), (1, 2, 16))],
)
def test_a_block_is_no_wider_than_a_row(rows: int, numbers: int, threads: int) -> None:
    width = cpu.block_width(rows, numbers, 1, 128, threads)
    assert 1 <= width <= min(numbers, 128)
    assert width & (width - 1) == 0


def test_one_sequence_is_shared_between_threads() -> None:
    assert cpu.block_width(1, 64, 1, 128, 2) == 32
    assert cpu.block_width(8, 64, 1, 128, 2) == 64


@each_kind
def test_the_layout_in_memory_does_not_matter(agree: Agree, *, fixed: bool) -> None:
    a, b = problem(9, torch.complex128, fixed=fixed)
    transposed = b.transpose(0, 2).contiguous().transpose(0, 2)
    every_other = b.repeat_interleave(2, dim=1)[:, ::2]
    of_channels = b.repeat_interleave(2, dim=2)[:, :, ::2]
    for layout in (transposed, every_other, of_channels, b.conj(), b.imag):
        factor = a.imag if not layout.is_complex() else a.conj()
        agree(cpu.linear, linear_loop, factor, layout)


def test_inputs_may_be_expanded(agree: Agree) -> None:
    a, b = problem(9, torch.float64, fixed=True)
    for shared in (b[:, :1], b[:1], b[:, :, :1], b[:1, :1, :1]):
        agree(cpu.linear, linear_loop, a, shared.expand_as(b))
        agree(cpu.linear, linear_loop, shared.expand_as(b), b)
        agree(cpu.tanh, tanh_loop, a, shared.expand_as(b))
    agree(cpu.linear, linear_loop, a.expand_as(b), b)
    agree(cpu.linear, linear_loop, a[:1].expand(6), b)


def test_an_expanded_gradient_is_added_up_like_any_other() -> None:
    a, b = (x.requires_grad_() for x in problem(9, torch.float64, fixed=False))
    got = torch.autograd.grad(cpu.linear(a, b).sum(), (a, b))
    expected = torch.autograd.grad(linear_loop(a, b).sum(), (a, b))
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("dtype", DTYPES[1::2], ids=str)
@each_kind
def test_gradients_of_the_linear_recurrence_are_finite_differences(
    dtype: torch.dtype, *, fixed: bool
) -> None:
    inputs = [x.requires_grad_() for x in problem(5, dtype, fixed=fixed)]
    assert torch.autograd.gradcheck(cpu.linear, inputs)


def test_gradients_of_the_tanh_recurrence_are_finite_differences() -> None:
    inputs = [x.requires_grad_() for x in problem(5, torch.float64, fixed=True)]
    assert torch.autograd.gradcheck(cpu.tanh, inputs)


@pytest.mark.parametrize("program", [cpu.linear, cpu.tanh])
def test_each_input_alone_can_be_differentiated(agree: Agree, program: object) -> None:
    a, b = problem(9, torch.float64, fixed=True)
    assert callable(program)
    loop = linear_loop if program is cpu.linear else tanh_loop
    agree(lambda b: program(a, b), lambda b: loop(a, b), b)
    agree(lambda a: program(a, b), lambda a: loop(a, b), a)


@pytest.mark.parametrize("program", [cpu.linear, cpu.tanh])
def test_differentiating_twice_is_refused(program: object) -> None:
    a, b = (x.requires_grad_() for x in problem(9, torch.float64, fixed=True))
    assert callable(program)
    (once,) = torch.autograd.grad(program(a, b).square().sum(), b, create_graph=True)
    with pytest.raises(RuntimeError, match="once, its gradient"):
        once.sum().backward()


@each_dtype
@pytest.mark.parametrize("shape", [(2, 0, 3), (0, 3, 2), (2, 3, 0)], ids=str)
def test_nothing_in_gives_nothing_out_and_gradients_of_zero(
    shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    b = torch.zeros(shape, dtype=dtype, requires_grad=True)
    a = torch.ones(shape[-1], dtype=dtype, requires_grad=True)
    h = cpu.linear(a, b)
    assert (h.shape, h.dtype) == (b.shape, dtype)
    of_a, of_b = torch.autograd.grad(h, (a, b), torch.zeros_like(h))
    assert of_b.shape == b.shape
    assert of_a.equal(torch.zeros_like(a))


def test_the_inputs_are_left_as_they_were() -> None:
    for steps in (1, 9):
        inputs = problem(steps, torch.float64, fixed=True)
        before = [tensor.clone() for tensor in inputs]
        cpu.linear(*inputs).zero_()
        cpu.tanh(*inputs).zero_()
        torch.testing.assert_close(list(inputs), before, rtol=0, atol=0)


@each_kind
def test_the_first_coefficient_is_not_read(*, fixed: bool) -> None:
    a, b = problem(9, torch.float64, fixed=fixed)
    if fixed:
        assert cpu.linear(torch.full_like(a, torch.nan), b)[:, 0].equal(b[:, 0])
        return
    a[:, 0] = torch.nan
    a.requires_grad_()
    h = cpu.linear(a, b)
    (gradient,) = torch.autograd.grad(h.sum(), a)
    assert h.isfinite().all()
    assert gradient.isfinite().all()


def test_what_is_not_a_number_stays_so_and_infinity_saturates() -> None:
    u = torch.tensor([0.0, torch.inf, -torch.inf, torch.nan]).expand(1, 2, 4)
    h = cpu.tanh(torch.zeros(4), u)
    expected = torch.tensor([0.0, 1.0, -1.0, torch.nan]).expand(1, 2, 4)
    assert h.allclose(expected, rtol=0, atol=0, equal_nan=True)
    a = torch.full((4,), 0.5)
    states = cpu.linear(a, u)
    torch.testing.assert_close(states, linear_loop(a, u), equal_nan=True)


@each_dtype
@each_kind
def test_a_state_decays_to_zero_and_not_to_the_smallest_number(
    dtype: torch.dtype, *, fixed: bool
) -> None:
    """Rounded to nearest, 0.9 times the smallest number is that number again."""
    b = torch.zeros(1, 9000, 4, dtype=dtype)
    b[:, 0] = 1
    a = torch.full((4,) if fixed else b.shape, 0.9, dtype=dtype)
    b.requires_grad_()
    h = cpu.linear(a, b)
    assert h[:, -1].count_nonzero() == 0
    (gradient,) = torch.autograd.grad(h[:, -1].sum().real, b)
    assert gradient[:, -1].eq(1).all()
    assert gradient[:, 0].count_nonzero() == 0


@pytest.mark.parametrize(
    ("dtype", "allowed"), [(torch.float32, 4), (torch.float64, 4)], ids=str
)
def test_tanh_is_right_to_the_last_few_bits(dtype: torch.dtype, allowed: int) -> None:
    x = torch.linspace(-25, 25, 200_001, dtype=torch.float64)
    x = torch.cat([x, torch.logspace(-30, 1, 5000, dtype=torch.float64)]).to(dtype)
    got = cpu.tanh(torch.zeros_like(x[:1]), x.reshape(-1, 1, 1)).flatten()
    true = torch.tanh(x.double())
    error = (got.double() - true).abs() / true.abs().clamp(min=1e-300)
    assert error.max() <= allowed * torch.finfo(dtype).eps
    assert got.abs().max() <= 1


def test_lambert_s_fraction_of_two_levels_is_known() -> None:
    """y / (1 + z / 3) = y · 3 / (3 + z)."""
    above, below = fraction.convergent(2)
    assert (above, below) == ([1.0], [1.0, float(Fraction(1, 3))])


@pytest.mark.parametrize("bits", fraction.TANH)
def test_the_fraction_suffices_as_far_as_it_is_used(bits: int) -> None:
    top, halvings, levels = fraction.TANH[bits]
    above, below = fraction.convergent(levels)
    for part in range(1, 101):
        y = top * part / 100 / 2**halvings
        p = y * sum(c * y ** (2 * i) for i, c in enumerate(above))
        q = sum(c * y ** (2 * i) for i, c in enumerate(below))
        for _ in range(halvings):
            p, q = 2 * p * q, p * p + q * q
        error = abs(p / q / math.tanh(top * part / 100) - 1)
        assert error < (2.0**-25 if bits == 32 else 1e-15)
    assert 1 - math.tanh(top) < 2.0 ** (-25 if bits == 32 else -53)


def test_a_missing_numba_is_named_with_the_command_that_helps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    kernels._available.cache_clear()
    try:
        reason = kernels.available()
        assert reason is not None
        assert "numba cannot be imported" in reason
        for program in (cpu.linear, cpu.tanh):
            with pytest.raises(ImportError, match=r"numba.*pip install.*form='scan'"):
                program(torch.ones(1), torch.ones(1, 1, 1))
    finally:
        kernels._available.cache_clear()


def test_where_numba_is_there_is_no_reason_against() -> None:
    assert kernels.available() is None


ZEROS = torch.zeros(2, 5, 3)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (ZEROS, ZEROS[0], r"b \(5, 3\); expected b \(B, T, N\) and a .* or \(N,\)"),
        (ZEROS[:1], ZEROS, r"a has shape \(1, 5, 3\) and b \(2, 5, 3\)"),
        (ZEROS[0, 0, :2], ZEROS, r"a has shape \(2,\)"),
        (ZEROS.double(), ZEROS, r"a is torch.float64 and b is torch.float32"),
        (ZEROS.half(), ZEROS.half(), r"one of torch.float32, .*torch.complex128"),
        (ZEROS.to("meta"), ZEROS.to("meta"), r"a is on meta .* run on the CPU"),
    ],
)
def test_what_does_not_fit_is_refused_saying_what_would(
    a: Tensor, b: Tensor, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        cpu.linear(a, b)


def test_the_tanh_recurrence_takes_fixed_real_coefficients_only() -> None:
    with pytest.raises(ValueError, match=r"expected u \(B, T, N\) and w \(N,\)"):
        cpu.tanh(ZEROS, ZEROS)
    z = ZEROS.to(torch.complex64)
    with pytest.raises(ValueError, match=r"one of torch.float32, torch.float64$"):
        cpu.tanh(z[0, 0], z)
