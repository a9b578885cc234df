"""Figures: picture, caption, numbers, claims, where from, and how to embed it."""

from collections.abc import Iterator

from msgspec import UnsetType

from bookfigs.book import DARK
from bookfigs.entry import FigureEntry
from bookfigs.gallery import claims
from bookfigs.gallery.caption import inlines, plain, title_and_rest
from bookfigs.gallery.contents import Contents
from bookfigs.gallery.copies import Copies
from bookfigs.gallery.html import Content, Html, element
from bookfigs.gallery.parts import (
    details,
    facts,
    hidden,
    joined,
    label,
    link,
    path,
    plural,
    run,
    scrolling,
)
from bookfigs.gallery.verdict import tally

AT_DARK = "screen and (prefers-color-scheme: dark)"
NAMES = {"svg": "SVG", "pdf": "PDF", "png": "PNG", "csv": "CSV", "json": "JSON"}


def title(slug: str, entry: FigureEntry) -> str:
    """What a figure is called, in plain words."""
    return plain(title_and_rest(entry.caption, slug)[0])


def article(shown: Contents, files: Copies, slug: str) -> Html:
    """All that the book has of a figure."""
    entry, own = shown.manifest.figures[slug], label("fig", slug)
    made = shown.claims(slug)
    heading, _ = title_and_rest(entry.caption, slug)
    head = element(
        "header",
        element("h3", inlines(heading), id=f"{own}-title"),
        element(
            "p",
            link(element("code", f"@{own}"), f"#{own}"),
            [[" ", one] for one in tally(made.values())],
            class_="sub",
        ),
    )
    caption = element("figcaption", inlines(entry.caption))
    picture = element("figure", _picture(files, slug, entry), caption)
    known = [_values(shown, slug), _origin(shown, files, slug)]
    said = _section("Claims", claims.at_figure(made)) if made else None
    more = [_alternative(entry), _embedding(shown, slug, own)]
    return element(
        "article",
        [head, picture, known, said, more],
        id=own,
        class_="card",
        aria_labelledby=f"{own}-title",
    )


def thumbnail(shown: Contents, files: Copies, slug: str) -> Html:
    """A small picture that leads to a figure."""
    entry = shown.manifest.figures[slug]
    picture = _image(files, slug, "")
    name = element("span", title(slug, entry))
    return element("li", link([picture, name], f"#{label('fig', slug)}"))


def _picture(files: Copies, slug: str, entry: FigureEntry) -> Content:
    source = files.picture(slug)
    if source is None:
        return element("p", "There is no picture of it.", class_="quiet")
    return link(_image(files, slug, entry.alt), source)


def _image(files: Copies, slug: str, alt: str) -> Content:
    """The picture, with its twin for dark pages."""
    dark = files.picture(slug, DARK)
    width, height = files.pixels(slug) or (None, None)
    source = files.picture(slug)
    return source and element(
        "picture",
        dark and element("source", srcset=dark, media=AT_DARK),
        element("img", src=source, alt=alt, width=width, height=height),
    )


def _values(shown: Contents, slug: str) -> Html | None:
    values = shown.values(slug)
    pairs = [(name.partition(".")[2], value.text) for name, value in values.items()]
    found = facts(pairs, "facts values")
    return _section("Values", found) if found else None


def _origin(shown: Contents, files: Copies, slug: str) -> Html:
    """Where a figure comes from, and its files to take along."""
    entry = shown.manifest.figures[slug]
    runs = () if isinstance(entry.measured, UnsetType) else entry.measured
    said = [run(at.device, at.date, at.commit) for at in runs]
    sources = dict.fromkeys(claim.source for claim in shown.claims(slug).values())
    evidence = [path(file.path.rpartition("/")[2]) for file in entry.evidence]
    found = facts(
        [
            ("Data", joined(_links(files, files.tables(slug), slug))),
            ("Picture", joined(_links(files, files.pictures(slug), slug))),
            ("Measured", joined(said, "; ")),
            ("Evidence", joined(evidence, "; ")),
            ("Made by", joined(path(one) for one in sources if one)),
            ("Drawn with", entry.drawn_with),
            ("Shown in", shown_in(shown, "figure", slug)),
        ],
        "facts origin",
    )
    return _section("Where from", found)


def _links(files: Copies, paths: dict[str, str], slug: str) -> Iterator[Html]:
    for ending, name in paths.items():
        words = (NAMES[ending], hidden(f" of {slug}"), f" ({files.size(name)})")
        yield link(words, name)


def shown_in(shown: Contents, kind: str, slug: str) -> list[Content]:
    """The pages that show something."""
    pages = shown.pages.get((kind, slug), ())
    return joined(path(page) for page in pages)


def _section(name: str, content: Content) -> Html:
    return element("section", element("h4", name), content)


def _alternative(entry: FigureEntry) -> Html | None:
    words = element("p", entry.alt)
    return details("Alternative text", words) if entry.alt else None


def _embedding(shown: Contents, slug: str, own: str) -> Html:
    """What an author writes to show a figure, its numbers and its claims."""
    parts = [f"::: {{#{own} .bookfigs}}\n:::\n\nAs @{own} shows."]
    values, made = list(shown.values(slug)), list(shown.claims(slug))
    parts += [f"{{{{< val {name} >}}}}" for name in values[:1]]
    parts += [f'[A sentence]{{.claim ref="{name}"}}' for name in made[:1]]
    rest = max(len(values) - 1, 0) + max(len(made) - 1, 0)
    more = plural(rest, "other name")
    also = element("p", f"Likewise with the {more} above.") if rest else None
    code = scrolling("\n\n".join(parts), f"How to embed {own}")
    return details("How to embed it", code, also)
