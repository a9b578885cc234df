"""The circumstances of a measurement: device, commit, versions, load.

Nothing here imports torch: which device is at hand is read from the operating
system, so that planning stays cheap.
"""

import os
import platform
import re
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from bookfigs.book import GENERATED
from bookfigs.errors import EnvironmentMissingError, InputError
from bookfigs.measure.conditions import Conditions
from bookfigs.measure.gpu import smi
from bookfigs.record import Device, Provenance

PACKAGES = ("torch", "numpy", "scipy", "matplotlib", "bookfigs", "numba", "triton")
"""Packages whose version may change a result."""


def this_device(asked: str = "auto") -> Device:
    """The device to measure on: a CUDA device if there is one, else the CPU.

    Raises: EnvironmentMissingError if ``cuda`` is asked for and not there.
    """
    cuda = None if asked == "cpu" else _cuda()
    if asked == "cuda" and cuda is None:
        raise EnvironmentMissingError(
            "--device cuda",
            "nvidia-smi finds no CUDA device here",
            run="bookfigs figures --device cpu",
        )
    return cuda or _cpu()


def _cpu() -> Device:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Device("cpu", _cpu_name(), cores(), round(pages / 2**30))


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2]
                return " ".join(name.replace("(R)", "").replace("(TM)", "").split())
    return platform.processor() or platform.machine() or "unknown"


def _cuda() -> Device | None:
    """Ask the driver for the first CUDA device that this process may use, if any."""
    answer = smi("name", "memory.total", "driver_version")
    first = (answer or "").split(", ")
    if len(first) != 3:  # noqa: PLR2004 - as many as were asked for
        return None
    name, memory, driver = first
    mebibytes = int(memory) if memory.isdecimal() else 0  # some have none of their own
    return Device("cuda", name, cores(), round(mebibytes / 1024), driver)


def provenance(
    root: Path,
    closure: Mapping[str, str],
    *,
    threads: int,
    load: float,
    seconds: float,
    conditions: Conditions | None = None,
) -> Provenance:
    """Circumstances of a measurement that has just ended.

    No host, user or path is among them: a record is published.
    """
    return Provenance(
        commit=git(root, "rev-parse", "HEAD"),
        dirty=bool(changed_files(root)),
        date=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        versions=versions(),
        threads=threads,
        load=round(load, 2),
        seconds=round(seconds, 3),
        closure=dict(closure),
        system=system(),
        conditions=conditions,
    )


def changed_files(root: Path) -> list[str]:
    """Files that differ from the commit, and Python files that are not in it.

    Generated files and evidence do not count, nor does what git ignores.
    """
    made = [f":(exclude,glob)**/{folder}/**" for folder in (GENERATED, "evidence")]
    status = git(
        root, "status", "--porcelain", "--untracked-files=all", "--", ".", *made
    )
    names = [line.split(maxsplit=1) for line in status.splitlines()]
    return [n for kind, n in names if kind != "??" or n.strip('"').endswith(".py")]


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that may change a result."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def system() -> dict[str, str]:
    """Operating system, kernel, architecture and C library, as far as they tell."""
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:  # not Linux, or it does not say
        name = " ".join([platform.system(), platform.mac_ver()[0]]).strip()
    kernel = re.match(r"\d+(\.\d+)*", platform.release())
    found = {
        "os": name,
        "kernel": kernel[0] if kernel else "",  # what follows may name a host
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()).strip(),
    }
    return {name: value for name, value in found.items() if value}


def git(root: Path, *arguments: str) -> str:
    """Output of a git command, or nothing where there is no git or no commit."""
    command = ["git", "-C", str(root), *arguments]
    try:
        answer = subprocess.run(  # noqa: S603 - arguments are ours
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=True,
            timeout=60,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.rstrip()


def day(moment: str, where: str) -> str:
    """The day of a record's date. Raises: InputError if it is no date."""
    try:
        return datetime.fromisoformat(moment).date().isoformat()
    except ValueError as error:
        raise InputError(where, f"date {moment!r} is no ISO 8601 date") from error
