"""Reports: what was found, what was done and what is wrong, in words."""

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

import click

from bookfigs.book import Book, pick
from bookfigs.errors import BookfigsError, UnknownNameError
from bookfigs.listings.listed import ListingState
from bookfigs.plan import Plan, plan
from bookfigs.provenance import this_device

if TYPE_CHECKING:
    from bookfigs.build import Made
    from bookfigs.entry import ClaimEntry
    from bookfigs.proving import Proved
    from bookfigs.replicated import Result


INTERRUPTED = (
    "bookfigs: interrupted; every point that was measured is kept\n"
    "  run: bookfigs figures, to go on"
)


def foretell(book: Book, todo: Plan, chosen: list[str], *, force: bool) -> None:
    """Print a plan without carrying it out."""
    for slug in chosen:
        reasons = "; ".join(todo.figures[slug].unmeasured or ["asked for"])
        kept = "" if force else _kept(book, todo, slug)
        click.echo(f"{slug}: would be measured: {reasons}{kept}")
    for slug in todo.to_draw:
        click.echo(f"{slug}: would be drawn: {'; '.join(todo.figures[slug].undrawn)}")
    for slug in todo.changed_listings:
        click.echo(f"{slug}: listing would be written")
    for slug in todo.to_prove:
        why = todo.listings[slug].reason
        click.echo(f"{slug}: is not proven: {why}; run: bookfigs prove {slug}")
    for path in todo.orphans:
        click.echo(f"{path.stem}: {path.name} would be removed")


def _kept(book: Book, todo: Plan, slug: str) -> str:
    """Name the points that an earlier run has measured and that can be used."""
    from bookfigs.figure import call  # noqa: PLC0415 - seldom used
    from bookfigs.journal import Journal, follows_from  # noqa: PLC0415 - the same
    from bookfigs.provenance import versions  # noqa: PLC0415 - the same

    code = todo.figures[slug].source.measured_by
    follows = follows_from(code, todo.device, versions())
    entries = Journal(book, slug, todo.device.slug, follows).entries()
    if not entries:
        return ""
    of = next(iter(entries.values())).of
    points = "; ".join(call(entry.point) for entry in entries.values())
    return f"; {len(entries)} of {of} points are measured already: {points}"


def sum_up(book: Book, todo: Plan, made: "Made") -> int:
    """Print every error, a line for each figure that failed, and the counts.

    Returns the exit status: that of the first error.
    """
    for slug, state in todo.figures.items():
        if state.outdated:
            click.echo(f"{slug}: not for readers yet: {state.outdated}")
    for slug, listing in todo.listings.items():
        if listing.reason:
            run = f"run: bookfigs prove {slug}"
            click.echo(f"{slug}: not for readers yet: {listing.reason}; {run}")
    for error in made.errors:
        click.echo(f"bookfigs: {error.message()}", err=True)
    unread = sorted(book.figures().keys() - todo.figures.keys()) if made.errors else []
    failed = {**made.failed, **dict.fromkeys(unread, "not read")}
    for slug, what in failed.items():
        click.echo(f"{slug}: {what}, for the reason above")
    kept = todo.figures.keys() - {*made.measured, *made.drawn, *failed}
    counts = [f"{len(made.measured)} measured", f"{len(made.drawn)} drawn"]
    counts += [f"{len(failed)} failed"] if failed else []
    click.echo(
        f"{', '.join(counts)}, {len(kept)} up to date, {len(todo.listings)} listings; "
        f"the book's pictures are in {book.place(book.generated / 'figures')}, its "
        f"manifest is {book.place(book.manifest)}"
    )
    return made.errors[0].exit_code if made.errors else 0


def list_names(book: Book, form: str = "text") -> None:
    """Print figures, listings, values and claims by the names that prose uses."""
    found = plan(book, this_device("cpu" if form == "markdown" else "auto"))
    if form == "markdown":
        from bookfigs.summary import as_markdown  # noqa: PLC0415 - seldom used

        click.echo(as_markdown(book, found), nl=False)
        return
    for slug, state in found.figures.items():
        stale = state.outdated or "; ".join(state.undrawn) or "up to date"
        click.echo(f"figure   #fig-{slug.replace('_', '-')}  {stale}")
    for slug, listing in found.listings.items():
        stale = "changed" if slug in found.changed_listings else "up to date"
        name = f"#lst-{slug.replace('_', '-')}"
        click.echo(f"listing  {name}  {listing.origin}  {listing.reason or stale}")
        if listing.evidence is not None:
            click.echo(f"         {listing.evidence.summary}")
    for name, value in sorted(found.manifest.values.items()):
        click.echo(f"value    {name}  {value.text}")
    for name, claim in sorted(found.manifest.claims.items()):
        click.echo(f"claim    {name}  {claim.verdict}: {claim.sentence}")
    stop(found.broken)


