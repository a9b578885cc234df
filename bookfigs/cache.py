"""What was found by reading, kept so that unchanged files are not read again.

Everything kept belongs to the content of files: to their SHA-1 digests. Whether
a file still has a content is told in one of two ways. *By reading*, as ``check``
does: then nothing but the digest of the bytes is believed. *By its state*, as
git tells from its index: device, inode, size, and the nanoseconds of its last
modification and of its last change of any kind, which no program can set. A
state that is younger than two seconds is not believed later, since a clock may
be too coarse to tell two changes apart; nor is a state that another machine,
another copy of the book or another version of the engine has kept.

What is kept is never needed: where it is missing, unreadable or of no use, it
is found anew. It lies in ``.bookfigs/`` and is no part of the book.
"""

import hashlib
import os
import platform
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from bookfigs.places import ENGINE
from bookfigs.settled import YOUNG_NS, State, state
from bookfigs.whole import write_whole

Hashes = Mapping[str, str]
FOLDER = "folder"


class Known(Struct, array_like=True, frozen=True):
    """Hashes that follow from the content of a file and of a group of others."""

    own: str
    """Digest of the file."""
    group: int
    others: str
    """Digest over the content of the group."""
    names: list[int]
    hashes: list[int]


class Stored(Struct):
    """The document on disk. Texts that recur are in one table."""

    engine: str = ""
    texts: list[str] = []
    groups: list[list[int]] = []
    """Files, by their place in the table; most figures share theirs."""
    states: dict[str, tuple[State, str]] = {}
    known: dict[str, Known] = {}
    verdicts: dict[str, tuple[str, str]] = {}


class Found(NamedTuple):
    """Hashes, and the files that they follow from."""

    own: Path
    others: tuple[str, ...]
    hashes: Hashes


