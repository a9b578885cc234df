"""Files that somebody hostile hands over as a bundle, and what importing one costs."""

import gzip
import json
import os
import pickle
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bookfigs.book import Book
from bookfigs.bundle import LARGEST, LARGEST_RECORD, MOST_RECORDS
from bookfigs.canonical import to_json
from smallbook import ROOT
from test_exchange import HOSTILE, bundle_of, changed, elsewhere, packed, zipped

SPACE = 2 << 30
"""Bytes of address space that an import gets."""

PATIENCE = 120
"""Seconds after which an import counts as hanging."""

IMPORT = """
import re, resource, sys
from pathlib import Path

resource.setrlimit(resource.RLIMIT_AS, ({space}, {space}))
from bookfigs.__main__ import main

try:
    main()
finally:
    told = Path("/proc/self/status")  # that of getrusage is inherited
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if told.exists():
        peak = re.search(r"VmHWM:\\s+(\\d+)", told.read_text())[1]
    Path({told!r}).write_text(str(peak))
"""

Make = Callable[[Book, Path], Path]


@dataclass(frozen=True)
class Hostile:
    """A kind of file, and what has to be said of it."""

    kind: str
    make: Make
    """Makes it at a path, or returns another path."""
    said: str


@dataclass(frozen=True)
class Refused:
    """How an import ended."""

    status: int
    printed: str
    seconds: float
    peak: float
    """MiB."""


