"""Listings: code with its call-outs, what it prints, and what proves its lines."""

from collections.abc import Iterator
from itertools import groupby

from msgspec import UnsetType

from bookfigs.entry import ListingEntry, Proven
from bookfigs.gallery.caption import inlines, plain, title_and_rest
from bookfigs.gallery.code import highlighted
from bookfigs.gallery.contents import Contents
from bookfigs.gallery.figures import shown_in
from bookfigs.gallery.html import Content, Html, element
from bookfigs.gallery.parts import details, facts, label, link, path, plural, scrolling


def title(slug: str, entry: ListingEntry) -> str:
    """What a listing is called, in plain words."""
    return plain(title_and_rest(entry.caption, slug)[0])


def article(shown: Contents, slug: str) -> Html:
    """All that the book has of a listing."""
    entry, own = shown.manifest.listings[slug], label("lst", slug)
    heading, _ = title_and_rest(entry.caption, slug)
    head = element(
        "header",
        element("h3", inlines(heading), id=f"{own}-title"),
        element("p", link(element("code", f"@{own}"), f"#{own}"), class_="sub"),
        element("p", inlines(entry.caption)),
    )
    embedded = scrolling(f"::: {{#{own} .bookfigs}}\n:::", f"How to embed {own}")
    return element(
        "article",
        [head, _code(entry, own), _output(entry, own), _origin(shown, slug)],
        _tests(entry),
        details("How to embed it", embedded),
        id=own,
        class_="card listing",
        aria_labelledby=f"{own}-title",
    )


def _code(entry: ListingEntry, own: str) -> Iterator[Html]:
    callouts = () if isinstance(entry.callouts, UnsetType) else entry.callouts
    lines = highlighted(entry.code, entry.language, {one.line for one in callouts})
    numbered = "numbered" if entry.numbers is True else None
    yield scrolling(lines, f"Code of {own}", numbered)
    if callouts:
        items = [element("li", inlines(one.text)) for one in callouts]
        yield element("ol", items, class_="callouts")


def _output(entry: ListingEntry, own: str) -> Iterator[Html]:
    if not isinstance(entry.output, UnsetType) and entry.output:
        yield element("h4", "Output")
        yield scrolling(entry.output.rstrip("\n"), f"Output of {own}", "output")


def _origin(shown: Contents, slug: str) -> Iterator[Html]:
    entry = shown.manifest.listings[slug]
    place = path(entry.source)
    symbol = (element("code", entry.symbol), " of ") if entry.symbol else None
    pairs: list[tuple[str, Content]] = [
        ("Source", (symbol, place)),
        ("Shown in", shown_in(shown, "listing", slug)),
    ]
    yield element("h4", "Evidence")
    if isinstance(entry.evidence, UnsetType):
        yield element("p", "Its lines are not proven.", class_="quiet")
    else:
        pairs = [*_counts(entry.evidence), *pairs]
    yield element("div", facts(pairs))


def _counts(proven: Proven) -> Iterator[tuple[str, str]]:
    yield "Lines executed", f"{proven.executed} of {proven.executable}"
    same = f"; {proven.equivalent} equivalent" if proven.equivalent else ""
    yield "Changes caught", f"{proven.caught} of {proven.counted}{same}"


def _tests(entry: ListingEntry) -> Html | None:
    """Who executed the lines, by file; the parameters of a test are left out."""
    names = [] if isinstance(entry.evidence, UnsetType) else entry.evidence.tests
    tests = dict.fromkeys(_test(name) for name in names if "::" in name)
    parts = [plural(len(tests), "test")] if tests else []
    parts += ["its program"] if any("::" not in name for name in names) else []
    items = [
        element("li", path(file), element("ul", [element("li", s) for _, s in found]))
        for file, found in groupby(tests, key=lambda one: one[0])
    ]
    if not items:
        return None
    shown = element("ul", items, class_="tests")
    said = f"Executed by {' and '.join(parts)}"
    return details(said, shown, class_="witnesses")


def _test(name: str) -> tuple[str, str]:
    """The file of a test, and the sentence that its name is."""
    file, _, rest = name.partition("::")
    own = rest.partition("[")[0].rpartition("::")[2]
    return file, own.removeprefix("test_").replace("_", " ")
