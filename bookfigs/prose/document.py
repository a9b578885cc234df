"""A .qmd file as who looks for names and numbers needs it: markup, and what is prose.

Every position is one of the file as it is; nothing is rewritten. ``Page.prose`` is
the text with everything that is no prose blanked out, character by character, so
that what is found in it stands at the same place in the file.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from bookfigs.prose.blocks import Blocks, Chunk, Div, Fault, Fence
from bookfigs.prose.inlines import VISIBLE, Span, read_inlines, shortcodes
from bookfigs.prose.markup import Attr, Field, read_options
from bookfigs.prose.reader import read_blocks

BLANK = "\ufffc"
"""Stands for a character that is no prose."""

WORDED = ("fig-cap", "lst-cap", "tbl-cap", "fig-subcap", "fig-alt")
"""Attributes that a reader sees or hears."""


@dataclass(frozen=True)
class Source:
    """A file that something may be wrong in, and how people name it."""

    path: Path
    name: str
    text: str = ""

    @cached_property
    def starts(self) -> list[int]:
        """Where each line begins."""
        ends = [at for at, sign in enumerate(self.text) if sign == "\n"]
        return [0, *(end + 1 for end in ends)]

    def place(self, position: int) -> tuple[int, int]:
        """Line and column, both from 1; a column is a character."""
        line = bisect_right(self.starts, position)
        return line, position - self.starts[line - 1] + 1

    def line(self, number: int) -> str:
        """A line by its number, without its end."""
        begin = self.starts[number - 1]
        last = number == len(self.starts)
        end = len(self.text) if last else self.starts[number] - 1
        return self.text[begin:end].removesuffix("\r")


@dataclass(frozen=True)
class Page(Source):
    """A .qmd file: its blocks, its spans in order, and its prose."""

    blocks: Blocks = field(default_factory=Blocks)
    spans: tuple[Span, ...] = ()
    prose: str = ""
    undecoded: int | None = None
    """Where the file stops being UTF-8, if it does."""

    @property
    def faults(self) -> list[Fault]:
        """What pandoc reads otherwise than it was meant."""
        return self.blocks.faults

    @property
    def fences(self) -> list[Fence]:
        """Blocks of code."""
        return self.blocks.fences

    @property
    def divs(self) -> list[Div]:
        """Fenced divs, inner ones before outer ones."""
        return self.blocks.divs

    @cached_property
    def attrs(self) -> list[Attr]:
        """Every list of attributes, wherever it stands."""
        found = [div.attr for div in self.divs]
        found += [fence.attr for fence in self.fences if fence.attr]
        found += [span.attr for span in self.spans if span.kind == "attr" and span.attr]
        found += [self.options(fence) for fence in self.fences if fence.is_cell]
        return sorted(found, key=lambda attr: attr.start)

    @cached_property
    def worded(self) -> list[tuple[Attr, Field]]:
        """Captions and alternative texts given as attributes."""
        fields = [(attr, one) for attr in self.attrs for one in attr.fields]
        return [(attr, one) for attr, one in fields if one.key in WORDED]

    @cached_property
    def shortcodes(self) -> list[Span]:
        """Every shortcode that Quarto runs: in text, math, code and attributes."""
        found = [span for span in self._shortcodes() if span.name]
        return sorted(found, key=lambda span: span.start)

    def _shortcodes(self) -> Iterator[Span]:
        seen: set[int] = set()
        for start, end in self._holders():
            for span in shortcodes(self.text, start, end):
                if span.start not in seen:
                    seen.add(span.start)
                    yield span

    def _holders(self) -> Iterator[tuple[int, int]]:
        """Where a shortcode runs: not in comments, nor where code forbids it."""
        for span in self.spans:
            kept = span.attr and span.attr.field("shortcodes")
            if span.kind in {"shortcode", "math"} or (span.kind == "code" and not kept):
                yield span.start, span.end
        for fence in self.fences:
            kept = fence.attr and fence.attr.field("shortcodes")
            if not (kept or fence.is_cell or fence.is_raw):
                yield fence.body
        for attr in self.attrs:
            yield attr.start, attr.end

    def options(self, fence: Fence) -> Attr:
        """What a cell says of itself in comments."""
        return read_options(self.text, *fence.body)

    def of(self, kind: str) -> list[Span]:
        """The spans of a kind."""
        return [span for span in self.spans if span.kind == kind]

    def chunks_in(self, start: int, end: int) -> list[Chunk]:
        """Chunks of text between two positions."""
        return [c for c in self.blocks.chunks if start <= c.start and c.end <= end]

    def fence_at(self, position: int) -> Fence | None:
        """The block of code that a position lies in."""
        return next((f for f in self.fences if f.start <= position < f.end), None)


def read_page(path: Path, name: str, text: str, undecoded: int | None = None) -> Page:
    """Read a .qmd file; whatever the text is, this yields a page."""
    blocks = read_blocks(text)
    spans = [
        span
        for chunk in blocks.chunks
        for span in read_inlines(text, chunk.start, chunk.end)
    ]
    page = Page(path, name, text, blocks, tuple(spans), undecoded=undecoded)
    worded = [
        span
        for _, words in page.worded
        for span in read_inlines(text, words.start, words.end)
        if span.kind != "attr"
    ]
    everything = sorted([*spans, *worded], key=lambda span: (span.start, -span.end))
    return replace(page, spans=tuple(everything), prose=_prose(page, worded))


def _prose(page: Page, worded: list[Span]) -> str:
    """The text with what is no prose blanked out."""
    shown = [sign if sign in "\r\n" else BLANK for sign in page.text]
    for chunk in page.blocks.chunks:
        shown[chunk.start : chunk.end] = page.text[chunk.start : chunk.end]
        for start, end in chunk.marks:
            _blank(shown, start, end)
    for span in page.spans:
        if span.kind not in VISIBLE:
            _blank(shown, span.start, span.end)
    for _, words in page.worded:
        shown[words.start : words.end] = page.text[words.start : words.end]
    for span in worded:
        if span.kind not in VISIBLE:
            _blank(shown, span.start, span.end)
    return "".join(shown)


def _blank(shown: list[str], start: int, end: int) -> None:
    for at in range(start, end):
        if shown[at] not in "\r\n":
            shown[at] = BLANK
