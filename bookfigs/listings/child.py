"""A child process that runs foreign code: listened to, limited, ended for sure."""

import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from bookfigs.errors import EnvironmentMissingError

T = TypeVar("T")

CODE = "import sys; sys.path[:] = {}; from bookfigs.listings.{} import main; main()"
"""A fresh Python that looks for modules where this one does."""

PRINTED_LIMIT = 1 << 20
"""Bytes that it may print; more is taken for an endless loop."""

INTERRUPTED = threading.Event()
"""Set when the user interrupts: every child is ended, whichever thread attends it."""

ONE_THREAD = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS",
)  # fmt: skip

WORK, HOME = "work", "home"
"""Where a child starts, which is empty, and where all that it keeps for itself lies."""

KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
"""Of the user's environment, what a program gets to see."""


class Ended(NamedTuple):
    """How a child ended."""

    status: int
    printed: bytes
    """What it printed, standard output and error in the order of writing."""
    reported: bytes
    """What it wrote to the pipe that only the engine knows."""
    why: str
    """Why it was ended, if it did not end by itself."""


def environment(folder: Path) -> dict[str, str]:
    """The same surroundings on every machine; all that is stored lies in a folder."""
    own = {name: os.environ[name] for name in KEPT if name in os.environ}
    at = str(folder / HOME)
    places = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "MPLCONFIGDIR", "NUMBA_CACHE_DIR")
    return {
        **own,
        **dict.fromkeys(places, at),
        **dict.fromkeys(ONE_THREAD, "1"),
        "HYPOTHESIS_STORAGE_DIRECTORY": at,
        "COLUMNS": "70",
        "CUDA_VISIBLE_DEVICES": "",
        "COVERAGE_CORE": "ctrace",  # the only one that tells contexts apart
        "MPLBACKEND": "agg",
        "NO_COLOR": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
        "TZ": "UTC",
    }


def attend(
    module: str,
    job: object,
    *,
    root: Path,
    folder: Path,
    seconds: float,
    limit: int = PRINTED_LIMIT,
) -> Ended:
    """Run ``main`` of a module of the engine in a fresh Python, and wait for its end.

    It finds its job by ``receive`` and the project's modules by import. It starts
    in an empty folder inside of ``folder``, and ends with all of its children after
    ``seconds``, or when it has printed more than ``limit`` bytes.
    Raises: EnvironmentMissingError if no process can be started.
    """
    for name in (WORK, HOME):
        (folder / name).mkdir()
    inlet, outlet = os.pipe()
    path = [str(root), *(p for p in sys.path if p not in {"", str(root)})]
    command = [sys.executable, "-c", CODE.format(path, module)]
    order = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
    try:
        order.write(msgspec.json.encode(job))
        order.seek(0)
        process = subprocess.Popen(  # noqa: S603 - our own program
            [*command, str(outlet)],
            cwd=folder / WORK,
            env=environment(folder),
            stdin=order,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that its children end with it
            pass_fds=(outlet,),
        )
    except OSError as error:
        os.close(inlet)
        what = f"no process can be started: {error.strerror}"
        run = "the same command, when there is space for temporary files, and memory"
        raise EnvironmentMissingError(module, what, run=run) from error
    finally:
        os.close(outlet)
        order.close()
    try:
        return _listen(process, inlet, seconds, limit)
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(inlet)
        if process.stdout is not None:
            process.stdout.close()


def receive(kind: type[T]) -> tuple[T, int]:
    """In the child: its job, and the pipe for its reports. Then its input is empty."""
    with os.fdopen(os.dup(0), "rb") as order:
        job = msgspec.json.decode(order.read(), type=kind)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    pipe = int(sys.argv[1])
    os.set_inheritable(pipe, False)  # noqa: FBT003 - by its own name
    return job, pipe


def _listen(
    process: "subprocess.Popen[bytes]", inlet: int, seconds: float, limit: int
) -> Ended:
    """Take in what a child says until it ends, or is ended."""
    said = {inlet: b""}
    stream = process.stdout.fileno() if process.stdout is not None else inlet
    said[stream] = b""
    why = ""
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for pipe in said:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            over = process.poll() is not None
            ready = selector.select(0 if over else 0.05)
            for key, _ in ready:
                chunk = os.read(key.fd, 1 << 16)
                said[key.fd] += chunk
                if not chunk:
                    selector.unregister(key.fileobj)
            if len(said[stream]) > limit:
                why = f"printed more than {limit >> 10} KiB and was ended"
            elif not over and (INTERRUPTED.is_set() or time.monotonic() > deadline):
                why = f"did not end within {seconds:g} s and was ended"
            if why or (over and not ready):
                break
    if why:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        if process.poll() is None:
            why = f"closed its output, did not end within {seconds:g} s and was ended"
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
    return Ended(process.wait(), said[stream][:limit], said[inlet], why)
