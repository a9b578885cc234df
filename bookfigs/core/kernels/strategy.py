"""How the linear recurrence is cut into programs on a device."""

from functools import lru_cache
from typing import Literal, NamedTuple

TILE_BYTES = 4096
"""Of one tensor, in one tile: 128 bytes for each thread of a warp, so
that what is being computed stays in the registers."""
NARROWEST, WIDEST = 128, 512
"""Bytes of the channels of a tile: from a line of the cache to 16 for
each thread, where all steps of a channel lie in one thread."""
LONGEST = 128
"""Steps of a tile, however narrow."""
PROGRAMS = 4
"""For each multiprocessor, so many keep the memory busy."""


class Strategy(NamedTuple):
    """Which programs compute a linear recurrence, and why."""

    name: Literal["walk", "split"]
    chunk: int
    """Steps that one program walks."""
    block_t: int
    """Steps of a tile."""
    block_n: int
    """Channels of a tile."""
    reason: str


@lru_cache(maxsize=1024)
def strategy(
    B: int, T: int, N: int, size: int, processors: int
) -> Strategy:
    """How to cut B sequences of T steps of N channels into programs.

    ``walk``: a program for each block of channels of each sequence,
    through all steps. It moves each number once, three tensors'
    traffic. Blocks are as wide as leaves enough programs. In the
    widest, from about 100,000 channels on, a thread has all steps of
    its channels, and the scan of a tile is the sequential loop: that
    loop needs no program of its own, and tiles let a thread read
    ahead, which the plain loop does not.

    ``split``, where even narrow blocks are fewer than half of what
    keeps the memory busy, and there are steps enough: compose each
    chunk of steps into one, walk through the chunks, then walk each
    chunk from the state that enters it. It reads a and b twice, five
    tensors' traffic, of a memory that would have waited.

    Preconditions: B, T, N ≥ 1; ``size``, the bytes of a number, and
    ``processors``, the multiprocessors of the device.
    """
    enough = PROGRAMS * processors
    block_n = min(NARROWEST // size, _power(N))
    while _widen(block_n, B, N, size, enough):
        block_n *= 2
    fits = TILE_BYTES // (size * block_n)
    block_t = min(fits, LONGEST, _power(T))
    programs = B * -(-N // block_n)
    chunks = min(-(-2 * enough // programs), T // (2 * block_t))
    few = f"{programs} blocks for {processors} multiprocessors"
    if 2 * programs >= enough:
        return Strategy("walk", T, block_t, block_n, f"{few} suffice")
    if chunks <= 2:
        reason = f"{few} are few, but {T} steps too"
        return Strategy("walk", T, block_t, block_n, reason)
    chunk = -(-T // (chunks * block_t)) * block_t
    return Strategy(
        "split", chunk, block_t, block_n, f"{few} are few"
    )


def _widen(
    block_n: int, B: int, N: int, size: int, enough: int
) -> bool:
    """Blocks twice as wide: allowed, enough, and no more padded?"""
    wide, blocks = 2 * block_n, -(-N // block_n)
    return (
        wide * size <= WIDEST
        and blocks % 2 == 0
        and B * (blocks // 2) >= enough
    )


def _power(count: int) -> int:
    """The least power of two that is no less."""
    return 1 << (count - 1).bit_length()
