"""Watching: which files of a book have changed, seen by looking at them again.

Looking costs a few milliseconds for each hundred files, twice a second, and works
where nobody sends notice of a change: in containers, on network drives, for files
that do not exist yet. What is looked at is what a plan reads (``bookfigs.settled``),
the sources that figures and listings reach, the pages and the settings.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bookfigs.book import Book
from bookfigs.cache import Cache
from bookfigs.errors import BookfigsError
from bookfigs.plan import plan
from bookfigs.provenance import this_device
from bookfigs.settled import State, state, states

INTERVAL = 0.5
"""Seconds between two looks."""

PROSE = ".qmd"
PAGES = (PROSE, ".yml", ".yaml", ".bib")
Look = dict[str, State | None]


def changes(
    book: Book,
    interval: float = INTERVAL,
    wait: Callable[[float], object] = time.sleep,
) -> Iterator[set[str]]:
    """Files that changed, whenever some did, for ever.

    Several changes in a row are one: they are told when two looks see the same. What
    changes while whoever asked is busy is seen by the next look, and so is what changes
    between this call and the first question.
    """
    known = _reached(book)
    return _changes(book, known, _look(book, known), interval, wait)


def _changes(
    book: Book,
    known: set[str],
    seen: Look,
    interval: float,
    wait: Callable[[float], object],
) -> Iterator[set[str]]:
    """What differs from what was seen, again and again."""
    while True:
        before = seen
        while (now := _settle(book, known, seen, interval, wait)) != seen:
            seen = now
        different = {p for p in before | seen if before.get(p) != seen.get(p)}
        if different:
            yield different
            more = _reached(book)
            seen = {p: s for p, s in seen.items() if p in more or p not in known}
            seen |= {path: state(path) for path in more - known - seen.keys()}
            known = more


def _settle(
    book: Book,
    known: set[str],
    seen: Look,
    interval: float,
    wait: Callable[[float], object],
) -> Look:
    """What is to be seen after a moment."""
    wait(interval)
    now = _look(book, known)
    return seen if now == seen else now


def _look(book: Book, known: set[str]) -> Look:
    """The state of every file that a page of the book follows from.

    What is generated, measured here or an editor's own is left out, and so are
    folders, whose state says what that of their files says.
    """
    out = (f"{book.generated}/", f"{book.local}/")
    found = states(book.folder, book.root)
    found = {p: s for p, s in found.items() if _is_file(p)}
    found |= {path: state(path) for path in [*known, *_pages(book)]}
    return {path: s for path, s in found.items() if not path.startswith(out)}


def _reached(book: Book) -> set[str]:
    """Files of code and data that figures and listings reach, as far as can be told."""
    cache = Cache(book.local, by_state=True)
    try:
        plan(book, this_device("cpu"), cache)
    except BookfigsError:
        return set(cache.states)  # what is wrong, a build says
    return set(cache.states)


def _pages(book: Book) -> Iterator[str]:
    """Pages and settings of a book; not what is generated or hidden."""
    for folder, inner, files in os.walk(book.folder):
        inner[:] = [name for name in inner if name[0] not in "_."]
        names = [name for name in files if name.endswith(PAGES) and name[0] != "."]
        yield from (f"{folder}/{name}" for name in names)


def _is_file(path: str) -> bool:
    """Whether a path has the name of a file that an author writes."""
    name = Path(path).name
    return "." in name and not (name.startswith((".", "#")) or name.endswith("~"))
