"""The command line: the only place that prints or exits.

What a command needs is imported inside of it, so that a command which finds
nothing to do starts at once.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from bookfigs import __version__
from bookfigs.book import Book, pick
from bookfigs.errors import BookfigsError, EnvironmentMissingError, UnknownNameError
from bookfigs.plan import Plan, plan
from bookfigs.provenance import this_device
from bookfigs.report import reporter

if TYPE_CHECKING:
    from bookfigs.manifest import ClaimEntry

DEVICES = click.Choice(["auto", "cpu", "cuda"])


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bookfigs")
@click.option(
    "--book",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    envvar="BOOKFIGS_BOOK",
    default=".",
    help="Folder in, above or below which the Quarto project lies.",
)
@click.pass_context
def cli(context: click.Context, folder: Path) -> None:
    """Figures, listings and numbers of a book, from code that was run and tested.

    Exit status: 0 fine · 1 other failure · 2 usage · 3 a file is not what it has to
    be · 4 unknown name · 5 a figure failed · 6 outdated · 7 a claim does not hold ·
    8 a program is missing · 9 not published.
    """
    context.obj = folder


@cli.command()
@click.option("--only", multiple=True, metavar="SLUG", help="Only this figure.")
@click.option("--device", type=DEVICES, default="auto", show_default=True)
@click.option("--force", is_flag=True, help="Measure even what is not stale.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and why.")
@click.pass_obj
def figures(
    folder: Path, only: tuple[str, ...], device: str, *, force: bool, dry_run: bool
) -> None:
    """Measure what is stale here, and make what is stale of the book."""
    from bookfigs.build import apply, exclusive  # noqa: PLC0415

    book = Book.find(folder)
    slugs = pick(only, book.figures(), "figure")
    here = this_device(device)

    def chosen(todo: Plan) -> list[str]:
        stale = todo.figures if force else todo.to_measure
        return [slug for slug in slugs if slug in stale]

    if dry_run:
        todo = plan(book, here)
        _tell(todo, chosen(todo))
        return
    waiting = "another build of this book is at work; waiting for it to end"
    with exclusive(book, lambda: click.echo(waiting)), reporter() as show:
        todo = plan(book, here)
        made = apply(book, todo, show, measure=chosen(todo))
    for slug, state in todo.figures.items():
        if state.outdated:
            click.echo(f"{slug}: not for readers yet: {state.outdated}")
    _stop(made.errors)
    kept = len(todo.figures) - len({*made.measured, *made.drawn})
    click.echo(
        f"{len(made.measured)} measured, {len(made.drawn)} drawn, {kept} up to date, "
        f"{len(todo.listings)} listings; the book's pictures are in "
        f"{book.place(book.generated / 'figures')}, its manifest is "
        f"{book.place(book.manifest)}"
    )


@cli.command()
@click.option("--redraw", is_flag=True, help="Draw again and compare the bytes.")
@click.pass_obj
def check(folder: Path, *, redraw: bool) -> None:
    """Say whether everything generated follows from the evidence and the code."""
    from bookfigs.check import check as find_errors  # noqa: PLC0415

    book = Book.find(folder)
    found = plan(book, this_device("cpu"))
    _stop(find_errors(book, found, redraw=redraw))
    claims = found.manifest.claims
    idle = [name for name, claim in sorted(claims.items()) if claim.verdict != "holds"]
    said = f"no evidence bears on {', '.join(idle)}" if idle else "every claim holds"
    click.echo(
        f"{len(found.figures)} figures, {len(found.listings)} listings, "
        f"{len(found.manifest.values)} values and {len(claims)} claims follow from "
        f"the evidence; {said}"
    )


@cli.command("list")
@click.pass_obj
def list_(folder: Path) -> None:
    """List figures, listings, values and claims by the names that prose uses."""
    book = Book.find(folder)
    found = plan(book, this_device())
    for slug, state in found.figures.items():
        stale = state.outdated or "; ".join(state.undrawn) or "up to date"
        click.echo(f"figure   #fig-{slug.replace('_', '-')}  {stale}")
    for slug, listing in found.listings.items():
        stale = "changed" if slug in found.changed_listings else "up to date"
        name = f"#lst-{slug.replace('_', '-')}"
        click.echo(f"listing  {name}  {listing.source}:{listing.symbol}  {stale}")
    for name, value in sorted(found.manifest.values.items()):
        click.echo(f"value    {name}  {value.text}")
    for name, claim in sorted(found.manifest.claims.items()):
        click.echo(f"claim    {name}  {claim.verdict}: {claim.sentence}")
    _stop(found.broken)


@cli.command()
@click.argument("name")
@click.option("--device", type=DEVICES, default="auto", show_default=True)
@click.pass_obj
def why(folder: Path, name: str, device: str) -> None:
    """Say why a figure is stale, or what a value or claim stands on."""
    book = Book.find(folder)
    found = plan(book, this_device(device))
    slug = name.partition(".")[0]
    pick((slug,), book.figures(), "figure")
    if slug not in found.figures:
        _stop(found.broken)
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
            _explain(claim_name, claim)


@cli.command()
@click.argument("slugs", nargs=-1, required=True, metavar="SLUG…")
@click.option("--device", type=DEVICES, default="auto", show_default=True)
@click.pass_obj
def publish(folder: Path, slugs: tuple[str, ...], device: str) -> None:
    """Make this machine's record of a figure evidence, if it passes the gates."""
    from bookfigs.publish import publish as make_evidence  # noqa: PLC0415

    book = Book.find(folder)
    pick(slugs, book.figures(), "figure")
    found = plan(book, this_device(device))
    _stop(found.broken)
    errors: list[BookfigsError] = []
    for slug in slugs:
        try:
            path = make_evidence(book, found.figures[slug])
        except BookfigsError as error:
            errors.append(error)
            continue
        click.echo(f"{slug}: published as {book.place(path)}; run: bookfigs figures")
    _stop(errors)


