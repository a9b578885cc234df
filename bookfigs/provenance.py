"""The circumstances of a measurement: device, commit, versions, load.

Nothing here imports torch: which device is at hand is read from the operating
system, so that planning stays cheap.
"""

import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from bookfigs.book import GENERATED
from bookfigs.errors import EnvironmentMissingError, InputError
from bookfigs.record import Device, Provenance

PACKAGES = ("torch", "numpy", "scipy", "matplotlib", "bookfigs")
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
    query = "--query-gpu=name,memory.total,driver_version"
    command = ["nvidia-smi", query, "--format=csv,noheader,nounits"]
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
    first = answer.stdout.strip().partition("\n")[0].split(", ")
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
) -> Provenance:
    """Circumstances of a measurement that has just ended."""
    return Provenance(
        commit=git(root, "rev-parse", "HEAD"),
        dirty=bool(changed_files(root)),
        date=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        versions=versions(),
        threads=threads,
        load=round(load, 2),
        seconds=round(seconds, 3),
        closure=dict(closure),
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
