"""Every form of the linear recurrence is the loop, gradients too."""

from __future__ import annotations

import math
from itertools import pairwise, product
from typing import TYPE_CHECKING, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bookfigs.core import kernels, recurrence, sweeps
from bookfigs.core.recurrence import FIXED_ONLY, Form, choose, linear_recurrence
from bookfigs.core.sweeps import backward_scan, forward_scan
from bookfigs.measure.span import SpanMeter

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.conftest import Agree, Program

FORMS: tuple[Form, ...] = tuple(f for f in get_args(Form) if f not in {"log", "auto"})
"""Forms that allow any coefficient; ``log`` and ``auto`` have tests of their own."""

DTYPES = (torch.float32, torch.float64, torch.complex64, torch.complex128)
RADII = (0.0, 0.1, 0.9, 1 - 1e-6, 1.0)

each_direction = pytest.mark.parametrize(
    "reverse", [False, True], ids=["forwards", "backwards"]
)
each_form = pytest.mark.parametrize("form", FORMS)
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
each_case = pytest.mark.parametrize(
    ("form", "fixed"),
    [
        (form, fixed)
        for form, fixed in product(FORMS, (True, False))
        if fixed or form not in FIXED_ONLY
    ],
    ids=lambda value: {True: "fixed", False: "varying"}.get(value, value),
)


def definition(a: Tensor, b: Tensor, h_0: Tensor | None = None) -> Tensor:
    """h_t = a_t h_{t-1} + b_t, word for word."""
    h = torch.zeros_like(b[:, 0]) if h_0 is None else h_0
    states = []
    for t in range(b.shape[1]):
        h = (a if a.dim() == 1 else a[:, t]) * h + b[:, t]
        states.append(h)
    return torch.stack(states, dim=1)


def by(form: Form, *, reverse: bool = False) -> Program:
    def states(a: Tensor, b: Tensor, h_0: Tensor | None = None) -> Tensor:
        return linear_recurrence(a, b, h_0, form=form, reverse=reverse)

    return states


def mirrored(*, reverse: bool) -> Program:
    """The definition on the sequence in a mirror, if it is to go backwards."""

    def states(a: Tensor, b: Tensor, h_0: Tensor | None = None) -> Tensor:
        if not reverse:
            return definition(a, b, h_0)
        return definition(a if a.dim() == 1 else a.flip(1), b.flip(1), h_0).flip(1)

    return states


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
    length: int, dtype: torch.dtype, *, fixed: bool, batch: int = 2
) -> tuple[Tensor, Tensor, Tensor]:
    """Coefficients, inputs and an initial state."""
    a = coefficients(*(() if fixed else (batch, length)), dtype=dtype)
    b = torch.randn(batch, length, a.shape[-1], dtype=dtype)
    return a, b, torch.randn(batch, a.shape[-1], dtype=dtype)


@each_form
def test_three_steps_by_hand(form: Form) -> None:
    a, b = torch.tensor([2.0]), torch.tensor([1.0, 10.0, 100.0]).reshape(1, 3, 1)
    h = linear_recurrence(a, b, torch.tensor([[3.0]]), form=form)
    torch.testing.assert_close(h.flatten(), torch.tensor([7.0, 24.0, 148.0]))


@each_dtype
@each_case
def test_every_form_is_its_definition(
    agree: Agree, form: Form, *, fixed: bool, dtype: torch.dtype, length: int
) -> None:
    a, b, _ = problem(length, dtype, fixed=fixed)
    agree(by(form), definition, a, b)


@each_dtype
@each_case
@each_direction
def test_every_form_starts_from_the_initial_state(
    agree: Agree, form: Form, *, fixed: bool, dtype: torch.dtype, reverse: bool
) -> None:
    for length in (1, 2, 3, 8, 9, 33):
        inputs = problem(length, dtype, fixed=fixed)
        agree(by(form, reverse=reverse), mirrored(reverse=reverse), *inputs)


@each_case
@pytest.mark.parametrize(
    ("dtype", "reverse"),
    [*zip(DTYPES, (False, True, True, False), strict=True)],
    ids=str,
)
def test_every_form_is_the_loop_just_after_a_long_power_of_two(
    agree: Agree, form: Form, *, fixed: bool, dtype: torch.dtype, reverse: bool
) -> None:
    length = 1025 if form == "convolution" else 4097
    inputs = problem(length, dtype, fixed=fixed, batch=1)
    agree(by(form, reverse=reverse), by("loop", reverse=reverse), *inputs)


