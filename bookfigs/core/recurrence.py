"""One linear recurrence, h_t = a_t h_{t-1} + b_t, in several forms.

The loop is the definition; each other form is tested against it, the
gradients too. Because the recurrence is linear, two steps compose
into one of the same kind, which is all that a parallel scan needs.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from bookfigs.core.axes import Coefficients, State, States

Form = Literal["loop", "scan", "fft"]
Context: TypeAlias = Any
"""What autograd hands to a Function; torch has no public type."""


def linear_recurrence(
    a: Coefficients,
    b: States,
    h_0: State | None = None,
    *,
    form: Form = "scan",
) -> States:
    """All states of h_t = a_t ⊙ h_{t-1} + b_t, t = 1 … T.

    Shapes: b (B, T, N), real or complex; a (B, T, N), or (N,) if the
    coefficients do not change with time; h_0 (B, N), zero if omitted;
    result (B, T, N).
    Preconditions: ``fft`` needs a fixed ``a``; ``scan`` can be
    differentiated once.
    Edge cases: T = 0 gives (B, 0, N); a = 0 is allowed everywhere.
    Raises: ValueError for shapes or a form that do not fit.
    Cost: see each form.
    """
    _check(a, b, h_0, form)
    dtype = torch.promote_types(a.dtype, b.dtype)
    if h_0 is not None:
        dtype = torch.promote_types(dtype, h_0.dtype)
        h_0 = h_0.to(dtype)
    a, b = a.to(dtype), b.to(dtype)
    if b.numel() == 0:
        return b
    if h_0 is not None:  # the initial state is one more input
        a_1 = a if a.dim() == 1 else a[:, 0]
        head = torch.addcmul(b[:, 0], a_1, h_0).unsqueeze(1)
        b = torch.cat([head, b[:, 1:]], dim=1)
    return _FORMS[form](a, b)


def loop(a: Coefficients, b: States) -> States:
    """The definition: one step after another, h_0 = 0.

    Cost: T dependent steps of B·N multiply-adds.
    """
    steps = a.unbind(dim=1) if a.dim() == 3 else [a] * b.shape[1]
    h = torch.zeros_like(b[:, 0])
    states = []
    for a_t, b_t in zip(steps, b.unbind(dim=1), strict=True):
        h = torch.addcmul(b_t, a_t, h)
        states.append(h)
    return torch.stack(states, dim=1)


def scan(a: Coefficients, b: States) -> States:
    """The states by a work-efficient parallel scan, h_0 = 0.

    Steps t-1 and t compose into one step of the same form,
    h_t = (a_t a_{t-1}) h_{t-2} + (a_t b_{t-1} + b_t); halving the
    sequence this way until one step is left, then filling in the
    states that were skipped, is the scan of Blelloch (1990,
    CMU-CS-90-190) in the odd-even arrangement.

    The gradient is the adjoint recurrence, run from the end
    (Martin and Cundy 2018, arXiv:1709.04057, section 2.2):
    s_t = g_t + conj(a_{t+1}) s_{t+1};  ∂b_t = s_t;
    ∂a_t = s_t conj(h_{t-1}), summed over B and T for a fixed a.

    Cost: about 3 multiply-adds per element of b; 2 lg T dependent
    operations forward, and as many backward.
    """
    states: States = _Scan.apply(a, b)
    return states


def fft(a: Coefficients, b: States) -> States:
    """The states as a convolution, for a fixed a (N,), h_0 = 0.

    Unrolled, h_t = Σ_{k<t} a^k b_{t-k}: the inputs convolved with
    the kernel (1, a, a², …), by the convolution theorem, padded to
    2T so that the end does not wrap around to the beginning. The
    powers are taken in double precision: rounding a phase grows with
    its exponent.

    Cost: three transforms of length 2T, O(B·N·T log T) operations;
    the number of dependent tensor operations does not grow with T.
    """
    T = b.shape[1]
    wide = torch.promote_types(a.dtype, torch.float64)
    powers = torch.linalg.vander(a.to(wide), N=T + 1)[:, :T]
    kernel = powers.T.to(b.dtype)
    to, back = torch.fft.rfft, torch.fft.irfft
    if b.is_complex():
        to, back = torch.fft.fft, torch.fft.ifft
    product = to(kernel, 2 * T, dim=0) * to(b, 2 * T, dim=1)
    states: States = back(product, 2 * T, dim=1)
    return states[:, :T]


def forward_scan(a: Tensor, b: Tensor) -> Tensor:
    """h[:, t] = a[:, t] h[:, t-1] + b[:, t], with h[:, -1] = 0.

    Shapes: b (B, T, N) with T ≥ 1; a (B, T, N) or (1, 1, N).
    """
    T = b.shape[1]
    if T == 1:
        return b
    even, odd = slice(0, T - 1, 2), slice(1, None, 2)
    # Two steps in one: compose each odd step with the one before.
    a_odd = _steps(a, odd)
    a_pair = a_odd * _steps(a, even)
    b_pair = torch.addcmul(b[:, odd], a_odd, b[:, even])
    h_odd = forward_scan(a_pair, b_pair)
    # Half of the states are known; one step more gives the rest.
    h = torch.empty_like(b)
    h[:, 0] = b[:, 0]
    h[:, odd] = h_odd
    rest = slice(2, None, 2)
    before = h_odd[:, : (T - 1) // 2]
    torch.addcmul(b[:, rest], _steps(a, rest), before, out=h[:, rest])
    return h


def backward_scan(a: Tensor, g: Tensor) -> Tensor:
    """s[:, t] = g[:, t] + a[:, t+1] s[:, t+1], with s[:, T] = 0.

    The mirror image of :func:`forward_scan`. Coefficient t + 1 links
    step t + 1 to step t; the first coefficient is not used.

    Shapes: g (B, T, N) with T ≥ 1; a (B, T, N) or (1, 1, N).
    """
    return _backward_scan(a if a.shape[1] == 1 else a[:, 1:], g)


def _backward_scan(link: Tensor, g: Tensor) -> Tensor:
    """s[:, t] = g[:, t] + link[:, t] s[:, t+1]; T - 1 links."""
    T = g.shape[1]
    if T == 1:
        return g
    first = T % 2  # pairs are counted from the end
    near, far = slice(first, T - 1, 2), slice(first + 1, None, 2)
    link_near = _steps(link, near)
    g_pair = torch.addcmul(g[:, near], link_near, g[:, far])
    between = slice(0, T // 2 - 1)
    link_pair = _steps(link_near, between) * _steps(link, far)
    s_near = _backward_scan(link_pair, g_pair)
    s = torch.empty_like(g)
    s[:, -1] = g[:, -1]
    s[:, near] = s_near
    rest = slice(1 - first, T - 1, 2)
    after = s_near[:, 1 - first :]
    torch.addcmul(
        g[:, rest], _steps(link, rest), after, out=s[:, rest]
    )
    return s


class _Scan(Function):
    """:func:`scan` with its adjoint written by hand."""

    @staticmethod
    def forward(
        ctx: Context,
        a: Tensor,
        b: Tensor,
    ) -> Tensor:
        """States of the recurrence."""
        h = forward_scan(_with_time(a), b)
        ctx.save_for_backward(a, h)
        return h.clone() if h is b else h

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Context,
        g: Tensor,
    ) -> tuple[Tensor | None, Tensor]:
        """Gradients of a and b by the adjoint recurrence."""
        a, h = ctx.saved_tensors
        s = backward_scan(_with_time(a).conj(), g)
        grad_a = None
        if ctx.needs_input_grad[0]:
            grad_a = _coefficient_gradient(a, h, s)
        return grad_a, s


def _coefficient_gradient(a: Tensor, h: Tensor, s: Tensor) -> Tensor:
    """∂a_t = s_t conj(h_{t-1}), summed where a is shared."""
    if a.dim() == 1:
        product = s[:, 1:] * h[:, :-1].conj()
        return product.sum(dim=(0, 1))
    grad = torch.empty_like(s)
    grad[:, 0].zero_()
    torch.mul(s[:, 1:], h[:, :-1].conj(), out=grad[:, 1:])
    return grad


def _with_time(a: Tensor) -> Tensor:
    """(N,) as (1, 1, N); (B, T, N) as it is."""
    return a[None, None] if a.dim() == 1 else a


def _steps(a: Tensor, steps: slice) -> Tensor:
    """The coefficients of some steps; a fixed a is all of them."""
    return a if a.shape[1] == 1 else a[:, steps]


_FORMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "loop": loop,
    "scan": scan,
    "fft": fft,
}


def _check(
    a: Tensor, b: Tensor, h_0: Tensor | None, form: str
) -> None:
    """Refuse what no form can compute, saying what would fit."""
    if form not in _FORMS:
        message = (
            f"form={form!r} is unknown; forms: {', '.join(_FORMS)}"
        )
        raise ValueError(message)
    if b.dim() != 3:
        message = f"b has shape {tuple(b.shape)}; expected (B, T, N)"
        raise ValueError(message)
    full, fixed = tuple(b.shape), tuple(b.shape[2:])
    if a.shape not in (full, fixed):
        message = (
            f"a has shape {tuple(a.shape)}; expected {full} like b, "
            f"or {fixed} if it does not change with time"
        )
        raise ValueError(message)
    if h_0 is not None and h_0.shape != (b.shape[0], b.shape[2]):
        message = (
            f"h_0 has shape {tuple(h_0.shape)}; expected "
            f"{(b.shape[0], b.shape[2])}"
        )
        raise ValueError(message)
    if form == "fft" and a.dim() != 1:
        message = (
            "form='fft' needs coefficients that do not change with "
            f"time, shape {tuple(b.shape[2:])}; use form='scan'"
        )
        raise ValueError(message)
