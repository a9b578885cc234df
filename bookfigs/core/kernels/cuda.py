"""The linear and the tanh recurrence, fused, on a CUDA device.

Compiled by triton when first used, for each precision, kind of
coefficients and size of tile; programs.py says what each program
does, strategy.py which ones run. No atomics: the same inputs
give the same bits.

Seen: every program gives what the loop gives, gradients too, in
triton's interpreter on the CPU, and is compiled, by triton 3.9, for
capability 8.0 (wide tiles, aligned) and 9.0 (narrow ones, not
aligned) without spilling a register. Not seen: a run on a device, so
neither speed nor what the interpreter cannot show (barriers,
approximate exponentials and quotients, registers against occupancy).
The next step, for few channels, is decoupled look-back (Merrill and
Garland 2016, NVR-2016-002), 3 instead of 5 tensors' traffic: what it
needs of the order of memory operations cannot be tested without a
device.
"""

from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from bookfigs.core.axes import Coefficients, States
from bookfigs.core.kernels import launch, require
from bookfigs.core.kernels.given import require_fitting, rows
from bookfigs.core.opaque import Differentiable

DTYPES = (
    torch.float32,
    torch.float64,
    torch.complex64,
    torch.complex128,
)


def linear(a: Coefficients, b: States) -> States:
    """All states of h_t = a_t ⊙ h_{t-1} + b_t, t = 1 … T, h_0 = 0.

    The gradient is the adjoint recurrence (Martin and Cundy 2018,
    arXiv:1709.04057, section 2.2), as fused as the recurrence:
    s_t = g_t + conj(a_{t+1}) s_{t+1};  ∂b_t = s_t;
    ∂a_t = s_t conj(h_{t-1}), summed over B and T for a fixed a.

    Shapes: b (B, T, N), real or complex, single or double precision;
    a (B, T, N), or (N,) if it does not change with time.
    Preconditions: both on one CUDA device and of one dtype. Any
    layout in memory; channels that are not neighbours there are
    copied first. Products of as many coefficients as a tile has steps
    do not overflow.
    Edge cases: T = 0 gives (B, 0, N). a_1 is not read.
    Raises: ImportError without triton; ValueError for shapes, dtypes
    or devices that do not fit; RuntimeError when differentiated
    twice.
    Cost: reads a and b and writes h, once (``walk``), or reads a and
    b twice (``split``, see strategy.py); backward, reads a, h
    and g and writes the gradients, once, or reads a and g twice.
    """
    _check("a", a, "b", b, fixed_only=False)
    return _LINEAR(a, b)


def tanh(w: Coefficients, u: States) -> States:
    """The states of h_t = tanh of (w ⊙ h_{t-1} + u_t), h_0 = 0.

    The twin of :func:`linear`: the same memory, a thread for each
    channel that walks through time, and no parallel scan that could
    replace it. The gradient is
    v_t = (1 - h_t²)(g_t + w v_{t+1});  ∂u_t = v_t;
    ∂w = Σ v_t h_{t-1} over B and T.

    Shapes: u (B, T, N), real, single or double precision; w (N,).
    Preconditions, edge cases, errors: those of :func:`linear`.
    Cost: reads u and writes h, once; backward, reads h and g and
    writes the gradients, once. T dependent steps, of an exponential
    and a quotient each.
    """
    _check("w", w, "u", u, fixed_only=True)
    return _TANH(w, u)


def _linear_states(a: Tensor, b: Tensor) -> Tensor:
    """The states of :func:`linear`."""
    with _on(b):
        return launch.states(rows(a), rows(b))


def _linear_gradients(
    a: Tensor, h: Tensor, g: Tensor
) -> tuple[Tensor, Tensor]:
    """The gradients of a and b in :func:`linear`."""
    with _on(h):
        return launch.gradients(rows(a), h, rows(g))


def _tanh_states(w: Tensor, u: Tensor) -> Tensor:
    """The states of :func:`tanh`."""
    with _on(u):
        return launch.tanh_states(rows(w), rows(u))


def _tanh_gradients(
    w: Tensor, h: Tensor, g: Tensor
) -> tuple[Tensor, Tensor]:
    """The gradients of w and u in :func:`tanh`."""
    with _on(h):
        return launch.tanh_gradients(rows(w), h, rows(g))


_LINEAR = Differentiable(
    "cuda_linear", _linear_states, _linear_gradients
)
_TANH = Differentiable("cuda_tanh", _tanh_states, _tanh_gradients)


def _on(x: Tensor) -> AbstractContextManager[Any]:
    """Launches go to the current device: make it that of a tensor."""
    return torch.cuda.device(x.device) if x.is_cuda else nullcontext()


def _check(
    of_a: str, a: Tensor, of_b: str, b: Tensor, *, fixed_only: bool
) -> None:
    """Refuse what no program can compute, saying what would fit."""
    require("cuda")
    named = {of_a: a, of_b: b}
    require_fitting(named, DTYPES, fixed_only=fixed_only)
    types = {"cuda", "cpu"} if _interpreted() else {"cuda"}
    if a.device != b.device or b.device.type not in types:
        message = (
            f"{of_a} is on {a.device} and {of_b} on {b.device}; "
            "these kernels run on one CUDA device"
        )
        raise ValueError(message)


def _interpreted() -> bool:
    """Whether triton was told to interpret, on the CPU."""
    return bool(import_module("triton").knobs.runtime.interpret)
