"""Inline markup in a chunk of text: what is code, math, a citation, a link.

A chunk is scanned once from left to right; what starts like markup but never
ends is text, as pandoc has it.
"""

import re
from bisect import bisect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bookfigs.prose.markup import Attr, read_attr

Kind = Literal[
    "code", "math", "shortcode", "comment", "html", "tex", "cite", "url", "sign",
    "attr", "note", "span", "link", "image", "target",
]  # fmt: skip
VISIBLE: frozenset[Kind] = frozenset({"span", "link", "image"})
"""Kinds whose text is read as prose; the signs around it are spans of their own."""

SPECIAL = re.compile(r"[\\`{<$@\[\]^~]|https?://|www\.")
ESCAPED = re.compile(r"\\[!-/:-@\[-`{-~]")
TICKS = re.compile(r"`+")
TEX = re.compile(r"\\[A-Za-z]+\*?(?:\[[^\]\n]*\]|\{(?:[^{}]|\{[^{}]*\})*\})*")
ENVIRONMENT = re.compile(r"\\begin\{([^}\s]+)\}")
SHORTCODE = re.compile(r"(\{{1,2})\{<((?:(?!\{\{<).)*?)>\}\}\}?", re.DOTALL)
ARGUMENT = re.compile(r"\"([^\"]*)\"|'([^']*)'|(\S+)")
HTML = re.compile(r"</?[A-Za-z][\w-]*(?:\s(?:\"[^\"]*\"|'[^']*'|[^<>\"'])*)?/?>")
VERBATIM = re.compile(r"<(script|style|pre|textarea)\b", re.IGNORECASE)
AUTOLINK = re.compile(r"<(?:[A-Za-z][A-Za-z0-9+.-]*:[^<>\s]*|[^<>\s@]+@[^<>\s]+)>")
URL = re.compile(r"(?:https?://|www\.)[^\s<>)\]\"]+")
DISPLAY = re.compile(r"\$\$((?:\\.|(?!\$\$)[^\\])*)\$\$", re.DOTALL)
INLINE = re.compile(r"\$(?![\s$])((?:\\.|[^\\$])+?)(?<!\s)\$(?!\d)", re.DOTALL)
KEY = re.compile(r"@(?:\{([^}\s]+)\}|(\w(?:[\w]|[:.#$%&\-+?<>~/]+(?=\w))*))")
LOCATOR = re.compile(r"[ \n]?\[(?![@\-])[^\[\]]*\](?![({])")
NOTE = re.compile(r"\[\^[^\]\s]+\]:?")
DEFINITION = re.compile(r"\[[^\]\n]+\]:[ \t]+\S+[^\n]*")
TARGET = re.compile(
    r"\(\s*(<[^>\n]*>|(?:[^\s()]|\([^\s()]*\))*)"
    r"(?:\s+(?:\"[^\"]*\"|'[^']*'|\([^()]*\)))?\s*\)"
)
REFERENCE = re.compile(r"\[[^\[\]\n]*\]")
SUPERSCRIPT = re.compile(r"\^(?:[^\s^\[\\]|\\.)+\^|~(?:[^\s~\\]|\\.)+~")


@dataclass(frozen=True)
class Span:
    """A piece of markup. ``inner`` is what it holds; its name depends on its kind."""

    kind: Kind
    start: int
    end: int
    inner: tuple[int, int]
    name: str = ""
    """Key of a citation, target of a link or image, name of a shortcode."""
    attr: Attr | None = None
    arguments: tuple[str, ...] = ()


def read_inlines(text: str, start: int, end: int) -> list[Span]:
    """Every span between two positions; spans may hold others."""
    return _Scanner(text[:end], start).scan()


def shortcodes(text: str, start: int, end: int) -> list[Span]:
    """The shortcodes between two positions, wherever they stand."""
    found = SHORTCODE.finditer(text, start, end)
    return [_shortcode(match) for match in found if len(match[1]) == 1]


def _shortcode(match: re.Match[str]) -> Span:
    """Three braces show a shortcode instead of running it: that has no name."""
    words = [next(filter(None, w.groups()), "") for w in ARGUMENT.finditer(match[2])]
    runs = len(match[1]) == 1 and bool(words)
    name, arguments = (words[0], tuple(words[1:])) if runs else ("", ())
    return Span("shortcode", *match.span(), match.span(2), name, arguments=arguments)


