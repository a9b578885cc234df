"""Parallel scans of h_t = a_t h_{t-1} + b_t, the adjoint by hand.

Two steps of a linear recurrence compose into one of the same kind,
and the composition is associative; a scan is any order of composing
that yields every state (Blelloch 1990, CMU-CS-90-190). Three orders:

==============  =====================  ============================
                multiply-adds          dependent operations
==============  =====================  ============================
work-efficient  about 3 an element     2 lg T
Hillis-Steele   2 lg T an element      2 lg T (compose, join)
chunked         about 3 an element     2 C + 2 lg(T/C), chunks of C
==============  =====================  ============================

Each comes as a pair: ``forward(a, b)``, and ``backward(a, g)`` for
s_t = g_t + a_{t+1} s_{t+1}. Shapes: b and g (B, T, N) with T ≥ 1;
a (B, T, N), or (1, 1, N) if it does not change with time. The first
coefficient is not used: the initial state is zero.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

Sweep: TypeAlias = Callable[[Tensor, Tensor], Tensor]
Context: TypeAlias = Any
"""What autograd hands to a Function; torch has no public type."""

SLICE_BYTES = 2**18
"""The chunked scan works on slices of this size: they fit a cache."""

SHORTEST, LONGEST, FEWEST_CHUNKS = 8, 32, 4
"""Steps of a chunk; fewer chunks leave little to do side by side."""

BLOCK_STEPS = 64
"""Steps that are multiplied at once when a gradient is summed."""


@dataclass(frozen=True)
class Scan:
    """One order of composing, in both directions."""

    forward: Sweep
    backward: Sweep

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """States, differentiable once; a (B, T, N) or (N,)."""
        states: Tensor = _Adjoint.apply(a, b, self)
        return states


def forward_scan(a: Tensor, b: Tensor) -> Tensor:
    """h[:, t] = a[:, t] h[:, t-1] + b[:, t], work-efficient."""
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
    """s[:, t] = g[:, t] + a[:, t+1] s[:, t+1], work-efficient.

    The mirror image of :func:`forward_scan`: coefficient t + 1 links
    step t + 1 to step t.
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


def forward_doubling(a: Tensor, b: Tensor) -> Tensor:
    """All states by doubling (Hillis and Steele 1986, CACM 29(12)).

    After round r every step is composed with the 2^r - 1 before it.
    """
    T, reach = b.shape[1], 1
    link = _steps(a, slice(1, None))  # from each step to the next
    while reach < T:
        tail = torch.addcmul(b[:, reach:], link, b[:, :-reach])
        b = torch.cat([b[:, :reach], tail], dim=1)
        link = _steps(link, slice(reach, None)) * _steps(
            link, slice(0, -reach)
        )
        reach *= 2
    return b


def backward_doubling(a: Tensor, g: Tensor) -> Tensor:
    """The mirror image of :func:`forward_doubling`."""
    T, reach = g.shape[1], 1
    link = _steps(a, slice(1, None))
    while reach < T:
        head = torch.addcmul(g[:, :-reach], link, g[:, reach:])
        g = torch.cat([head, g[:, -reach:]], dim=1)
        link = _steps(link, slice(reach, None)) * _steps(
            link, slice(0, -reach)
        )
        reach *= 2
    return g


def forward_chunked(a: Tensor, b: Tensor) -> Tensor:
    """All states, chunk by chunk and all chunks side by side."""
    T, C = b.shape[1], _chunk(b)
    first = T - (T - 1) // C * C  # 1 … C steps before the chunks
    if T - first < FEWEST_CHUNKS * C:
        return forward_scan(a, b)
    a = a.expand(-1, T, -1)
    h = torch.empty_like(b)
    h[:, :first] = forward_scan(a[:, :first], b[:, :first])
    before = h[:, first - 1]
    _walk(a[:, first:], b[:, first:], h[:, first:], before, C)
    return h


