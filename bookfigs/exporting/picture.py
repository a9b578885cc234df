"""Pictures for another book: one SVG beside others, in a page or an EPUB.

Every id in it gets the name of its figure in front, so that no two pictures share
one wherever they end up, and a comment says where it comes from.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from xml.parsers import expat

from bookfigs.canonical import fingerprint
from bookfigs.errors import InputError

IDS = re.compile(r"""(\bid="|\bhref="\#|url\(\#)""")
USED = re.compile(r"url\(#([^)]+)\)")
ROOT = re.compile(r"<svg\b")
MARK = re.compile(r"<!-- bookfigs: picture of [\w-]+, (?P<digest>[0-9a-f]{12}) -->\n")


@dataclass
class Parts:
    """Ids that a picture has, and those that it uses."""

    ids: Counter[str] = field(default_factory=Counter)
    used: set[str] = field(default_factory=set)


def exported(content: bytes, slug: str, where: str) -> bytes:
    """A picture of the book as another book gets it.

    Raises: InputError if it is not well-formed, or an id is there twice or missing.
    """
    text = content.decode()
    text = IDS.sub(rf"\g<1>{slug}-", text)
    parts = read_svg(text, where)
    twice = sorted(name for name, count in parts.ids.items() if count > 1)
    missing = sorted(parts.used - parts.ids.keys())
    if twice or missing:
        what = f"twice: {twice[0]}" if twice else f"used and not there: {missing[0]}"
        raise InputError(where, f"an id of this picture is {what}", run=_anew(slug))
    comment = f"<!-- bookfigs: picture of {slug}, {_digest(text)} -->\n"
    return ROOT.sub(lambda found: comment + found[0], text, count=1).encode()


def read_svg(text: str, where: str) -> Parts:
    """The ids of a picture. Raises: InputError if it is not well-formed XML."""
    parts = Parts()

    def start(_name: str, attributes: dict[str, str]) -> None:
        for name, value in attributes.items():
            if name == "id":
                parts.ids[value] += 1
            elif name.endswith("href") and value.startswith("#"):
                parts.used.add(value[1:])
            parts.used.update(USED.findall(value))

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    try:
        parser.Parse(text, True)  # noqa: FBT003 - it takes no keyword
    except expat.ExpatError as error:
        raise InputError(where, f"this picture is not well-formed: {error}") from error
    return parts


def is_ours(content: bytes) -> bool:
    """Whether a picture in another book was written by export."""
    return _marked(content) is not None


def is_untouched(content: bytes) -> bool:
    """Whether it is as it was written."""
    text = content.decode("utf-8", "replace").replace("\r\n", "\n")
    found = _marked(content)
    return found is not None and found["digest"] == _digest(MARK.sub("", text, count=1))


def _marked(content: bytes) -> re.Match[str] | None:
    return MARK.search(content.decode("utf-8", "replace").replace("\r\n", "\n"))


def _digest(text: str) -> str:
    return fingerprint(text.encode())[:12]


def _anew(slug: str) -> str:
    return f"bookfigs figures --only {slug}"