class _Scanner:
    """A cursor; every handler returns the position behind what it took."""

    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._start = start
        self._spans: list[Span] = []
        self._brackets: list[int] = []
        self._cites: list[int] = []
        self._never: set[str] = set()
        self._handlers: dict[str, Callable[[int], int]] = {
            "\\": self._backslash,
            "`": self._code,
            "{": self._brace,
            "<": self._angle,
            "$": self._math,
            "@": self._cite,
            "[": self._opening,
            "]": self._closing,
            "^": self._raised,
            "~": self._raised,
        }

    def scan(self) -> list[Span]:
        at = self._start
        while special := SPECIAL.search(self._text, at):
            handler = self._handlers.get(special[0], self._url)
            at = max(handler(special.start()), special.start() + 1)
        return sorted(self._spans, key=lambda span: (span.start, -span.end))

    def _add(self, kind: Kind, start: int, end: int, name: str = "") -> int:
        self._spans.append(Span(kind, start, end, (start, end), name))
        return end

    def _try(self, pattern: re.Pattern[str], kind: Kind, at: int) -> int:
        found = pattern.match(self._text, at)
        return self._add(kind, at, found.end()) if found else at

    def _until(self, closing: str, kind: Kind, at: int) -> int:
        """Take all up to a closing; nothing if there is none."""
        if closing in self._never:
            return at
        end = self._text.find(closing, at)
        if end < 0:
            self._never.add(closing)
            return at
        return self._add(kind, at, end + len(closing))

    def _backslash(self, at: int) -> int:
        if ESCAPED.match(self._text, at):
            return at + 2
        if environment := ENVIRONMENT.match(self._text, at):
            end = self._until(f"\\end{{{environment[1]}}}", "tex", at)
            if end > at:
                return end
        return self._try(TEX, "tex", at)

    def _code(self, at: int) -> int:
        ticks = TICKS.match(self._text, at)
        body = ticks.end() if ticks else at + 1
        closing = "`" * (body - at)
        pattern = re.compile(rf"(?<!`){closing}(?!`)")
        end = None if closing in self._never else pattern.search(self._text, body)
        if end is None:
            self._never.add(closing)
            return at + 1
        attr = read_attr(self._text, end.end())
        after = attr.end if attr else end.end()
        self._spans.append(Span("code", at, after, (body, end.start()), attr=attr))
        return after

    def _brace(self, at: int) -> int:
        if found := SHORTCODE.match(self._text, at):
            self._spans.append(_shortcode(found))
            return found.end()
        attr = read_attr(self._text, at)
        if attr is None or not attr.is_plain:
            return at
        self._spans.append(Span("attr", at, attr.end, (at, attr.end), attr=attr))
        return attr.end

    def _angle(self, at: int) -> int:
        if self._text.startswith("<!--", at):
            return self._until("-->", "comment", at)
        if verbatim := VERBATIM.match(self._text, at):
            end = self._until(f"</{verbatim[1]}", "html", at)
            if end > at:
                return end
        end = self._try(AUTOLINK, "url", at)
        return end if end > at else self._try(HTML, "html", at)

    def _math(self, at: int) -> int:
        if self._text.startswith("$$", at):
            display = None if "$$" in self._never else DISPLAY.match(self._text, at)
            if display is None:
                self._never.add("$$")
                return at + 2
            return self._add("math", at, display.end())
        return self._try(INLINE, "math", at)

    def _cite(self, at: int) -> int:
        key = KEY.match(self._text, at)
        before = self._text[at - 1] if at > self._start else " "
        if key is None or before.isalnum() or before == "_":
            return at
        self._add("cite", at, key.end(), key[1] or key[2])
        self._cites.append(at)
        locator = LOCATOR.match(self._text, key.end())
        if locator is None or not locator[0].strip("[] \n"):
            return key.end()
        for other in KEY.finditer(self._text, *locator.span()):
            self._add("cite", *other.span(), other[1] or other[2])
        return self._add("note", *locator.span())

    def _opening(self, at: int) -> int:
        is_first = at == self._start or self._text[at - 1] == "\n"
        if is_first and (end := self._try(DEFINITION, "target", at)) > at:
            if not self._text.startswith("[^", at):
                return end
            self._spans.pop()
        if (end := self._try(NOTE, "note", at)) > at:
            return end
        self._brackets.append(at)
        return at + 1

    def _closing(self, at: int) -> int:
        if not self._brackets:
            return at
        start, after = self._brackets.pop(), at + 1
        inner = start + 1
        is_image = start > self._start and self._text[start - 1] == "!"
        target = TARGET.match(self._text, after)
        found = target or REFERENCE.match(self._text, after)
        end = self._add("target", after, found.end()) if found else after
        attr = read_attr(self._text, end)
        if found is None and attr is None:
            self._hide_citation(start, after)
            return after
        if attr is not None:
            self._spans.append(Span("attr", end, attr.end, (end, attr.end), attr=attr))
            end = attr.end
        kind: Kind = "span" if found is None else "image" if is_image else "link"
        start = start - 1 if kind == "image" else start
        name = target[1].strip("<>") if target else ""
        self._spans.append(Span(kind, start, end, (inner, at), name, attr))
        return end

    def _hide_citation(self, start: int, end: int) -> None:
        """A bracket whose every part cites is no prose: pages, chapters."""
        keys = self._cites[bisect(self._cites, start) :]
        if not keys:
            return
        bounds = [start, *(i for i in range(start, end) if self._text[i] == ";")]
        parts = zip(bounds, [*bounds[1:], end], strict=True)
        if all(any(a <= key < b for key in keys) for a, b in parts):
            self._add("note", start, end)

    def _raised(self, at: int) -> int:
        return self._try(SUPERSCRIPT, "sign", at)

    def _url(self, at: int) -> int:
        return self._try(URL, "url", at)
