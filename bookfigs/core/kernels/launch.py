"""Run the programs of programs.py on tensors."""

from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from bookfigs.core.kernels import CHUNK
from bookfigs.core.kernels.strategy import Strategy, strategy

OPTIONS = {"num_warps": 1, "enable_fp_fusion": True}
"""A warp for each program; products and sums rounded once."""
STAGES = 3
"""Tiles in flight: one computed on, two being read."""
AHEAD = 8
"""The same for the single steps of the tanh recurrence."""
LANES = 32
"""Channels of a program that walks step by step: a warp."""

Walked: TypeAlias = tuple[Tensor, int, int]
"""A tensor; from one sequence, and from one step, to the next."""


class Shape(NamedTuple):
    """What is walked, and how it is cut."""

    B: int
    T: int
    N: int
    plan: Strategy

    @property
    def chunks(self) -> int:
        """Chunks of a sequence."""
        return -(-self.T // self.plan.chunk)


def states(a: Tensor, b: Tensor) -> Tensor:
    """h_t = a_t h_{t-1} + b_t.

    Preconditions: channels side by side in memory.
    """
    if b.numel() == 0:
        return torch.empty_like(b)
    shape = _shape(b)
    entering = _entering(shape, a, b)
    return _forward(shape, a, b, entering)


def gradients(
    a: Tensor, h: Tensor, g: Tensor
) -> tuple[Tensor, Tensor]:
    """∂a and ∂b of the states h: the recurrence of ∂b, from the end.

    Preconditions: those of :func:`states`; h lies as it was made.
    """
    if h.numel() == 0:
        return torch.zeros_like(a), torch.zeros_like(h)
    shape, fixed = _shape(h), a.dim() == 1
    B, T, N, plan = shape
    entering = _entering(shape, a, g, reverse=True)
    grad_b = h.new_empty(B, T, N)
    grad_a = h.new_empty(B, shape.chunks if fixed else T, N)
    _launch(
        "backward",
        _programs(shape, shape.chunks),
        *_walked(a),
        *_walked(g),
        *(_real(x) for x in (h, grad_a, grad_b, entering)),
        *(T, N, shape.chunks, plan.chunk),
        **_constants(shape, a, g, half=True),
    )
    return (grad_a.sum(dim=(0, 1)) if fixed else grad_a), grad_b


def tanh_states(w: Tensor, u: Tensor) -> Tensor:
    """h_t = tanh(w h_{t-1} + u_t); preconditions as above."""
    if u.numel() == 0:
        return torch.empty_like(u)
    B, T, N = u.shape
    h = u.new_empty(B, T, N)
    sizes = {"BLOCK_N": LANES, "STAGES": AHEAD}
    programs = B * -(-N // LANES)
    _launch(
        "tanh_forward", programs, w, *_walked(u), h, T, N, **sizes
    )
    return h


def tanh_gradients(
    w: Tensor, h: Tensor, g: Tensor
) -> tuple[Tensor, Tensor]:
    """∂w and ∂u of the states h; preconditions as above."""
    if h.numel() == 0:
        return torch.zeros_like(w), torch.zeros_like(h)
    B, T, N = h.shape
    grad_w, grad_u = h.new_empty(B, N), h.new_empty(B, T, N)
    sizes = {"CHUNK": CHUNK, "BLOCK_N": LANES, "STAGES": AHEAD}
    tensors = w, *_walked(g), h, grad_w, grad_u
    programs = B * -(-N // LANES)
    _launch("tanh_backward", programs, *tensors, T, N, **sizes)
    return grad_w.sum(dim=0), grad_u


def _forward(
    shape: Shape, a: Tensor, b: Tensor, entering: Tensor
) -> Tensor:
    """The states, from the ones that enter the chunks."""
    B, T, N, plan = shape
    h = b.new_empty(B, T, N)
    _launch(
        "forward",
        _programs(shape, shape.chunks),
        *_walked(a),
        *_walked(b),
        *(_real(x) for x in (h, entering)),
        *(T, N, shape.chunks, plan.chunk),
        **_constants(shape, a, b),
    )
    return h


def _entering(
    shape: Shape, a: Tensor, b: Tensor, *, reverse: bool = False
) -> Tensor:
    """The states that enter the chunks but the first.

    Each chunk is composed into one step; then these are walked.
    """
    B, T, N, plan = shape
    steps = shape.chunks - 1
    if steps == 0:
        return b
    product, total = (
        b.new_empty(B, steps, N),
        b.new_empty(B, steps, N),
    )
    _launch(
        "reduce",
        _programs(shape, steps),
        *_walked(a),
        *_walked(b),
        *(_real(product), _real(total)),
        *(T, N, steps, plan.chunk),
        REVERSE=reverse,
        **_constants(shape, a, b),
    )
    walk = Shape(B, steps, N, plan._replace(name="walk", chunk=steps))
    return _forward(walk, product, total, total)


def _shape(b: Tensor) -> Shape:
    """How to cut a tensor."""
    B, T, N = b.shape
    processors = 1
    if b.is_cuda:
        device = torch.cuda.get_device_properties(b.device)
        processors = device.multi_processor_count
    return Shape(
        B, T, N, strategy(B, T, N, b.element_size(), processors)
    )


def _programs(shape: Shape, chunks: int) -> int:
    """How many are needed for so many chunks."""
    return shape.B * chunks * -(-shape.N // shape.plan.block_n)


def _constants(
    shape: Shape, a: Tensor, b: Tensor, *, half: bool = False
) -> dict[str, int]:
    """What a program is compiled for.

    Tiles are halved where more than a, b and h has to stay in the
    registers: in the backward pass, and with a fixed a, the powers of
    which the compiler keeps there. Then one more is in flight.
    """
    fixed = a.dim() == 1
    half = half or fixed
    block_t = shape.plan.block_t
    return {
        "FIXED": fixed,
        "PARTS": 2 if b.is_complex() else 1,
        "BLOCK_T": (block_t + 1) // 2 if half else block_t,
        "BLOCK_N": shape.plan.block_n,
        "STAGES": STAGES + 1 if half else STAGES,
    }


def _real(x: Tensor) -> Tensor:
    """Complex numbers as pairs of real ones."""
    return torch.view_as_real(x) if x.is_complex() else x


def _walked(x: Tensor) -> Walked:
    """A tensor as a program takes it."""
    along = (0, 0) if x.dim() == 1 else (x.stride(0), x.stride(1))
    return _real(x), *along


def _launch(
    name: str, programs: int, *arguments: Tensor | int, **sizes: int
) -> None:
    """Start so many programs, of a warp each."""
    # Here, where triton is known to be there; an import written out
    # is also seen by whoever follows what a figure depends on.
    from bookfigs.core.kernels import programs as all_  # noqa: PLC0415

    program = getattr(all_, name)[(programs,)]
    program(*arguments, **sizes, **OPTIONS)
