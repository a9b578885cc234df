"""GPU: what the driver tells of the first one that this process may use."""

import os
import subprocess
from collections.abc import Callable
from typing import NamedTuple

LIMITS = {
    0x08: "hardware slowdown",
    0x20: "thermal slowdown (software)",
    0x40: "thermal slowdown (hardware)",
    0x80: "power brake",
}
"""Bits of NVML's clock event reasons that make a window worthless. The cap on power
(bit 0x4) is none of them: it is how a GPU runs under full load."""

FIELDS = ("clocks.sm", "temperature.gpu")
REASONS = ("clocks_event_reasons.active", "clocks_throttle_reasons.active")
"""The second is what drivers before version 535 call it."""

Ask = Callable[..., str | None]


class Gpu(NamedTuple):
    """A GPU at one moment; empty or None where the driver does not tell."""

    megahertz: tuple[float, ...]
    celsius: float | None
    throttling: tuple[str, ...]


def read_gpu(ask: Ask) -> Gpu | None:
    """Ask for clock, temperature and what holds the clock down; None: no answer."""
    for reasons in REASONS:
        answer = ask(*FIELDS, reasons)
        parts = [part.strip() for part in (answer or "").split(",")]
        if len(parts) == len(FIELDS) + 1:
            clock, celsius = map(_number, parts[:2])
            return Gpu(() if clock is None else (clock,), celsius, _limits(parts[2]))
    return None


def smi(*fields: str) -> str | None:
    """Return the first line of nvidia-smi's answer; None where there is none.

    Cost: the start of a process, some tens of milliseconds.
    """
    command = [
        "nvidia-smi",
        f"--query-gpu={','.join(fields)}",
        "--format=csv,noheader,nounits",
    ]
    visible, *_ = os.environ.get("CUDA_VISIBLE_DEVICES", "all").split(",")
    if visible in {"", "-1"}:
        return None
    if visible != "all" and not visible.startswith("MIG"):
        command.append(f"--id={visible}")
    try:
        answer = subprocess.run(  # noqa: S603 - no shell reads it
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=True,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip().partition("\n")[0]


def _limits(bits: str) -> tuple[str, ...]:
    """Names of the bits that are set; none if the driver does not tell."""
    try:
        active = int(bits, 16)
    except ValueError:  # "[N/A]" and the like
        return ()
    return tuple(name for bit, name in LIMITS.items() if active & bit)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
