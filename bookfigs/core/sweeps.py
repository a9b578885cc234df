"""Orders of composing the steps of h_t = a_t h_{t-1} + b_t.

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
coefficient is not used: the initial state is zero. None of them is
differentiable; scans.py gives each its gradient.

Coefficients may be more precise than b, and are then multiplied so:
the product of T of them, which the loop never forms, may lose lg T
bits. The chunked scan multiplies real ones in double precision: next
to 1 their products err to one side, those of complex numbers do not.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

SLICE_BYTES = 2**18
"""The chunked scan works on slices of this size: they fit a cache."""

SHORTEST, LONGEST, FEWEST_CHUNKS = 8, 32, 4
"""Steps of a chunk; fewer chunks leave little to do side by side."""


def forward_scan(
    a: Tensor, b: Tensor, h: Tensor | None = None
) -> Tensor:
    """h[:, t] = a[:, t] h[:, t-1] + b[:, t], work-efficient."""
    T = b.shape[1]
    h = torch.empty_like(b) if h is None else h
    h[:, 0] = b[:, 0]
    if T == 1:
        return h
    even, odd = slice(0, T - 1, 2), slice(1, None, 2)
    # Two steps in one: compose each odd step with the one before.
    a_odd = _steps(a, odd)
    a_pair = a_odd * _steps(a, even)
    b_pair = _join(b[:, odd], a_odd, b[:, even])
    forward_scan(a_pair, b_pair, h[:, odd])
    # Half of the states are known; one step more gives the rest.
    known, rest = slice(1, T - 1, 2), slice(2, None, 2)
    _join(b[:, rest], _steps(a, rest), h[:, known], out=h[:, rest])
    return h


def backward_scan(a: Tensor, g: Tensor) -> Tensor:
    """s[:, t] = g[:, t] + a[:, t+1] s[:, t+1], work-efficient.

    The mirror image of :func:`forward_scan`: coefficient t + 1 links
    step t + 1 to step t.
    """
    s = torch.empty_like(g)
    _backward_scan(a if a.shape[1] == 1 else a[:, 1:], g, s)
    return s


def _backward_scan(link: Tensor, g: Tensor, s: Tensor) -> None:
    """s[:, t] = g[:, t] + link[:, t] s[:, t+1]; T - 1 links."""
    T = g.shape[1]
    s[:, -1] = g[:, -1]
    if T == 1:
        return
    first = T % 2  # pairs are counted from the end
    near, far = slice(first, T - 1, 2), slice(first + 1, None, 2)
    link_near = _steps(link, near)
    g_pair = _join(g[:, near], link_near, g[:, far])
    between = slice(0, T // 2 - 1)
    link_pair = _steps(link_near, between) * _steps(link, far)
    _backward_scan(link_pair, g_pair, s[:, near])
    known = slice(2 - first, T, 2)
    rest = slice(1 - first, T - 1, 2)
    _join(g[:, rest], _steps(link, rest), s[:, known], out=s[:, rest])


def forward_doubling(a: Tensor, b: Tensor) -> Tensor:
    """All states by doubling (Hillis and Steele 1986, CACM 29(12)).

    After round r every step is composed with the 2^r - 1 before it.
    """
    T, reach = b.shape[1], 1
    link = _steps(a, slice(1, None))  # from each step to the next
    while reach < T:
        tail = _join(b[:, reach:], link, b[:, :-reach])
        b = torch.cat([b[:, :reach], tail], dim=1)
        link = _steps(link, slice(reach, None)) * _steps(
            link, slice(0, -reach)
        )
        reach *= 2
    return b.clone() if T == 1 else b


def backward_doubling(a: Tensor, g: Tensor) -> Tensor:
    """The mirror image of :func:`forward_doubling`."""
    T, reach = g.shape[1], 1
    link = _steps(a, slice(1, None))
    while reach < T:
        head = _join(g[:, :-reach], link, g[:, reach:])
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
    head, rest = slice(0, first), slice(first, None)
    h = torch.empty_like(b)
    h[:, head] = forward_scan(_steps(a, head), b[:, head])
    before = h[:, first - 1]
    _walk(_steps(a, rest), b[:, rest], h[:, rest], before, C)
    return h


def backward_chunked(a: Tensor, g: Tensor) -> Tensor:
    """The mirror image of :func:`forward_chunked`."""
    T, C = g.shape[1], _chunk(g)
    last = (T - 1) // C * C  # 1 … C steps after the chunks
    if last < FEWEST_CHUNKS * C:
        return backward_scan(a, g)
    tail, rest = slice(last, None), slice(0, last)
    s = torch.empty_like(g)
    s[:, tail] = backward_scan(_steps(a, tail), g[:, tail])
    link, after = _steps(a, slice(1, last + 1)), s[:, last]
    _walk(link, g[:, rest], s[:, rest], after, C, reverse=True)
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
    into step t. Shapes: link, b, out (B, K·C, N), or (1, 1, N) for a
    fixed link; state (B, N).
    """
    links, terms, outs = (_by_step(x, C) for x in (link, b, out))
    order = range(C)[::-1] if reverse else range(C)
    wide = link.dtype if link.is_complex() else torch.float64
    total, product = terms[order[0]], links[order[0]].to(wide)
    for t in order[1:]:
        total = _join(terms[t], links[t], total)
        product = product * links[t]
    state = state.unsqueeze(1)
    if reverse:
        entering = torch.cat([total[:, 1:], state], dim=1)
        state = backward_scan(product, entering.to(wide))
    else:
        entering = torch.cat([state, total[:, :-1]], dim=1)
        product = torch.cat([product[:, :1], product[:, :-1]], dim=1)
        state = forward_scan(product, entering.to(wide))
    state = state.to(b.dtype)
    for t in order:
        state = _join(terms[t], links[t], state, out=outs[t])


def _by_step(x: Tensor, C: int) -> Sequence[Tensor]:
    """Step t of every chunk, for t < C; a fixed a is each of them."""
    if x.shape[1] == 1:
        return [x] * C
    steps: Sequence[Tensor] = x.unflatten(1, (-1, C)).unbind(2)
    return steps


def _chunk(b: Tensor) -> int:
    """Steps of a chunk: one step of all chunks has to fit a cache."""
    slices = b.numel() * b.element_size() // SLICE_BYTES
    return min(max(SHORTEST, 1 << slices.bit_length()), LONGEST)


def _steps(a: Tensor, steps: slice) -> Tensor:
    """The coefficients of some steps; a fixed a is all of them."""
    return a if a.shape[1] == 1 else a[:, steps]


def _join(
    b: Tensor, a: Tensor, h: Tensor, out: Tensor | None = None
) -> Tensor:
    """The sum b + a h, as precise as b."""
    return torch.addcmul(b, a.to(b.dtype), h, out=out)