def why(book: Book, name: str, device: str) -> None:
    """Print why a figure is stale, or what a value or claim stands on."""
    found = plan(book, this_device(device))
    slug = name.partition(".")[0]
    if slug in book.listings() and slug not in book.figures():
        if slug not in found.listings:
            stop(found.broken)
        _why_listing(found.listings[slug])
        return
    pick((slug,), book.figures(), "figure")
    if slug not in found.figures:
        stop(found.broken)
    state = found.figures[slug]
    _require_known(found, slug, name)
    click.echo(f"{slug}, on {found.device.title}")
    for title, reasons in (
        ("to be measured here", state.unmeasured),
        ("not for readers", [state.outdated] if state.outdated else []),
        ("to be drawn", state.undrawn),
    ):
        for reason in reasons:
            click.echo(f"  {title}: {reason}")
    if not (state.unmeasured or state.outdated or state.undrawn):
        click.echo("  up to date: measured here, published and drawn with this code")
    if name in found.manifest.values:
        record = next(map(book.place, state.evidence), "no evidence yet")
        click.echo(f"  value {name} {found.manifest.values[name].text}: from {record}")
    for claim_name, claim in sorted(found.manifest.claims.items()):
        if claim_name == name or (claim.figure == slug and name == slug):
            explain(claim_name, claim)


def _why_listing(state: ListingState) -> None:
    """Print why a listing is not proven, else what proves it."""
    click.echo(f"{state.listing.slug}, {state.origin}")
    for reason in state.unproven:
        click.echo(f"  to be proven: {reason}")
    for reason in state.lacking:
        click.echo(f"  not for readers: {reason}")
    if state.evidence is not None:
        click.echo(f"  {state.evidence.summary}")
    elif not state.unproven:
        click.echo("  up to date; it names neither tests nor a program")


def _require_known(found: Plan, slug: str, name: str) -> None:
    """Refuse a name that no figure, value or claim has. Raises: UnknownNameError."""
    known = {*found.manifest.values, *found.manifest.claims}
    if name not in {slug, *known}:
        raise UnknownNameError(
            name,
            "no such value or claim",
            asked=name,
            available=[other for other in known if other.partition(".")[0] == slug],
            run="bookfigs list",
        )


def explain(name: str, claim: "ClaimEntry") -> None:
    """Print a claim with what its verdict stands on."""
    click.echo(f"  claim {name} {claim.verdict}: {claim.sentence}")
    for row in claim.rows:
        click.echo(
            f"    {row.device}: {row.verdict}; {row.statistic}; expected "
            f"{row.expected}; {row.date}, commit {row.commit}"
        )


def tell_replicated(results: "Sequence[Result]") -> None:
    """Print what was found of each figure, then claim by claim both verdicts."""
    for result in results:
        for line in result.notes:
            click.echo(f"{result.slug}: {line}")
    rows = [("claim", "in the evidence", "here", "")]
    rows += [row for result in results for row in result.rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, published, here, found in rows:
        line = f"{name:{widths[0]}}  {published:{widths[1]}}  {here:{widths[2]}}"
        click.echo(f"{line}  {found}".rstrip())


def tell_proved(found: Plan, chosen: list[str], proved: "Proved") -> None:
    """Print the counts, of listings that were asked for, and what to run next."""
    known = [found.listings[slug] for slug in chosen if slug in found.listings]
    silent = sum(not state.promises for state in known)
    kept = len(known) - silent - len(proved.done) - len(proved.failed)
    counts = [f"{len(proved.done)} proven"]
    counts += [f"{len(proved.failed)} not proven"] if proved.failed else []
    counts += [f"{kept} up to date"]
    counts += [f"{silent} that name neither tests nor a program"] if silent else []
    then = "; run: bookfigs figures" if proved.done or proved.failed else ""
    click.echo(f"{', '.join(counts)}{then}")


def tell_parts(book: Book, form: str, *, full: bool, redraw: bool) -> None:
    """Print what a check finds of each part, and exit with the first error's status.

    ``form``: ``json``, or ``github`` for annotations. What figure files print goes
    to standard error.
    """
    from bookfigs.annotating import annotations, failure  # noqa: PLC0415 - seldom used
    from bookfigs.parts import Part, as_json, survey  # noqa: PLC0415 - the same

    parts: list[Part] = []
    failed: BookfigsError | None = None
    with redirect_stdout(sys.stderr):
        try:
            parts = survey(book, full=full, redraw=redraw)
        except BookfigsError as error:
            failed = error
    if form == "json":
        click.echo(as_json(parts, failed), nl=False)
    else:
        told = failure(book, failed) if failed else annotations(book, parts)
        click.echo(told or f"{len(parts)} parts of the book: nothing found\n", nl=False)
    errors = [failed] if failed else [e for part in parts for e in part.errors]
    if errors:
        sys.exit(errors[0].exit_code)


def stop(errors: Sequence[BookfigsError]) -> None:
    """Print every error and exit with the first one's status; return without one."""
    for error in errors:
        click.echo(f"bookfigs: {error.message()}", err=True)
    if errors:
        sys.exit(errors[0].exit_code)