@pytest.mark.parametrize(
    ("of_a", "of_b", "of_h_0"),
    [
        (torch.float32, torch.complex64, torch.complex64),
        (torch.complex64, torch.float32, torch.complex64),
        (torch.float32, torch.float64, torch.float64),
        (torch.float64, torch.complex64, torch.complex128),
        (torch.complex64, torch.complex64, torch.float32),
        (torch.float32, torch.float32, torch.complex64),
    ],
    ids=str,
)
def test_dtypes_may_be_mixed(
    agree: Agree, of_a: torch.dtype, of_b: torch.dtype, of_h_0: torch.dtype
) -> None:
    _, b, h_0 = problem(7, torch.complex128, fixed=True)
    b, h_0 = (z if d.is_complex else z.real for z, d in ((b, of_b), (h_0, of_h_0)))
    for form, fixed in product(FORMS, (True, False)):
        if fixed or form not in FIXED_ONLY:
            a, *_ = problem(7, of_a, fixed=fixed)
            agree(by(form), definition, a, b.to(of_b), h_0.to(of_h_0))


@each_case
def test_the_layout_in_memory_does_not_matter(
    agree: Agree, form: Form, *, fixed: bool
) -> None:
    a, b, h_0 = problem(9, torch.complex128, fixed=fixed)
    transposed = b.transpose(0, 2).contiguous().transpose(0, 2)
    every_other = b.repeat_interleave(2, dim=1)[:, ::2]
    for layout in (transposed, every_other, b.conj()):
        agree(by(form), definition, a.conj(), layout, h_0.T.contiguous().T)


@each_form
def test_inputs_may_be_expanded(agree: Agree, form: Form) -> None:
    a, b, h_0 = problem(9, torch.float64, fixed=True)
    agree(by(form), definition, a, b[:, :1].expand_as(b), h_0[:1].expand_as(h_0))
    if form not in FIXED_ONLY:
        agree(by(form), definition, a.expand_as(b), b[:1].expand_as(b))


def test_the_transform_loses_no_phase_on_the_unit_circle() -> None:
    """Powers rounded to single precision would be off by 1e-5 and more."""
    turn = 2 * math.pi * torch.rand(64, dtype=torch.float64)
    a = torch.polar(torch.ones_like(turn), turn).to(torch.complex64)
    b = torch.randn(1, 1000, 64, dtype=torch.complex64)
    true = definition(a.to(torch.complex128), b.to(torch.complex128))
    error = (linear_recurrence(a, b, form="fft") - true).abs().amax(dim=1)
    assert (error / true.abs().amax(dim=1)).max() < 2e-6


@each_form
def test_one_channel_is_enough(agree: Agree, form: Form) -> None:
    agree(by(form), definition, torch.tensor([0.9]), torch.randn(2, 9, 1))


@each_form
def test_the_inputs_are_left_as_they_were(form: Form) -> None:
    inputs = problem(9, torch.float64, fixed=True)
    before = [tensor.clone() for tensor in inputs]
    linear_recurrence(*inputs, form=form).zero_()
    torch.testing.assert_close(list(inputs), before, rtol=0, atol=0)


@each_form
def test_one_step_does_not_share_memory_with_its_input(form: Form) -> None:
    a, b, _ = problem(1, torch.float64, fixed=True)
    linear_recurrence(a, b, form=form).zero_()
    assert b.count_nonzero() == b.numel()


@each_dtype
@each_case
def test_no_steps_give_no_states(
    form: Form, *, fixed: bool, dtype: torch.dtype
) -> None:
    a, b, h_0 = problem(0, dtype, fixed=fixed)
    h = linear_recurrence(a, b, h_0, form=form)
    assert h.shape == b.shape
    assert h.dtype == dtype


@pytest.mark.parametrize("shape", [(0, 3, 2), (2, 3, 0)], ids=str)
@pytest.mark.parametrize(
    "form",
    FORMS,
)
def test_no_sequences_and_no_channels_give_no_states(
    form: Form, shape: tuple[int, int, int]
) -> None:
    b = torch.zeros(shape)
    assert linear_recurrence(b[0, 0] if len(b) else torch.zeros(2), b, form=form).shape


@each_case
def test_gradients_are_those_of_finite_differences(form: Form, *, fixed: bool) -> None:
    inputs = problem(4, torch.complex128, fixed=fixed, batch=1)
    tensors = [tensor.requires_grad_() for tensor in inputs]
    assert torch.autograd.gradcheck(by(form), tensors)


