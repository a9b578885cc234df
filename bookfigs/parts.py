"""Parts: what a check finds, told apart by figure, claim and listing.

The same examination as ``check``, one part at a time, for those who ask about parts:
test items, annotations, programs. What belongs to no figure, claim or listing (the
manifest as a whole, files that nothing declares) is the part of the book itself.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from msgspec import structs, to_builtins

from bookfigs import __version__
from bookfigs.book import Book
from bookfigs.cache import Cache
from bookfigs.check import check
from bookfigs.drawing import worded
from bookfigs.entry import ClaimEntry, ClaimRow
from bookfigs.errors import BookfigsError, ClaimError, OutdatedError
from bookfigs.figure import load
from bookfigs.manifest import Manifest, broken_claims
from bookfigs.plan import FigureState, Plan, plan
from bookfigs.provenance import this_device

Kind = Literal["book", "figure", "claim", "listing"]


@dataclass(frozen=True)
class Part:
    """One thing of a book that may be wrong."""

    kind: Kind
    name: str
    """The slug; of a claim the name that prose uses."""
    file: str
    """Where it is declared, for people."""
    errors: Sequence[BookfigsError] = ()
    verdict: str | None = None
    """Of a claim over its evidence; None of anything else, or if it cannot be told."""
    rows: Sequence[ClaimRow] = ()
    """What the verdict of a claim stands on, by device."""


def as_json(parts: Sequence[Part], failed: BookfigsError | None = None) -> str:
    """The parts for programs; ``failed`` says why there is none of them."""
    whole = {
        "schema": 1,
        "generator": f"bookfigs {__version__}",
        "failed": failed and _told(failed),
        "parts": [
            {
                "kind": part.kind,
                "name": part.name,
                "file": part.file,
                "verdict": part.verdict,
                "rows": [to_builtins(row) for row in part.rows],
                "errors": [_told(error) for error in part.errors],
            }
            for part in parts
        ],
    }
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def _told(error: BookfigsError) -> dict[str, object]:
    """An error for programs."""
    return {
        "where": error.where,
        "what": error.what,
        "run": error.run,
        "status": error.exit_code,
        "message": error.message(),
    }


def survey(book: Book, *, full: bool = False, redraw: bool = False) -> list[Part]:
    """Examine every part of a book; ``full`` and ``redraw`` as in ``check.examine``.

    Raises: BookfigsError if the book cannot be planned at all.
    """
    cache = Cache(book.local, anew=full or redraw)
    found = plan(book, this_device("cpu"), cache)
    parts = list(_parts(_Survey(book, found, cache, redraw)))
    cache.save()
    return parts


@dataclass(frozen=True)
class _Survey:
    """A book that was planned once."""

    book: Book
    found: Plan
    cache: Cache
    redraw: bool

    def check(self, part: Plan) -> list[BookfigsError]:
        """What is wrong with a part of the plan."""
        return check(self.book, part, redraw=self.redraw, cache=self.cache)

    @property
    def bare(self) -> Plan:
        """The plan without any of its parts."""
        return replace(
            self.found,
            manifest=Manifest(),
            figures={},
            listings={},
            changed_listings=[],
            orphans=[],
            strays=[],
            broken=[],
            manifest_problem=None,
        )


def _parts(survey: _Survey) -> Iterator[Part]:
    """Each part, the book itself last."""
    book, found = survey.book, survey.found
    figures, listings = book.figures(), book.listings()
    unread = [slug for slug in figures if slug not in found.figures]
    lost = [slug for slug in listings if slug not in found.listings]
    broken = dict(zip((*unread, *lost), found.broken, strict=True))
    for slug, path in figures.items():
        place = book.place(path)
        if slug in broken:
            yield Part("figure", slug, place, [broken[slug]])
            yield from _unknown_claims(found, slug, place, broken[slug])
        else:
            yield from _figure(survey, found.figures[slug])
    for slug, path in listings.items():
        wrong = [broken[slug]] if slug in broken else _listing(survey, slug)
        yield Part("listing", slug, book.place(path), wrong)
    rest = replace(
        survey.bare,
        orphans=found.orphans,
        strays=found.strays,
        manifest_problem=found.manifest_problem,
    )
    name = book.place(book.folder) if book.folder != book.root else book.folder.name
    yield Part("book", name, book.place(book.manifest), survey.check(rest))


def _unknown_claims(
    found: Plan, slug: str, place: str, error: BookfigsError
) -> Iterator[Part]:
    """Claims that the manifest has of a figure that cannot be read."""
    for name, entry in found.manifest.claims.items():
        if entry.figure == slug:
            yield Part("claim", name, place, [error])


def _listing(survey: _Survey, slug: str) -> list[BookfigsError]:
    """What is wrong with a listing."""
    changed = [name for name in survey.found.changed_listings if name == slug]
    only = {slug: survey.found.listings[slug]}
    return survey.check(replace(survey.bare, listings=only, changed_listings=changed))


def _figure(survey: _Survey, state: FigureState) -> Iterator[Part]:
    """A figure, then its claims."""
    slug, place = state.source.slug, survey.book.place(state.source.path)
    written = _of_figure(survey.found.manifest, slug)
    part = replace(survey.bare, manifest=written, figures={slug: state})
    wrong = survey.check(part)
    of_claims = [error for error in wrong if isinstance(error, ClaimError)]
    of_figure = [error for error in wrong if error not in of_claims]
    yield Part("figure", slug, place, of_figure)
    claims = written.claims
    if of_figure:  # then the manifest need not say what the evidence does
        try:
            claims = _judged(survey.book, state)
        except BookfigsError as error:
            yield from _unknown_claims(survey.found, slug, place, error)
            return
        of_claims = list(broken_claims(Manifest(claims=claims)))
    for name, entry in claims.items():
        errors: list[BookfigsError] = [e for e in of_claims if e.where == name]
        if state.outdated:
            run = f"bookfigs why {slug}"
            errors = [OutdatedError(place, state.outdated, run=run)]
        yield Part("claim", name, place, errors, entry.verdict, entry.rows)


def _of_figure(manifest: Manifest, slug: str) -> Manifest:
    """The manifest without anything but what one figure contributes."""
    figures, values, claims = manifest.figures, manifest.values, manifest.claims
    return structs.replace(
        manifest,
        figures={name: entry for name, entry in figures.items() if name == slug},
        listings={},
        values={name: v for name, v in values.items() if v.figure == slug},
        claims={name: claim for name, claim in claims.items() if claim.figure == slug},
    )


def _judged(book: Book, state: FigureState) -> dict[str, ClaimEntry]:
    """The claims of a figure over its evidence. Raises: BookfigsError."""
    figure = load(state.source.slug, state.source.path, book.root)
    return worded(book, figure, state, {}, "").claims
