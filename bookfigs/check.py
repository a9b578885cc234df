"""Checking: does everything generated follow from the evidence and the code?

The same planning as a build, which must find nothing to do; then every
caption, value and verdict is computed again from the evidence and compared.
Nothing is measured and nothing is written; torch is not imported.
"""

from bookfigs.book import Book
from bookfigs.build import matplotlib_version, picture
from bookfigs.canonical import fingerprint
from bookfigs.errors import BookfigsError, OutdatedError
from bookfigs.figure import Figure, load
from bookfigs.manifest import broken_claims, entries
from bookfigs.plan import FigureState, Plan

REMEDY = "bookfigs figures"


def check(book: Book, found: Plan, *, redraw: bool = False) -> list[BookfigsError]:
    """Everything that is wrong with the book as it is committed.

    ``redraw`` also draws each figure again and compares the bytes.
    """
    errors = list(found.broken)
    errors += _problems(book, found)
    for state in found.figures.values():
        if not state.undrawn:
            try:
                errors += _recompute(book, found, state, redraw=redraw)
            except BookfigsError as error:
                errors.append(error)
    return errors + broken_claims(found.manifest)


def _problems(book: Book, found: Plan) -> list[BookfigsError]:
    """What the plan alone tells."""
    problems: list[tuple[str, str, str]] = []
    manifest = book.place(book.manifest)
    if found.manifest_problem:
        problems.append((manifest, found.manifest_problem, REMEDY))
    for slug, state in found.figures.items():
        place = book.place(state.source.path)
        if state.outdated:
            problems.append((place, state.outdated, f"bookfigs why {slug}"))
        elif state.undrawn:
            problems.append((place, "; ".join(state.undrawn), REMEDY))
    for slug in found.changed_listings:
        place = book.place(book.listings()[slug])
        problems.append((place, "the printed listing is not its source", REMEDY))
    problems += [
        (book.place(path), "no figure or listing declares it", REMEDY)
        for path in found.orphans
    ]
    for folder in found.strays:
        place = book.place(folder)
        problems.append((place, "evidence without a figure", f"git rm -r {place}"))
    return [OutdatedError(where, what, run=run) for where, what, run in problems]


def _recompute(
    book: Book, found: Plan, state: FigureState, *, redraw: bool
) -> list[BookfigsError]:
    """Compute an entry again from the evidence and compare it, word by word."""
    figure = load(state.source.slug, state.source.path, book.root)
    old = found.manifest.figures[figure.slug]
    new = entries(
        book,
        figure,
        state.evidence,
        images=old.images,
        follows=state.follows,
        outdated=state.outdated,
        drawn_with=old.drawn_with,
    )
    differing = [] if new.figure == old else [f"entry of {figure.slug}"]
    for known, computed in (
        (found.manifest.values, new.values),
        (found.manifest.claims, new.claims),
    ):
        differing += [n for n, entry in computed.items() if known.get(n) != entry]
        differing += [
            name
            for name, entry in known.items()
            if entry.figure == figure.slug and name not in computed
        ]
    place = book.place(book.manifest)
    errors: list[BookfigsError] = [
        OutdatedError(place, f"{name} does not follow from the evidence", run=REMEDY)
        for name in differing
    ]
    return errors + (_redraw(book, figure, state, old.drawn_with) if redraw else [])


def _redraw(
    book: Book, figure: Figure, state: FigureState, drawn_with: str
) -> list[BookfigsError]:
    """Draw again and compare the bytes; another matplotlib is told apart."""
    here = matplotlib_version()
    if drawn_with != here:
        what = f"drawn with {drawn_with}, and this is {here}: bytes cannot be compared"
        return [OutdatedError(book.place(figure.path), what, run="make figures")]
    errors: list[BookfigsError] = []
    for name, content in picture(figure, state).items():
        path = book.generated / "figures" / f"{figure.slug}.{name}"
        if fingerprint(path.read_bytes()) != fingerprint(content):
            what = "is not what its evidence draws"
            errors.append(OutdatedError(book.place(path), what, run=REMEDY))
    return errors
