"""Call-outs: a sentence beside a printed line, anchored to what the line says."""

import difflib
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
