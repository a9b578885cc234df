"""Code as HTML: the words of Python get classes, any other language stays plain."""

import io
import keyword
import tokenize
from collections.abc import Collection, Iterator, Sequence

from bookfigs.gallery.html import Content, element

CLASSES = {
    tokenize.COMMENT: "comment",
    tokenize.STRING: "string",
    tokenize.NUMBER: "number",
}
Piece = tuple[int, int, str]
"""Columns of a line from and to, and the class of what stands there."""


def highlighted(
    code: str, language: str, called: Collection[int] = ()
) -> list[Content]:
    """The lines of code, each an element; those that are called out stand out."""
    lines = code.rstrip("\n").split("\n")
    pieces = _pieces(code) if language == "python" else {}
    return [
        [
            element(
                "span",
                _line(line, pieces.get(number, ())),
                class_="line called" if number in called else "line",
            ),
            "\n",
        ]
        for number, line in enumerate(lines, 1)
    ]


def _line(line: str, pieces: Sequence[Piece]) -> Iterator[Content]:
    at = 0
    for start, end, kind in pieces:
        yield line[at:start]
        yield element("span", line[start:end], class_=kind)
        at = end
    yield line[at:]


def _pieces(code: str) -> dict[int, list[Piece]]:
    """What is to be told apart, by line; as far as the code can be read.

    A listing may end in the middle of a statement.
    """
    found: dict[int, list[Piece]] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if kind := _kind(token):
                for number, start, end in _spans(token):
                    found.setdefault(number, []).append((start, end, kind))
    except (tokenize.TokenError, SyntaxError):
        return found
    return found


def _kind(token: tokenize.TokenInfo) -> str:
    if token.type == tokenize.NAME and keyword.iskeyword(token.string):
        return "keyword"
    return CLASSES.get(token.type, "")


def _spans(token: tokenize.TokenInfo) -> Iterator[tuple[int, int, int]]:
    """The lines of a token, each with its columns."""
    parts = token.string.split("\n")
    for offset, part in enumerate(parts):
        start = 0 if offset else token.start[1]
        yield token.start[0] + offset, start, start + len(part)