@cli.command()
@click.pass_obj
def doctor(folder: Path) -> None:
    """Say what this machine has, and what to install."""
    from bookfigs.doctor import examine  # noqa: PLC0415

    findings = examine(folder)
    for finding in findings:
        click.echo(f"{finding.state:8} {finding.name}: {finding.what}")
        if finding.remedy:
            click.echo(f"           run: {finding.remedy}")
    if any(finding.state == "missing" for finding in findings):
        sys.exit(EnvironmentMissingError.exit_code)


@cli.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def render(folder: Path, arguments: tuple[str, ...]) -> None:
    """Check the book, then run ``quarto render`` on it with ARGUMENTS."""
    from bookfigs import quarto  # noqa: PLC0415
    from bookfigs.check import check as find_errors  # noqa: PLC0415

    book = Book.find(folder)
    quarto.require_quarto()
    _stop(find_errors(book, plan(book, this_device("cpu"))))
    sys.exit(quarto.render(book, arguments))


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


def _explain(name: str, claim: "ClaimEntry") -> None:
    """Print a claim with what its verdict stands on."""
    click.echo(f"  claim {name} {claim.verdict}: {claim.sentence}")
    for row in claim.rows:
        click.echo(
            f"    {row.device}: {row.verdict}; {row.statistic}; expected "
            f"{row.expected}; {row.date}, commit {row.commit}"
        )


def _tell(todo: Plan, chosen: list[str]) -> None:
    """Print a plan without carrying it out."""
    for slug in chosen:
        reasons = todo.figures[slug].unmeasured or ["asked for"]
        click.echo(f"{slug}: would be measured: {'; '.join(reasons)}")
    for slug in todo.to_draw:
        click.echo(f"{slug}: would be drawn: {'; '.join(todo.figures[slug].undrawn)}")
    for slug in todo.changed_listings:
        click.echo(f"{slug}: listing would be written")
    for path in todo.orphans:
        click.echo(f"{path.stem}: {path.name} would be removed")
    _stop(todo.broken)


def _stop(errors: Sequence[BookfigsError]) -> None:
    """Print every error and exit with the first one's status; return without one."""
    for error in errors:
        click.echo(f"bookfigs: {error.message()}", err=True)
    if errors:
        sys.exit(errors[0].exit_code)


def main() -> NoReturn:
    """Run the command line; what the user can mend is a message, not a traceback."""
    try:
        cli.main(prog_name="bookfigs", standalone_mode=True)
    except BookfigsError as error:
        _stop([error])
    except OSError as error:
        where = error.filename or "file system"
        _stop([BookfigsError(where, error.strerror or str(error))])
    sys.exit(0)
