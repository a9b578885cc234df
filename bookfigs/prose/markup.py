"""Attributes of pandoc's markdown, ``{#id .class key="value"}``, with positions."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

TOKEN = re.compile(
    r"""\s*(?:
      \#(?P<id>[^\s{}"'=]+)
    | \.(?P<class>[^\s{}"'=]+)
    | (?P<key>[A-Za-z_:@][\w:.-]*)=
      (?: "(?P<double>(?:\\.|[^"\\])*)" | '(?P<single>(?:\\.|[^'\\])*)'
        | (?P<bare>[^\s{}"'`]*) )
    | (?P<word>-|=?[A-Za-z_][\w+\#.-]*)
    )(?=[\s}])""",
    re.VERBOSE | re.DOTALL,
)
OPTION = re.compile(
    r"""^[ \t]*(?:\#|//|--|%%)\|[ \t]*(?P<key>[\w-]+):[ \t]*
    (?: "(?P<double>(?:\\.|[^"\\\n])*)" | '(?P<single>[^'\n]*)'
      | (?P<bare>[^\s|>"'][^\n\r]*) )""",
    re.VERBOSE | re.MULTILINE,
)
END = re.compile(r"\s*\}")


@dataclass(frozen=True)
class Field:
    """A key with its value; the positions are the value's, without its quotes."""

    key: str
    value: str
    start: int
    end: int


@dataclass(frozen=True)
class Attr:
    """Attributes, and where they stand."""

    start: int
    end: int
    id: str = ""
    classes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    """Bare words: the language of an executable cell, or the format of raw code."""
    fields: tuple[Field, ...] = ()

    def field(self, key: str) -> Field | None:
        """The last value of a key, if there is one."""
        return next((f for f in reversed(self.fields) if f.key == key), None)

    @property
    def is_plain(self) -> bool:
        """Whether it has an id, a class or a key: else braces may mean other things."""
        return bool(self.id or self.classes or self.fields)


def read_attr(text: str, start: int) -> Attr | None:
    """Attributes whose brace opens at ``start``, or None if these are none."""
    if not text.startswith("{", start) or text.startswith("{{", start):
        return None
    tokens, at = [], start + 1
    while token := TOKEN.match(text, at):
        if "\n\n" in token[0]:
            return None
        tokens.append(token)
        at = token.end()
    end = END.match(text, at)
    if end is None:
        return None
    ids = list(_of(tokens, "id"))
    return Attr(
        start,
        end.end(),
        ids[-1] if ids else "",
        tuple(_of(tokens, "class")),
        tuple(_of(tokens, "word")),
        tuple(_fields(tokens)),
    )


def read_options(text: str, start: int, end: int) -> Attr:
    """The options of a cell (``#| key: value``) between two positions."""
    fields = tuple(_fields(list(OPTION.finditer(text, start, end))))
    label = next((f.value for f in fields if f.key == "label"), "")
    return Attr(start, max([start, *(f.end for f in fields)]), label, fields=fields)


def _of(tokens: list[re.Match[str]], group: str) -> Iterator[str]:
    return (token[group] for token in tokens if token[group] is not None)


def _fields(tokens: list[re.Match[str]]) -> Iterator[Field]:
    for token in tokens:
        for group in ("double", "single", "bare"):
            if token["key"] and token[group] is not None:
                yield Field(token["key"], token[group], *token.span(group))
