"""HTML as a tree of elements: a string in it is text, and nothing else.

Only ``element`` makes markup, so no string of a manifest can become any.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape

from bookfigs.exporting.signs import CONTROL

VOID = frozenset({"img", "input", "meta", "source", "wbr"})
"""Elements that hold nothing and have no end."""

INLINE = frozenset(
    {
        "a",
        "code",
        "em",
        "img",
        "input",
        "label",
        "picture",
        "source",
        "span",
        "strong",
        "wbr",
    }
)
"""Elements that stand within a line; any other one begins a line of its own."""


@dataclass(frozen=True)
class Html:
    """Markup that is finished."""

    markup: str


Content = str | Html | None | Iterable["Content"]
"""Text, markup, several of them, or nothing."""


def element(name: str, /, *content: Content, **attributes: str | bool | None) -> Html:
    """An element; an underscore in the name of an attribute is a hyphen.

    ``class_`` and ``for_`` end with one, since Python has the words. An attribute
    that is None or False is left out; one that is True has no value.
    """
    given = "".join(_attribute(key, value) for key, value in attributes.items())
    begin = f"<{name}{given}>" if name in INLINE else f"\n<{name}{given}>"
    if name in VOID:
        return Html(begin)
    return Html(f"{begin}{markup(content)}</{name}>")


def markup(content: Content) -> str:
    """The markup of content; signs that act on the program that shows them go."""
    return "".join(_parts(content))


def _parts(content: Content) -> Iterator[str]:
    if isinstance(content, Html):
        yield content.markup
    elif isinstance(content, str):
        yield _text(content)
    elif content is not None:
        for one in content:
            yield from _parts(one)


def _attribute(key: str, value: str | bool | None) -> str:  # noqa: FBT001 - it is one
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{_text(value)}"'


def _text(text: str) -> str:
    return escape(CONTROL.sub("", text))
