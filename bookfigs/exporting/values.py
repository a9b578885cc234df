"""Values as variables of Quarto: ``{{< var bookfigs.FIGURE.NAME >}}`` needs no filter.

They stand in ``_variables.yml`` between two comments of their own.
"""

import json
import re
from collections.abc import Mapping
from itertools import groupby

from bookfigs.errors import BookfigsError, InputError
from bookfigs.exporting.marker import mark
from bookfigs.exporting.signs import in_text
from bookfigs.exporting.target import Target
from bookfigs.exporting.work import BY_HAND, Work

VARIABLES = "_variables.yml"
JOINER = "\u2060"
"""A sign of no width, at which no line breaks."""

SHORTCODE = re.compile(r"\\\{(?=\\<)|\\>(?=\\\})")
"""The signs that begin or end a shortcode, escaped."""

OPEN = "# bookfigs: values"
CLOSE = "# /bookfigs"
REGION = re.compile(
    rf"^{OPEN}[ \t]*\r?\n(?P<text>.*?)"
    rf"^{CLOSE}(?:[ \t]+(?P<digest>[0-9a-f]{{12}}))?[ \t]*(?=\r?$)",
    re.DOTALL | re.MULTILINE,
)
KEY = re.compile(r"^bookfigs[ \t]*:", re.MULTILINE)


def yaml(texts: Mapping[str, str]) -> str:
    """Values by figure, each a text that markdown prints to the letter."""
    lines = ["bookfigs:"]
    for figure, names in groupby(sorted(texts), lambda name: name.partition(".")[0]):
        lines.append(f"  {figure}:")
        for name in names:
            value = json.dumps(_hidden(in_text(texts[name])), ensure_ascii=False)
            lines.append(f"    {name.partition('.')[2]}: {value}")
    return "".join(f"{line}\n" for line in lines)


def _hidden(markdown: str) -> str:
    """Markdown in which Quarto, which unescapes variables first, sees no shortcode."""
    return SHORTCODE.sub(rf"\g<0>{JOINER}", markdown)


def region(text: str, where: str) -> re.Match[str] | None:
    """Where the values stand in a file of variables; None if it has no place for them.

    Raises: InputError if a comment lacks its counterpart, or is there twice, or the
    key is taken.
    """
    opened = len(re.findall(rf"^{OPEN}\b", text, re.MULTILINE))
    closed = len(re.findall(rf"^{CLOSE}\b", text, re.MULTILINE))
    found = REGION.search(text)
    if not opened and not closed:
        return None
    if found is None or opened > 1 or closed > 1:
        what = f"has {opened} lines {OPEN!r} and {closed} lines {CLOSE!r}"
        raise InputError(where, what, run="leave one of each, in this order")
    if KEY.search(text[: found.start()] + text[found.end() :]):
        line = text[: found.start()].count("\n") + 1
        what = "the key 'bookfigs' is also defined outside of these lines"
        raise InputError(f"{where}:{line}", what, run="rename the other one")
    return found


def block(texts: Mapping[str, str]) -> str:
    """The lines of the values with the comments around them."""
    written = yaml(texts)
    return f"{OPEN}\n{written}{CLOSE} {mark(written)}"


def renew(target: Target, texts: Mapping[str, str], work: Work, *, make: bool) -> bool:
    """Note what has to stand in the file of variables; ``make`` one if need be.

    Returns: whether values are asked for there.
    """
    path = target.root / VARIABLES
    name, new = target.name(path), block(texts)
    try:
        if path.exists() or path.is_symlink():
            return _renew(target, name, new, work, wanted=make)
        if make:
            work.note(name, "is missing")
            work.files[path] = f"{new}\n".encode()
    except BookfigsError as error:
        work.errors.append(error)
    return make


def _renew(target: Target, name: str, new: str, work: Work, *, wanted: bool) -> bool:
    """Note how the values in a file differ. Raises: InputError."""
    path = target.root / VARIABLES
    opened = target.open(path, target.read(path))
    found = region(opened.page.text, name)
    if found is None:
        if wanted:
            lines = f"{OPEN!r} and {CLOSE!r}"
            work.remarks.append(f"{name}: where it has the lines {lines}, values go")
        return False
    if found[0].replace("\r\n", "\n") == new:
        return True
    target.require_writable(path)
    old = found["text"].replace("\r\n", "\n")
    by_hand = bool(old.strip()) and mark(old) != found["digest"]
    line = opened.page.place(found.start())[0]
    said = BY_HAND if by_hand else "values are outdated" if old else "is not filled in"
    work.note(f"{name}:{line}", said, by_hand=by_hand)
    work.files[path] = opened.edited([(*found.span(), new)])
    return True
