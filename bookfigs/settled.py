"""Settled: a run that found nothing to do need not look so closely again.

A build that had nothing to do, and a check that found nothing wrong, leave behind
the state of every file and folder that they looked at, or would look at if it were
there, and what they said. While all of them are in the same state, the next one
says it again. The state of a file is what git keeps in its index: device, inode,
size, and the nanoseconds of its last modification and of its last change of any
kind, which no program can set; that of a folder changes with every name in it.
Nothing is left behind while a file is so young that the clock may be too coarse
to tell its next change apart. Another engine, Python, set of installed packages,
boot or machine is another question.

What could fool it has to change a file and leave the time of its last change as it
was, to the nanosecond: a clock that was set back to that very moment, a write to
the disk below the file system, or a file system that keeps no such time.

This module imports next to nothing, and takes paths as texts: what is settled is
said before anything else is imported.
"""

import marshal
import os
import sys
from collections.abc import Iterable, Iterator

from bookfigs import places

State = tuple[int, int, int, int, int]
StrPath = str | os.PathLike[str]

YOUNG_NS = 2_000_000_000
"""Two seconds, the coarsest clock of a file system in use (FAT)."""

BUILT, CHECKED = "settled", "checked"
"""The files below ``.bookfigs/`` that say so, of a build and of a check."""


PARTS = ("figures", "listings")
"""Folders of a chapter in which each file is one of its parts."""

QUESTIONS: dict[str, tuple[str, tuple[object, ...]]] = {
    "figures": (BUILT, ((), "auto", None)),
    "check": (CHECKED, ("check",)),
}
"""Commands that are answered at once: where the answer is kept, and what is asked."""


class Seen:
    """What a run looked at, and since when."""

    def __init__(
        self, began: int, book: dict[str, State | None], more: dict[str, State | None]
    ) -> None:
        """Take the nanosecond, all that ``states`` names, and what came besides."""
        self.began = began
        self.all = {**book, **more}


def state(path: StrPath) -> State | None:
    """State of a file or folder; None if there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - of thousands of files, as they come
    except OSError:
        return None
    return (
        found.st_dev,
        found.st_ino,
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
    )


def states(folder: StrPath, root: StrPath) -> dict[str, State | None]:
    """State of all that a plan reads, but for what a cache sees.

    That are the sources that figures and listings reach, and tests of listings.

    Cost: one look at each figure, record, picture, listing and folder of the book.
    """
    engine = os.path.dirname(__file__)  # noqa: PTH120 - pathlib takes ten times as long
    return {path: state(path) for path in _all(str(folder), str(root), engine)}


def _all(folder: str, root: str, engine: str) -> Iterator[str]:
    """Every file and folder that a plan looks into; prose is none of them."""
    yield f"{folder}/_quarto.yml"
    yield f"{folder}/_bookfigs/manifest.json"
    yield from _with(f"{folder}/_bookfigs/data", deep=0)
    yield from _with(f"{folder}/_bookfigs/data", deep=0)
    for chapter, is_folder in _names(folder):
        if is_folder:
            for part in PARTS:
                yield from _with(f"{folder}/{chapter}/{part}", deep=0)
            yield from _with(f"{folder}/{chapter}/evidence", deep=1)
    yield f"{root}/.bookfigs/journal"
    yield from _with(f"{root}/.bookfigs/records", deep=1)
    for part in places.ENGINE:
        yield from _with(f"{engine}/{part}", deep=0)


def _with(path: str, *, deep: int) -> Iterator[str]:
    """A folder, there or not, and what lies below it, so deep."""
    yield path
    yield from _below(path, deep)


def _below(path: str, deep: int) -> Iterator[str]:
    """Files and folders below a folder, so deep."""
    for name, is_folder in _names(path):
        yield f"{path}/{name}"
        if is_folder and deep:
            yield from _below(f"{path}/{name}", deep - 1)


def _names(folder: StrPath) -> list[tuple[str, bool]]:
    """What lies in a folder, in an order that stays, and whether it is a folder."""
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.is_dir()) for entry in entries]
    except OSError:
        return []
    return sorted(one for one in found if one[0] != "__pycache__")


def circumstances(*asked: object) -> str:
    """What was asked, and of which machine: as far as it decides on the device."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123
            boot = file.read().strip()
    except OSError:
        boot = os.uname().nodename
    devices = [name for name, _ in _names("/dev") if name.startswith(("nvidia", "dxg"))]
    driver = state("/proc/driver/nvidia/version") is not None
    tools = [
        state(f"{folder}/nvidia-smi")
        for folder in os.environ.get("PATH", "").split(os.pathsep)
    ]
    packages = [state(path) for path in sys.path if path.endswith("-packages")]
    machine = (visible, cores, boot, devices, driver, tools)
    return repr((asked, sys.version, packages, machine))


