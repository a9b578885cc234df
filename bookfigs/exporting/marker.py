"""Markers: where the author of another book wants what, as comments of their page.

=============================================  ======================================
``<!-- bookfigs: fig-step-time -->``           a figure, alone on its line
``<!-- bookfigs: lst-linear_scan -->``         a listing, alone on its line
``<!-- bookfigs: val step_time.length -->``    a number, within a sentence
``<!-- bookfigs: claim step_time.slower -->``  words of the author's that a claim backs
``<!-- /bookfigs -->``                         ends each of them
=============================================  ======================================

What stands between the two is written by export. The closing marker of a block keeps
the digest of what was written, so that an edit by hand is noticed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bookfigs.canonical import fingerprint
from bookfigs.errors import BookfigsError, InputError
from bookfigs.prose.document import Page
from bookfigs.prose.inlines import Span
from bookfigs.prose.markup import Attr, read_attr

OPENING = re.compile(r"<!--\s*bookfigs:\s*(?P<asked>.*?)\s*-->", re.DOTALL)
CLOSING = re.compile(r"<!--\s*/bookfigs(?:\s+(?P<digest>[0-9a-f]{12}))?\s*-->")
LOOSE = re.compile(r"<!--\s*(?:bookfigs:|/bookfigs\b)")
FORMS = "fig-NAME, lst-NAME, val FIGURE.NAME or claim FIGURE.NAME"
END = "<!-- /bookfigs -->"

Kind = Literal["fig", "lst", "val", "claim"]
INLINE: dict[str, Kind] = {"val": "val", "claim": "claim"}


@dataclass(frozen=True)
class Marker:
    """An opening marker: what is asked for."""

    kind: Kind
    name: str
    """Label of a block, or name of a value or claim."""
    attr: Attr
    start: int
    end: int

    @property
    def is_block(self) -> bool:
        """Whether it stands for paragraphs, and not for words."""
        return self.kind in {"fig", "lst"}


@dataclass(frozen=True)
class Region:
    """A marker with what stands between it and its end."""

    marker: Marker
    page: Page
    closing: int
    """Where the closing marker begins."""
    end: int
    digest: str
    """Of what was written here; empty if the closing marker has none."""

    @property
    def text(self) -> str:
        """What stands in it, with plain line ends."""
        text = self.page.text[self.marker.end : self.closing]
        return text.replace("\r\n", "\n")

    @property
    def place(self) -> str:
        """File and line."""
        return place(self.page, self.marker.start)

    @property
    def is_own(self) -> bool:
        """Whether what stands in it is what was written here, or nothing."""
        return not self.text.strip() or mark(self.text) == self.digest

    @property
    def is_in_attribute(self) -> bool:
        """Whether it stands in a caption that is an attribute or option."""
        at = self.marker.start
        return any(field.start <= at < field.end for _, field in self.page.worded)


def mark(text: str) -> str:
    """The digest that a closing marker keeps."""
    return fingerprint(text.strip().encode())[:12]


def place(page: Page, position: int) -> str:
    """File and line of a position."""
    return f"{page.name}:{page.place(position)[0]}"


def regions(page: Page) -> tuple[list[Region], list[BookfigsError]]:
    """Every region of a page, and what is wrong with its markers."""
    reader = _Reader(page)
    reader.read()
    return reader.found, reader.errors


class _Reader:
    """Pairs the markers of a page."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._open: list[Marker] = []
        self.found: list[Region] = []
        self.errors: list[BookfigsError] = []

    def read(self) -> None:
        comments = list(self._comments())
        for comment in comments:
            text = self._page.text[comment.start : comment.end]
            if found := OPENING.fullmatch(text):
                self._opened(comment, found["asked"])
            elif found := CLOSING.fullmatch(text):
                self._closed(comment, found["digest"] or "")
            else:
                self._wrong(
                    comment.start, "this marker cannot be read", f"write {FORMS}"
                )
        for marker in self._open:
            self._wrong(marker.start, "nothing closes this marker", f"write {END}")
        self._look_elsewhere({comment.start for comment in comments})

    def _comments(self) -> Iterator[Span]:
        """Comments that are markers, where a comment can be one."""
        heard = [f for _, f in self._page.worded if f.key == "fig-alt"]
        seen: set[int] = set()
        for span in self._page.of("comment"):
            is_new = span.start not in seen
            seen.add(span.start)
            unseen = any(f.start <= span.start < f.end for f in heard)
            if is_new and not unseen and LOOSE.match(self._page.text, span.start):
                yield span

    def _opened(self, comment: Span, asked: str) -> None:
        marker = _marker(comment, asked)
        if marker is None:
            what = f"the marker {asked!r} asks for nothing that is known"
            self._wrong(comment.start, what, f'write {FORMS}, and key="value"')
            return
        if self._open and not (self._open[-1].kind == "claim" and marker.kind == "val"):
            outer = self._open.pop()
            line = self._page.place(outer.start)[0]
            what = f"this marker stands inside of the one of line {line} ({outer.name})"
            self._wrong(comment.start, what, f"write {END} before it")
        self._open.append(marker)

    def _closed(self, comment: Span, digest: str) -> None:
        if not self._open:
            self._wrong(comment.start, "this closes no marker", "remove it")
            return
        marker = self._open.pop()
        region = Region(marker, self._page, comment.start, comment.end, digest)
        if marker.is_block and not self._is_alone(region):
            what = "the marker of a figure or listing has to stand alone on its line"
            self._wrong(marker.start, what, "write it on a line of its own")
        self.found.append(region)

    def _is_alone(self, region: Region) -> bool:
        """Whether nothing else stands on the lines of two markers."""
        text, start = self._page.text, region.marker.start
        around = [
            text[text.rfind("\n", 0, start) + 1 : start],
            region.text.partition("\n")[0],
            region.text.rpartition("\n")[2],
            text[region.end :].partition("\n")[0],
        ]
        return not any(part.strip() for part in around)

    def _look_elsewhere(self, read: set[int]) -> None:
        """Tell of markers where no comment is read: in code, math, settings."""
        for found in LOOSE.finditer(self._page.text):
            at = found.start()
            inside = any(r.marker.start <= at < r.end for r in self.found)
            if at not in read and not inside:
                what = (
                    "this marker stands in code, math, a setting or an alternative "
                    "text, where no comment is read"
                )
                self._wrong(
                    at, what, "move it, or write &lt;!-- where it is only shown"
                )

    def _wrong(self, position: int, what: str, remedy: str) -> None:
        where = place(self._page, position)
        self.errors.append(InputError(where, what, run=remedy))


def _marker(comment: Span, asked: str) -> Marker | None:
    """What an opening marker asks for; None if that cannot be read."""
    is_block = asked.startswith(("fig-", "lst-"))
    text = f"{{#{asked}}}" if is_block else f"{{{asked}}}"
    attr = read_attr(text, 0)
    if attr is None or attr.end != len(text):
        return None
    where = (comment.start, comment.end)
    if is_block and not attr.words:
        kind: Kind = "fig" if asked.startswith("fig-") else "lst"
        return Marker(kind, attr.id, attr, *where)
    if len(attr.words) == 2 and attr.words[0] in INLINE and not attr.is_plain:  # noqa: PLR2004 - what it is, and its name
        return Marker(INLINE[attr.words[0]], attr.words[1], attr, *where)
    return None
