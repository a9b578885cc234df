"""Confinement: a process that may write in one folder and nowhere else.

Python tells its audit hooks of each file that is opened for writing, renamed or
removed, of each process that is started and each connection that is made. What
is not allowed is refused before it happens, with a PermissionError, and reported.
Compiled code that goes around Python is not seen.
"""

import os
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

FILE_LIMIT = 1 << 28
"""Bytes that one file may grow to."""

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

CHANGES: Mapping[str, tuple[tuple[int, int], ...]] = {
    "os.chflags": ((0, -1),),
    "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),),
    "os.link": ((1, 3),),
    "os.mkdir": ((0, 2),),
    "os.remove": ((0, 1),),
    "os.removexattr": ((0, -1),),
    "os.rename": ((0, 2), (1, 3)),
    "os.rmdir": ((0, 1),),
    "os.setxattr": ((0, -1),),
    "os.symlink": ((1, 2),),
    "os.truncate": ((0, -1),),
    "os.utime": ((0, 3),),
    "sqlite3.connect": ((0, -1),),
}
"""Events that change a file: which arguments name it, and the folder it is in."""

STARTS = {
    "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system",
    "pty.spawn", "subprocess.Popen",
}  # fmt: skip
CONNECTS = {"socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo"}
ENDS = {"os.kill", "os.killpg"}

HARMLESS = {"/dev/null", ":memory:", ""}

Report = Callable[[str, str], None]
"""Told of the kind of what was refused, and of what it was."""


def confine(folder: Path, report: Report, *, alone: bool) -> None:
    """Confine this process for as long as it lives.

    ``alone``: it may start no process and make no connection either.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    if hard == resource.RLIM_INFINITY or hard > FILE_LIMIT:
        resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LIMIT, hard))
    sys.addaudithook(_Guard(os.path.realpath(folder), report, alone=alone))


class _Guard:
    """An audit hook that refuses."""

    def __init__(self, base: str, report: Report, *, alone: bool) -> None:
        self._base = base
        self._report = report
        self._alone = alone

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        """Look at an event. Raises: PermissionError to refuse it."""
        if event == "open":
            if _is_writing(arguments[1], arguments[2]):
                self._require_inside(arguments[0], -1)
        elif event in CHANGES:
            for name, within in CHANGES[event]:
                known = 0 <= within < len(arguments)
                self._require_inside(
                    arguments[name], arguments[within] if known else -1
                )
        elif self._alone and event in STARTS:
            self._refuse("process", f"it starts another process ({event})")
        elif self._alone and event in CONNECTS:
            self._refuse("network", f"it uses the network ({event})")
        elif event in ENDS and arguments[0] not in {os.getpid(), 0}:
            self._refuse("process", f"it ends another process ({event})")

    def _refuse(self, kind: str, what: str) -> None:
        self._report(kind, what)
        said = f"refused by bookfigs: {what}"
        raise PermissionError(said)

    def _require_inside(self, name: object, within: object) -> None:
        """Refuse a path outside of the folder."""
        if not isinstance(name, str | bytes | os.PathLike):  # a descriptor
            return
        path = os.fsdecode(name)
        if path.startswith("file:"):  # as SQLite writes addresses
            path, _, query = path.removeprefix("file:").partition("?")
            path = ":memory:" if "mode=memory" in query else path
        if path in HARMLESS:
            return
        if isinstance(within, int) and within >= 0:
            path = os.path.join(_folder(within), path)  # noqa: PTH118 - as texts
        real = os.path.realpath(path)
        if real != self._base and not real.startswith(self._base + os.sep):
            self._refuse("write", f"it writes {path}, which is outside of its folder")


def _is_writing(mode: object, flags: object) -> bool:
    if isinstance(mode, str) and set("wax+") & set(mode):
        return True
    return isinstance(flags, int) and bool(flags & WRITING)


def _folder(descriptor: int) -> str:
    """The folder that a descriptor stands for, where the system tells."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - as a text
    except OSError:
        return "."
