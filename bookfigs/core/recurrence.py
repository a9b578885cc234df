"""One linear recurrence, h_t = a_t h_{t-1} + b_t, in many forms.

The loop is the definition; each other form is tested against it, the
gradients too.

=============  ================================  ====================
form           what it does                      needs
=============  ================================  ====================
loop           one step after another            nothing
scan           work-efficient parallel scan      nothing
hillis_steele  scan by doubling                  nothing
chunked        chunks side by side, in a cache   nothing
convolution    sum with the powers of a          fixed a
fft            the same by the convolution       fixed a
               theorem
log            sums of logarithms                real a > 0
fused          one compiled loop over memory     numba; triton
                                                 on a CUDA device
auto           what :func:`choose` says          nothing
=============  ================================  ====================
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from bookfigs.core import convolution, kernels, scans
from bookfigs.core.axes import (
    Coefficients,
    State,
    States,
    require_axes,
    require_numbers,
)

Form = Literal[
    "loop",
    "scan",
    "hillis_steele",
    "chunked",
    "convolution",
    "fft",
    "log",
    "fused",
    "auto",
]


def linear_recurrence(
    a: Coefficients,
    b: States,
    h_0: State | None = None,
    *,
    form: Form = "auto",
    reverse: bool = False,
) -> States:
    """All states of h_t = a_t ⊙ h_{t-1} + b_t, t = 1 … T.

    With ``reverse``, h_t = a_t ⊙ h_{t+1} + b_t from the end, and h_0
    is the state behind the last step.

    Shapes: b (B, T, N), real or complex; a (B, T, N), or (N,) if the
    coefficients do not change with time; h_0 (B, N), zero if omitted;
    result (B, T, N).
    Preconditions: what the form needs (see the table).
    Edge cases: T = 0 gives (B, 0, N). NaN and infinity stay in their
    channel and touch no earlier step, except in ``fft``. Where
    |a| > 1 the states overflow to infinity as in the loop; the
    convolutions give NaN once a power overflows, ``log`` once a state
    leaves double precision. In ``torch.compile`` every form is part
    of one graph, the scans and ``fused`` as one operator each, the
    others step by step.
    Raises: ValueError for shapes or a form that do not fit;
    ImportError for ``fused`` without numba, on a CUDA device without
    triton; RuntimeError when a scan or ``fused`` is differentiated
    twice, which the other forms allow.
    Cost: see each form. The error is at most twice that of the loop
    (``hillis_steele``: 2.2 times), with two exceptions: ``fft``,
    which says how much more, and ``scan`` and ``hillis_steele`` for
    real coefficients that change and stay near 1
    (benchmarks/accuracy.md).
    """
    _check(a, b, h_0, form)
    if form == "auto":
        form = choose(b).form
    dtype = torch.promote_types(a.dtype, b.dtype)
    if h_0 is not None:
        dtype = torch.promote_types(dtype, h_0.dtype)
        h_0 = h_0.to(dtype)
    a, b = a.to(dtype), b.to(dtype)
    if b.numel() == 0:
        return b
    if reverse:
        a = a if a.dim() == 1 else a.flip(1)
        return _states(a, b.flip(1), h_0, form).flip(1)
    return _states(a, b, h_0, form)


class Choice(NamedTuple):
    """A form, and why it was taken."""

    form: Form
    reason: str


def choose(b: States) -> Choice:
    """The fastest form that can run on these inputs, and why.

    Without what compiles the fused kernels: on the CPU the chunked
    scan, elsewhere the work-efficient one.
    """
    device = b.device.type
    if b.dtype in {torch.float16, torch.bfloat16}:
        return Choice("scan", f"no fused kernel for {b.dtype}")
    reason = kernels.available(device)
    if reason is not None:
        return Choice(
            "chunked" if device == "cpu" else "scan", reason
        )
    return Choice("fused", "one loop moves each number once")


def _states(
    a: Tensor, b: Tensor, h_0: Tensor | None, form: Form
) -> Tensor:
    """Run a form; the initial state is one more input."""
    if h_0 is not None:
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


def log_space(a: Coefficients, b: States) -> States:
    """The states from sums of logarithms, for real a > 0, h_0 = 0.

    h_t = exp(A_t + log Σ_{k≤t} exp(log b_k - A_k)) with A_t =
    Σ_{k≤t} log a_k (Heinsen 2023, arXiv:2311.06281), for the positive
    and the negative part of b apart. In double precision, since sums
    of logarithms grow with T: the relative error of the exponential
    is the absolute one of its argument, of order eps·T·|log a|.

    Edge cases: the gradient of b is zero where b is; that of a loses
    digits as eps/a. States beyond double precision are NaN.
    Raises: ValueError if a or b is complex or a not positive; in
    ``torch.compile``, which cannot look at values, the states from
    the first such a on are NaN.
    Cost: two cumulative sums of logarithms of exponentials.
    """
    refused = a.is_complex() or b.is_complex()
    if not torch.compiler.is_compiling():  # a graph has no values
        refused = refused or bool((a <= 0).any())
    if refused:
        message = "form='log' needs real a > 0; use form='scan'"
        raise ValueError(message)
    decay = a.double().log().expand(b.shape).cumsum(dim=1)
    least = torch.finfo(b.dtype).tiny  # log 0 has no derivative

    def part(positive: Tensor) -> Tensor:
        logarithm = positive.double().clamp(min=least).log()
        return (decay + (logarithm - decay).logcumsumexp(1)).exp()

    return (part(b) - part(-b)).to(b.dtype)


def fused(a: Coefficients, b: States) -> States:
    """The states by one compiled loop over memory.

    See ``kernels.cpu.linear``, and ``kernels.cuda.linear``, which
    takes the tensors of a CUDA device.
    """
    if b.is_cuda:
        from bookfigs.core.kernels import cuda  # noqa: PLC0415 - lazy

        return cuda.linear(a, b)
    from bookfigs.core.kernels import cpu  # noqa: PLC0415 - lazy

    return cpu.linear(a, b)


_FORMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "loop": loop,
    "scan": scans.work_efficient,
    "hillis_steele": scans.hillis_steele,
    "chunked": scans.chunked,
    "convolution": convolution.direct,
    "fft": convolution.fft,
    "log": log_space,
    "fused": fused,
}
FIXED_ONLY = ("convolution", "fft")
"""Forms that need coefficients that do not change with time."""


def _check(
    a: Tensor, b: Tensor, h_0: Tensor | None, form: str
) -> None:
    """Refuse what no form can compute, saying what would fit."""
    if form not in get_args(Form):
        forms = ", ".join(get_args(Form))
        message = f"form={form!r} is unknown; forms: {forms}"
        raise ValueError(message)
    where = "linear_recurrence"
    require_axes(where, b=(b, "B T N"), h_0=(h_0, "B N"))
    require_numbers(where, a=a, b=b, h_0=h_0)
    full, fixed = tuple(b.shape), tuple(b.shape[2:])
    if a.shape not in (full, fixed):
        message = (
            f"{where}: a has shape {tuple(a.shape)}; expected {full} "
            f"like b, or {fixed} if it does not change with time"
        )
        raise ValueError(message)
    if form in FIXED_ONLY and a.dim() != 1:
        message = (
            f"{where}: form={form!r} needs coefficients that do not "
            f"change with time, shape {fixed}; use form='scan'"
        )
        raise ValueError(message)
