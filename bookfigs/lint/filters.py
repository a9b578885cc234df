"""Rules about ``_quarto.yml``: the filter is named, and early enough.

Only the lists under ``filters`` are read, as block or flow sequences of names and
of mappings with ``path`` and ``at``; what else the file holds does not matter here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bookfigs.lint.finding import Context, Hit
from bookfigs.lint.names import claims, embeds
from bookfigs.prose.document import Page, Source

KEY = re.compile(r"^(?P<indent>[ \t]*)filters:[ \t]*(?P<rest>[^\n]*)", re.MULTILINE)
FLOW = re.compile(r"\{[^{}]*\}|[^\s,\[\]{}\"']+|\"[^\"\n]*\"|'[^'\n]*'")
PAIR = re.compile(r"(path|at)\s*:\s*[\"']?([^\s,\"'{}]+)")
ITEM = re.compile(r"[ \t]*-(?:[ \t]+|$)")
OURS = re.compile(r"(?:^|/)bookfigs(?:\.lua)?$")
BY_NAME = (1, 8)
"""From this version on ``at`` goes with the name of an extension."""

ENTRY = "filters: [{path: bookfigs, at: pre-ast}]"
ENTRY_BY_PATH = "filters: [{path: _extensions/bookfigs/bookfigs.lua, at: pre-ast}]"


@dataclass(frozen=True)
class Filter:
    """An entry of a list of filters."""

    source: Source
    start: int
    end: int
    path: str
    at: str

    @property
    def is_ours(self) -> bool:
        """Whether it is the filter of this tool, by name or by path."""
        return OURS.search(self.path) is not None


def read_filters(
    source: Source, start: int = 0, end: int | None = None
) -> list[Filter]:
    """Every filter that a settings file, or a page's front matter, lists."""
    end = len(source.text) if end is None else end
    return [
        found
        for key in KEY.finditer(source.text, start, end)
        for begin, item in _items(source.text, key, end)
        if (found := _filter(source, begin, item))
    ]


def _items(text: str, key: re.Match[str], end: int) -> Iterator[tuple[int, str]]:
    """The entries of a list, and where each begins."""
    if key["rest"].startswith("["):
        close = text.find("]", key.start("rest"), end)
        within = (key.start("rest"), close if close > 0 else end)
        yield from ((one.start(), one[0]) for one in FLOW.finditer(text, *within))
        return
    at, begun, item = min(key.end() + 1, end), 0, ""
    for line in text[at:end].split("\n"):
        bare = line.split(" #")[0].rstrip()
        indent = len(bare) - len(bare.lstrip())
        if bare and indent < len(key["indent"]) + (not ITEM.match(bare)):
            break
        if mark := ITEM.match(bare):
            if item:
                yield begun, item
            begun, item = at + mark.end(), bare[mark.end() :]
        elif bare.lstrip() and not bare.lstrip().startswith("#"):
            item += "\n" + bare
        at += len(line) + 1
    if item:
        yield begun, item


def _filter(source: Source, start: int, item: str) -> Filter | None:
    """An entry, in either of its forms."""
    pairs = dict(PAIR.findall(item))
    first = item.split("\n", maxsplit=1)[0].rstrip()
    path = pairs.get("path") or first.strip("\"' ")
    if not path or path.startswith("#"):
        return None
    return Filter(source, start, start + len(first), path, pairs.get("at", ""))


def _own(page: Page) -> list[Filter]:
    """Filters that a page's own front matter lists."""
    return [found for meta in page.blocks.meta for found in read_filters(page, *meta)]


def _listed(context: Context) -> list[Filter]:
    """Every listing of our filter, for the book or for a page."""
    found = [f for source in context.settings for f in read_filters(source)]
    found += [f for page in context.pages for f in _own(page)]
    return [one for one in found if one.is_ours]


def filter_missing(context: Context) -> Iterator[Hit]:
    """Pages use bookfigs, and nothing runs its filter on them."""
    if any(f.source in context.settings for f in _listed(context)):
        return
    if any("metadata-files:" in source.text for source in context.settings):
        return
    using = {found.page.name for found in embeds(context)}
    using |= {page.name for page in context.pages if claims(page)}
    using |= {
        page.name
        for page in context.pages
        if any("bookfigs-evidence" in div.attr.classes for div in page.divs)
    }
    using -= {p.name for p in context.pages if any(f.is_ours for f in _own(p))}
    for source in context.settings[:1]:
        if using:
            what = f"no filter bookfigs, and {min(using)} needs it"
            yield Hit(source, 0, 0, what, f"write: {ENTRY}")


def filter_late(context: Context) -> Iterator[Hit]:
    """The filter is listed where its figures and listings come out empty."""
    for listed in _listed(context):
        place = (listed.source, listed.start, listed.end)
        by_name = not listed.path.endswith(".lua")
        if listed.at != "pre-ast":
            at = f"at {listed.at!r}" if listed.at else "without `at`"
            what = f"the filter {at} comes after Quarto has parsed figures"
            yield Hit(*place, what, f"write: {ENTRY}")
        elif by_name and (context.quarto() or BY_NAME) < BY_NAME:
            what = "before Quarto 1.8, `at` needs the path of the filter"
            yield Hit(*place, what, f"write: {ENTRY_BY_PATH}")
