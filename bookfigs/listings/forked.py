"""Forks of a warm process: each does one thing, within limits, and ends."""

import ctypes
import faulthandler
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

MEMORY = 4 << 30
"""Bytes that it may take beyond what it begins with."""

PARENT_DEATH = 1
"""The option of Linux that ends a child with its parent."""


END = "end"
"""The last message: with the exit status."""


class Said(Struct, frozen=True, array_like=True):
    """A message of a fork."""

    kind: str
    name: str = ""
    seconds: float = 0.0


class Gone(NamedTuple):
    """How a fork ended."""

    status: int
    """Exit status; negative for a signal."""
    said: list[Said]
    late: bool
    """Whether it was ended for taking too long."""
    seconds: float
    """Processor time that it took."""


Tell = Callable[[Said], None]


def forked(act: Callable[[Tell], int], printed: Path, seconds: float) -> Gone:
    """Do something in a fork, which ends with all of its children.

    What it prints goes to a file. It has ``seconds`` of real time.
    """
    inlet, outlet = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(inlet)
        _act(act, printed, outlet)
    os.close(outlet)
    try:
        said, late = _hear(inlet, time.monotonic() + seconds)
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
        os.close(inlet)
        _, code, used = os.wait4(child, 0)
    status = os.waitstatus_to_exitcode(code)
    if said and said[-1].kind == END:  # it may have been killed on its way out
        status = int(said[-1].seconds)
    return Gone(status, said, late, used.ru_utime + used.ru_stime)


def limit(seconds: float) -> None:
    """End this process after so much more processor time; never if 0."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)


def _act(act: Callable[[Tell], int], printed: Path, outlet: int) -> None:
    """Be the fork, to the end of the process."""
    status = 70
    try:
        os.setpgid(0, 0)
        _die_with_parent()
        _limit_memory()
        file = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, 1)
        os.dup2(file, 2)
        faulthandler.enable(file)  # else a crash is told where the parent prints
        status = act(lambda said: _tell(outlet, said))
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - the fork ends here
        traceback.print_exc()
    finally:
        _tell(outlet, Said(END, seconds=float(status)))
        os._exit(status)


def _tell(pipe: int, said: Said) -> None:
    os.write(pipe, msgspec.json.encode(said) + b"\n")


def _hear(inlet: int, deadline: float) -> tuple[list[Said], bool]:
    """Listen until the fork has ended, or has said that it does, or it is too late."""
    heard = b""
    while b'["end"' not in heard[-64:] or not heard.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([inlet], [], [], left)[0]:
            return _said(heard), True
        chunk = os.read(inlet, 1 << 16)
        if not chunk:
            break
        heard += chunk
    return _said(heard), False


def _said(heard: bytes) -> list[Said]:
    whole = heard[: heard.rfind(b"\n") + 1]
    return [msgspec.json.decode(line, type=Said) for line in whole.splitlines()]


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DEATH, signal.SIGKILL)


def _limit_memory() -> None:
    """Let what asks for too much memory fail, rather than the machine."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:
        return
    most = pages * resource.getpagesize() + MEMORY
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