class Evil:
    """Writes a file when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.system, ("touch escaped",)


def _of_bytes(content: bytes) -> Make:
    def make(_: Book, path: Path) -> Path:
        path.write_bytes(content)
        return path

    return make


def _record(name: str) -> Make:
    """A bundle of one record that ``test_exchange`` knows to be hostile."""

    def make(book: Book, path: Path) -> Path:
        return bundle_of(path, HOSTILE[name][0](elsewhere(book)))

    return make


def _named(book: Book, path: Path, *, figure: str = "", device: str = "") -> Path:
    names = {"figure": figure} if figure else {"device": device}
    return bundle_of(path, packed(elsewhere(book), **names))


def _sparse(_: Book, path: Path) -> Path:
    with path.open("wb") as file:
        file.truncate(10 << 30)  # a hole: the disk holds nothing
    return path


def _sparse_in_json(_: Book, path: Path) -> Path:
    with path.open("wb") as file:
        file.write(b'{"schema": 1, "generator": "')
        file.truncate(10 << 30)
    return path


def _pipe(_: Book, path: Path) -> Path:
    os.mkfifo(path)
    return path


def _folder(_: Book, path: Path) -> Path:
    path.mkdir()
    return path


def _link_to_device(_: Book, path: Path) -> Path:
    path.symlink_to("/dev/zero")
    return path


def _link_to_itself(_: Book, path: Path) -> Path:
    path.symlink_to(path)
    return path


def _truncated(book: Book, path: Path) -> Path:
    whole = bundle_of(path, packed(elsewhere(book))).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


def _key_twice(book: Book, path: Path) -> Path:
    whole = bundle_of(path, packed(elsewhere(book))).read_text()
    other = json.dumps([packed(elsewhere(book), figure="../../evil")])
    path.write_text(whole[:-1] + f', "records": {other}}}')
    return path


def _too_many(book: Book, path: Path) -> Path:
    return bundle_of(path, *[packed(elsewhere(book))] * (MOST_RECORDS + 1))


def _large_record(book: Book, path: Path) -> Path:
    many = [1] * (LARGEST_RECORD // 2)
    return bundle_of(
        path, packed(changed(elsewhere(book), "columns.result.values", many))
    )


def _spaced(book: Book, path: Path) -> Path:
    record = elsewhere(book)
    text = json.dumps(json.loads(to_json(record)), indent=3)
    return bundle_of(path, packed(record, record=text))


def _other_order(book: Book, path: Path) -> Path:
    record = elsewhere(book)
    plain = dict(reversed(json.loads(to_json(record)).items()))
    return bundle_of(path, packed(record, record=json.dumps(plain)))


def _tarred(_: Book, path: Path) -> Path:
    (path.parent / "evil").symlink_to("/etc/passwd")
    with tarfile.open(path, "w:gz") as archive:
        archive.add(path.parent / "evil", "../../evil")
    return path


def _bomb() -> bytes:
    return gzip.compress(bytes(64 << 20))


NO_DOCUMENT = "is not a document of bookfigs"
NO_FIGURE = "is no name of a figure"
NO_DEVICE = "is no name of a device"
DEEP = b'{"schema": 1, "generator": "x", "records": ' + b"[" * (30 << 20)
OBJECTS = b'{"schema": 1, "generator": "x", "records": [' + b"{}," * (10 << 20)
NUMBERS = b'{"schema": 1, "x": [' + b"1," * (15 << 20) + b'1], "records": []}'
KEYS = b'{"schema": 1, ' + b",".join(b'"%d": 1' % n for n in range(2 << 20)) + b"}"
KINDS = (
    *(
        Hostile(f"figure named {name!r}", partial(_named, figure=name), NO_FIGURE)
        for name in (
            "../../evil", "/etc/passwd", "..", ".", "a/b", "..\\..\\evil", "C:\\evil",
            "C:evil", "\\\\host\\share", "evil.", "a\x00b", "~root", "$HOME", "-rf",
            "\u202edoc", "\uff0e\uff0e", "a" * 101,
        )
    ),
    *(
        Hostile(f"device named {name!r}", partial(_named, device=name), NO_DEVICE)
        for name in ("cpu-x/../../../evil", "cpu-..", "cpu-\\evil", "/cpu-x", "cpu-x\n")
    ),
    Hostile("figure named 'con' (of Windows)", partial(_named, figure="con"),
            "and is of 'double_growth'"),
    *(
        Hostile(f"record: {name}", _record(name), said)
        for name, (_, _, said) in HOSTILE.items()
    ),
    Hostile("10 GB of zeros", _sparse, "has more than 32 MiB"),
    Hostile("JSON, then 10 GB of zeros", _sparse_in_json, "has more than 32 MiB"),
    Hostile("/dev/zero", lambda *_: Path("/dev/zero"), "is no plain file"),
    Hostile("/dev/tty", lambda *_: Path("/dev/tty"), "bookfigs: /dev/tty: "),
    Hostile("a link to /dev/zero", _link_to_device, "is no plain file"),
    Hostile("a link to itself", _link_to_itself, "cannot be read"),
    Hostile("a pipe that nobody writes to", _pipe, "is no plain file"),
    Hostile("a folder", _folder, "is no plain file"),
    Hostile("nothing", lambda _, path: path, "cannot be read"),
    Hostile("/proc/self/mem", lambda *_: Path("/proc/self/mem"), "cannot be read"),
    Hostile("/proc/kmsg", lambda *_: Path("/proc/kmsg"), "bookfigs: /proc/kmsg: "),
    Hostile("30 MiB of open brackets", _of_bytes(DEEP), ""),
    Hostile("10 million empty records", _of_bytes(OBJECTS[:LARGEST]), ""),
    Hostile("15 million numbers in an unknown field", _of_bytes(NUMBERS),
            "unknown field"),
    Hostile("2 million unknown fields", _of_bytes(KEYS), ""),
    Hostile("a number of 30 million digits",
            _of_bytes(b'{"schema": ' + b"9" * (30 << 20) + b"}"), NO_DOCUMENT),
    Hostile("a text of 30 MiB",
            _of_bytes(b'{"schema": "' + b"9" * (30 << 20) + b'"}'), NO_DOCUMENT),
    Hostile("a pickle", _of_bytes(pickle.dumps(Evil())), NO_DOCUMENT),
    Hostile("a zip with a path upwards", _of_bytes(zipped()), NO_DOCUMENT),
    Hostile("64 MiB of zeros in a gzip", _of_bytes(_bomb()), NO_DOCUMENT),
    Hostile("a tar with a link", _tarred, NO_DOCUMENT),
    Hostile("UTF-16", _of_bytes('{"schema": 1}'.encode("utf-16")), NO_DOCUMENT),
    Hostile("a byte order mark", _of_bytes(b'\xef\xbb\xbf{"schema": 1}'), NO_DOCUMENT),
    Hostile("a schema below all", _of_bytes(b'{"schema": -1}'), ""),
    Hostile("a schema of later versions", _of_bytes(b'{"schema": 2}'), "has schema 2"),
    Hostile("half of a bundle", _truncated, NO_DOCUMENT),
    Hostile("the field records twice", _key_twice, NO_FIGURE),
    Hostile("1,001 records", _too_many, "holds 1001 records; expected 1 to 1000"),
    Hostile("a record of more than 8 MiB", _large_record, "has more than 8 MiB"),
    Hostile("a record with other spacing", _spaced, "is not as bookfigs writes it"),
    Hostile("a record in another order", _other_order, "is not as bookfigs writes it"),
)  # fmt: skip
"""All of them."""


def bring_in(book: Book, path: Path, folder: Path) -> Refused:
    """Import a file in a process with little room, and see what it takes."""
    told = folder / "peak"
    script = IMPORT.format(space=SPACE, told=str(told))
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", script, "--book", str(book.folder), "import", str(path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )
    seconds = time.monotonic() - begin
    printed = (done.stdout + done.stderr).decode(errors="replace")
    return Refused(done.returncode, printed, seconds, int(told.read_text()) / 1024)


@contextmanager
def growing(path: Path) -> Iterator[None]:
    """Let a file grow for as long as it is looked at."""
    ended = threading.Event()

    def grow() -> None:
        with path.open("ab") as file:
            while not ended.is_set() and file.tell() < (1 << 30):
                file.write(b" " * (1 << 20))
                file.flush()

    path.write_bytes(b'{"schema": 1, "generator": "x", "records": [')
    thread = threading.Thread(target=grow)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
