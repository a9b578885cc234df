"""Splits a .qmd file into blocks.

It is read as pandoc reads it where that matters to who looks for names and numbers;
what a file never closes is a fault with its place, and never an exception.
"""

import re

from bookfigs.prose.blocks import Blocks, Chunk, Div, Fault, Fence, Range
from bookfigs.prose.markup import Attr, read_attr

PREFIX = re.compile(r"(?: {0,3}>[ ]?)*")
MARKER = re.compile(
    r"[ \t]*(?:[-*+:]|\d{1,9}[.)]|\(\d+\)|\(?[A-Za-z][.)]|\(?[ivxlcIVXLC]+[.)]"
    r"|\(@[\w-]*\)|\#\.|\[\^[^\]\s]+\]:)(?:[ \t]+|$)"
)
RULE = re.compile(r" {0,3}([*_-])(?:[ \t]*\1){2,}[ \t]*$")
FENCE = re.compile(r"[ \t]*(?:(?P<back>`{3,})(?P<info>[^`\n]*)|(?P<tilde>~{3,})(.*))$")
DIV = re.compile(r"[ \t]*:{3,}[ \t]*")
NAMED = re.compile(r"[\w.-]+[ \t]*:*[ \t]*$")
HEADING = re.compile(r"#{1,6}(?:[ \t]|$)")
META = re.compile(r"---[ \t]*$")
META_END = re.compile(r"^(?:---|\.\.\.)[ \t\r]*$", re.MULTILINE)
KEY = re.compile(r"[\w\"'.-]+[ \t]*:")
OPENER = re.compile(
    r"(?P<ticks>`+)|(?P<comment><!--)|<(?P<tag>script|style|pre|textarea)\b"
    r"|\\begin\{(?P<env>[^}\s]+)\}"
)
INDENTED = 4
"""From so many columns on a block is code."""


def read_blocks(text: str) -> Blocks:
    """Split a file into blocks."""
    return _Reader(text).read()


