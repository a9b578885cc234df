"""A program of one process per order: the command line, with one write that fails.

It imports the command line once and forks for each order, a line of JSON with the
arguments, the folder that is watched, and the fault. In the fork every primitive that
writes below that folder is a *point*: opening for writing, write, fsync, close,
rename, unlink, mkdir, rmdir, chmod, flock. At the point of the asked number something
goes wrong: nothing is done and an error is raised, or all of it (of a write: half of
it) is done and an error is raised, or the process is killed before or then.
"""

# pathlib is among what is watched, and must not watch itself
# ruff: noqa: PTH100, PTH115, PTH118

import atexit
import builtins
import errno
import fcntl
import io
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from warm import prepare

REFUSED = {
    "ENOSPC": errno.ENOSPC,
    "EIO": errno.EIO,
    "EACCES": errno.EACCES,
    "EINTR": errno.EINTR,
}
FAULTS = (*REFUSED, "EIO after", "interrupt", "kill", "kill after")
"""What may happen at a point; *after*: when it is done, of a write half of it."""

PATIENCE = 120
"""Seconds after which a command counts as hanging."""

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
ONE_PATH = (
    "mkdir", "rmdir", "unlink", "remove", "chmod", "truncate", "utime",
    "fsync", "fchmod", "ftruncate",
)  # fmt: skip
TWO_PATHS = ("rename", "replace", "link", "symlink")


