"""Gates: what a book's own checks ask of every block, asked before it gets there."""

import re
from collections.abc import Iterator
from pathlib import Path

from bookfigs.errors import BookfigsError, InputError
from bookfigs.exporting.signs import CONTROL
from bookfigs.lint.finding import Context
from bookfigs.lint.rules import RULES
from bookfigs.listings.page import LATIN
from bookfigs.prose.document import Page, read_page

CODES = {
    "markup",
    "alt-missing",
    "alt-long",
    "alt-latex",
    "caption-form",
    "wide-line",
    "foreign-comment",
}
"""Rules of ``lint`` that hold for a block in any book."""

PERCENT = re.compile(r"\d\s*\\*%")
CONTRACTED = re.compile(
    r"\b\w+(?:n['’]t|['’](?:re|ve|ll|d|m))\b|\b(?:it|that|there|here|what|who|let)['’]s\b",
    re.IGNORECASE,
)
"""Two words in one; a genitive is none."""
CAPITAL = re.compile(r"(?<=[^.:?!] )Transformers?\b")
"""The architecture as a name, elsewhere than at the start of a sentence."""
TITLE = re.compile(r"^\*\*.*?\*\*")
"""Of a caption, in headline case."""


def violations(block: str, where: str, source: str) -> list[BookfigsError]:
    """What a book would refuse in a block.

    ``where`` is the place that it is for, ``source`` what it is made from.
    """
    page = read_page(Path(source), source, block)
    said = [*_linted(page), *_worded(page), *_signs(page)]
    run = f"correct {source}, or say it otherwise in the marker"
    return [InputError(where, f"{source}: {what}", run=run) for what in said]


def _linted(page: Page) -> Iterator[str]:
    context = Context(pages=[page])
    for rule in RULES:
        if rule.code in CODES:
            for hit in rule.check(context):
                yield f"{hit.message}; {hit.suggestion}"


def _worded(page: Page) -> Iterator[str]:
    """Captions and alternative texts that the book would word otherwise."""
    for attr, field in page.worded:
        if not attr.id:
            continue
        if found := PERCENT.search(field.value):
            yield f"{found[0]!r} in {field.key}: spell out 'percent'"
        if found := CONTRACTED.search(field.value):
            yield f"{found[0]!r} in {field.key}: write it in full"
        if found := CAPITAL.search(TITLE.sub("", field.value)):
            yield f"{found[0]!r} in {field.key}: write 'transformer'"


def _signs(page: Page) -> Iterator[str]:
    """Signs that act on programs, or that fonts for code may lack."""
    if found := CONTROL.search(page.text):
        yield f"a control character, {found[0]!r}"
    for fence in page.fences:
        code = page.text[slice(*fence.body)]
        foreign = [sign for sign in code if sign not in LATIN and sign not in "\n\t"]
        if foreign:
            yield f"the sign {foreign[0]!r} in code, which print may lack"
