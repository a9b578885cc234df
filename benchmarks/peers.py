"""What else computes a sequence: other packages, the framework's own layers.

Each peer is a function from inputs to two programs, forward and forward with
backward. A package that is not installed is left out, and the table says so.
"""

import importlib.util
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

Program = Callable[[], object]


class Case(NamedTuple):
    """The inputs of one comparison: h_t = a_t h_{t-1} + b_t."""

    a: Tensor
    """(B, T, N), or (N,) if it does not change with time."""
    b: Tensor
    """(B, T, N)."""
    g: Tensor
    """Gradient that arrives at h."""

    @property
    def is_fixed(self) -> bool:
        """Whether the coefficients do not change with time."""
        return self.a.dim() == 1


class Peer(NamedTuple):
    """One way to compute a sequence."""

    name: str
    forward: Program
    both: Program | None
    """Forward and backward; None where there is no usable gradient."""


def of_torch(name: str, states: Callable[[Tensor, Tensor], Tensor], case: Case) -> Peer:
    """Make a peer of a function of (a, b) that torch can differentiate."""
    a, b = case.a.clone().requires_grad_(), case.b.clone().requires_grad_()

    def forward() -> Tensor:
        with torch.no_grad():
            return states(case.a, case.b)

    def both() -> object:
        return torch.autograd.grad(states(a, b), (a, b), case.g)

    return Peer(name, forward, both)


def floor(case: Case) -> Peer:
    """Move the same bytes: one add per 3, one copy per 2 arrays as large as b.

    Forward: 3 (a, b, h), or 2 where a is fixed. Both: 8 (a, b, h; g, a, h, ∂a, ∂b,
    with s = ∂b), or 5 (b, h; g, h, ∂b). Every array is one of its own.
    """
    few, many = (2, 5) if case.is_fixed else (3, 8)
    return Peer("floor", _move(case.b, few), _move(case.b, many))


def _move(b: Tensor, arrays: int) -> Program:
    spare = [torch.zeros_like(b) for _ in range(arrays)]
    adds, copies = {2: (0, 1), 3: (1, 0), 5: (1, 1), 8: (2, 1)}[arrays]

    def run() -> None:
        for i in range(adds):
            x, y, z = spare[3 * i : 3 * i + 3]
            torch.add(x, y, out=z)
        for i in range(copies):
            x, y = spare[3 * adds + 2 * i : 3 * adds + 2 * i + 2]
            y.copy_(x)

    return run


def torch_associative(case: Case) -> Iterator[Peer]:
    """Torch's associative scan (a prototype), in its generic mode.

    Its own gradient of the coefficients is not used: it was seen to be zero. The
    adjoint is written here, as the same scan over the reversed time.
    """
    from torch._higher_order_ops.associative_scan import associative_scan

    def combine(x: Any, y: Any) -> Any:
        return x[0] * y[0], y[0] * x[1] + y[1]

    def scan(a: Tensor, b: Tensor) -> Tensor:
        pair = (a.expand(b.shape), b)
        states: Tensor = associative_scan(combine, pair, 1, combine_mode="generic")[1]
        return states

    def forward() -> object:
        with torch.no_grad():
            return scan(case.a, case.b)

    def both() -> object:
        with torch.no_grad():
            h = scan(case.a, case.b)
            link = case.a.conj().expand(case.b.shape).roll(-1, dims=1)
            s = scan(link.flip(1), case.g.flip(1)).flip(1)
            grad = s[:, 1:] * h[:, :-1].conj()
            return s, grad.sum(dim=(0, 1)) if case.is_fixed else grad

    yield Peer("torch associative_scan", forward, both)


def jax_scans(case: Case) -> Iterator[Peer]:
    """jax, compiled: the associative scan, and the sequential one."""
    if importlib.util.find_spec("jax") is None:
        return
    import jax
    import jax.numpy as jnp

    a, b, g = (jnp.asarray(x.numpy()) for x in case)

    def associative(a: Any, b: Any) -> Any:
        def combine(x: Any, y: Any) -> Any:
            return x[0] * y[0], y[0] * x[1] + y[1]

        pair = (jnp.broadcast_to(a, b.shape), b)
        return jax.lax.associative_scan(combine, pair, axis=1)[1]

    def sequential(a: Any, b: Any) -> Any:
        def step(h: Any, x: Any) -> Any:
            h = x[0] * h + x[1]
            return h, h

        steps = (jnp.broadcast_to(a, b.shape).swapaxes(0, 1), b.swapaxes(0, 1))
        return jax.lax.scan(step, jnp.zeros_like(b[:, 0]), steps)[1].swapaxes(0, 1)

    for name, states in (
        ("jax associative_scan", associative),
        ("jax scan", sequential),
    ):
        yield _compiled(name, states, (a, b, g))


def _compiled(name: str, states: Callable[..., Any], inputs: tuple[Any, ...]) -> Peer:
    """Compile a function of jax and its gradient; both wait for the result."""
    import jax

    a, b, g = inputs
    run = jax.jit(states)
    back = jax.jit(lambda a, b, g: jax.vjp(states, a, b)[1](g))
    return Peer(
        name,
        lambda: jax.block_until_ready(run(a, b)),
        lambda: jax.block_until_ready(back(a, b, g)),
    )


def layers(case: Case) -> Iterator[Peer]:
    """The framework's own layers of the same width; real inputs only."""
    if case.b.is_complex():
        return
    N = case.b.shape[2]
    for kind in (nn.RNN, nn.GRU, nn.LSTM):
        yield _recurrent(kind(N, N, batch_first=True), case)


def _recurrent(layer: nn.RNNBase, case: Case) -> Peer:
    def run(x: Tensor) -> Tensor:
        states: Tensor = layer(x)[0]
        return states

    return _layer(f"nn.{type(layer).__name__}", run, layer, case)


def attention(case: Case) -> Iterator[Peer]:
    """Causal attention of the framework, one head as wide as the state."""
    if case.b.is_complex():
        return

    def attend(x: Tensor) -> Tensor:
        q = x.unsqueeze(1)
        return functional.scaled_dot_product_attention(q, q, q, is_causal=True)[:, 0]

    yield _layer("causal attention", attend, nn.Module(), case)


def _layer(
    name: str, run: Callable[[Tensor], Tensor], layer: nn.Module, case: Case
) -> Peer:
    x = case.b.clone().requires_grad_()
    leaves = [x, *layer.parameters()]

    def forward() -> Tensor:
        with torch.no_grad():
            return run(case.b)

    return Peer(name, forward, lambda: torch.autograd.grad(run(x), leaves, case.g))
