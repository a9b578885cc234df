"""Call-outs: a sentence beside a printed line, anchored to what the line says.

A line that is called out ends with a comment, ``# (1)``, which every output format
prints as it is and nothing executes; the sentences stand below with their numbers.
"""

import difflib
import io
import tokenize
from collections.abc import Mapping, Sequence

from msgspec import Struct

from bookfigs.errors import InputError


class Callout(Struct, frozen=True):
    """A sentence and the printed line that it is about, counted from 1."""

    line: int
    text: str


def callouts(
    anchors: Mapping[str, str], printed: Sequence[str], where: str
) -> list[Callout]:
    """Call-outs in the order of the printed lines.

    An anchor is a fragment of one line; how much space is in it does not count.
    Raises: InputError with the nearest lines, if a fragment is not in exactly one
    printed line, or says nothing.
    """
    texts = [" ".join(line.split()) for line in printed]
    found = [
        Callout(_line(fragment, texts, where), text.strip())
        for fragment, text in anchors.items()
    ]
    for callout, fragment in zip(found, anchors, strict=True):
        if not callout.text:
            raise InputError(where, f"the call-out of {fragment!r} says nothing")
    return sorted(found, key=lambda callout: callout.line)


def marked(
    printed: Sequence[str], found: Sequence[Callout], where: str, columns: int
) -> list[str]:
    """The printed lines with the mark of each call-out as a comment at their ends.

    Raises: InputError if a line has no room for the mark, or no comment can stand
    there: within a text, or before a line that continues it.
    """
    lines = list(printed)
    full = _without_end(printed) if found else set()
    for number, callout in enumerate(found, 1):
        line = lines[callout.line - 1]
        has_mark = any(before.line == callout.line for before in found[: number - 1])
        lines[callout.line - 1] = f"{line}{' ' if has_mark else '  # '}({number})"
        what = ""
        if callout.line in full:
            what = "goes on in the next line, so that no mark can stand at its end"
        elif len(lines[callout.line - 1]) > columns:
            what = f"has no room for the mark of its call-out within {columns} columns"
        if what:
            run = "call out a line beside it, or break the line"
            said = f"printed line {callout.line} {what}: {line.strip()}"
            raise InputError(where, said, run=run)
    return lines


def _without_end(printed: Sequence[str]) -> set[int]:
    """Lines at whose end no comment can stand."""
    text = "".join(f"{line}\n" for line in printed)
    found = {n for n, line in enumerate(printed, 1) if line.endswith("\\")}
    silent = {tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT}
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type not in silent:
                found.update(range(token.start[0], token.end[0]))
    except (tokenize.TokenError, SyntaxError):  # a region may end in the middle
        return found
    return found


def _line(fragment: str, texts: Sequence[str], where: str) -> int:
    """The number of the one line that a fragment is in."""
    wanted = " ".join(fragment.split())
    found = [n for n, text in enumerate(texts, 1) if wanted and wanted in text]
    if len(found) == 1:
        return found[0]
    if found:
        lines = ", ".join(map(str, found))
        what = f"is in printed lines {lines}; a longer fragment is in one of them"
    else:
        near = difflib.get_close_matches(wanted, filter(None, texts), n=3, cutoff=0.3)
        what = f"is in no printed line; nearest: {' | '.join(near) or 'none'}"
    run = "correct [callouts] so that each fragment is in exactly one printed line"
    raise InputError(where, f"call-out {fragment!r} {what}", run=run)
