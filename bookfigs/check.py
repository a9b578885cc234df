"""Checking: does everything generated follow from the evidence and the code?

The same planning as a build, which must find nothing to do; then every
caption, value and verdict is computed again from the evidence and compared.
Nothing is measured and nothing of the book is written; torch is not imported. The
programs of listings are run again, each in a process of its own, by ``redraw`` alone.

What was found is remembered in ``.bookfigs/`` at two levels, and nowhere else: a
fresh clone is checked in full. Where no file or folder that a check looks at has
changed its state since one that found nothing wrong, that one's answer stands
(``bookfigs.settled`` says what could fool it). Else every file is read and hashed,
whatever its date says; but what the same evidence came to with the same code, by
the digests of both, is not computed twice. ``full`` and ``redraw`` read every file
and compute everything.
"""

import time
from datetime import UTC, datetime

from bookfigs import settled
from bookfigs.agreement import differences
from bookfigs.book import PICTURES, Book
from bookfigs.cache import Cache
from bookfigs.canonical import fingerprint
from bookfigs.drawing import matplotlib_version, picture, worded
from bookfigs.entry import File
from bookfigs.errors import BookfigsError, InputError, OutdatedError
from bookfigs.figure import Figure, load
from bookfigs.manifest import broken_claims
from bookfigs.memory import Memory
from bookfigs.plan import FigureState, Plan, picture_file, plan
from bookfigs.promise import REMEDY, rerun, unkept
from bookfigs.provenance import this_device

UNCHANGED = (
    "nothing has changed since the check of {}; `bookfigs check --full` reads every "
    "byte again"
)


def examine(
    book: Book, asked: str, *, full: bool = False, redraw: bool = False
) -> tuple[list[BookfigsError], str]:
    """Everything that is wrong with a book, and what to say if that is nothing.

    Nothing wrong is left behind under what was ``asked`` (``settled.circumstances``).
    ``full`` believes nothing that was kept; ``redraw`` also draws and runs all again.
    """
    began, states = time.time_ns(), settled.states(book.folder, book.root)
    cache = Cache(book.local, anew=full or redraw)
    found = plan(book, this_device("cpu"), cache)
    errors = check(book, found, redraw=redraw, cache=cache)
    cache.save()
    said = _summary(found)
    if not errors:
        moment = datetime.fromtimestamp(began // 10**9, UTC).isoformat(" ")
        later = f"{said}\n{UNCHANGED.format(moment)}\n"
        seen = settled.Seen(began, states, cache.states)
        settled.keep(book.local, book.folder, asked, later, seen, kind=settled.CHECKED)
    return errors, said


def _summary(found: Plan) -> str:
    """What a check says that found nothing wrong."""
    claims = found.manifest.claims
    idle = [name for name, claim in sorted(claims.items()) if claim.verdict != "holds"]
    said = f"no evidence bears on {', '.join(idle)}" if idle else "every claim holds"
    return (
        f"{len(found.figures)} figures, {len(found.listings)} listings, "
        f"{len(found.manifest.values)} values and {len(claims)} claims follow from "
        f"the evidence; {said}"
    )


def check(
    book: Book, found: Plan, *, redraw: bool = False, cache: Cache | None = None
) -> list[BookfigsError]:
    """Everything that is wrong with the book as it is committed.

    ``redraw`` also draws each figure again and compares the bytes, and runs the
    program of each listing again and compares what it prints. ``cache`` may
    know what the same evidence came to with the same code; it has to be one that
    reads every file.
    """
    memory = Memory(found, cache or Cache())
    errors = list(found.broken)
    errors += _problems(book, found)
    for listing in found.listings.values() if redraw else ():
        errors += rerun(book, listing)
    for state in found.figures.values():
        errors += _contradictions(book, state)
        if not state.undrawn:
            errors += _entries(book, found, state, memory, redraw=redraw)
    return errors + broken_claims(found.manifest)


def _entries(
    book: Book, found: Plan, state: FigureState, memory: Memory, *, redraw: bool
) -> list[BookfigsError]:
    """What is wrong with the entries of a figure, unless they are known to be right."""
    if memory.knows(state) and not redraw:
        return []
    try:
        wrong = _recompute(book, found, state, redraw=redraw)
    except BookfigsError as error:
        return [error]
    memory.learn(state, wrong)
    return wrong


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
    problems += unkept(book, found)
    problems += [
        (book.place(path), "no figure or listing declares it", REMEDY)
        for path in found.orphans
    ]
    for folder in found.strays:
        place = book.place(folder)
        what = "a listing" if folder.suffix == ".json" else "a figure"
        problems.append((place, f"evidence without {what}", f"git rm -r {place}"))
    return [OutdatedError(where, what, run=run) for where, what, run in problems]


def _recompute(
    book: Book, found: Plan, state: FigureState, *, redraw: bool
) -> list[BookfigsError]:
    """Compute an entry again from the evidence and compare it, word by word."""
    figure = load(state.source.slug, state.source.path, book.root)
    old = found.manifest.figures[figure.slug]
    new = worded(book, figure, state, _images(book, state), old.drawn_with)
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
        OutdatedError(place, f"{n} does not follow from the evidence", run=_anew(place))
        for n in differing
    ]
    return errors + (_redraw(book, figure, state, old.drawn_with) if redraw else [])


def _anew(place: str) -> str:
    """How to make a file again whose digest says that there is nothing to do."""
    return f"rm {place} && {REMEDY}"


def _images(book: Book, state: FigureState) -> dict[str, File]:
    """Entries of the pictures that a figure with evidence has to have."""
    paths = {name: picture_file(book, state.source.slug, name) for name in PICTURES}
    return {
        name: File(
            book.relative(path),
            fingerprint(path.read_bytes()) if path.is_file() else "",
        )
        for name, path in paths.items()
        if state.evidence
    }


def _contradictions(book: Book, state: FigureState) -> list[BookfigsError]:
    """Evidence of one code whose exact or close columns differ between devices."""
    errors: list[BookfigsError] = []
    if len(state.evidence) < 2:  # noqa: PLR2004 - one contradicts nobody
        return errors
    first = next(iter(state.evidence.values()), None)
    for path, record in state.evidence.items():
        if first is None or first.provenance.closure != record.provenance.closure:
            continue
        if found := differences(first, record):
            what = f"contradicts the evidence on {first.device.title}: {found[0]}"
            run = f"bookfigs figures --only {state.source.slug} --force"
            errors.append(InputError(book.place(path), what, run=run))
    return errors


def _redraw(
    book: Book, figure: Figure, state: FigureState, drawn_with: str
) -> list[BookfigsError]:
    """Draw again and compare the bytes; another matplotlib is told apart."""
    here = matplotlib_version()
    if drawn_with != here:
        what = f"drawn with {drawn_with}, and this is {here}: bytes cannot be compared"
        run = f"pip install {drawn_with.replace(' ', '==')}"
        return [OutdatedError(book.place(figure.path), what, run=run)]
    errors: list[BookfigsError] = []
    for name, content in picture(figure, state).items():
        path = picture_file(book, figure.slug, name)
        place = book.place(path)
        if not path.is_file() or path.read_bytes() != content:
            what = "is not what its evidence draws"
            errors.append(OutdatedError(place, what, run=_anew(place)))
    return errors
