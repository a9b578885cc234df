"""The machine: who measures on it at a moment, of any user and any book.

Whoever counts shares the machine with others who count; whoever takes times has
it alone. Two files in a folder of the system are locked for that, shared or
exclusively. The first is the turn: it is held only until the second, the
machine itself, is obtained, so that one who wants the machine alone is not
passed over for ever by those who share it.

Nothing is written to the files and no link is followed, so a file that somebody
else put there can do no harm but to make wait, or to be refused with a message.
A lock ends with the last process that holds its descriptor: a worker that
outlives its run still holds the machine. Containers with a ``/tmp`` of their
own do not see each other.
"""

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bookfigs.errors import EnvironmentMissingError

FOLDER = "BOOKFIGS_LOCKS"
"""Environment variable that names another folder than /tmp."""


@contextmanager
def held(*, alone: bool, waiting: Callable[[str], None]) -> Iterator[int]:
    """Hold the machine, alone or with others; yields the descriptor to pass on.

    ``waiting`` is told for what, if it has to be waited for.
    Raises: EnvironmentMissingError if the lock cannot be used, with the reason.
    """
    folder = Path(os.environ.get(FOLDER, "/tmp"))  # noqa: S108 - opened with care
    told: list[str] = []

    def tell(path: Path) -> None:
        if not told:
            told.append(_said(path, alone=alone))
            waiting(told[0])

    turn = _lock(folder / "bookfigs-turn.lock", tell, alone=alone)
    try:
        machine = _lock(folder / "bookfigs-machine.lock", tell, alone=alone)
    finally:
        os.close(turn)
    try:
        yield machine
    finally:
        os.close(machine)


def _said(path: Path, *, alone: bool) -> str:
    if alone:
        return (
            "waits to have the machine to itself: another run of bookfigs measures "
            f"on it ({path} is locked)"
        )
    return (
        "waits for the machine: another run of bookfigs takes times on it, or is "
        f"next to ({path} is locked)"
    )


def _lock(path: Path, tell: Callable[[Path], None], *, alone: bool) -> int:
    """Lock the file that has this name, and still has it when it is locked."""
    mode = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
    while True:
        descriptor = _open(path)
        try:
            try:
                fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
            except BlockingIOError:
                tell(path)
                fcntl.flock(descriptor, mode)
            if _is_still_there(path, descriptor):
                return descriptor
        except OSError as error:
            os.close(descriptor)
            raise _unusable(path, f"cannot be locked: {error.strerror}") from error
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _open(path: Path) -> int:
    """Open the lock file, or make it, without trusting what lies there."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    while True:
        try:
            descriptor = os.open(path, flags)
            break
        except FileNotFoundError:
            _make(path, flags)
        except OSError as error:
            what = f"cannot be opened ({_owner(path)}): {error.strerror}"
            raise _unusable(path, what) from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(descriptor)
        raise _unusable(path, f"is no plain file of its own ({_owner(path)})")
    return descriptor


def _make(path: Path, flags: int) -> None:
    """Make an empty file that everybody may read, and therefore lock."""
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o444)
    except FileExistsError:
        return
    except OSError as error:
        raise _unusable(path, f"cannot be made: {error.strerror}") from error
    os.fchmod(descriptor, 0o444)  # whatever the umask
    os.close(descriptor)


def _is_still_there(path: Path, descriptor: int) -> bool:
    """Whether the locked file was not removed meanwhile, as /tmp is cleaned."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _owner(path: Path) -> str:
    try:
        found = path.lstat()
    except OSError:
        return "it is not there"
    kind = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "a file"
    return f"{kind} of user {found.st_uid}"


def _unusable(path: Path, what: str) -> EnvironmentMissingError:
    return EnvironmentMissingError(
        path,
        f"{what}; bookfigs locks it so that no two runs disturb each other's times",
        run=f"rm {path}, as its owner; or set {FOLDER} to a folder that all who "
        "measure on this machine share",
    )
