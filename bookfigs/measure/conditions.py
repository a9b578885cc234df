"""Conditions: what the machine was like while it was timed.

Whoever measures opens ``with watch() as seen:``; the clock, wherever below it is
called, writes down what it observed. Nothing here imports torch or the engine.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

from msgspec import Struct

Reason = Literal["throttled", "loaded", "stolen", "unsteady"]
"""Why a window tells nothing of the arms: the processor or GPU slowed itself down,
other programs ran, the host took the processor away, or a loop of known work took
much longer than at its quickest."""
Stop = Literal["narrow", "rounds", "seconds", "nothing left"]


class Run(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What one call of the clock did."""

    rounds: int
    stopped: Stop
    """All intervals were narrow; the most rounds or the most seconds were reached;
    or no arm was left."""
    warm_up: dict[str, list[float]] = {}
    """Seconds of the first run of each arm, which may compile and allocate, and of
    the second."""
    gaps: dict[str, str] = {}
    """Arms that could not be run, and why."""


class Window(Struct, frozen=True, omit_defaults=True):
    """What was seen of the machine from one end of a round to the other.

    None: this machine does not tell.
    """

    reasons: list[Reason] = []
    others: float | None = None
    """Cores that other programs used, on average."""
    steal: float | None = None
    """Share of the processor that the host gave to others."""
    slowest_mhz: float | None = None
    fastest_mhz: float | None = None
    celsius: float | None = None
    unsteady: float | None = None
    """Time of a loop of known work over its quickest."""
    throttling: list[str] = []
    """What slowed the processor or the GPU down, in the driver's words."""


class Conditions(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """All that was seen while a figure was measured; mergeable, JSON-able.

    Of the numbers the worst over all windows that were kept; None: not known.
    """

    runs: list[Run] = []
    windows: int = 0
    """Rounds whose samples were kept."""
    refused_windows: int = 0
    """Rounds that were thrown away and repeated."""
    refused: dict[str, int] = {}
    """Reason → how many of those; a window may have several reasons."""
    disturbed_windows: int = 0
    """Rounds that were kept though disturbed: the clock's patience was over."""
    disturbed: dict[str, int] = {}
    """Reason → how many of those."""
    others: float | None = None
    steal: float | None = None
    slowest_mhz: float | None = None
    fastest_mhz: float | None = None
    celsius: float | None = None
    unsteady: float | None = None
    throttling: list[str] = []
    settings: dict[str, str] = {}
    """Threads, denormals, allocator, CUDA: name → value, or all values it had."""

    def keep(self, window: Window) -> None:
        """Count a window whose samples are used."""
        self.windows += 1
        self.disturbed_windows += bool(window.reasons)
        _count(self.disturbed, dict.fromkeys(window.reasons, 1))
        self._note_worst(window)

    def refuse(self, window: Window) -> None:
        """Count a window that is repeated."""
        self.refused_windows += 1
        _count(self.refused, dict.fromkeys(window.reasons, 1))

    def note(self, name: str, value: object) -> None:
        """Write down a setting of the process; values that differ are all kept."""
        known = (
            self.settings.get(name, "").split(" | ") if name in self.settings else []
        )
        self.settings[name] = " | ".join(dict.fromkeys([*known, str(value)]))

    def merge(self, *others: "Conditions") -> "Conditions":
        """Return the conditions of several points, as if one process had seen them."""
        merged = Conditions()
        for part in (self, *others):
            merged.runs += part.runs
            merged.windows += part.windows
            merged.refused_windows += part.refused_windows
            merged.disturbed_windows += part.disturbed_windows
            _count(merged.refused, part.refused)
            _count(merged.disturbed, part.disturbed)
            merged._note_worst(part)
            for name, values in part.settings.items():
                for value in values.split(" | "):
                    merged.note(name, value)
        return merged

    def _note_worst(self, seen: "Window | Conditions") -> None:
        """Keep the worst of the numbers."""
        self.others = _largest(self.others, seen.others)
        self.steal = _largest(self.steal, seen.steal)
        self.fastest_mhz = _largest(self.fastest_mhz, seen.fastest_mhz)
        self.celsius = _largest(self.celsius, seen.celsius)
        self.unsteady = _largest(self.unsteady, seen.unsteady)
        known = [x for x in (self.slowest_mhz, seen.slowest_mhz) if x is not None]
        self.slowest_mhz = min(known, default=None)
        self.throttling = sorted({*self.throttling, *seen.throttling})


@contextmanager
def watch() -> Iterator[Conditions]:
    """Collect what every clock below observes; the innermost watcher gets it."""
    seen = Conditions()
    token = _watching.set(seen)
    try:
        yield seen
    finally:
        _watching.reset(token)


def watching() -> Conditions:
    """Return what is being collected; something that nobody reads if nobody watches."""
    seen = _watching.get()
    return Conditions() if seen is None else seen


_watching: ContextVar[Conditions | None] = ContextVar("watching", default=None)


def _count(counts: dict[str, int], more: Mapping[Any, int]) -> None:
    for reason, count in more.items():
        counts[reason] = counts.get(reason, 0) + count


def _largest(*values: float | None) -> float | None:
    return max((value for value in values if value is not None), default=None)
