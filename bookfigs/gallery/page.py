"""The page: everything a book has, in one document that needs nothing but its folder.

No script, no network: its policy forbids both. The same contents are the same bytes.
"""

import base64
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files as resources

from msgspec import UnsetType

from bookfigs.gallery import claims, figures, listings
from bookfigs.gallery.contents import Chapter, Contents
from bookfigs.gallery.copies import Copies
from bookfigs.gallery.html import Html, element, markup
from bookfigs.gallery.parts import anchor, facts, label, link, plural
from bookfigs.gallery.verdict import tally

STYLE = "gallery.css"


@cache
def style() -> str:
    """The style sheet."""
    return resources("bookfigs.gallery").joinpath(STYLE).read_text("utf-8")


def policy() -> str:
    """What the page may load: its own style and the pictures beside it.

    ``file:`` since a page that is opened from a folder has no origin of its own.
    """
    digest = hashlib.sha256(style().encode()).digest()
    own = base64.b64encode(digest).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{own}'; img-src 'self' file:; "
        "base-uri 'none'; form-action 'none'"
    )


def page(shown: Contents, files: Copies) -> bytes:
    """The whole document."""
    body = element(
        "body",
        element("a", "Skip to the content", href="#content", class_="skip"),
        _header(shown),
        element(
            "div",
            _navigation(shown),
            element("main", _main(shown, files), id="content", tabindex="-1"),
            class_="frame",
        ),
        _footer(shown),
    )
    whole = element("html", _head(shown), body, lang="en")
    return f"<!doctype html>{markup(whole)}\n".encode()


def _head(shown: Contents) -> Html:
    sheet = Html(f"\n<style>{style()}</style>")
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy()),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{shown.title}: gallery"),
        sheet,
    )


def _header(shown: Contents) -> Html:
    counts = [
        ("Figures", f"{len(shown.manifest.figures):,}"),
        ("Listings", f"{len(shown.manifest.listings):,}"),
        ("Values", f"{len(shown.manifest.values):,}"),
        ("Claims", f"{len(shown.manifest.claims):,}"),
    ]
    verdicts = [(" ", one) for one in tally(shown.manifest.claims.values())]
    return element(
        "header",
        element("p", "Gallery", class_="eyebrow"),
        element("h1", shown.title),
        facts(counts, "counts"),
        element("p", "Claims:", verdicts, class_="verdicts") if verdicts else None,
        _when(shown),
        class_="top",
    )


def _when(shown: Contents) -> Html | None:
    """When and where all of it was measured."""
    found = [
        run
        for entry in shown.manifest.figures.values()
        if not isinstance(entry.measured, UnsetType)
        for run in entry.measured
    ]
    if not found:
        return None
    days = sorted({run.date for run in found})
    days = days[:1] if len(days) == 1 else [days[0], days[-1]]
    devices = "; ".join(sorted({run.device for run in found}))
    when = element("span", " to ".join(days), class_="day")
    return element("p", f"Measured on {devices}, ", when, ".", class_="quiet")


def _navigation(shown: Contents) -> Html:
    chapters = [
        element(
            "li",
            link(chapter.title, f"#{_anchor(chapter)}"),
            _list(_figures(shown, chapter), "Figures"),
            _list(_listings(shown, chapter), "Listings"),
        )
        for chapter in shown.chapters
    ]
    last = element("li", link("All claims", "#claims"))
    inner = element("ul", chapters, last)
    return element("nav", inner, aria_label="Contents", class_="contents")


def _list(links: list[Html], name: str) -> Iterator[Html]:
    if links:
        yield element("p", name, class_="group")
        yield element("ul", [element("li", one) for one in links])


def _figures(shown: Contents, chapter: Chapter) -> list[Html]:
    entries = shown.manifest.figures
    return [
        link(figures.title(slug, entries[slug]), f"#{label('fig', slug)}")
        for slug in chapter.figures
    ]


def _listings(shown: Contents, chapter: Chapter) -> list[Html]:
    entries = shown.manifest.listings
    return [
        link(listings.title(slug, entries[slug]), f"#{label('lst', slug)}")
        for slug in chapter.listings
    ]


def _main(shown: Contents, files: Copies) -> Iterator[Html]:
    for chapter in shown.chapters:
        yield _chapter(shown, files, chapter)
    if not shown.chapters:
        yield element("p", "The book has no figures and no listings yet.")
    yield element(
        "section",
        element("h2", "All claims", id="claims-title"),
        claims.table(shown),
        id="claims",
        aria_labelledby="claims-title",
    )


def _chapter(shown: Contents, files: Copies, chapter: Chapter) -> Html:
    own = _anchor(chapter)
    count = ", ".join(
        plural(len(slugs), word)
        for slugs, word in ((chapter.figures, "figure"), (chapter.listings, "listing"))
        if slugs
    )
    small = [figures.thumbnail(shown, files, slug) for slug in chapter.figures]
    return element(
        "section",
        element("h2", chapter.title, id=f"{own}-title"),
        element("p", count, " of ", element("code", chapter.name), class_="quiet"),
        element("ul", small, class_="thumbnails") if small else None,
        [figures.article(shown, files, slug) for slug in chapter.figures],
        [listings.article(shown, slug) for slug in chapter.listings],
        id=own,
        class_="chapter",
        aria_labelledby=f"{own}-title",
    )


def _footer(shown: Contents) -> Html:
    digest = element("code", shown.manifest.digest[:12])
    said = f"Made by {shown.manifest.generator} from the manifest "
    return element("footer", element("p", said, digest, "."))


def _anchor(chapter: Chapter) -> str:
    return anchor(f"chapter-{chapter.name}")
