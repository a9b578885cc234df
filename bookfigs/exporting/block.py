"""Blocks: a figure or listing as markdown that needs nothing but pandoc or Quarto."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from msgspec import UnsetType

from bookfigs.entry import FigureEntry, ListingEntry
from bookfigs.errors import InputError, UnknownNameError
from bookfigs.exporting import signs
from bookfigs.exporting.marker import Marker
from bookfigs.listings.callout import Callout

TEXT_WIDTH = 5.375
"""Width of the printed text block, inches; that of ``style``, which is heavy."""

TEMPLATE = re.compile(r"\{([a-z_]\w*\.\w+)\}")
"""A value in a caption of the author's own."""

WIDTH = re.compile(r"\d+(?:\.\d+)?(?:%|in|cm|mm|pt|px|em)")
INCHES = re.compile(r"\d+(?:\.\d+)?in")
FIGURE_KEYS = ("of", "images", "width", "fig-cap", "fig-alt", "fig-env", "fig-pos")
LISTING_KEYS = ("of", "lst-cap", "output", "callouts")
LANGUAGE = re.compile(r"[\w+-]+")
FLAGS = {"true": True, "false": False}
FIGURE_PLACED = {"fig-env": "figure", "fig-pos": "htb"}

Fill = Callable[[str], str]
"""The text of a value by its name."""


@dataclass(frozen=True)
class Request:
    """A marker of a figure or listing, with what its author wants otherwise."""

    marker: Marker
    where: str
    options: Mapping[str, str]

    @property
    def slug(self) -> str:
        """Name of the figure or listing that is asked for."""
        asked = self.options.get("of", self.marker.name)
        return asked.removeprefix(f"{self.marker.kind}-").replace("-", "_")

    def flag(self, key: str) -> bool:
        """Whether a part is wanted. Raises: InputError if that cannot be told."""
        given = self.options.get(key, "true")
        if given not in FLAGS:
            raise InputError(
                self.where, f"{key}={given!r} is neither true nor false", run=f"{key}=…"
            )
        return FLAGS[given]

    def own(self, key: str, fill: Fill) -> str | None:
        """A text of the author's, with its values; None if there is none."""
        if key not in self.options:
            return None
        text = self.options[key].replace('"', "&quot;")
        write = signs.escaped if key.endswith("-alt") else signs.in_text
        return TEMPLATE.sub(
            lambda found: signs.in_attribute(write(fill(found[1]))), text
        )


def request(marker: Marker, where: str) -> Request:
    """What a marker asks for.

    Raises: InputError for a label that the book's rules do not allow; UnknownNameError
    for an option that there is not.
    """
    keys = FIGURE_KEYS if marker.kind == "fig" else LISTING_KEYS
    for field in marker.attr.fields:
        if field.key not in keys:
            raise UnknownNameError(
                where, "no such option", asked=field.key, available=keys
            )
    wrong, right = ("_", "-") if marker.kind == "fig" else ("-", "_")
    name = marker.name[4:]
    if wrong in name:
        kind = "figures" if marker.kind == "fig" else "listings"
        label = f"{marker.kind}-{name.replace(wrong, right)}"
        what = f"labels of {kind} are written with {right!r} between their words"
        raise InputError(where, f"{what}: {marker.name}", run=f"write {label}")
    return Request(marker, where, {f.key: f.value for f in marker.attr.fields})


def figure_block(asked: Request, entry: FigureEntry, source: str, fill: Fill) -> str:
    """A figure: its committed picture, caption and alternative text.

    The alternative text stands at the image too: from the block alone, Quarto gives it
    to no image of a page.
    """
    where = asked.where
    caption = asked.own("fig-cap", fill)
    if caption is None:
        caption = signs.in_attribute(signs.in_caption(entry.caption, where))
    alt = asked.own("fig-alt", fill)
    alt = signs.in_attribute(entry.alt) if alt is None else alt
    placed = FIGURE_PLACED | {
        k: v for k, v in asked.options.items() if k in FIGURE_PLACED
    }
    head = _head(asked, {**placed, "fig-cap": caption, "fig-alt": alt})
    image = f'![]({source}){{width="{_width(asked, entry)}" fig-alt="{alt}"}}'
    return _joined(_figure_origin(asked.slug, entry), head, image, ":::")