@each_case
def test_the_gradient_of_an_input_alone_is_right_too(
    agree: Agree, form: Form, *, fixed: bool
) -> None:
    a, b, h_0 = problem(9, torch.float64, fixed=fixed)
    states = by(form)
    agree(lambda b: states(a, b), lambda b: definition(a, b), b)
    agree(lambda a: states(a, b), lambda a: definition(a, b), a)
    agree(lambda h: states(a, b, h), lambda h: definition(a, b, h), h_0)


@pytest.mark.parametrize("fixed", [True, False], ids=["fixed", "varying"])
@pytest.mark.parametrize("form", ["scan", "hillis_steele", "chunked", "fused"])
def test_a_gradient_by_hand_refuses_to_be_differentiated(
    form: Form, *, fixed: bool
) -> None:
    a, b, h_0 = (x.requires_grad_() for x in problem(9, torch.float64, fixed=fixed))
    h = linear_recurrence(a, b, h_0, form=form)
    for loss in (h.square().sum(), h.sum()):  # the gradient of the sum is constant
        once = torch.autograd.grad(loss, (a, b, h_0), create_graph=True)
        for gradient in once:
            with pytest.raises(RuntimeError, match=r"once.*form='loop'"):
                gradient.square().sum().backward(retain_graph=True)


@pytest.mark.parametrize(
    ("form", "fixed"),
    [("loop", True), ("loop", False), ("convolution", True), ("fft", True)],
)
def test_a_gradient_by_autograd_can_be_differentiated_again(
    form: Form, *, fixed: bool
) -> None:
    a, b, h_0 = problem(3, torch.complex128, fixed=fixed, batch=1)
    inputs = [x[..., :2].requires_grad_() for x in (a, b, h_0)]
    assert torch.autograd.gradgradcheck(by(form), inputs, fast_mode=True)


@pytest.mark.parametrize("fixed", [True, False], ids=["fixed", "varying"])
def test_the_form_by_logarithms_can_be_differentiated_again(*, fixed: bool) -> None:
    """Where a and b are real and b is positive, so that its logarithm is smooth."""
    a = torch.rand((3,) if fixed else (2, 4, 3), dtype=torch.float64) / 2 + 0.25
    b = torch.rand(2, 4, 3, dtype=torch.float64) + 1
    inputs = [a.requires_grad_(), b.requires_grad_()]
    assert torch.autograd.gradgradcheck(by("log"), inputs)


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "contiguous": Tensor.contiguous,
    "transposed": lambda x: x.transpose(0, -1).contiguous().transpose(0, -1),
    "strided": lambda x: x.repeat_interleave(2, dim=-1)[..., ::2],
    "expanded": lambda x: x[:1].expand_as(x),
    "flipped and conjugated": lambda x: x.flip(0).conj(),
}
"""How the same number of numbers may lie in memory."""


@given(
    case=st.sampled_from(
        [(f, x) for f in (*FORMS, "log") for x in (True, False)]
    ).filter(lambda case: case[1] or case[0] not in FIXED_ONLY),
    batch=st.integers(1, 3),
    length=st.integers(1, 70),
    dtype=st.sampled_from(DTYPES),
    radius=st.floats(1e-3, 1),
    layouts=st.tuples(*[st.sampled_from(sorted(LAYOUTS))] * 3),
    reverse=st.booleans(),
    starts=st.booleans(),
    seed=st.integers(0, 2**32),
)
@settings(deadline=None, derandomize=True, max_examples=300)
def test_every_form_is_its_definition_whatever_it_is_given(
    *,
    agree: Agree,
    case: tuple[Form, bool],
    batch: int,
    length: int,
    dtype: torch.dtype,
    radius: float,
    layouts: tuple[str, str, str],
    reverse: bool,
    starts: bool,
    seed: int,
) -> None:
    form, fixed = case
    torch.manual_seed(seed)
    dtype = dtype.to_real() if form == "log" else dtype
    a, b, h_0 = problem(length, dtype, fixed=fixed, batch=batch)
    a = a.abs().clamp(0.1, 1) if form == "log" else a
    inputs = [
        LAYOUTS[layout](x)
        for layout, x in zip(layouts, (a.mul(radius), b, h_0), strict=True)
    ]
    if form == "log":  # its gradient loses digits with each logarithm
        dtype = torch.float32
        inputs = [x.to(dtype) for x in inputs]
    inputs = inputs if starts else inputs[:2]
    agree(by(form, reverse=reverse), mirrored(reverse=reverse), *inputs)


