"""Files that appear whole or not at all, whenever the run that writes them ends.

What is written has a name of its own until it is complete, and takes the place of
the old file then. That name is always the same for a file, and locked while it is
in use: so what a killed run has left is taken over by the next run that writes the
file, and two runs at once do not write into each other's.
"""

import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path

ENDING = ".bookfigs"
"""How the name ends that a file has until it is complete."""

MODE = 0o644
"""Permissions of a new file; one that is there keeps those that it has."""


def write_whole(path: Path, content: bytes) -> bool:
    """Write a file so that it appears whole or not at all; False if it was so already.

    Raises: OSError as the file system does; the old content is then still there.
    """
    if path.is_file() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = stat.S_IMODE(path.stat().st_mode) if path.is_file() else MODE
    descriptor, temporary = _begun(path)
    try:
        _fill(descriptor, content)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):  # the first failure is the one to tell
            temporary.unlink(missing_ok=True)
        raise
    finally:
        with suppress(OSError):  # the content is safe, or the failure is told
            os.close(descriptor)
    return True


def _begun(path: Path) -> tuple[int, Path]:
    """Open the file that is to become another one, and lock it.

    Where its usual name cannot be had, as another run writes under it, a link or a
    stranger's file lies there, or nothing can be locked, it gets a name of its own.
    """
    temporary = path.with_name(f".{path.name}{ENDING}")
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with suppress(OSError):
        descriptor = os.open(temporary, flags, 0o600)
        try:
            if _is_ours(descriptor, temporary):
                return descriptor, temporary
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    import tempfile  # noqa: PLC0415 - takes long to import, and is seldom needed

    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    return descriptor, Path(name)


def _is_ours(descriptor: int, path: Path) -> bool:
    """Whether a file is plain, of this user, has no other name, and could be locked.

    Precondition: it is empty, or a run that was killed has left it, or is in use.
    """
    found = os.fstat(descriptor)
    is_plain = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
    if not is_plain or found.st_uid != os.geteuid():
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except BaseException:  # some file systems know no locks; nobody else uses it
        path.unlink(missing_ok=True)
        raise
    return os.path.samestat(found, path.lstat())


def _fill(descriptor: int, content: bytes) -> None:
    os.ftruncate(descriptor, 0)  # a killed run may have left some
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]