def backward_chunked(a: Tensor, g: Tensor) -> Tensor:
    """The mirror image of :func:`forward_chunked`."""
    T, C = g.shape[1], _chunk(g)
    last = (T - 1) // C * C  # 1 … C steps after the chunks
    if last < FEWEST_CHUNKS * C:
        return backward_scan(a, g)
    a = a.expand(-1, T, -1)
    s = torch.empty_like(g)
    s[:, last:] = backward_scan(a[:, last:], g[:, last:])
    link, after = a[:, 1 : last + 1], s[:, last]
    _walk(link, g[:, :last], s[:, :last], after, C, reverse=True)
    return s


def _walk(
    link: Tensor,
    b: Tensor,
    out: Tensor,
    state: Tensor,
    C: int,
    *,
    reverse: bool = False,
) -> None:
    """Walk chunks of C steps, starting from a state, in three passes.

    Reduce each chunk to one composed step; scan the chunks; walk each
    chunk again from the state that enters it. ``link[:, t]`` leads
    into step t. Shapes: link, b, out (B, K·C, N); state (B, N).
    """
    link, b, out = (x.unflatten(1, (-1, C)) for x in (link, b, out))
    order = range(C)[::-1] if reverse else range(C)
    total, product = b[:, :, order[0]], link[:, :, order[0]]
    for t in order[1:]:
        total = torch.addcmul(b[:, :, t], link[:, :, t], total)
        product = product * link[:, :, t]
    state = state.unsqueeze(1)
    if reverse:
        entering = torch.cat([total[:, 1:], state], dim=1)
        state = backward_scan(product, entering)
    else:
        entering = torch.cat([state, total[:, :-1]], dim=1)
        product = torch.cat([product[:, :1], product[:, :-1]], dim=1)
        state = forward_scan(product, entering)
    for t in order:
        step = out[:, :, t]
        state = torch.addcmul(
            b[:, :, t], link[:, :, t], state, out=step
        )


def _chunk(b: Tensor) -> int:
    """Steps of a chunk: one step of all chunks has to fit a cache."""
    slices = b.numel() * b.element_size() // SLICE_BYTES
    return min(max(SHORTEST, 1 << slices.bit_length()), LONGEST)


class _Adjoint(Function):
    """A scan with its gradient.

    For s_t = g_t + conj(a_{t+1}) s_{t+1} (Martin and Cundy 2018,
    arXiv:1709.04057, section 2.2): ∂b_t = s_t and
    ∂a_t = s_t conj(h_{t-1}), summed over B and T for a fixed a.
    """

    @staticmethod
    def forward(
        ctx: Context, a: Tensor, b: Tensor, scan: Scan
    ) -> Tensor:
        """States of the recurrence."""
        h = scan.forward(_with_time(a), b)
        ctx.scan = scan
        ctx.save_for_backward(a, h)
        return h.clone() if h is b else h

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Context, g: Tensor
    ) -> tuple[Tensor | None, Tensor, None]:
        """Gradients of a and b by the adjoint recurrence."""
        a, h = ctx.saved_tensors
        s = ctx.scan.backward(_with_time(a).conj(), g)
        grad_a = None
        if ctx.needs_input_grad[0]:
            grad_a = _coefficient_gradient(a, h, s)
        return grad_a, s, None


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
    T = s.shape[1]
    size = min(BLOCK_STEPS, max(T, 1))
    total = torch.zeros_like(s[:, :size])
    for t in range(0, T, size):
        block = slice(t, min(t + size, T))
        part = total[:, : block.stop - t]
        torch.addcmul(part, s[:, block], h[:, block].conj(), out=part)
    return total.sum(dim=(0, 1))


def _with_time(a: Tensor) -> Tensor:
    """(N,) as (1, 1, N); (B, T, N) as it is."""
    return a[None, None] if a.dim() == 1 else a


def _steps(a: Tensor, steps: slice) -> Tensor:
    """The coefficients of some steps; a fixed a is all of them."""
    return a if a.shape[1] == 1 else a[:, steps]


work_efficient = Scan(forward_scan, backward_scan)
hillis_steele = Scan(forward_doubling, backward_doubling)
chunked = Scan(forward_chunked, backward_chunked)