@each_case
def test_the_states_are_linear_in_inputs_and_initial_state(
    form: Form, *, fixed: bool
) -> None:
    a, b, h_0 = problem(100, torch.complex128, fixed=fixed)
    _, c, k_0 = problem(100, torch.complex128, fixed=fixed)
    z = 2 - 3j
    together = by(form)(a, b + z * c, h_0 + z * k_0)
    apart = by(form)(a, b, h_0) + z * by(form)(a, c, k_0)
    torch.testing.assert_close(together, apart, rtol=1e-12, atol=1e-11)


@each_case
def test_a_sequence_may_be_cut_anywhere(form: Form, *, fixed: bool) -> None:
    a, b, h_0 = problem(9, torch.float64, fixed=fixed)
    whole = by(form)(a, b, h_0)
    for cut in range(1, 9):
        head, tail = (a, a) if fixed else (a[:, :cut], a[:, cut:])
        first = by(form)(head, b[:, :cut], h_0)
        second = by(form)(tail, b[:, cut:], first[:, -1])
        torch.testing.assert_close(torch.cat([first, second], dim=1), whole)


@pytest.mark.parametrize("span", [2, 3, 4, 6])
def test_neighbouring_steps_compose_into_one(span: int) -> None:
    """The law that the scan rests on: how steps are bracketed does not matter."""
    a, b, _ = problem(12, torch.complex128, fixed=False)
    h = forward_scan(a, b)
    a_one = a.unflatten(1, (-1, span)).prod(dim=2)
    b_one = torch.zeros_like(a_one)
    for first, (a_some, b_some) in enumerate(
        zip(a.split(span, dim=1), b.split(span, dim=1), strict=True)
    ):
        b_one[:, first] = forward_scan(a_some, b_some)[:, -1]
    torch.testing.assert_close(forward_scan(a_one, b_one), h[:, span - 1 :: span])


@pytest.mark.parametrize("fixed", [True, False])
def test_the_scan_backwards_is_the_mirror_image(length: int, *, fixed: bool) -> None:
    a, g, _ = problem(length, torch.complex128, fixed=fixed)
    link = a.expand_as(g) if fixed else a
    shifted = torch.cat([link[:, :1], link[:, 1:].flip(1)], dim=1)
    mirrored = definition(shifted, g.flip(1)).flip(1)
    s = backward_scan(a[None, None] if fixed else a, g)
    torch.testing.assert_close(s, mirrored, rtol=1e-10, atol=1e-10)


def test_the_scan_backwards_does_not_read_the_first_coefficient(length: int) -> None:
    a, g, _ = problem(length, torch.float64, fixed=False)
    a[:, 0] = torch.nan
    assert backward_scan(a, g).isfinite().all()


@pytest.mark.parametrize("fixed", [True, False])
def test_the_scan_forward_does_not_read_the_first_coefficient(*, fixed: bool) -> None:
    a, b, _ = problem(8, torch.float64, fixed=fixed)
    expected = forward_scan(a if not fixed else a[None, None], b)
    torch.testing.assert_close(expected, definition(a, b))


def spans(form: Form, length: int) -> tuple[int, int]:
    """Longest chains of dependent operations: states, then gradients."""
    inputs = problem(length, torch.float64, fixed=True)
    a, b, h_0 = (tensor.requires_grad_() for tensor in inputs)
    with SpanMeter() as meter:
        h = linear_recurrence(a, b, h_0, form=form)
        forward = meter.depth(h)
        h.backward(torch.ones_like(h))
        assert b.grad is not None
        return forward, meter.depth(b.grad)


def test_the_chain_of_the_loop_grows_with_the_sequence() -> None:
    short, long = spans("loop", 32), spans("loop", 64)
    assert long[0] - short[0] == 32
    assert long[1] - short[1] >= 32


def test_the_chain_of_the_scan_grows_with_the_logarithm() -> None:
    chains = [spans("scan", 2**k) for k in range(4, 9)]
    steps = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(chains)]
    assert all(forward <= 4 and backward <= 8 for forward, backward in steps)


def test_the_chain_of_the_transform_does_not_grow() -> None:
    assert spans("fft", 32) == spans("fft", 1024)


ZEROS = torch.zeros(2, 5, 3)


