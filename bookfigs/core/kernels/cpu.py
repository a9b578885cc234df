"""The linear and the tanh recurrence, fused, on the CPU.

A loop over time, vectorised over channels, with the states in
registers; sequences and blocks of channels run on torch's threads.
Compiled by numba for the processor at hand when first used, for each
precision and width of block: 0.1 to 0.4 seconds, kept for the life
of the process, never written to disk.
"""

from functools import cache, lru_cache
from importlib import import_module
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from bookfigs.core.axes import Coefficients, States
from bookfigs.core.kernels import CHUNK, require, team
from bookfigs.core.kernels.given import require_fitting, rows
from bookfigs.core.opaque import Differentiable

Context: TypeAlias = Any
"""What autograd hands to a Function; torch has no public type."""

BITS = {
    torch.float32: 32,
    torch.float64: 64,
    torch.complex64: 32,
    torch.complex128: 64,
}
WIDEST = 256
"""Bytes of channels whose states, and what becomes of them within a
step, fit into the registers."""


def linear(a: Coefficients, b: States) -> States:
    """All states of h_t = a_t ⊙ h_{t-1} + b_t, t = 1 … T, h_0 = 0.

    The gradient is the adjoint recurrence (Martin and Cundy 2018,
    arXiv:1709.04057, section 2.2), as fused as the recurrence:
    s_t = g_t + conj(a_{t+1}) s_{t+1};  ∂b_t = s_t;
    ∂a_t = s_t conj(h_{t-1}), summed over B and T for a fixed a.

    Shapes: b (B, T, N), real or complex, single or double precision;
    a (B, T, N), or (N,) if it does not change with time.
    Preconditions: both on the CPU and of one dtype. Any layout in
    memory; channels that are not neighbours there are copied first.
    Edge cases: T = 0 gives (B, 0, N). a_1 is not read. A state that
    has become subnormal may be replaced by zero.
    Raises: ImportError without numba; ValueError for shapes, dtypes
    or devices that do not fit; RuntimeError when differentiated
    twice.
    Cost: reads a and b and writes h, once; backward, reads a, h and g
    and writes the gradients, once. T dependent multiply-adds.
    """
    _check("a", a, "b", b, fixed_only=False)
    return _LINEAR(a, b)


def tanh(w: Coefficients, u: States) -> States:
    """The states of h_t = tanh of (w ⊙ h_{t-1} + u_t), h_0 = 0.

    The twin of :func:`linear`: the same memory, the same loop, and no
    parallel scan that could replace it. What a scan gains against a
    loop must be read beside it. The gradient is
    v_t = (1 - h_t²)(g_t + w v_{t+1});  ∂u_t = v_t;
    ∂w = Σ v_t h_{t-1} over B and T.

    Shapes: u (B, T, N), real, single or double precision; w (N,).
    Preconditions, edge cases, errors: those of :func:`linear`.
    Cost: reads u and writes h, once; backward, reads h and g and
    writes the gradients, once. About 20 dependent operations a step.
    """
    _check("w", w, "u", u, fixed_only=True)
    return _TANH(w, u)


def _linear_states(a: Tensor, b: Tensor) -> Tensor:
    """The states of :func:`linear`."""
    h = torch.empty(b.shape, dtype=b.dtype)
    _launch("linear_forward", rows(a), rows(b), h)
    return h


def _linear_gradients(
    a: Tensor, h: Tensor, g: Tensor
) -> tuple[Tensor, Tensor]:
    """The gradients of a and b in :func:`linear`."""
    a, g, s = rows(a), rows(g), torch.empty_like(h)
    if a.dim() == 1:
        sums = _chunk_sums(h)
        _launch("linear_backward_fixed", a, h, g, sums, s)
        return sums.sum(dim=(0, 1)), s
    grad_a = torch.empty_like(h)
    _launch("linear_backward", a, h, g, grad_a, s)
    return grad_a, s


def _tanh_states(w: Tensor, u: Tensor) -> Tensor:
    """The states of :func:`tanh`."""
    h = torch.empty(u.shape, dtype=u.dtype)
    _launch("tanh_forward", rows(w), rows(u), h)
    return h


