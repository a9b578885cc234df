"""Annotating: what a check finds, said at the line of the page that relies on it.

A pull request shows the pages that were changed, so that is where a reviewer looks.
What no page uses is said at the file that declares it.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bookfigs.book import Book
from bookfigs.errors import BookfigsError
from bookfigs.lint.book import gather
from bookfigs.lint.names import used
from bookfigs.lint.report import annotation
from bookfigs.parts import Part

PLACE = re.compile(r"(?P<file>.+?):(?P<line>\d+)(?::\d+)?")
TITLE = "bookfigs check"
ORDER = ("figure", "listing", "claim", "value")
"""Of several uses on one page, the first of these kinds is annotated."""


class Use(NamedTuple):
    """A name that a page asks for, and where."""

    file: str
    line: int
    kind: str
    name: str


def annotations(book: Book, parts: Sequence[Part]) -> str:
    """Workflow commands of GitHub for everything that is wrong with the parts.

    Each error is told once on each page that relies on a part that has it, however
    many parts have it: of many annotations a workflow shows ten.
    """
    uses = list(_uses(book))
    having: dict[str, list[tuple[Part, BookfigsError]]] = {}
    for part in parts:
        for error in part.errors:
            having.setdefault(error.message(), []).append((part, error))
    return "".join(
        annotation("error", where, message)
        for message, parts_and_errors in having.items()
        for where in _places(book, parts_and_errors, uses)
    )


def failure(book: Book, error: BookfigsError) -> str:
    """The workflow command for an error that left nothing to be examined."""
    return annotation("error", _declared(book, "", error), error.message())


def _uses(book: Book) -> Iterator[Use]:
    """Every name that the pages ask for; none if they cannot be read."""
    try:
        context, _ = gather(book, [], None)
    except BookfigsError:  # lint tells
        return
    for at, kind, name in used(context):
        yield Use(at.source.name, at.source.place(at.start)[0], kind, name)


def _places(
    book: Book, having: Sequence[tuple[Part, BookfigsError]], uses: Sequence[Use]
) -> list[dict[str, object]]:
    """Where an error is told: the first use on each page of a part that has it."""
    first: dict[str, Use] = {}
    relying = [use for use in uses if any(_relies(use, part) for part, _ in having)]
    for use in sorted(relying, key=lambda use: (ORDER.index(use.kind), use.line)):
        first.setdefault(use.file, use)
    if not first:
        part, error = having[0]
        return [_declared(book, part.file, error)]
    return [
        {"file": use.file, "line": use.line, "title": TITLE} for use in first.values()
    ]


def _relies(use: Use, part: Part) -> bool:
    """Whether a use shows what belongs to a part."""
    if use.kind in {"figure", "listing", "claim"} and use.kind == part.kind:
        return use.name == part.name
    of_figure = part.kind == "figure" and use.kind in {"claim", "value"}
    return of_figure and use.name.partition(".")[0] == part.name


def _declared(book: Book, file: str, error: BookfigsError) -> dict[str, object]:
    """The file that an error names, with its line, else the one it belongs to."""
    named = PLACE.fullmatch(error.where)
    at = {"file": named["file"], "line": int(named["line"])} if named else None
    at = at or {"file": error.where}
    if not (book.root / str(at["file"])).is_file():
        at = {"file": file} if file else {}
    return {**at, "title": TITLE}