class Cache:
    """Digests of files, and what follows from them.

    ``by_state`` believes the state of a file; else every file is read. ``anew``
    believes nothing that was kept. Without a ``folder`` nothing outlives the process.
    """

    def __init__(
        self, folder: Path | None = None, *, by_state: bool = False, anew: bool = False
    ) -> None:
        self._file = folder / "cache.json" if folder else None
        self._engine = engine() if folder else ""
        self._old = Stored() if anew else self._load()
        self._by_state = by_state
        self._began = time.time_ns()
        self._digests: dict[str, str] = {}
        self._states: dict[str, State | None] = {}
        self._groups: dict[int, tuple[tuple[str, ...], str]] = {}
        self._known: dict[str, Found] = {}
        self._verdicts = dict(self._old.verdicts)
        self._changed = False
        self._torn = False

    @property
    def states(self) -> dict[str, State | None]:
        """State of each file from before it was first read; None if there is none."""
        return self._states

    def content(self, path: Path | str) -> bytes:
        """Read a file. Raises: OSError."""
        name = str(path)
        self._look(name)
        with open(name, "rb") as file:  # noqa: PTH123 - thousands, as they come
            content = file.read()
        digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        self._torn |= self._digests.setdefault(name, digest) != digest
        return content

    def digest(self, path: Path | str) -> str:
        """SHA-1 of a file's content; empty if there is none, a word for a folder."""
        name = str(path)
        if name not in self._digests:
            now = self._look(name)
            kept = self._old.states.get(name) if self._by_state and now else None
            if kept and kept[0] == now:
                self._digests[name] = kept[1]
            elif now:
                self._read(name)
            else:
                self._digests[name] = ""
        return self._digests[name]

    def recall(self, key: str, own: Path) -> Hashes | None:
        """What was kept under a key, if the files that it follows from are the same."""
        if key in self._known:
            return self._known[key].hashes
        old = self._old.known.get(key)
        if old is None or old.own != self.digest(own):
            return None
        texts = self._old.texts
        try:
            others, digest = self._group(old.group)
            pairs = zip(old.names, old.hashes, strict=True)
            hashes = {texts[name]: texts[value] for name, value in pairs}
        except (IndexError, ValueError):  # somebody else wrote it
            return None
        if old.others != digest:
            return None
        self._known[key] = Found(own, others, hashes)
        return hashes

    def keep(
        self, key: str, own: Path, paths: Iterable[Path], hashes: Mapping[str, str]
    ) -> None:
        """Keep what follows from a file and some others, there or not."""
        self._changed = True
        others = tuple(sorted({str(path) for path in paths} - {str(own)}))
        for path in others:
            self.digest(path)
        self._known[key] = Found(own, others, hashes)

    def verdict(self, name: str, key: str) -> str | None:
        """What was found for a name, if it was found from the same."""
        kept = self._verdicts.get(name)
        return kept[1] if kept and kept[0] == key else None

    def keep_verdict(self, name: str, key: str, found: str) -> None:
        """Keep what was found for a name, and from what."""
        self._changed = True
        self._verdicts[name] = key, found

    def save(self) -> None:
        """Write down what is known now; where that is refused, do without."""
        if self._file is None or self._torn or not self._changed:
            return
        try:
            write_whole(self._file, msgspec.json.encode(self._stored()))
        except OSError:
            return

    def _stored(self) -> Stored:
        """All that is known now, as a document."""
        table: dict[str, int] = {}
        groups: dict[tuple[str, ...], tuple[int, str]] = {}

        def places(texts: Iterable[str]) -> list[int]:
            return [table.setdefault(text, len(table)) for text in texts]

        known = {}
        for key, (own, others, hashes) in self._known.items():
            if others not in groups:
                groups[others] = len(groups), self._over(others)
            names, values = places(hashes), places(hashes.values())
            known[key] = Known(self.digest(own), *groups[others], names, values)
        lists = [places(group) for group in groups]
        return Stored(
            self._engine, list(table), lists, self._settled(), known, self._verdicts
        )

    def _load(self) -> Stored:
        if self._file is None:
            return Stored()
        try:
            stored = msgspec.json.decode(self._file.read_bytes(), type=Stored)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return Stored()
        return stored if stored.engine == self._engine else Stored()

    def _look(self, name: str) -> State | None:
        """State of a file, from before it was first read."""
        if name not in self._states:
            now = self._states[name] = state(name)
            kept = self._old.states.get(name)
            self._changed |= now is not None and (kept is None or kept[0] != now)
        return self._states[name]

    def _read(self, name: str) -> None:
        """Find a digest by reading."""
        try:
            self.content(name)
        except IsADirectoryError:
            self._digests[name] = FOLDER
        except OSError:
            self._digests[name] = ""

    def _group(self, place: int) -> tuple[tuple[str, ...], str]:
        """The files of a group that was kept, and the digest over them now."""
        if place not in self._groups:
            texts = self._old.texts
            others = tuple(texts[file] for file in self._old.groups[place])
            self._groups[place] = others, self._over(others)
        return self._groups[place]

    def _over(self, others: tuple[str, ...]) -> str:
        """One digest over the content of files."""
        digests = "\n".join([self.digest(path) for path in others])
        return hashlib.sha1(digests.encode(), usedforsecurity=False).hexdigest()

    def _settled(self) -> dict[str, tuple[State, str]]:
        """States that are old enough to be believed later."""
        old = self._began - YOUNG_NS
        return {
            name: (now, self._digests[name])
            for name, now in self._states.items()
            if now and max(now[3:]) < old and self._digests.get(name)
        }


def engine() -> str:
    """The engine that finds: its own source, and the Python that runs it."""
    total = hashlib.sha1(platform.python_version().encode(), usedforsecurity=False)
    folder = Path(__file__).parent
    for path in sorted(
        file for part in ENGINE for file in (folder / part).glob("*.py")
    ):
        total.update(os.fsencode(path.name) + path.read_bytes())
    return total.hexdigest()
