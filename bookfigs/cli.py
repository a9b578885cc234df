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
@click.option("--no-measure", is_flag=True, help="Make the book from what there is.")
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
    no_measure: bool,
    scheduler: str | None,
) -> None:
    """Measure what is stale here, and make what is stale of the book.

    A run that was interrupted goes on where it was. On a cluster, what the device
    of its workers lacks is measured there: help(bookfigs.cluster) tells how.
    Listings that are not proven are named; ``bookfigs prove`` proves them.
    """
    from bookfigs import settled  # noqa: PLC0415

    book = Book.find(folder)
    asked = settled.circumstances(only, device, scheduler, *["drawn"] * no_measure)
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
        no_measure=no_measure,
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
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="github: annotations at the lines of pages; json: part by part.",
)
@click.pass_obj
def check(folder: Path, form: str, *, full: bool, redraw: bool) -> None:
    """Say whether everything generated follows from the evidence and the code."""
    from bookfigs import settled  # noqa: PLC0415

    book = Book.find(folder)
    if form != "text":
        from bookfigs.report import tell_parts  # noqa: PLC0415

        tell_parts(book, form, full=full, redraw=redraw)
        return
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
@click.option(
    "--execute/--no-execute",
    default=False,
    show_default=True,
    help="Run the Python of pages that did not run as it stands.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=60,
    show_default=True,
    metavar="N",
    help="End what the Python of a page does after so long.",
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
    execute: bool,
    seconds: float,
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
        execute=execute,
        seconds=seconds,
    )


@cli.command()
@click.argument(
    "paths", metavar="[PATH]...", nargs=-1, type=click.Path(path_type=Path, exists=True)
)
@click.option("--dry-run", is_flag=True, help="Show what would be accepted.")
@click.pass_obj
def accept(folder: Path, paths: tuple[Path, ...], *, dry_run: bool) -> None:
    """Say of the sentences around values and claims that they follow from these.

    What is new or changed is shown beside what its claims say. From then on lint
    finds each such sentence that was changed since. PATH: only these pages.
    """
    from bookfigs import commands  # noqa: PLC0415

    commands.accept(Book.find(folder), paths, dry_run=dry_run)


@cli.command("list")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown"]),
    default="text",
    show_default=True,
    help="markdown: the tables of the evidence, for a summary.",
)
@click.pass_obj
def list_(folder: Path, form: str) -> None:
    """List figures, listings, values and claims by the names that prose uses."""
    from bookfigs import report  # noqa: PLC0415

    report.list_names(Book.find(folder), form)


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
@click.option(
    "--to",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the other book, or of a part of it.",
)
@click.option("--check", is_flag=True, help="Write nothing; say what is stale.")
@click.option("--blocks", is_flag=True, help="Also a file of all no page asks for.")
@click.option(
    "--images",
    metavar="FOLDER",
    default="images/svg",
    show_default=True,
    help="Of pictures, from each page; with a leading / from the project.",
)
@click.option("--force", is_flag=True, help="Write over what was edited by hand.")
@click.pass_obj
def export(
    folder: Path, to: Path, *, check: bool, blocks: bool, images: str, force: bool
) -> None:
    """Fill figures, listings and numbers into a book that does without bookfigs.

    Its pages say by comments what they want and where, as <!-- bookfigs: NAME -->
    and <!-- /bookfigs -->; only what stands between the two is written.
    """
    from bookfigs import commands  # noqa: PLC0415
    from bookfigs.exporting.export import Wish  # noqa: PLC0415

    wish = Wish(to, images, blocks=blocks, force=force)
    commands.export(Book.find(folder), wish, check=check)


@cli.command()
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder to write; nothing foreign in it is lost. Default: .bookfigs/gallery.",
)
@click.pass_obj
def gallery(folder: Path, to: Path | None) -> None:
    """Write a page of all figures, listings, values and claims, to look through.

    A folder with an index.html that needs neither a server, a network nor a script.
    Claims that fail are shown as such; anything outdated is an error.
    """
    from bookfigs import commands  # noqa: PLC0415

    commands.gallery(Book.find(folder), to)


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


@cli.command()
@click.argument(
    "target",
    required=False,
    metavar="[FOLDER]",
    type=click.Path(path_type=Path, file_okay=False),
)
@click.option("--update", is_flag=True, help="Only update the extension.")
@click.option("--chapter", metavar="NAME", help="What the first chapter is called.")
@click.option("--no-chapter", is_flag=True, help="Add no first chapter.")
@click.option("--replace", is_flag=True, help="Also what you changed; yours is kept.")
@click.option("--dry-run", is_flag=True, help="Say what would be done.")
@click.pass_obj
def init(
    folder: Path,
    target: Path | None,
    *,
    update: bool,
    chapter: str | None,
    no_chapter: bool,
    replace: bool,
    dry_run: bool,
) -> None:
    """Let a Quarto project use bookfigs, or begin a book; again: update it.

    Installs the extension, lists its filter in _quarto.yml, and adds a first chapter.
    Whatever is there stays. FOLDER need not exist; without it, the book at hand.
    """
    from bookfigs import commands  # noqa: PLC0415

    if update and (chapter or no_chapter):
        raise click.UsageError("--update adds no chapter, and takes no name for one")
    if chapter and no_chapter:
        raise click.UsageError("--chapter and --no-chapter are opposites")
    first = None if no_chapter else chapter or "first_chapter"
    commands.init(
        folder, target, first, update=update, replace=replace, dry_run=dry_run
    )


@cli.command()
@click.argument("kind", type=click.Choice(["figure", "listing", "chapter"]))
@click.argument("name")
@click.option("--chapter", metavar="NAME", help="The chapter that it belongs to.")
@click.pass_obj
def new(folder: Path, kind: str, name: str, chapter: str | None) -> None:
    """Add a figure, listing or chapter that works as it is, to be changed.

    NAME: lower-case letters, digits and underscores. Nothing is overwritten.
    """
    from bookfigs import commands  # noqa: PLC0415

    commands.new(Book.find(folder), kind, name, chapter, near=folder)


@cli.command(context_settings={"ignore_unknown_options": True})
@click.option("--measure", is_flag=True, help="Also measure what becomes stale.")
@click.option("--prove", is_flag=True, help="Also prove listings that become stale.")
@click.option("--no-serve", is_flag=True, help="Only make again; start no quarto.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def preview(
    folder: Path,
    arguments: tuple[str, ...],
    *,
    measure: bool,
    prove: bool,
    no_serve: bool,
) -> None:
    """Watch the book, make again what changes, and show it by ``quarto preview``.

    ARGUMENTS go to quarto preview. Nothing is measured unless --measure is given. An
    error is shown, and the watch goes on; Ctrl-C ends it and all that it started.
    """
    from bookfigs import commands  # noqa: PLC0415
    from bookfigs.preview import Wanted  # noqa: PLC0415

    wanted = Wanted(measure, prove, not no_serve, arguments)
    commands.preview(Book.find(folder), wanted)


def main() -> NoReturn:
    """Run the command line; what the user can mend is a message, not a traceback."""
    try:
        cli.main(prog_name="bookfigs", standalone_mode=True)
    except BookfigsError as error:
        _stop(error)
    except OSError as error:
        where = error.filename or "file system"
        run = "the same command, when the file system lets it"
        _stop(BookfigsError(where, error.strerror or str(error), run=run))
    sys.exit(0)


def _stop(error: BookfigsError) -> NoReturn:
    """Print an error and exit with its status."""
    click.echo(f"bookfigs: {error.message()}", err=True)
    sys.exit(error.exit_code)
