"""Clock: times of several arms, taken so that they can be compared.

Arms are interleaved: a round runs each of them once, in an order that rotates,
so that what disturbs the machine disturbs all of them alike. A sample is a
block of runs between two synchronisations, long enough for the timer, divided
by their number. Every sample is kept; statistics are for claims to make.
"""

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import ceil

import torch

Arm = Callable[[], object]

BLOCK_SECONDS = 0.05
"""A block is at least so long: far above the resolution of a timer, and above
most of what a scheduler takes away at once."""


def interleave(
    arms: Mapping[str, Arm],
    *,
    rounds: int,
    device: str = "cpu",
    block: float = BLOCK_SECONDS,
    timer: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds for one run of each arm, a sample for each round.

    Each arm runs at least twice before the first round: the first run may
    compile and allocate, the second tells how many runs make a block.

    Raises: ValueError if there is no arm or fewer than one round.
    Cost: rounds · Σ max(block, one run), and the warm-up.
    """
    if not arms or rounds < 1:
        message = f"{len(arms)} arms in {rounds} rounds: there is nothing to time"
        raise ValueError(message)
    names = list(arms)
    repeats = {}
    for name in names:
        _time(arms[name], 1, device, timer)
        once = _time(arms[name], 1, device, timer)
        repeats[name] = max(1, ceil(block / once))
    samples: dict[str, list[float]] = {name: [] for name in names}
    with _no_garbage_collection():
        for turn in range(rounds):
            shift = turn % len(names)
            for name in names[shift:] + names[:shift]:
                seconds = _time(arms[name], repeats[name], device, timer)
                samples[name].append(_resolved(seconds / repeats[name]))
            gc.collect()
    return samples


def pin_threads(threads: int) -> None:
    """Use so many threads, and flush denormals, whose arithmetic is slow."""
    torch.set_flush_denormal(True)
    torch.set_num_threads(threads)


def _time(arm: Arm, repeats: int, device: str, timer: Callable[[], float]) -> float:
    """Seconds for a block of runs, synchronised at its two ends."""
    _synchronise(device)
    start = timer()
    for _ in range(repeats):
        arm()
    _synchronise(device)
    return max(timer() - start, 1e-9)


def _synchronise(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _resolved(seconds: float) -> float:
    """Round to what the timer resolves, a nanosecond; never to zero."""
    return max(round(seconds, 9), 1e-9)


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Keep the collector from running inside a block."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
