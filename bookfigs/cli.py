"""The command line: what may be asked. What is done, ``commands`` says.

What a command needs is imported inside of it, so that a command which finds
nothing to do starts at once.
"""

import sys
from pathlib import Path
from typing import NoReturn

import click

from bookfigs import __version__
from bookfigs.book import Book
from bookfigs.errors import BookfigsError, EnvironmentMissingError

DEVICES = click.Choice(["auto", "cpu", "cuda"])
JOBS = click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Count so many figures at once; times are taken alone. Default: all cores.",
)


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
    be · 4 unknown name · 5 a figure or listing failed · 6 outdated · 7 a claim does
    not hold · 8 a program is missing · 9 not published · 10 lint found an error.
    """
    context.obj = folder


@cli.command()
@click.option("--only", multiple=True, metavar="SLUG", help="Only this figure.")
@click.option("--device", type=DEVICES, default="auto", show_default=True)
@click.option("--force", is_flag=True, help="Measure all anew, whatever is kept.")
@JOBS
@click.option("--dry-run", is_flag=True, help="Say what would be done, and why.")
@click.option("--scheduler", metavar="ADDRESS", help="Measure on this Dask cluster.")
@click.pass_obj
def figures(
    folder: Path,
    only: tuple[str, ...],
    device: str,
    *,
    force: bool,
    jobs: int | None,
    dry_run: bool,
    scheduler: str | None,
) -> None:
    """Measure what is stale here, and make what is stale of the book.

    A run that was interrupted goes on where it was. On a cluster, what the device
    of its workers lacks is measured there: help(bookfigs.cluster) tells how.
    Listings that are not proven are named; ``bookfigs prove`` proves them.
    """
    from bookfigs import settled  # noqa: PLC0415

    book = Book.find(folder)
    asked = settled.circumstances(only, device, scheduler)
    anew = force or dry_run or scheduler is not None
    said = None if anew else settled.recall(book.local, book.folder, asked)
    if said is not None:
        click.echo(said, nl=False)
        return
    from bookfigs import commands  # noqa: PLC0415 - only if there may be work

    commands.build(
        book,
        asked,
        only=only,
        device=device,
        force=force,
        jobs=jobs,
        dry_run=dry_run,
        scheduler=scheduler,
    )


@cli.command()
@click.argument("slugs", nargs=-1, metavar="[SLUG…]")
@click.option("--force", is_flag=True, help="Also those that are proven.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Prove so many listings at once. Default: all cores.",
)
@click.pass_obj
def prove(
    folder: Path, slugs: tuple[str, ...], *, force: bool, jobs: int | None
) -> None:
    """Prove the lines of listings: run their tests and programs, try changes.

    Which passing tests execute each printed line, and which of them notices each
    small change of it, becomes evidence of the listing, as does what its program
    prints. Without SLUG: of all listings whose evidence is stale.
    """
    from bookfigs import commands  # noqa: PLC0415

    commands.prove(Book.find(folder), slugs, force=force, jobs=jobs)


@cli.command()
@click.option("--full", is_flag=True, help="Read and compute all, whatever is kept.")
@click.option("--redraw", is_flag=True, help="Full; draw and run again, compare.")
@click.pass_obj
def check(folder: Path, *, full: bool, redraw: bool) -> None:
    """Say whether everything generated follows from the evidence and the code."""
    from bookfigs import settled  # noqa: PLC0415

    book = Book.find(folder)
    asked = settled.circumstances("check")
    places = (book.local, book.folder)
    anew = full or redraw
    said = None if anew else settled.recall(*places, asked, kind=settled.CHECKED)
    if said is not None:
        click.echo(said, nl=False)
        return
    from bookfigs.check import examine  # noqa: PLC0415
    from bookfigs.report import stop  # noqa: PLC0415

    errors, summary = examine(book, asked, full=full, redraw=redraw)
    stop(errors)
    click.echo(summary)


@cli.command()
@click.argument(
    "paths",
    nargs=-1,
    metavar="[PATH…]",
    type=click.Path(path_type=Path, exists=True),
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif", "github"]),
    default="text",
    show_default=True,
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Accept the findings that this file lists.",
)
@click.option("--update-baseline", is_flag=True, help="Let it list what is found now.")
@click.option(
    "--quarto",
    metavar="VERSION",
    help="Judge by this version of Quarto. Default: the one at hand.",
)
@click.option("--explain", metavar="CODE", help="Say what a code (or all) means; stop.")
@click.pass_obj
def lint(
    folder: Path,
    paths: tuple[Path, ...],
    form: str,
    baseline: Path | None,
    *,
    update_baseline: bool,
    quarto: str | None,
    explain: str | None,
) -> None:
    """Read the pages of the book: names, typed numbers, texts, code, settings.

    PATH limits what is told to these pages or folders. An exception is declared by
    <!-- bookfigs-lint: allow CODE: reason --> on the line, or alone before it.
    """
    from bookfigs import commands  # noqa: PLC0415

    if explain:
        commands.explain_code(explain)
        return
    commands.lint(
        Book.find(folder),
        paths,
        form,
        baseline=baseline,
        update=update_baseline,
        quarto=quarto,
    )


@cli.command("list")
@click.pass_obj
def list_(folder: Path) -> None:
    """List figures, listings, values and claims by the names that prose uses."""
    from bookfigs import report  # noqa: PLC0415

    report.list_names(Book.find(folder))


@cli.command()
@click.argument("name")
@click.option("--device", type=DEVICES, default="auto", show_default=True)
@click.pass_obj
def why(folder: Path, name: str, device: str) -> None:
    """Say why a figure or listing is stale, or what a value or claim stands on."""
    from bookfigs import report  # noqa: PLC0415

    report.why(Book.find(folder), name, device)


@cli.command()
@click.argument("slugs", nargs=-1, required=True, metavar="SLUG…")
@click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="auto, cpu, cuda, or the device of an imported record by its name.",
)
@click.pass_obj
def publish(folder: Path, slugs: tuple[str, ...], device: str) -> None:
    """Make a record kept here evidence of its figure, if it passes the gates."""
    from bookfigs import commands  # noqa: PLC0415

    commands.publish(Book.find(folder), slugs, device)


@cli.command()
@click.argument("slugs", nargs=-1, metavar="[SLUG…]")
@click.option(
    "--to",
    "target",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to write them; must not exist yet.",
)
@click.pass_obj
def bundle(folder: Path, slugs: tuple[str, ...], target: Path) -> None:
    """Pack the records kept here into one file, for another machine to import."""
    from bookfigs import commands  # noqa: PLC0415

    commands.bundle(Book.find(folder), slugs, target)


@cli.command("import")
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Also replace records that are newer.")
@click.pass_obj
def import_(folder: Path, source: Path, *, replace: bool) -> None:
    """Bring in the records of a bundle: all of them are sound, or none is taken.

    They are data: verified, never executed. Publishing them is another step.
    """
    from bookfigs import commands  # noqa: PLC0415

    commands.bring_in(Book.find(folder), source, replace=replace)


@cli.command()
@click.argument("slugs", nargs=-1, metavar="[SLUG…]")
@click.option("--quick", is_flag=True, help="Only the points that figures call QUICK.")
@click.option("--device", type=DEVICES, default="auto", show_default=True)
@JOBS
@click.pass_obj
def replicate(
    folder: Path,
    slugs: tuple[str, ...],
    device: str,
    *,
    quick: bool,
    jobs: int | None,
) -> None:
    """Measure again here, and say whether each claim holds here.

    Nothing of the book is changed, nor what is kept of this machine. Counts have to
    equal the evidence; times are judged by their claims alone.
    """
    from bookfigs import commands  # noqa: PLC0415

    commands.replicate(Book.find(folder), slugs, device, quick=quick, jobs=jobs)


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
    from bookfigs.plan import plan  # noqa: PLC0415
    from bookfigs.provenance import this_device  # noqa: PLC0415
    from bookfigs.report import stop  # noqa: PLC0415

    book = Book.find(folder)
    quarto.require_quarto()
    stop(find_errors(book, plan(book, this_device("cpu"))))
    sys.exit(quarto.render(book, arguments))


def main() -> NoReturn:
    """Run the command line; what the user can mend is a message, not a traceback."""
    try:
        cli.main(prog_name="bookfigs", standalone_mode=True)
    except BookfigsError as error:
        _stop(error)
    except OSError as error:
        where = error.filename or "file system"
        _stop(BookfigsError(where, error.strerror or str(error)))
    sys.exit(0)


def _stop(error: BookfigsError) -> NoReturn:
    """Print an error and exit with its status."""
    click.echo(f"bookfigs: {error.message()}", err=True)
    sys.exit(error.exit_code)
