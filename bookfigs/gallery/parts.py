"""Parts that sections share: names of anchors, lists of facts, code that scrolls."""

import re
from collections.abc import Iterable

from bookfigs.gallery.html import Content, Html, element

KEPT = re.compile(r"[^A-Za-z0-9_.-]")


def label(kind: str, slug: str) -> str:
    """What prose calls a figure (``fig``) or listing (``lst``); its anchor too."""
    return anchor(f"{kind}-{slug.replace('_', '-')}")


def anchor(name: str) -> str:
    """A name as an id, of which no two names have the same."""
    return KEPT.sub(lambda sign: f":{ord(sign[0]):x}:", name)


def link(words: Content, target: str, **attributes: str | bool | None) -> Html:
    """A link within the gallery: to an anchor of it, or a file beside it."""
    return element("a", words, href=target, **attributes)


def hidden(words: str) -> Html:
    """Words for those who hear a page."""
    return element("span", words, class_="hidden")


def facts(pairs: Iterable[tuple[str, Content]], class_: str = "facts") -> Html | None:
    """What is known, by its name; what says nothing is left out."""
    items = [
        element("div", element("dt", name), element("dd", said))
        for name, said in pairs
        if said
    ]
    return element("dl", *items, class_=class_) if items else None


def scrolling(code: Content, named: str, class_: str | None = None) -> Html:
    """Code that a narrow page scrolls, by the keyboard too.

    ``named``: what it is, unlike any other of the page.
    """
    return element(
        "pre",
        element("code", code),
        class_=class_,
        tabindex="0",
        role="region",
        aria_label=named,
    )


def details(summary: Content, *content: Content, class_: str | None = None) -> Html:
    """What is shown to those who open it."""
    return element("details", element("summary", summary), *content, class_=class_)


def joined(parts: Iterable[Content], between: str = ", ") -> list[Content]:
    """Parts with a text between them."""
    found: list[Content] = []
    for part in parts:
        found += [between, part] if found else [part]
    return found


def path(text: str) -> Html:
    """The path of a file, which a narrow page breaks behind its folders."""
    parts = text.split("/")
    folders: list[Content] = [(f"{part}/", element("wbr")) for part in parts[:-1]]
    return element("code", folders, parts[-1])


def run(device: str, date: str, commit: str) -> list[Content]:
    """Where and when something was measured, and with which commit."""
    day = element("span", date, class_="day")
    return [f"{device}, ", day, f", commit\u00a0{commit}" if commit else None]


def plural(number: int, word: str) -> str:
    """A number of things in words."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"
