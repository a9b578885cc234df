"""Parallel scans of h_t = a_t h_{t-1} + b_t, the adjoint by hand.

The gradient of a linear recurrence is one too, from the end to the
beginning, so that the same order of composing (sweeps.py) serves both
directions.
"""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from bookfigs.core import sweeps
from bookfigs.core.opaque import Differentiable

Sweep: TypeAlias = Callable[[Tensor, Tensor], Tensor]

BLOCK_BYTES = 2**20
"""What is multiplied at once when a gradient is summed."""


def scan(
    name: str, forward: Sweep, backward: Sweep
) -> Differentiable:
    """One order of composing, made differentiable.

    For s_t = g_t + conj(a_{t+1}) s_{t+1} (Martin and Cundy 2018,
    arXiv:1709.04057, section 2.2): ∂b_t = s_t and
    ∂a_t = s_t conj(h_{t-1}), summed over B and T for a fixed a.

    Shapes: a (B, T, N) or (N,); b, the states and their gradient
    (B, T, N).
    Cost: that of both sweeps, and one product for the gradient of a.
    """

    def states(a: Tensor, b: Tensor) -> Tensor:
        return forward(_with_time(a), b)

    def adjoint(a: Tensor, g: Tensor) -> Tensor:
        return backward(_with_time(a.conj()), g)

    def gradients(
        a: Tensor, h: Tensor, g: Tensor
    ) -> tuple[Tensor, Tensor]:
        s = adjoint(a, g)
        return _coefficient_gradient(a, h, s), s

    return Differentiable(name, states, gradients, adjoint)


def _coefficient_gradient(a: Tensor, h: Tensor, s: Tensor) -> Tensor:
    """∂a_t = s_t conj(h_{t-1}), summed where a is shared."""
    if a.dim() == 1:
        return _summed_product(s[:, 1:], h[:, :-1])
    grad = torch.empty_like(s)
    grad[:, 0].zero_()
    torch.mul(s[:, 1:], h[:, :-1].conj(), out=grad[:, 1:])
    return grad


def _summed_product(s: Tensor, h: Tensor) -> Tensor:
    """Σ_{B,T} s conj(h), without an array as large as s.

    Blocks of steps are multiplied and added to one block, which is
    summed at the end.
    """
    B, T, N = s.shape
    size = max(BLOCK_BYTES // max(B * N * s.element_size(), 1), 1)
    total = torch.zeros_like(s[:, :size])
    for t in range(0, T, size):
        block = slice(t, min(t + size, T))
        part = total[:, : block.stop - t]
        torch.addcmul(part, s[:, block], h[:, block].conj(), out=part)
    return total.sum(dim=(0, 1))


def _with_time(a: Tensor) -> Tensor:
    """(N,) as (1, 1, N), in double precision; (B, T, N) as it is.

    The few products of a fixed a cost nothing; see sweeps.py.
    """
    if a.dim() == 3:
        return a
    wide = torch.promote_types(a.dtype, torch.float64)
    return a.to(wide).resolve_conj()[None, None]


work_efficient = scan(
    "scan", sweeps.forward_scan, sweeps.backward_scan
)
hillis_steele = scan(
    "hillis_steele", sweeps.forward_doubling, sweeps.backward_doubling
)
chunked = scan(
    "chunked", sweeps.forward_chunked, sweeps.backward_chunked
)