class Points:
    """Counts the points, and lets the asked one fail."""

    def __init__(self, watched: str, number: int, fault: str) -> None:
        self.watched = os.path.realpath(watched)
        self.number = number
        self.fault = fault
        self.seen: list[str] = []
        self._lock = threading.Lock()

    def is_watched(self, target: Any) -> bool:
        """Whether something is a path, or a descriptor, of a file below the folder."""
        if isinstance(target, int):
            try:
                path = os.readlink(f"/proc/self/fd/{target}")
            except OSError:
                return False
            return path.startswith(self.watched + "/")
        if target is None:
            return False
        parent, name = os.path.split(os.path.abspath(os.fsdecode(target)))
        path = os.path.join(os.path.realpath(parent), name)
        return path.startswith(self.watched + "/")

    def pass_by(self, what: str, target: Any, act: Callable[[], Any]) -> Any:
        """Do it, unless this is the point at which it fails."""
        with self._lock:
            self.seen.append(f"{what} {self._name(target)}")
            is_it = len(self.seen) == self.number
        if not is_it:
            return act()
        if self.fault == "interrupt":
            raise KeyboardInterrupt
        if self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        # no file system makes a file and says that it did not
        refused = "EIO" if (self.fault, what) == ("EIO after", "open") else self.fault
        if code := REFUSED.get(refused):
            raise OSError(code, os.strerror(code), target)
        act()
        if self.fault == "kill after":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(errno.EIO, os.strerror(errno.EIO), target)

    def write(self, content: Any, target: int, act: Callable[[Any], Any]) -> Any:
        """Write, or half of it where that is the fault."""
        half = len(self.seen) + 1 == self.number and self.fault.endswith("after")
        part = memoryview(content)[: len(content) // 2] if half else content
        return self.pass_by("write", target, lambda: act(part))

    def _name(self, target: Any) -> str:
        if isinstance(target, int):
            target = os.readlink(f"/proc/self/fd/{target}")
        path = os.path.abspath(os.fsdecode(target))
        return os.path.relpath(path, self.watched)


def _opening(points: Points) -> list[tuple[Any, str, Any]]:
    """What takes the place of opening a file; such a file is written in points."""
    real_open, real_io = os.open, io.open

    class File(io.FileIO):
        """An unbuffered file whose writes and close are points."""

        def write(self, content: Any) -> Any:
            return points.write(content, self.fileno(), super().write)

        def close(self) -> None:
            if self.closed or not points.is_watched(self.fileno()):
                super().close()
            else:
                points.pass_by("close", self.fileno(), super().close)

    def os_open(path: Any, flags: int, *more: Any, **named: Any) -> Any:
        def act() -> Any:
            return real_open(path, flags, *more, **named)

        if flags & WRITING and points.is_watched(path):
            return points.pass_by("open", path, act)
        return act()

    def io_open(file: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
        if not set(mode) & set("wax+") or not points.is_watched(file):
            return real_io(file, mode, *more, **named)
        kept = {name: named[name] for name in ("closefd", "opener") if name in named}
        encoding = named.get("encoding", more[1] if len(more) > 1 else None)

        def act() -> Any:
            return File(file, mode.replace("b", "").replace("t", ""), **kept)

        is_open = isinstance(file, int)
        raw = act() if is_open else points.pass_by("open", file, act)
        buffered = io.BufferedRandom if "+" in mode else io.BufferedWriter
        return (
            buffered(raw) if "b" in mode else io.TextIOWrapper(buffered(raw), encoding)
        )

    return [(os, "open", os_open), (io, "open", io_open), (builtins, "open", io_open)]


def _writing(points: Points) -> Callable[[int, Any], Any]:
    """What takes the place of ``os.write``."""
    real = os.write

    def write(descriptor: int, content: Any) -> Any:
        if not points.is_watched(descriptor):
            return real(descriptor, content)
        return points.write(content, descriptor, lambda part: real(descriptor, part))

    return write


def _watching(
    points: Points, real: Callable[..., Any], paths: int
) -> Callable[..., Any]:
    """What takes the place of a primitive whose first arguments are paths."""

    def call(*arguments: Any, **named: Any) -> Any:
        given = [getattr(one, "fileno", lambda one=one: one)() for one in arguments]
        given = given[:paths]
        if named.get("dir_fd") is not None:  # as shutil.rmtree names them
            folder = os.readlink(f"/proc/self/fd/{named['dir_fd']}")
            given = [os.path.join(folder, given[0])]
        if not any(points.is_watched(one) for one in given):
            return real(*arguments, **named)
        return points.pass_by(
            real.__name__, given[-1], lambda: real(*arguments, **named)
        )

    return call


@contextmanager
def failing(points: Points) -> Iterator[None]:
    """Put the primitives of writing under watch."""
    patched = [*_opening(points), (os, "write", _writing(points))]
    patched.append((fcntl, "flock", _watching(points, fcntl.flock, 1)))
    for names, paths in ((ONE_PATH, 1), (TWO_PATHS, 2)):
        patched += [
            (os, name, _watching(points, getattr(os, name), paths)) for name in names
        ]
    kept = [(owner, name, getattr(owner, name)) for owner, name, _ in patched]
    for owner, name, new in patched:
        setattr(owner, name, new)
    try:
        yield
    finally:
        for owner, name, old in kept:
            setattr(owner, name, old)


def obey(order: dict[str, Any]) -> None:
    """Run the command line as ordered; ends the process as Python would."""
    os.setsid()
    os.chdir(order["cwd"])
    os.environ.update(order["environment"])
    for descriptor, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    import tempfile

    tempfile.tempdir = None
    sys.argv = ["bookfigs", *order["arguments"]]
    points = Points(order["watched"], order["number"], order["fault"])
    status = 0
    with failing(points):
        from bookfigs.__main__ import main

        try:
            main()
        except SystemExit as end:
            status = (
                end.code if isinstance(end.code, int) else int(end.code is not None)
            )
        except BaseException:  # noqa: BLE001 - what Python does with it
            traceback.print_exc()
            status = 1
        threading._shutdown()  # type: ignore[attr-defined] # as Python ends
        atexit._run_exitfuncs()
        sys.stdout.flush()
    Path(order["trace"]).write_text("\n".join(points.seen))
    os._exit(status)


def wait(child: int) -> int:
    """The status of a process; -999 if it had to be ended."""
    alarm = threading.Timer(PATIENCE, os.killpg, (child, signal.SIGALRM))
    alarm.start()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    alarm.cancel()
    alarm.join()
    return -999 if status == -signal.SIGALRM else status


def serve() -> None:
    """Fork for each order; answer with the status."""
    prepare("bookfigs")  # so that a fork need not
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            obey(json.loads(line))
        sys.stdout.write(f"{wait(child)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
