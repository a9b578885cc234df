"""Readings: load, steal, clock, temperature and throttling around a round.

Everything is read from the operating system and the driver. What a machine does
not tell is None and never an error, and refuses no window.
"""

import os
import time
from pathlib import Path
from typing import NamedTuple

from bookfigs.measure.conditions import Reason, Window
from bookfigs.measure.gpu import Ask, Gpu, read_gpu, smi

OTHERS = 0.25
"""Cores that other programs may use during a window; a quarter of all where a GPU
does the work."""
STEAL = 0.05
"""Share of the processor that the host may take away during a window."""
UNSTEADY = 1.8
"""Times its quickest that a loop of known work may take at the ends of a window."""
TICKS = 3
"""Ticks of the kernel's accounting below which a difference means nothing."""
PROBE = 30_000
"""Turns of the loop of known work: about a millisecond."""
SMI_SECONDS = 2.0
"""Age up to which an answer of the driver is used again: asking takes a while."""


class Reading(NamedTuple):
    """The machine at one moment; counters count from some moment on."""

    at: float
    busy: float | None = None
    """Core-seconds that anybody used, on the cores of this process."""
    own: float = 0.0
    """Core-seconds that this process and its children used."""
    steal: float | None = None
    throttles: int | None = None
    megahertz: tuple[float, ...] = ()
    celsius: float | None = None
    probe: float = 0.0
    throttling: tuple[str, ...] = ()


class Machine:
    """Reads one machine, and says what of a window speaks against it."""

    def __init__(
        self, device: str, *, root: Path = Path("/"), ask: Ask | None = None
    ) -> None:
        self._cores = cores()
        self._root = root
        self._ask = (ask or smi) if device == "cuda" else None
        self._gpu: tuple[float, Gpu | None] = (float("-inf"), None)
        self._allowed = OTHERS if device == "cpu" else max(OTHERS, len(self._cores) / 4)
        self._quickest = float("inf")

    def read(self) -> Reading:
        """Read everything. Cost: some milliseconds; with a GPU sometimes a hundred."""
        at = time.monotonic()
        gpu = self._read_gpu(at)
        busy, steal = self._read_stat()
        times = os.times()
        reading = Reading(
            at,
            busy,
            sum(times[:4]),
            steal,
            self._read_throttles(),
            gpu.megahertz if gpu else self._read_clock(),
            gpu.celsius if gpu else self._read_temperature(),
            _probe(),
            gpu.throttling if gpu else (),
        )
        self._quickest = min(self._quickest, reading.probe)
        return reading

    def window(self, before: Reading, after: Reading) -> Window:
        """Return what happened between two readings, and what speaks against it."""
        unsteady = max(before.probe, after.probe) / max(self._quickest, 1e-9)
        others, other_ticks = self._others(before, after)
        steal, steal_ticks = self._stolen(before, after)
        reasons: list[Reason] = []
        if after.throttling or (after.throttles or 0) > (before.throttles or 0):
            reasons.append("throttled")
        if others is not None and others > self._allowed and round(other_ticks) > TICKS:
            reasons.append("loaded")
        if steal is not None and steal > STEAL and round(steal_ticks) > TICKS:
            reasons.append("stolen")
        if unsteady > UNSTEADY:
            reasons.append("unsteady")
        clocks = before.megahertz + after.megahertz
        return Window(
            reasons,
            _rounded(others),
            _rounded(steal),
            min(clocks, default=None),
            max(clocks, default=None),
            after.celsius,
            _rounded(unsteady),
            sorted(after.throttling),
        )

    def _others(self, before: Reading, after: Reading) -> tuple[float | None, float]:
        """Return the cores that others used, and the ticks that this is."""
        if before.busy is None or after.busy is None:
            return None, 0
        own = after.own - before.own
        used = after.busy - before.busy
        if used < own / 2:  # the kernel counts other cores, or none
            return None, 0
        foreign = max(0.0, used - own)
        return foreign / _seconds(before, after), foreign * _tick_rate()

    def _stolen(self, before: Reading, after: Reading) -> tuple[float | None, float]:
        """Return the share of the cores that was stolen, and the ticks that this is."""
        if before.steal is None or after.steal is None:
            return None, 0
        stolen = after.steal - before.steal
        share = stolen / _seconds(before, after) / len(self._cores)
        return share, stolen * _tick_rate()

    def _read_stat(self) -> tuple[float | None, float | None]:
        """Core-seconds used and stolen, of the cores of this process."""
        used = stolen = 0
        known = False
        for line in self._text("proc/stat").splitlines():
            name, *counts = line.split()
            if name not in self._cores or len(counts) < 8:  # noqa: PLR2004 - up to steal
                continue
            user, nice, system, _, _, irq, softirq, steal = map(int, counts[:8])
            used += user + nice + system + irq + softirq
            stolen += steal
            known = True
        rate = _tick_rate()
        return (used / rate, stolen / rate) if known else (None, None)

    def _read_throttles(self) -> int | None:
        """How often any of the cores was throttled since the machine started."""
        found = [
            _number(
                self._text(f"sys/devices/system/cpu/{core}/thermal_throttle/{kind}")
            )
            for core in self._cores
            for kind in ("core_throttle_count", "package_throttle_count")
        ]
        counts = [int(count) for count in found if count is not None]
        return sum(counts) if counts else None

    def _read_clock(self) -> tuple[float, ...]:
        """Frequencies of the cores, in megahertz."""
        kilohertz = [
            _number(
                self._text(f"sys/devices/system/cpu/{core}/cpufreq/scaling_cur_freq")
            )
            for core in self._cores
        ]
        known = tuple(k / 1000 for k in kilohertz if k is not None)
        if known:
            return known
        lines = self._text("proc/cpuinfo").splitlines()
        values = [
            line.partition(":")[2] for line in lines if line.startswith("cpu MHz")
        ]
        return tuple(v for v in map(_number, values) if v is not None)

    def _read_temperature(self) -> float | None:
        """Hottest thermal zone, in degrees Celsius."""
        zones = sorted((self._root / "sys/class/thermal").glob("thermal_zone*/temp"))
        found = [_number(_read(zone)) for zone in zones]
        plausible = [t / 1000 for t in found if t is not None and 0 < t < 150_000]  # noqa: PLR2004 - degrees
        return max(plausible, default=None)

    def _read_gpu(self, at: float) -> Gpu | None:
        """Clock, temperature and throttling of the GPU, at most some seconds old."""
        if self._ask is None:
            return None
        asked, known = self._gpu
        if at - asked > SMI_SECONDS:
            known = read_gpu(self._ask)
            self._gpu = (time.monotonic(), known)
        return known

    def _text(self, name: str) -> str:
        return _read(self._root / name)


def cores() -> list[str]:
    """Names of the cores that this process may use, as the kernel writes them."""
    if hasattr(os, "sched_getaffinity"):
        return [f"cpu{core}" for core in sorted(os.sched_getaffinity(0))]
    return [f"cpu{core}" for core in range(os.cpu_count() or 1)]


def _probe() -> float:
    """Seconds of a loop of known work, on one core."""
    start = time.perf_counter()
    for _ in range(PROBE):
        pass
    return time.perf_counter() - start


def _seconds(before: Reading, after: Reading) -> float:
    return max(after.at - before.at, 1e-9)


def _tick_rate() -> float:
    return float(os.sysconf("SC_CLK_TCK")) if hasattr(os, "sysconf") else 100.0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