def listing_block(asked: Request, entry: ListingEntry, fill: Fill) -> str:
    """A listing: its lines; behind it, what is said of them and what they print.

    These stand outside of what may float away in print, and name the listing instead.
    """
    caption = asked.own("lst-cap", fill)
    if caption is None:
        caption = signs.in_attribute(signs.in_caption(entry.caption, asked.where))
    parts = [_listing_origin(asked.slug, entry), _head(asked, {"lst-cap": caption})]
    numbers = not isinstance(entry.numbers, UnsetType) and entry.numbers
    parts += [_code(entry.code, entry.language, numbered=numbers), ":::"]
    callouts = () if isinstance(entry.callouts, UnsetType) else entry.callouts
    if callouts and asked.flag("callouts"):
        parts += [f"The marked lines of @{asked.marker.name}:"]
        parts += [_sentence(n, one, asked.where) for n, one in enumerate(callouts, 1)]
    output = "" if isinstance(entry.output, UnsetType) else entry.output
    if output and asked.flag("output"):
        parts += [f"The output of @{asked.marker.name}:", _code(output, "text")]
    return _joined(*parts)


def _head(asked: Request, attributes: Mapping[str, str]) -> str:
    """The opening line of a div; an attribute that is empty is left out."""
    classes = [f".{name}" for name in asked.marker.attr.classes]
    pairs = [f'{key}="{value}"' for key, value in attributes.items() if value]
    return f"::: {{{' '.join([f'#{asked.marker.name}', *classes, *pairs])}}}"


def _width(asked: Request, entry: FigureEntry) -> str:
    """How wide a picture is: its share of the text, unless its author says so."""
    if given := asked.options.get("width"):
        if not WIDTH.fullmatch(given):
            what = f"{given!r} is no width"
            raise InputError(asked.where, what, run='write, as in width="80%"')
        return given
    if not INCHES.fullmatch(entry.width):
        return "100%"
    share = float(entry.width.removesuffix("in")) / TEXT_WIDTH
    return f"{min(100, round(100 * share))}%"


def _code(code: str, language: str, *, numbered: bool = False) -> str:
    """Code between fences, in which nothing is interpreted."""
    ticks = signs.fence(code)
    numbers = " .number-lines" if numbered else ""
    kept = ' shortcodes="false"' if "{{<" in code else ""
    named = language if LANGUAGE.fullmatch(language) else "text"
    return f"{ticks}{{.{named}{numbers}{kept}}}\n{code.rstrip()}\n{ticks}"


def _sentence(number: int, callout: Callout, where: str) -> str:
    """What is said of a marked line, as an item of a list."""
    return f"({number}) {signs.in_caption(callout.text, where)}"


def _figure_origin(slug: str, entry: FigureEntry) -> str:
    measured = () if isinstance(entry.measured, UnsetType) else entry.measured
    made = [f"measured on {m.device}, {m.date}, commit {m.commit}" for m in measured]
    made += [f"evidence {file.sha1[:12]}" for file in entry.evidence]
    return _origin(f"figure {slug}", made)


def _listing_origin(slug: str, entry: ListingEntry) -> str:
    made = [f"{entry.symbol} of {entry.source}" if entry.symbol else entry.source]
    if not isinstance(entry.evidence, UnsetType):
        proven = entry.evidence
        made += [f"{proven.executed} of {proven.executable} lines executed"]
        made += [f"{proven.caught} of {proven.counted} changes noticed"]
    return _origin(f"listing {slug}", made)


def _origin(what: str, made: list[str]) -> str:
    """The comment that says where a block comes from, and that it is not edited."""
    lines = [f"Made by bookfigs from {what}; do not edit.", *made]
    said = "\n".join(f"  {signs.in_comment(line)}" for line in lines)
    return f"<!--\n{said}\n-->"


def _joined(*parts: str) -> str:
    return "\n\n".join(parts)