def _tanh_gradients(
    w: Tensor, h: Tensor, g: Tensor
) -> tuple[Tensor, Tensor]:
    """The gradients of w and u in :func:`tanh`."""
    sums, v = _chunk_sums(h), torch.empty_like(h)
    _launch("tanh_backward", rows(w), h, rows(g), sums, v)
    return sums.sum(dim=(0, 1)), v


_LINEAR = Differentiable(
    "cpu_linear", _linear_states, _linear_gradients
)
_TANH = Differentiable("cpu_tanh", _tanh_states, _tanh_gradients)


def _launch(name: str, *tensors: Tensor) -> None:
    """Run a loop of loops.py; the last tensor is the whole result."""
    result = tensors[-1]
    if result.numel() == 0:
        return
    kind, threads = result.dtype, torch.get_num_threads()
    plan = _plan(name, result.shape, kind, threads)
    size = result.element_size()
    job = list(plan.header)
    for x in tensors:
        along = x.stride() if x.dim() == 3 else (0, 0)
        job += x.data_ptr(), along[0] * size, along[1] * size
    team.run(plan.loop, job, plan.threads)


class _Plan(NamedTuple):
    """What does not depend on where the tensors are."""

    loop: int
    header: tuple[int, ...]
    threads: int


@lru_cache(maxsize=1024)
def _plan(
    name: str, shape: torch.Size, dtype: torch.dtype, threads: int
) -> _Plan:
    """Cut the channels into blocks and compile the loop for them."""
    B, T, N = shape
    bits = BITS[dtype]
    parts = 2 if dtype.is_complex else 1
    M = N * parts  # numbers, the imaginary ones too
    threads = min(threads, 1 + B * T * M // team.GRAIN)
    widest = WIDEST * 8 // bits
    count = block_width(B, M, parts, widest, threads)
    per_row = -(-M // count)
    header = (0, B * per_row, per_row, T, M * bits // 8)
    loop = _compiled(name, bits, count, parts)
    return _Plan(loop, header, min(threads, B * per_row))


def block_width(
    B: int, M: int, parts: int, widest: int, threads: int
) -> int:
    """Into blocks of how many numbers to cut B rows of M.

    A power of two. Wide blocks read long stretches of memory, narrow
    ones share out evenly and repeat less where they do not fit.

    Preconditions: 1 ≤ parts ≤ M; parts and widest powers of two.
    """
    best, least = parts, float("inf")
    count = parts
    while count <= min(M, widest):
        blocks = B * -(-M // count)
        effort = -(-blocks // threads) * (count + 32)
        if effort <= least:
            best, least = count, effort
        count *= 2
    return best


@cache
def _compiled(name: str, bits: int, count: int, parts: int) -> int:
    """The address of a loop of loops.py, compiled for such blocks."""
    require()
    numba: Any = import_module("numba")
    # Here, where numba is known to be there; an import written out is
    # also seen by whoever follows what a figure depends on.
    from bookfigs.core.kernels import loops  # noqa: PLC0415

    loop = getattr(loops, name)(bits, count, parts)
    job = numba.types.CPointer(numba.types.int64)
    kernel = numba.cfunc(numba.types.void(job))(loop)
    _KEPT.append(kernel)
    address: int = kernel.address
    return address


_KEPT: list[Any] = []
"""Compiled loops; the code goes when its object goes."""


def _chunk_sums(h: Tensor) -> Tensor:
    """Room for a sum over each chunk of steps but the first step."""
    B, T, N = h.shape
    chunks = -(-max(T - 1, 0) // CHUNK)
    return torch.empty(B, chunks, N, dtype=h.dtype)


def _check(
    of_a: str, a: Tensor, of_b: str, b: Tensor, *, fixed_only: bool
) -> None:
    """Refuse what the loops cannot compute, saying what would fit."""
    if not torch.compiler.is_compiling():  # else when the loops run
        require()
    named = {of_a: a, of_b: b}
    require_fitting(named, BITS, fixed_only=fixed_only)
    if a.device.type != "cpu" or b.device.type != "cpu":
        message = (
            f"{of_a} is on {a.device} and {of_b} on {b.device}; "
            "these kernels run on the CPU"
        )
        raise ValueError(message)
