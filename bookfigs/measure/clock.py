"""Clock: times of several arms, taken so that they can be compared.

Arms are interleaved: a round runs each of them once, in an order that rotates,
so that what disturbs the machine disturbs all of them alike. A sample is a
block of runs between two synchronisations, long enough for the timer, divided
by their number. On CUDA too it is the wall clock that is read: a reader waits
for the launches as well as for the kernels, and over a block the wait at its
end is far below a thousandth.

A round is a window: what was seen of the machine meanwhile (never the samples
themselves, which would select) may speak against it; then it is repeated. Every
sample of a window that was kept is kept; statistics are for claims to make.
"""

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from math import ceil, inf
from typing import TypeVar

import torch

from bookfigs.measure.conditions import Run, Stop, watching
from bookfigs.measure.interval import fewest_rounds, is_narrow
from bookfigs.measure.readings import Machine
from bookfigs.measure.settings import settings
from bookfigs.measure.unobserved import unobserved

Arm = Callable[[], object]
Timer = Callable[[], float]
T = TypeVar("T")

BLOCK_SECONDS = 0.05
"""A block is at least so long: far above the resolution of a timer, and above
most of what a scheduler takes away at once."""

FEWEST = fewest_rounds()
"""Rounds below which no claim over samples can be decided."""

MOST = 3 * FEWEST
"""Rounds after which more would say little more of this run."""

WIDTH = 0.1
"""An interval is narrow if its ends differ by no more than this share."""

NO_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory")
"""What torch, CUDA and the C library say; on the CPU torch has no type for it."""

PATIENCE = 1.0
"""Windows that may be refused and repeated, for each of the fewest rounds."""