class _Reader:
    """A cursor over lines; each ``_read_…`` takes a block or leaves it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._found = Blocks()
        self._at = 0
        self._after_blank = True
        self._contents: list[int] = []
        """The columns at which the text of the list items at hand begins."""
        self._open: list[tuple[int, int, Attr]] = []
        self._never: set[str] = set()

    def read(self) -> Blocks:
        readers = (
            self._read_blank,
            self._read_meta,
            self._read_indented,
            self._read_fence,
            self._read_div,
            self._read_chunk,
        )
        while self._at < len(self._text):
            any(read() for read in readers)
        for start, head_end, attr in reversed(self._open):
            self._fault(start, head_end, "nothing closes this div")
            self._found.divs.append(Div(start, head_end, len(self._text), attr))
        return self._found

    def _line(self, start: int) -> str:
        """The line that begins at a position, without what ends it."""
        return self._text[start : self._end(start)].removesuffix("\r")

    def _end(self, start: int) -> int:
        end = self._text.find("\n", start)
        return len(self._text) if end < 0 else end

    def _go(self, position: int) -> bool:
        """Move behind the line that contains a position."""
        self._at = min(self._end(position) + 1, len(self._text))
        return True

    def _fault(self, start: int, end: int, what: str) -> None:
        self._found.faults.append(Fault(start, end, what))

    def _read_blank(self) -> bool:
        if self._line(self._at).strip():
            return False
        self._after_blank = True
        return self._go(self._at)

    def _read_meta(self) -> bool:
        start = self._at
        if not (self._after_blank and META.match(self._line(start))):
            return False
        body = min(self._end(start) + 1, len(self._text))
        end = META_END.search(self._text, body)
        if start > 0 or end is None:
            if not KEY.match(self._line(body)):
                return False
            if end is None:
                self._fault(start, start + 3, "nothing closes this block of metadata")
                return False
        self._found.meta.append((start, end.end()))
        return self._go(end.end())

    def _read_indented(self) -> bool:
        line = self._line(self._at)
        indent = len(line) - len(line.lstrip())
        if not self._after_blank:
            return False
        if indent < self._content(indent) + INDENTED:
            return False
        while line.strip() and self._at < len(self._text):
            self._go(self._at)
            line = self._line(self._at)
        return True

    def _content(self, indent: int) -> int:
        """Where text begins in the list item that a line is part of."""
        while self._contents and self._contents[-1] > indent:
            self._contents.pop()
        return self._contents[-1] if self._contents else 0

    def _read_fence(self) -> bool:
        start, lead = self._at, self._lead(self._at)
        opening = FENCE.match(self._line(start)[lead:])
        if opening is None:
            return False
        signs = opening["back"] or opening["tilde"]
        info = (opening["info"] if opening["back"] else opening[4]).strip()
        line_end = self._end(start)
        closing = re.compile(
            rf"^[ \t>]*{signs[0]}{{{len(signs)},}}[ \t\r]*$", re.MULTILINE
        )
        body = min(line_end + 1, len(self._text))
        end = closing.search(self._text, body)
        if end is None:
            self._fault(start, line_end, "nothing closes this block of code")
        at = self._text.find("{", start, line_end) if info.startswith("{") else -1
        self._found.fences.append(
            Fence(
                start,
                (body, max(body, end.start() if end else len(self._text))),
                end.end() if end else len(self._text),
                len(opening[0]) - len(opening[0].lstrip()) + lead,
                info,
                read_attr(self._text, at) if at >= 0 else None,
            )
        )
        self._after_blank = False
        return self._go(end.end() if end else len(self._text))

    def _lead(self, start: int) -> int:
        """How much of a line is signs of quotes and markers of lists."""
        line = self._line(start)
        lead = _quoted(line)
        if RULE.match(line, lead):
            self._contents.clear()
            return lead
        while found := MARKER.match(line, lead):
            lead = found.end()
        return lead

    def _read_div(self) -> bool:
        start = self._at
        head = DIV.match(self._line(start))
        if head is None:
            return False
        rest = self._line(start)[head.end() :]
        attr = read_attr(self._text, start + head.end())
        if not rest:
            self._close(start, head.end())
        elif attr is not None:
            self._open.append((start, attr.end, attr))
        elif NAMED.match(rest):
            name = rest.rstrip(" \t:")
            at = start + head.end()
            attr = Attr(at, at + len(name), classes=(name,))
            self._open.append((start, self._end(start), attr))
        elif rest.startswith("{"):
            self._fault(start, self._end(start), "the attributes cannot be read")
            end = self._end(start)
            self._open.append((start, end, Attr(end, end)))
        else:
            return False
        self._after_blank = True
        self._contents.clear()
        return self._go(attr.end if attr else start)

    def _close(self, start: int, length: int) -> None:
        if not self._open:
            self._fault(start, start + length, "this closes no div")
            return
        begun, head_end, attr = self._open.pop()
        self._found.divs.append(Div(begun, head_end, start + length, attr))

    def _read_chunk(self) -> bool:
        start = self._at
        is_heading = HEADING.match(self._line(start)) is not None
        marks: list[Range] = []
        end = self._text_end(start, marks, is_heading=is_heading)
        self._found.chunks.append(Chunk(start, end, is_heading, tuple(marks)))
        self._after_blank = False
        return self._go(end)

    def _text_end(self, start: int, marks: list[Range], *, is_heading: bool) -> int:
        """Where text ends: before a blank line or block outside of any comment."""
        end = self._natural_end(start, marks, is_heading=is_heading)
        at = start
        while opener := OPENER.search(self._text, at, end):
            at = opener.end()
            if opener["ticks"]:
                close = re.compile(rf"(?<!`){opener['ticks']}(?!`)")
                closed = close.search(self._text, at, end)
                at = closed.end() if closed else at
                continue
            beyond = self._closed(opener)
            if beyond > end:
                end = self._natural_end(self._end(beyond), marks, is_heading=is_heading)
            at = max(at, beyond)
        return end

    def _closed(self, opener: re.Match[str]) -> int:
        """The end of a comment, tag or environment; -1 if it has none."""
        tag = f"</{opener['tag']}" if opener["tag"] else f"\\end{{{opener['env']}}}"
        closing = "-->" if opener["comment"] else tag
        known = closing in self._never
        found = -1 if known else self._text.find(closing, opener.end())
        if found >= 0:
            return found + len(closing)
        if not known and opener["comment"]:
            self._fault(*opener.span(), "nothing closes this comment")
        self._never.add(closing)
        return -1

    def _natural_end(self, start: int, marks: list[Range], *, is_heading: bool) -> int:
        """The end of the last line before a blank one or another block."""
        at, is_first = start, self._at == start
        while True:
            if is_first or self._contents:
                self._mark(at, marks)
            is_first = False
            end = self._end(at)
            after = self._line(end + 1)
            if is_heading or end >= len(self._text) or not after.strip(" \t>"):
                return end
            if FENCE.match(after[self._lead(end + 1) :]) or DIV.match(after):
                return end
            at = end + 1

    def _mark(self, at: int, marks: list[Range]) -> None:
        """Note the signs at the start of a line, and where its content begins."""
        lead = self._lead(at)
        line = self._line(at)
        if lead > _quoted(line):
            self._content(len(line) - len(line.lstrip()))
            self._contents.append(lead)
        if lead == 0 and (sign := HEADING.match(line)):
            lead = sign.end()
        if lead:
            marks.append((at, at + lead))


def _quoted(line: str) -> int:
    """How many characters of a line are signs of quotes."""
    found = PREFIX.match(line)
    return found.end() if found else 0


def _closing(signs: str) -> re.Pattern[str]:
    """A line that closes a fence: the same sign, at least as many of it."""
    many = f"{re.escape(signs[0])}{{{len(signs)},}}"
    return re.compile(rf"^[ \t>]*{many}[ \t\r]*$", re.MULTILINE)
