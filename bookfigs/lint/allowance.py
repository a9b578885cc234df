"""Declared exceptions: ``<!-- bookfigs-lint: allow CODE: reason -->``.

One stands on the line that it is about, or alone on the lines before it; above a
block of code or a div it holds for what is found inside of that.
"""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import islice

from bookfigs.lint.finding import Hit, nearest
from bookfigs.prose.document import Page
from bookfigs.prose.inlines import Span

DIRECTIVE = re.compile(r"<!--\s*bookfigs-lint:\s*(.*?)\s*-->", re.DOTALL)
FORM = re.compile(r"allow\s+([\w-]+(?:\s*,\s*[\w-]+)*)\s*:\s*(\S.*)", re.DOTALL)
WRITE = "write: <!-- bookfigs-lint: allow CODE: the reason -->"


@dataclass(frozen=True)
class Allowance:
    """An exception for one code, and the lines that it is about."""

    page: Page
    comment: Span
    code: str
    lines: frozenset[int]

    def covers(self, code: str, hit: Hit) -> bool:
        """Whether it is an exception for a hit of a rule."""
        if code != self.code or hit.source is not self.page:
            return False
        places = [hit.start] if hit.block is None else [hit.start, hit.block]
        return any(self.page.place(at)[0] in self.lines for at in places)


def allowances(
    page: Page, codes: AbstractSet[str]
) -> tuple[list[Allowance], list[Hit]]:
    """The exceptions that a page declares, and those that cannot be understood."""
    found: list[Allowance] = []
    invalid: list[Hit] = []
    said = _said(page)
    for comment, directive in _directives(page):
        place = (page, comment.start, comment.end)
        form = FORM.fullmatch(directive)
        if form is None:
            what = "an exception needs a code and a reason"
            invalid.append(Hit(*place, what, WRITE))
            continue
        lines = frozenset(_lines(page, comment, said))
        for code in re.split(r"\s*,\s*", form[1]):
            if code in codes:
                found.append(Allowance(page, comment, code, lines))
            else:
                near = nearest(code, codes, "run: bookfigs lint --explain all")
                what = f"no finding has the code {code!r}"
                invalid.append(Hit(*place, what, near))
    return found, invalid


def _directives(page: Page) -> Iterator[tuple[Span, str]]:
    """Comments that speak to this tool, and what they say."""
    for comment in page.of("comment"):
        said = DIRECTIVE.fullmatch(page.text, comment.start, comment.end)
        if said:
            yield comment, said[1]


def _lines(page: Page, comment: Span, said: list[str]) -> Iterator[int]:
    """The lines that a comment is about: its own, or the next that says something."""
    first, _ = page.place(comment.start)
    last, _ = page.place(max(comment.end - 1, comment.start))
    yield from range(first, last + 1)
    if any(said[line - 1].strip() for line in range(first, last + 1)):
        return
    following = (
        line for line in range(last + 1, len(said) + 1) if said[line - 1].strip()
    )
    yield from islice(following, 1)


def _said(page: Page) -> list[str]:
    """The lines of a page without its comments."""
    parts, at = [], 0
    for comment in page.of("comment"):
        parts += [page.text[at : comment.start]]
        parts += ["\n" * page.text.count("\n", comment.start, comment.end)]
        at = max(at, comment.end)
    return "".join([*parts, page.text[at:]]).split("\n")
