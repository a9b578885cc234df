"""Says what is wrong with a copy of the book, as often as it is asked.

Run in a process of its own by ``tampering``, with the engine of that copy on the path:
the code that figures measure with is the one that would be imported.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

from bookfigs.book import Book
from bookfigs.cache import Cache
from bookfigs.check import check
from bookfigs.errors import BookfigsError
from bookfigs.lint.book import gather
from bookfigs.lint.pages import lint
from bookfigs.plan import plan
from bookfigs.provenance import this_device

QUARTO = (1, 9)
"""Pages are judged as by this version, whatever is installed."""


def complaints(book: Book, command: str, slug: str = "") -> list[str]:
    """What a command finds wrong: place, cause and remedy of each.

    ``check`` reads what it remembers of earlier ones, as it does for a user;
    ``check --redraw`` looks at one figure or listing alone, to save time.
    """
    if command == "lint":
        return _read(book)
    cache = Cache(book.local, anew=command != "check")
    try:
        seen = plan(book, this_device("cpu"), cache)
        if slug:
            one = {n: s for n, s in seen.figures.items() if n == slug}
            listed = {n: s for n, s in seen.listings.items() if n == slug}
            seen = replace(seen, figures=one, listings=listed)
        errors = check(book, seen, redraw=command != "check", cache=cache)
    except BookfigsError as error:
        errors = [error]
    if not errors:
        cache.save()
    return [error.message() for error in errors]


def _read(book: Book) -> list[str]:
    """The errors that lint finds in all pages."""
    return [
        f"{each.file}:{each.line}: {each.message}\n  run: {each.suggestion}"
        for each in lint(gather(book, (), QUARTO)[0])
        if each.severity == "error"
    ]


def main() -> None:
    """Answer requests, one on a line, until there are no more."""
    book = Book(Path(sys.argv[1]))
    for line in sys.stdin:
        answer = json.dumps(complaints(book, *json.loads(line)))
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
