"""Killing a build at some moment, letting another go on, and judging the two."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from bookfigs.book import Book
from longbook import (
    POINTS,
    copy,
    finish,
    journalled,
    kill_after,
    leftovers,
    made,
    make_long_book,
    started,
)


@dataclass(frozen=True)
class Kill:
    """What came of one kill and one restart."""

    moment: float
    """Share of the time that an undisturbed run takes."""
    half_written: int
    """Files that the kill left half-written, before the restart."""
    journalled: int
    """Points that the killed run kept."""
    begun: int
    """Points that both runs began to measure, together."""
    twice: list[tuple[str, int]]
    """Points measured again although they were kept."""
    left: list[str]
    """Files left after the restart that should not be."""
    same: bool
    """Whether all that was made is what an undisturbed run makes."""
    status: int

    @property
    def is_sound(self) -> bool:
        """Whether nothing was lost, nothing repeated, and nothing left."""
        return (
            self.same
            and not self.twice
            and not self.left
            and self.status == 0
            and self.begun <= 2 * POINTS + 2  # one of each figure was under way
        )


def undisturbed(folder: Path) -> tuple[Book, Book, float]:
    """A book that is not built, the same built, and how long that takes."""
    fresh = make_long_book(folder / "fresh")
    built = copy(fresh, folder / "built")
    begin = time.monotonic()
    done = finish(built, folder / "undisturbed.log")
    if done.returncode:
        raise RuntimeError(done.stderr)
    return fresh, built, time.monotonic() - begin


def kill_and_restart(
    fresh: Book, built: Book, folder: Path, moment: float, seconds: float
) -> Kill:
    """Kill a run at a moment, let another one go on, and look at what is there.

    If the run ends before it can be killed, an earlier moment is taken.
    """
    folder.mkdir()
    book, before, after = copy(fresh, folder / "book"), folder / "a", folder / "b"
    while not kill_after(book, before, moment * seconds):
        moment *= 0.8
        before.unlink()
        shutil.rmtree(book.root)
        copy(fresh, book.root)
    half = [name for name in leftovers(book) if "/." in name.partition("/")[2]]
    kept = journalled(book)
    done = finish(book, after)
    return Kill(
        moment,
        len(half),
        len(kept),
        len(started(before)) + len(started(after)),
        sorted(kept & set(started(after))),
        leftovers(book),
        made(book) == made(built),
        done.returncode,
    )
