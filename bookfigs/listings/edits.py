"""Edits of source text that remember which line each printed line came from."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

Position = tuple[int, int]
"""Line, from 1, and column, from 0, counted in characters."""


class Line(NamedTuple):
    """A printed line."""

    text: str
    source: int
    """The line of the file that it came from; of a mark, the first one left out."""
    is_mark: bool = False
    """Whether it stands for lines that were left out."""


class Edit(NamedTuple):
    """A piece of text that another one replaces."""

    start: Position
    end: Position
    text: str = ""
    is_mark: bool = False


def whole_lines(
    first: int, last: int, text: str = "", *, is_mark: bool = False
) -> Edit:
    """An edit that replaces lines, with their ends where ``text`` is empty."""
    if text:
        return Edit((first, 0), (last + 1, -1), text, is_mark)
    return Edit((first, 0), (last + 1, 0))


def edited(lines: Sequence[str], edits: Iterable[Edit]) -> list[Line]:
    """Lines after all edits; an edit inside of another one is not carried out.

    A line that an edit begins in the middle of stays the line that it was.
    Cost: linear in the number of lines, for each edit that joins lines.
    """
    printed = [Line(text, number) for number, text in enumerate(lines, 1)]
    printed.append(Line("", len(lines) + 1))
    for edit in reversed(_outermost(edits)):
        first, last = edit.start[0] - 1, edit.end[0] - 1
        head = printed[first].text[: edit.start[1]]
        if edit.end[1] < 0:  # up to the end of the line before
            printed[first:last] = [Line(head + edit.text, first + 1, edit.is_mark)]
            continue
        tail = printed[last].text[edit.end[1] :]
        source = first if head or edit.text else last
        mark = edit.is_mark or printed[last].is_mark
        joined = Line(head + edit.text + tail, source + 1, mark)
        printed[first : last + 1] = [joined]
    return printed[:-1]


def column(line: str, offset: int) -> int:
    """The column of a syntax tree, which counts bytes, in characters."""
    if line.isascii():
        return offset
    return len(line.encode()[:offset].decode(errors="replace"))


def _outermost(edits: Iterable[Edit]) -> list[Edit]:
    """Edits in order, without those that lie inside of others."""
    kept: list[Edit] = []
    for edit in sorted(edits, key=lambda e: (e.start, [-n for n in e.end])):
        if not kept or edit.start >= kept[-1].end:
            kept.append(edit)
    return kept
