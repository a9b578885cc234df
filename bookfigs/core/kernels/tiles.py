"""Tiles of states, steps by channels: the vocabulary of programs.py.

A tile comes as its real and its imaginary parts. Of real numbers
there is one part, PARTS is 1, and the second is the first again: the
compiler drops what nothing reads.
"""

# ruff: noqa: PLR0917 - programs know their arguments by position

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

tl: Any = import_module("triton.language")
if TYPE_CHECKING:
    constexpr: TypeAlias = Any  # noqa: PYI042 - triton knows it so
    tensor: TypeAlias = Any  # noqa: PYI042 - the same
else:
    constexpr, tensor = tl.constexpr, tl.tensor

Program: TypeAlias = Callable[..., Any]
compiled: Callable[[Program], Any] = import_module("triton").jit


@compiled
def compose(a: tensor, b: tensor, c: tensor, d: tensor) -> tensor:
    """First h → a h + b, the earlier; then h → c h + d."""
    return c * a, c * b + d


@compiled
def compose_complex(
    ax: tensor,
    ay: tensor,
    bx: tensor,
    by: tensor,
    cx: tensor,
    cy: tensor,
    dx: tensor,
    dy: tensor,
) -> tensor:
    """The same in real and imaginary parts."""
    return (
        cx * ax - cy * ay,
        cx * ay + cy * ax,
        cx * bx - cy * by + dx,
        cx * by + cy * bx + dy,
    )


@compiled
def scan(
    ax: tensor,
    ay: tensor,
    bx: tensor,
    by: tensor,
    PARTS: constexpr,
) -> tensor:
    """Each row composed with all rows before it."""
    if PARTS == 1:
        px, qx = tl.associative_scan((ax, bx), 0, compose)
        py, qy = px, qx
    else:
        px, py, qx, qy = tl.associative_scan(
            (ax, ay, bx, by), 0, compose_complex
        )
    return px, py, qx, qy


@compiled
def apply(
    ax: tensor,
    ay: tensor,
    x: tensor,
    y: tensor,
    bx: tensor,
    by: tensor,
    PARTS: constexpr,
) -> tensor:
    """One step, (ax + i ay)(x + i y) + (bx + i by)."""
    if PARTS == 1:
        real = ax * x + bx
        imag = real
    else:
        real = ax * x - ay * y + bx
        imag = ax * y + ay * x + by
    return real, imag


@compiled
def last(
    x: tensor, y: tensor, PARTS: constexpr, BLOCK_T: constexpr
) -> tensor:
    """The last row of a tile."""
    at_end = (tl.arange(0, BLOCK_T) == BLOCK_T - 1)[:, None]
    real = tl.sum(tl.where(at_end, x, 0.0), axis=0)
    imag = real
    if PARTS == 2:
        imag = tl.sum(tl.where(at_end, y, 0.0), axis=0)
    return real, imag


@compiled
def place(chunks: tensor, N: tensor, BLOCK_N: constexpr) -> tensor:
    """Sequence, chunk and first channel of this program."""
    blocks = tl.cdiv(N, BLOCK_N)
    row = tl.program_id(0) // blocks
    first = (tl.program_id(0) % blocks) * BLOCK_N
    return row // chunks, row % chunks, first


@compiled
def columns(
    first: tensor, N: tensor, PARTS: constexpr, BLOCK_N: constexpr
) -> tensor:
    """Where the numbers of a block lie in a row; which there are."""
    at = first * PARTS + tl.arange(0, BLOCK_N * PARTS)
    return at, at < N * PARTS


@compiled
def read_row(at: tensor, mask: tensor, PARTS: constexpr) -> tensor:
    """One number for each channel; zero where masked."""
    x = tl.load(at, mask=mask, other=0.0)
    y = x
    if PARTS == 2:
        x, y = tl.split(tl.reshape(x, (x.shape[0] // 2, 2)))
    return x, y


@compiled
def read(at: tensor, mask: tensor, PARTS: constexpr) -> tensor:
    """A tile; zero where masked."""
    x = tl.load(at, mask=mask, other=0.0)
    y = x
    if PARTS == 2:
        x, y = tl.split(
            tl.reshape(x, (x.shape[0], x.shape[1] // 2, 2))
        )
    return x, y


@compiled
def write(
    at: tensor,
    x: tensor,
    y: tensor,
    mask: tensor,
    PARTS: constexpr,
) -> None:
    """A row or a tile, except where masked."""
    if PARTS == 2:
        x = tl.interleave(x, y)
    tl.store(at, x, mask=mask)


@compiled
def coefficients(
    at: tensor,
    fixed_x: tensor,
    fixed_y: tensor,
    rows: tensor,
    mask: tensor,
    FIXED: constexpr,
    PARTS: constexpr,
) -> tensor:
    """A tile of a_t, or a fixed a in each row; zero where masked."""
    if FIXED:
        x = tl.where(rows[:, None], fixed_x[None, :], 0.0)
        y = tl.where(rows[:, None], fixed_y[None, :], 0.0)
    else:
        x, y = read(at, mask, PARTS)
    return x, y


@compiled
def offsets(
    times: tensor, stride: tensor, column: tensor, PARTS: constexpr
) -> tensor:
    """Where the numbers of a tile lie, from the start of a sequence.

    In 64 bits: a tensor may have more than 2^31 numbers.
    """
    rows = times.to(tl.int64)[:, None] * stride * PARTS
    return rows + column[None, :]


@compiled
def tanh(x: tensor) -> tensor:
    """The hyperbolic tangent to the last few bits; NaN stays NaN.

    Below 0.4 Lambert's fraction, of 4 levels or of 7, where
    1 - exp(-2|x|) would cancel; above, (1 - e) / (1 + e) with that
    exponential e. Either way one quotient.
    """
    size = tl.abs(x)
    z = size * size
    if x.dtype == tl.float64:
        above = ((z + 378) * z + 17325) * z + 135135
        below = ((28 * z + 3150) * z + 62370) * z + 135135
    else:
        above = 10 * z + 105
        below = (z + 45) * z + 105
    shrunk = tl.exp(-2 * size)
    small = size < 0.4
    above = tl.where(small, size * above, 1 - shrunk)
    below = tl.where(small, below, 1 + shrunk)
    value = above / below
    return tl.where(x < 0, -value, value)