def answer(arguments: list[str]) -> str | None:
    """What to say at once to a command without options; None if it has to look."""
    asked = QUESTIONS.get(arguments[0]) if len(arguments) == 1 else None
    if asked is None or "BOOKFIGS_BOOK" in os.environ:
        return None
    folder = places.book_at(os.path.realpath("."))
    if folder is None:
        return None
    kind, what = asked
    return recall(local_of(folder), folder, circumstances(*what), kind=kind)


def local_of(folder: str) -> str:
    """Where the book in a folder keeps what is of this machine alone."""
    return f"{places.project_around(folder)}/{places.LOCAL}"


def recall(
    local: StrPath, folder: StrPath, said_for: str, *, kind: str = BUILT
) -> str | None:
    """What the last run said, if it found nothing to do and nothing changed.

    Cost: one look at each file and folder that it looked at; as a folder that is in
    the same state holds the same names, none but the book's own is listed.
    """
    try:
        with open(f"{local}/{kind}", "rb") as file:  # noqa: PTH123
            circumstance, said, chapters, paths, kept = file.read().split(b"\0", 4)
    except (OSError, ValueError):
        return None
    there = [name for name, is_folder in _names(folder) if is_folder]
    same = chapters == os.fsencode("\n".join(there))
    if not same or circumstance != os.fsencode(said_for):
        return None
    now = [state(path) for path in os.fsdecode(paths).split("\n")]
    return os.fsdecode(said) if _written(now) == kept else None


def keep(
    local: StrPath,
    folder: StrPath,
    said_for: str,
    said: str,
    seen: Seen,
    *,
    kind: str = BUILT,
) -> None:
    """Leave behind what a run said that found nothing to do.

    Precondition: ``seen`` was looked at before anything was read.
    """
    from pathlib import Path  # noqa: PLC0415 - only where it is needed

    from bookfigs.whole import write_whole  # noqa: PLC0415 - the same

    broke_off = state(f"{local}/journal")  # there is something left to tidy up
    if broke_off or _youngest(seen.all.values()) > seen.began - YOUNG_NS:
        return
    paths = list(seen.all)
    texts = (said_for, said, "\n".join(_chapters_in(folder, paths)), "\n".join(paths))
    try:
        parts = [*map(os.fsencode, texts), _written(list(seen.all.values()))]
        write_whole(Path(local, kind), b"\0".join(parts))
    except (OSError, UnicodeEncodeError):
        return


def _chapters_in(folder: StrPath, paths: list[str]) -> list[str]:
    """Chapters that were looked into, by the folder of figures that each may have."""
    start, end = f"{folder}/", f"/{PARTS[0]}"
    found = [p[len(start) : -len(end)] for p in paths if p.endswith(end)]
    return [name for name in found if "/" not in name]


def _youngest(found: Iterable[State | None]) -> int:
    return max((max(one[3:]) for one in found if one), default=0)


def _written(found: list[State | None]) -> bytes:
    """States as bytes that are compared and never read: equal where they are."""
    return marshal.dumps(found, 2)  # without the references that later versions keep
