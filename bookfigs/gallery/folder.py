"""The folder of a gallery: written whole or not at all, and nothing foreign lost.

A list in it names its files and what they contained; only such files are replaced.
The new folder is made beside the old one, and takes its place when it is complete.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from msgspec import Struct

from bookfigs.canonical import fingerprint, read_json, to_json
from bookfigs.errors import InputError, StorageError
from bookfigs.whole import write_whole

LIST = "gallery.json"
SCHEMA = 1
NEW, OLD = "bookfigs-new", "bookfigs-old"
"""How folders beside a gallery are called while it changes."""


class Listed(Struct, frozen=True, kw_only=True):
    """The files of a gallery and the fingerprints of their contents."""

    schema: int = SCHEMA
    files: dict[str, str]


@dataclass(frozen=True)
class Folder:
    """Where a gallery lies; ``asked`` is how its user named it."""

    asked: Path

    @property
    def path(self) -> Path:
        """The folder without links in its path."""
        return self.asked.resolve()

    def write(self, files: Mapping[str, bytes]) -> bool:
        """Let the folder have these files and no others; False if it has them.

        Raises: InputError for a file that is not of a gallery, or was changed by
        hand; StorageError. The folder is then as it was.
        """
        listed = Listed(files={n: fingerprint(c) for n, c in files.items()})
        content = {**files, LIST: to_json(listed)}
        with self._storing(), self._alone():
            self._mend()
            self._require_ours()
            if self._has(content):
                return False
            self._exchange(content)
        return True

    def _has(self, files: Mapping[str, bytes]) -> bool:
        found = {path.relative_to(self.path).as_posix() for path in self._files()}
        same = (self.path.joinpath(n).read_bytes() == c for n, c in files.items())
        return found == set(files) and all(same)

    def _require_ours(self) -> None:
        """Refuse what would be lost. Raises: InputError."""
        if self.path.exists() and not self.path.is_dir():
            self._refuse(self.asked, "is no folder")
        known, listing = {}, self.path / LIST
        if listing.is_file() and not listing.is_symlink():
            where = (self.asked / LIST).as_posix()
            known = read_json(listing, where, Listed, SCHEMA).files
        for path in self._files():
            name = path.relative_to(self.path).as_posix()
            if name == LIST and known:
                continue
            if name not in known or path.is_symlink():
                self._refuse(self.asked / name, "is no file of a gallery")
            if fingerprint(path.read_bytes()) != known[name]:
                self._refuse(self.asked / name, "was edited by hand")

    def _refuse(self, where: Path, what: str) -> None:
        run = "move it away, or choose another folder: bookfigs gallery --to DIR"
        raise InputError(where, f"{what}, and writing would lose it", run=run)

    def _files(self) -> Iterator[Path]:
        """Everything in the folder that is not a folder itself."""
        for folder, inner, names in os.walk(self.path):
            links = [name for name in inner if Path(folder, name).is_symlink()]
            yield from (Path(folder, name) for name in sorted([*names, *links]))

    def _beside(self, name: str) -> Path:
        return self.path.with_name(f".{self.path.name}.{name}")

    def _mend(self) -> None:
        """Clear away what a run has left that was killed."""
        new, old = self._beside(NEW), self._beside(OLD)
        if old.is_dir() and not self.path.exists():
            old.rename(self.path)
        for left in (new, old):
            if left.is_dir():
                shutil.rmtree(left)

    def _exchange(self, files: Mapping[str, bytes]) -> None:
        """Make the new folder, and let it take the place of the old one."""
        new, old = self._beside(NEW), self._beside(OLD)
        try:
            for name, content in files.items():
                write_whole(new / name, content)
            if self.path.exists():
                self.path.rename(old)
            new.rename(self.path)
        except BaseException:
            self._mend()
            raise
        shutil.rmtree(old, ignore_errors=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let no two runs exchange the folder at once; the lock leaves no file."""
        above = self.path.parent
        above.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(above, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with suppress(OSError):  # some file systems know no locks
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def _storing(self) -> Iterator[None]:
        """Say where it was that the file system refused. Raises: StorageError."""
        try:
            yield
        except OSError as error:
            raise StorageError(
                self.asked,
                f"cannot be written: {error.strerror or error}; what was there is as "
                "it was",
                run="the same command, when the folder may be written and has space",
            ) from error
