"""Claims: at their figure with all that is known of them, and in one table of all."""

from collections.abc import Iterator, Mapping

from bookfigs.entry import ClaimEntry, ClaimRow
from bookfigs.gallery.contents import Contents
from bookfigs.gallery.html import Content, Html, element
from bookfigs.gallery.parts import anchor, facts, label, link, run
from bookfigs.gallery.verdict import LOOKS, badge, count, look

COLUMNS = ("Claim", "Verdict", "Statistic", "Expected", "Measured")


def at_figure(claims: Mapping[str, ClaimEntry]) -> Html:
    """The claims of one figure."""
    items = [_item(name, claim) for name, claim in claims.items()]
    return element("ul", items, class_="claims")


def _item(name: str, claim: ClaimEntry) -> Html:
    says = element("p", badge(claim.verdict), " ", claim.sentence, class_="says")
    rows = [_facts(row, among=len(claim.rows)) for row in claim.rows]
    code = element("code", name)
    own = element("p", link(code, f"#{_anchor(name)}"), class_="name")
    kind = f"claim {look(claim.verdict).kind}"
    return element("li", says, rows, own, id=_anchor(name), class_=kind)


def _facts(row: ClaimRow, among: int) -> Html | None:
    """What is known of a claim on one device; of several each has its verdict."""
    return facts(
        [
            ("Verdict", badge(row.verdict) if among > 1 else None),
            ("Statistic", row.statistic),
            ("Expected", row.expected),
            ("Measured", run(row.device, row.date, row.commit)),
        ]
    )


def table(shown: Contents) -> Html:
    """All claims, by chapter and figure; without any, a sentence."""
    if not shown.manifest.claims:
        return element("p", "The book makes no claims.")
    head = [element("th", name, scope="col") for name in COLUMNS]
    bodies = [
        _body(slug, claims)
        for chapter in shown.chapters
        for slug in chapter.figures
        if (claims := shown.claims(slug))
    ]
    caption = element(
        "caption", "Every claim of the book, on each device of its evidence"
    )
    whole = element("table", caption, element("thead", element("tr", head)), bodies)
    scrolled = element(
        "div",
        whole,
        class_="wide",
        tabindex="0",
        role="region",
        aria_label="Table of all claims",
    )
    return element("div", _filter(shown), scrolled, class_="all-claims")


def _body(slug: str, claims: Mapping[str, ClaimEntry]) -> Html:
    """The claims of a figure, below its name."""
    name = link(element("code", slug), f"#{label('fig', slug)}")
    first = element("th", name, scope="rowgroup", colspan=str(len(COLUMNS)))
    rows = [row for name, claim in claims.items() for row in _rows(name, claim)]
    kinds = " ".join(sorted({look(claim.verdict).kind for claim in claims.values()}))
    return element("tbody", element("tr", first, class_="of"), rows, class_=kinds)


def _rows(name: str, claim: ClaimEntry) -> Iterator[Html]:
    sentence = element("th", link(claim.sentence, f"#{_anchor(name)}"), scope="row")
    kind = look(claim.verdict).kind
    for row in claim.rows:
        at = run(row.device, row.date, row.commit)
        yield _row(kind, sentence, badge(row.verdict), row.statistic, row.expected, at)
    if not claim.rows:
        yield _row(kind, sentence, badge(claim.verdict), "", "", "")


def _row(kind: str, head: Html, *cells: Content) -> Html:
    return element("tr", head, [element("td", cell) for cell in cells], class_=kind)


def _filter(shown: Contents) -> Html | None:
    """A choice of verdicts, where there are several; the style sheet does it."""
    found = count(shown.manifest.claims.values())
    if len(found) < 2:  # noqa: PLR2004 - nothing to choose from
        return None
    kinds = {one.kind for one, _ in found}
    words = {one.kind: name for name, one in LOOKS.items() if one.kind in kinds}
    choices = [_choice(*each) for each in {"all": "all", **words}.items()]
    legend = element("legend", "Show verdicts:")
    return element("fieldset", legend, choices, class_="filter")


def _choice(kind: str, said: str) -> Html:
    name = f"only-{kind}"
    button = element(
        "input",
        type="radio",
        name="only",
        id=name,
        checked=kind == "all",
        autocomplete="off",
    )
    return element("span", button, " ", element("label", said, for_=name))


def _anchor(name: str) -> str:
    return anchor(f"claim-{name}")
