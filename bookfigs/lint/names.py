"""Rules about names: what a page asks for has to be there, and be referred to."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bookfigs.lint.finding import Context, Hit, nearest
from bookfigs.prose.document import Page
from bookfigs.prose.markup import Attr

LABEL = re.compile(r"([a-z]+)-(.+)")
KINDS = {"fig": "figure", "lst": "listing"}
FORM = "write: ::: {#fig-NAME .bookfigs} or ::: {#lst-NAME .bookfigs}"


@dataclass(frozen=True)
class Embed:
    """A div of class bookfigs: its place, and what it asks for."""

    page: Page
    start: int
    end: int
    label: str
    kind: str = ""
    slug: str = ""


def embeds(context: Context) -> list[Embed]:
    """Every figure and listing that the pages embed."""
    return [
        _embed(page, div.attr, div.start, div.head_end)
        for page in context.pages
        for div in page.divs
        if "bookfigs" in div.attr.classes
    ]


def _embed(page: Page, attr: Attr, start: int, end: int) -> Embed:
    named = LABEL.fullmatch(attr.id)
    if named is None or named[1] not in KINDS:
        return Embed(page, start, end, attr.id)
    slug = named[2].replace("-", "_")
    return Embed(page, start, end, attr.id, KINDS[named[1]], slug)


def claims(page: Page) -> list[tuple[Attr, int, int]]:
    """The attributes of every claim of a page, and where it stands."""
    divs = [(div.attr, div.start, div.head_end) for div in page.divs]
    spans = [(s.attr, s.start, s.end) for s in page.of("span") if s.attr]
    return [found for found in [*divs, *spans] if "claim" in found[0].classes]


def used(context: Context) -> Iterator[tuple[Hit, str, str]]:
    """Each name that is asked for: where, of which kind, and the name."""
    for page in context.pages:
        for span in page.shortcodes:
            if span.name == "val":
                name = next(iter(span.arguments), "")
                yield Hit(page, span.start, span.end, ""), "value", name
        for attr, start, end in claims(page):
            if named := attr.field("ref"):
                at = Hit(page, named.start, named.end, "", block=start)
                yield at, "claim", named.value
            else:
                yield Hit(page, start, end, ""), "claim", ""
    for found in embeds(context):
        if found.kind:
            at = Hit(found.page, found.start, found.end, "")
            yield at, found.kind, found.slug


def _written(kind: str, name: str) -> str:
    """A name as prose writes it."""
    prefix = {"figure": "#fig-", "listing": "#lst-"}.get(kind)
    return f"{prefix}{name.replace('_', '-')}" if prefix else name


def no_manifest(context: Context) -> Iterator[Hit]:
    """Names are asked for, and nothing says which there are."""
    told: set[int] = set()
    what = "there is no manifest, so that no name can be looked up"
    for at, _, _ in [] if context.manifest else used(context):
        if id(at.source) not in told:
            told.add(id(at.source))
            yield Hit(at.source, at.start, at.end, what, "run: bookfigs figures")


def unknown_name(context: Context) -> Iterator[Hit]:
    """A name that the manifest does not have."""
    if context.manifest is None:
        return
    known = {
        "figure": context.manifest.figures.keys(),
        "listing": context.manifest.listings.keys(),
        "value": context.manifest.values.keys(),
        "claim": context.manifest.claims.keys(),
    }
    for at, kind, name in used(context):
        if name and name not in known[kind]:
            names = [_written(kind, each) for each in known[kind]]
            asked = _written(kind, name)
            what, near = f"there is no {kind} {asked!r}", nearest(asked, names)
            yield Hit(at.source, at.start, at.end, what, near, at.block)


def nameless(context: Context) -> Iterator[Hit]:
    """Something of bookfigs that does not say what it stands for."""
    for at, kind, name in used(context):
        if not name:
            form = "{{< val FIGURE.NAME >}}"
            form = '[…]{.claim ref="FIGURE.NAME"}' if kind == "claim" else form
            what = f"this {kind} has no name"
            yield Hit(at.source, at.start, at.end, what, f"write: {form}")
    for found in embeds(context):
        if not found.kind:
            what = f"a div of class bookfigs embeds nothing by the id {found.label!r}"
            yield Hit(found.page, found.start, found.end, what, FORM)


def unreferenced(context: Context) -> Iterator[Hit]:
    """A figure or listing that no text refers to."""
    keys = {
        cite.name[:1].lower() + cite.name[1:]
        for page in context.pages
        for cite in page.of("cite")
    }
    for found in embeds(context):
        if found.kind and found.label not in keys:
            what = f"no text refers to this {found.kind}"
            write = f"write: @{found.label}, where the text speaks of it"
            yield Hit(found.page, found.start, found.end, what, write)


def repeated(context: Context) -> Iterator[Hit]:
    """An id that an earlier figure or listing of the book has."""
    first: dict[str, Embed] = {}
    for found in sorted(embeds(context), key=lambda e: (e.page.name, e.start)):
        earlier = first.setdefault(found.label, found)
        if earlier is not found and found.kind:
            place = f"{earlier.page.name}:{earlier.page.place(earlier.start)[0]}"
            what = f"the id {found.label!r} is taken by {place}"
            write = f"write: @{found.label}, to refer to the first"
            yield Hit(found.page, found.start, found.end, what, write)


def not_embedded(context: Context) -> Iterator[Hit]:
    """A figure of the book that no page shows."""
    shown = {found.slug for found in embeds(context) if found.kind == "figure"}
    for slug, source in context.figures.items():
        if slug not in shown:
            label = f"fig-{slug.replace('_', '-')}"
            what = f"no page embeds the figure {slug}"
            yield Hit(source, 0, 0, what, f"write: ::: {{#{label} .bookfigs}}")