def interleave(
    arms: Mapping[str, Arm],
    *,
    rounds: int,
    device: str = "cpu",
    block: float = BLOCK_SECONDS,
    timer: Timer = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds for one run of each arm, a sample for each of so many rounds.

    Each arm runs at least twice before the first round: the first run may
    compile and allocate, the second tells how many runs make a block.

    Raises: ValueError if there is no arm or fewer than one round; what an arm
    raises, running out of memory included.
    Cost: rounds · Σ max(block, one run), and the warm-up; at most twice that if
    the machine is disturbed.
    """
    bench = _Bench(arms, device, block, timer, gaps_allowed=False)
    samples = bench.measure(rounds, rounds, inf, 0)
    return {name: seconds for name, seconds in samples.items() if seconds}


def compare(
    arms: Mapping[str, Arm],
    *,
    fewest: int = FEWEST,
    most: int = MOST,
    seconds: float = inf,
    width: float = WIDTH,
    device: str = "cpu",
    block: float = BLOCK_SECONDS,
    timer: Timer = time.perf_counter,
) -> dict[str, list[float] | None]:
    """Seconds for one run of each arm; as many rounds as it takes, within bounds.

    After the ``fewest`` rounds it stops as soon as for every arm the interval of
    the median of (its sample over that of the first arm in the same round) is
    narrower than ``width``; at the latest after ``most`` rounds, or when the blocks
    have taken so many ``seconds``.

    Edge cases: an arm that runs out of memory is None, a gap, and the others go on;
    the first arm that is left is then the one that the others are compared with. A
    single arm is judged by its own samples.
    Raises: ValueError if there is no arm, or no number of rounds that would do.
    Cost: rounds · Σ max(block, one run), and the warm-up.
    """
    bench = _Bench(arms, device, block, timer)
    return bench.measure(fewest, most, seconds, width)


@dataclass
class _Bench:
    """Arms on one device, how many runs make a block of each, and their samples."""

    arms: Mapping[str, Arm]
    device: str
    block: float
    timer: Timer
    gaps_allowed: bool = True
    repeats: dict[str, int] = field(default_factory=dict)
    samples: dict[str, list[float]] = field(default_factory=dict)
    warm_up: dict[str, list[float]] = field(default_factory=dict)
    gaps: dict[str, str] = field(default_factory=dict)
    spent: float = 0.0

    def measure(
        self, fewest: int, most: int, seconds: float, width: float
    ) -> dict[str, list[float] | None]:
        """Warm up, take rounds until enough is known, write down how it went."""
        if not self.arms or not 1 <= fewest <= most:
            rounds = (
                f"{fewest} rounds" if fewest == most else f"{fewest} to {most} rounds"
            )
            message = f"{len(self.arms)} arms in {rounds}: there is nothing to time"
            raise ValueError(message)
        for name in self.arms:
            self._try(name, partial(self._warm, name))
        with _no_garbage_collection():
            stopped = self._rounds(fewest, most, seconds, width)
        self._write_down(stopped)
        return {name: self.samples.get(name) for name in self.arms}

    def _warm(self, name: str) -> None:
        """Run an arm twice: the second run tells how many of them make a block.

        Only the first is seen by whoever watches which functions run.
        """
        first = self._block(name, 1)
        seconds = [first, self._time(name, 1)]
        self.warm_up[name] = [_resolved(each) for each in seconds]
        self.repeats[name] = max(1, ceil(self.block / seconds[-1]))
        self.samples[name] = []

    def _rounds(self, fewest: int, most: int, seconds: float, width: float) -> Stop:
        """Take rounds; those during which the machine was disturbed are repeated."""
        seen, machine = watching(), Machine(self.device)
        patience = ceil(PATIENCE * fewest)
        done = 0
        before = machine.read()
        while self.samples and done < most:
            taken = self._round(done)
            if not self.samples:
                return "nothing left"
            gc.collect()
            after = machine.read()
            window = machine.window(before, after)
            before = after
            if window.reasons and patience > 0:
                patience -= 1
                seen.refuse(window)
                continue
            seen.keep(window)
            for name in self.samples:
                self.samples[name].append(taken[name])
            done += 1
            if fewest <= done < most and self._is_narrow(width):
                return "narrow"
            if fewest <= done < most and self.spent >= seconds:
                return "seconds"
        return "rounds" if self.samples else "nothing left"

    def _round(self, turn: int) -> dict[str, float]:
        """Run a block of each arm; who begins rotates."""
        names = list(self.samples)
        shift = turn % len(names)
        taken = {}
        for name in names[shift:] + names[:shift]:
            repeats = self.repeats[name]
            seconds = self._try(name, partial(self._time, name, repeats))
            if seconds is not None:
                self.spent += seconds
                taken[name] = _resolved(seconds / repeats)
        return taken

    def _is_narrow(self, width: float) -> bool:
        """Whether enough is known of every arm that is left."""
        first, *others = self.samples.values()
        ratios = [
            [mine / reference for mine, reference in zip(other, first, strict=True)]
            for other in others
        ]
        return all(is_narrow(each, width) for each in ratios or [first])

    def _time(self, name: str, repeats: int) -> float:
        """Seconds for a block of runs that nobody watches."""
        with unobserved():
            return self._block(name, repeats)

    def _block(self, name: str, repeats: int) -> float:
        """Seconds for a block of runs, synchronised at its two ends."""
        arm = self.arms[name]
        _synchronise(self.device)
        start = self.timer()
        for _ in range(repeats):
            arm()
        _synchronise(self.device)
        return max(self.timer() - start, 1e-9)

    def _try(self, name: str, action: Callable[[], T]) -> T | None:
        """Make a gap of an arm that runs out of memory, and free what it held."""
        try:
            return action()
        except (RuntimeError, MemoryError) as error:
            if not self.gaps_allowed or not _is_out_of_memory(error):
                raise
            self.gaps[name] = "out of memory"
            self.samples.pop(name, None)
        gc.collect()  # only here is the exception gone, and what its frames held
        if self.device == "cuda":
            torch.cuda.empty_cache()
        return None

    def _write_down(self, stopped: Stop) -> None:
        """Tell whoever watches what was done, and how the process was set up."""
        seen = watching()
        rounds = max(map(len, self.samples.values()), default=0)
        seen.runs.append(Run(rounds, stopped, self.warm_up, dict(self.gaps)))
        for name, value in settings(self.device).items():
            seen.note(name, value)


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return any(words in text for words in NO_MEMORY)


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