@pytest.mark.parametrize(
    ("a", "b", "h_0", "form", "message"),
    [
        (
            ZEROS,
            ZEROS,
            None,
            "walk",
            r"'walk' is unknown; forms: loop, scan, hillis_steele",
        ),
        (ZEROS, ZEROS[0], None, "scan", r"b has shape \(5, 3\); expected \(B, T, N\)"),
        (
            ZEROS[:1],
            ZEROS,
            None,
            "scan",
            r"a has shape \(1, 5, 3\).*\(2, 5, 3\).*\(3,\)",
        ),
        (ZEROS[0], ZEROS, None, "loop", r"a has shape \(5, 3\); expected \(2, 5, 3\)"),
        (ZEROS[0, 0, :2], ZEROS, None, "fft", r"a has shape \(2,\).*or \(3,\)"),
        (ZEROS, ZEROS, ZEROS[0], "scan", r"h_0 has shape \(5, 3\); .* = \(2, 3\)"),
        (ZEROS, ZEROS, None, "fft", r"'fft' needs .*shape \(3,\); use form='scan'"),
    ],
)
def test_what_does_not_fit_is_refused_saying_what_would(
    a: Tensor, b: Tensor, h_0: Tensor | None, form: Form, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        linear_recurrence(a, b, h_0, form=form)


@pytest.mark.parametrize("fixed", [True, False], ids=["fixed", "varying"])
def test_the_form_by_logarithms_is_its_definition(
    agree: Agree, length: int, *, fixed: bool
) -> None:
    """In double precision rounding grows with the sum of logarithms: short ones."""
    for dtype in (torch.float32, torch.float64)[: 1 + (length < 8)]:
        a, b, h_0 = problem(length, dtype, fixed=fixed)
        a = a.abs().clamp(min=0.1)  # 0.1, 0.9, 1 - 1e-6, 1
        agree(by("log"), definition, a, b, h_0)


def test_the_form_by_logarithms_allows_inputs_that_are_zero(agree: Agree) -> None:
    b = torch.randn(2, 9, 3, dtype=torch.float64)
    b[:, ::2] = 0
    a = torch.full((3,), 0.5, dtype=torch.float64)
    output = linear_recurrence(a, b.requires_grad_(), form="log")
    assert output.isfinite().all()
    (gradient,) = torch.autograd.grad(output.sum(), b)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("a", [0.0, -0.5, 0.5j])
def test_the_form_by_logarithms_refuses_what_has_no_logarithm(a: complex) -> None:
    with pytest.raises(ValueError, match="form='log' needs real a > 0"):
        linear_recurrence(torch.tensor([a]), torch.ones(1, 2, 1), form="log")


@pytest.mark.parametrize("chunk", [1, 2, 3, 8])
@pytest.mark.parametrize("fixed", [True, False], ids=["fixed", "varying"])
def test_the_chunks_may_have_any_length(
    agree: Agree, monkeypatch: pytest.MonkeyPatch, chunk: int, *, fixed: bool
) -> None:
    for name, value in {
        "SHORTEST": chunk,
        "LONGEST": chunk,
        "FEWEST_CHUNKS": 1,
    }.items():
        monkeypatch.setattr(sweeps, name, value)
    for length in (1, 2, 3, 7, 8, 9, 16, 17, 31):
        a = torch.randn((3,) if fixed else (2, length, 3), dtype=torch.complex128)
        b = torch.randn(2, length, 3, dtype=torch.complex128)
        agree(by("chunked"), definition, a / 2, b)


def test_the_choice_is_the_fused_loop_where_it_can_run() -> None:
    assert choose(torch.ones(1, 2, 3)) == ("fused", "one loop moves each number once")
    assert choose(torch.ones(1, 2, 3, dtype=torch.bfloat16)).form == "scan"
    assert choose(torch.ones(1, 2, 3, device="meta")).form == "scan"


def test_the_choice_without_numba_is_the_chunked_scan_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernels, "available", lambda _: "numba is not there")
    assert choose(torch.ones(1, 2, 3)) == ("chunked", "numba is not there")


def test_the_form_that_is_chosen_is_the_one_that_runs(
    agree: Agree, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = torch.rand(2, 9, 3), torch.randn(2, 9, 3)
    agree(by("auto"), definition, a, b)
    monkeypatch.setattr(recurrence, "_FORMS", {"fused": torch.add})
    torch.testing.assert_close(linear_recurrence(a, b, form="auto"), a + b)


@pytest.mark.parametrize("k", [8, 10, 12])
def test_the_chains_of_doubling_and_of_chunks_are_the_documented_ones(k: int) -> None:
    a, b = torch.rand(1, 2**k, 4), torch.rand(1, 2**k, 4)
    with SpanMeter() as meter:
        doubled = sweeps.forward_doubling(a, b)
        chunked = sweeps.forward_chunked(a, b)
    C = sweeps.SHORTEST
    assert meter.depth(doubled) == 2 * k
    assert meter.depth(chunked) == 2 * C + 2 * (k - int(math.log2(C))) + 1
