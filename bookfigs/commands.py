"""What the commands do: each body, with what it prints.

``cli`` declares them and imports this module only when one of them runs.
"""

import io
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bookfigs.book import Book, pick, store
from bookfigs.cache import Cache
from bookfigs.canonical import to_json
from bookfigs.errors import (
    BookfigsError,
    ClaimError,
    EnvironmentMissingError,
    LintError,
)
from bookfigs.plan import Plan, plan
from bookfigs.progress import reporter
from bookfigs.provenance import cores, this_device
from bookfigs.report import (
    INTERRUPTED,
    foretell,
    stop,
    sum_up,
    tell_proved,
    tell_replicated,
)

if TYPE_CHECKING:
    from bookfigs.build import Made
    from bookfigs.cluster import Cluster
    from bookfigs.exporting.export import Wish
    from bookfigs.lint.execution import Execution
    from bookfigs.preview import Wanted
    from bookfigs.starting.step import Steps

UNFINISHED = "bookfigs: interrupted; nothing of the book was touched"
UNPROVEN = (
    "bookfigs: interrupted; the evidence that was written is kept\n"
    "  run: bookfigs prove, to go on"
)
WAITING = "another build of this book is at work; waiting for it to end"


def build(
    book: Book,
    asked: str,
    *,
    only: tuple[str, ...],
    device: str,
    force: bool,
    jobs: int | None,
    dry_run: bool,
    no_measure: bool = False,
    scheduler: str | None = None,
) -> None:
    """Look for what is stale, and measure and make it."""
    from bookfigs.build import apply  # noqa: PLC0415 - only where it is needed

    slugs = pick(only, book.figures(), "figure")

    def chosen(todo: Plan) -> list[str]:
        stale = todo.figures if force else todo.to_measure
        stale = [] if no_measure else stale
        return [slug for slug in slugs if slug in stale]

    with _uninterrupted(INTERRUPTED), _workers(book, scheduler, device) as cluster:
        where = cluster.device if cluster else this_device(device)
        if dry_run:
            todo = plan(book, where)
            foretell(book, todo, chosen(todo), force=force)
            stop(todo.broken)
            return
        with _alone(book), reporter() as show:
            sight = _Sight(book, asked, Cache(book.local, by_state=True))
            todo = plan(book, where, sight.cache)
            made = apply(
                book,
                todo,
                show,
                measure=chosen(todo),
                jobs=jobs,
                force=force,
                cluster=cluster,
            )
    if status := sight.conclude(todo, made):
        sys.exit(status)


class _Sight:
    """What a build saw before it read anything, to be settled if it did nothing."""

    def __init__(self, book: Book, asked: str, cache: Cache) -> None:
        from bookfigs import settled  # noqa: PLC0415

        self._book = book
        self._asked = asked
        self._began = time.time_ns()
        self._states = settled.states(book.folder, book.root)
        self.cache = cache

    def conclude(self, todo: Plan, made: "Made") -> int:
        """Print what came of a build; leave that behind if there was nothing to do."""
        from bookfigs import settled  # noqa: PLC0415

        said = io.StringIO()
        with redirect_stdout(said):
            status = sum_up(self._book, todo, made)
        click.echo(said.getvalue(), nl=False)
        self.cache.save()
        if status == 0 and not (made.measured or made.drawn or todo.has_loose_ends):
            seen = settled.Seen(self._began, self._states, self.cache.states)
            places = (self._book.local, self._book.folder)
            settled.keep(*places, self._asked, said.getvalue(), seen)
        return status


def prove(book: Book, slugs: tuple[str, ...], *, force: bool, jobs: int | None) -> None:
    """Prove the listings that are not proven."""
    from bookfigs.machine import held  # noqa: PLC0415 - only where it is needed
    from bookfigs.proving import Proved, prove_all  # noqa: PLC0415 - the same

    chosen = pick(slugs, book.listings(), "listing")
    with _uninterrupted(UNPROVEN), _alone(book), reporter() as show:
        cache = Cache(book.local, by_state=True)
        found = plan(book, this_device("cpu"), cache)
        states = [found.listings[slug] for slug in chosen if slug in found.listings]
        states = [state for state in states if state.promises]
        todo = [state for state in states if force or state.unproven]
        proved = Proved()
        if todo:
            with held(alone=False, waiting=click.echo):
                proved = prove_all(book, todo, show, jobs=jobs or cores())
    tell_proved(found, chosen, proved)
    stop([*found.broken, *proved.errors])


def publish(book: Book, slugs: tuple[str, ...], device: str) -> None:
    """Make records evidence, those that pass the gates."""
    from bookfigs import publish as gate  # noqa: PLC0415 - only where it is needed
    from bookfigs.record import read_record  # noqa: PLC0415 - the same

    pick(slugs, book.figures(), "figure")
    kind = device if device in {"auto", "cpu", "cuda"} else "cpu"
    found = plan(book, this_device(kind))
    stop(found.broken)
    errors: list[BookfigsError] = []
    for slug in slugs:
        try:
            state = found.figures[slug]
            if kind != device:
                state = gate.of_device(book, state, device)
            path = gate.publish(book, state)
        except BookfigsError as error:
            errors.append(error)
            continue
        for remark in gate.remarks(read_record(path, book.place(path))):
            click.echo(f"{slug}: {remark}")
        click.echo(f"{slug}: published as {book.place(path)}; run: bookfigs figures")
    stop(errors)


def bundle(book: Book, slugs: tuple[str, ...], target: Path) -> None:
    """Pack records of this machine into a file."""
    from bookfigs.exchange import pack  # noqa: PLC0415 - only where it is needed

    for record in pack(book, slugs, target):
        click.echo(f"{record.figure}: {record.device.slug}")
    click.echo(f"packed into {target}; run there: bookfigs import {target.name}")


def bring_in(book: Book, source: Path, *, replace: bool) -> None:
    """Bring the records of a bundle in."""
    from bookfigs.exchange import unpack  # noqa: PLC0415 - only where it is needed

    with _alone(book):
        brought = unpack(book, source, replace=replace)
    for one in brought:
        click.echo(f"{one.record.figure}: {'; '.join(one.said)}")
    written = sum(one.is_new for one in brought)
    click.echo(
        f"{written} of {len(brought)} records imported; to make one evidence, run: "
        "bookfigs publish SLUG --device NAME"
    )


def replicate(
    book: Book, slugs: tuple[str, ...], device: str, *, quick: bool, jobs: int | None
) -> None:
    """Measure again here, and say whether each claim holds here."""
    from bookfigs.replicate import Replication  # noqa: PLC0415 - where it is needed

    chosen = pick(slugs, book.figures(), "figure")
    found = plan(book, this_device(device))
    errors: list[BookfigsError] = [
        error for error in found.broken if not slugs or error.where in chosen
    ]
    here = "bookfigs: interrupted; nothing of the book was touched"
    with _uninterrupted(here), reporter() as show:
        replication = Replication(book, found, show, quick=quick, jobs=jobs)
        results, failed = replication.run([s for s in chosen if s in found.figures])
    tell_replicated(results)
    alarms = [alarm for result in results for alarm in result.alarms]
    stop([*alarms, *errors, *failed])


def export(book: Book, wish: "Wish", *, check: bool) -> None:
    """Fill the pages of another book, or say what of them is stale."""
    from bookfigs.exporting import export as out  # noqa: PLC0415 - where it is needed

    stop(out.disorder(book))
    found = out.export(book, wish)
    stop(found.wrong(check=check))
    for line in [*found.remarks, *([] if check else found.write()), found.summary]:
        click.echo(line)


def gallery(book: Book, to: Path | None) -> None:
    """Write the gallery of a book that is in order, whatever its claims came to."""
    from bookfigs.exporting.export import disorder  # noqa: PLC0415 - where needed
    from bookfigs.gallery import gallery as galleries  # noqa: PLC0415 - the same

    stop([wrong for wrong in disorder(book) if not isinstance(wrong, ClaimError)])
    made = galleries.gallery(book)
    click.echo(made.write(book, to))
    click.echo(made.summary)


def lint(
    book: Book,
    paths: tuple[Path, ...],
    form: str,
    *,
    baseline: Path | None,
    update: bool,
    quarto: str | None,
    execute: bool,
    seconds: float,
) -> None:
    """Read the pages, tell what is found, and exit with its status if it is an error.

    ``execute``: run the blocks of Python that did not run as they stand.
    Raises: InputError if a file is not what it has to be; click's own for usage.
    """
    from bookfigs.lint import baseline as known  # noqa: PLC0415 - only where needed
    from bookfigs.lint import report as reports  # noqa: PLC0415 - the same
    from bookfigs.lint.book import gather  # noqa: PLC0415 - the same
    from bookfigs.lint.execution import Execution  # noqa: PLC0415 - the same
    from bookfigs.lint.pages import lint as read  # noqa: PLC0415 - the same

    if update and baseline is None:
        raise click.UsageError("--update-baseline needs --baseline FILE")
    context, only = gather(book, paths, _version(quarto))
    pages = [p for p in context.pages if only is None or p.name in only]
    execution = Execution(book, pages)
    if execute and execution.left:
        _execute(execution, seconds)
    findings = read(execution.complete(context), only)
    accepted = known.Baseline()
    if baseline is not None and not (update and not baseline.exists()):
        accepted = known.read_baseline(baseline)
    if baseline is not None and update:
        accepted = known.updated(findings, accepted, only)
        store(book, baseline, to_json(accepted), "the same command")
    compared = known.compare(findings, accepted, only)
    report = reports.Report(compared, len(pages), baseline is not None)
    click.echo(reports.FORMATS[form](report), nl=False)
    if report.errors:
        sys.exit(LintError.exit_code)


def accept(book: Book, paths: tuple[Path, ...], *, dry_run: bool) -> None:
    """Keep what the sentences of pages say, beside what they stand on."""
    from bookfigs import accepting  # noqa: PLC0415 - only where it is needed
    from bookfigs.lint.book import gather  # noqa: PLC0415 - the same

    found = accepting.accept(book, *gather(book, paths, None))
    stop(found.wrong)
    if not dry_run:
        found.write(book)
    for line in found.told:
        click.echo(line)


def _execute(execution: "Execution", seconds: float) -> None:
    """Run the blocks of pages that are left, and say so beside what is found."""
    from bookfigs.machine import held  # noqa: PLC0415 - only where it is needed

    def tell(said: str) -> None:
        click.echo(said, err=True)

    with _uninterrupted(UNFINISHED), held(alone=False, waiting=tell):
        execution.run(tell, jobs=cores(), seconds=seconds)


def explain_code(code: str) -> None:
    """Say what a code of ``lint``, or ``all``, means. Raises: UnknownNameError."""
    from bookfigs.lint.rules import RULES, rule  # noqa: PLC0415 - where it is needed

    for found in RULES if code == "all" else [rule(code)]:
        click.echo(f"{found.code} ({found.severity}): {found.summary}")
        click.echo(f"  {found.explanation}")


def init(
    start: Path,
    target: Path | None,
    chapter: str | None,
    *,
    update: bool,
    replace: bool,
    dry_run: bool,
) -> None:
    """Begin a book, let one use bookfigs, or update its extension."""
    from bookfigs.lint.book import at_hand  # noqa: PLC0415 - only where it is needed
    from bookfigs.places import book_at  # noqa: PLC0415 - the same
    from bookfigs.starting.begin import begin, renew  # noqa: PLC0415 - the same

    start = start.resolve()
    folder = target.resolve() if target else Path(book_at(str(start)) or start)
    if update:
        steps = renew(Book.find(folder), replace=replace)
    else:
        steps = begin(folder, at_hand(), chapter=chapter, replace=replace)
    _take(steps, dry_run=dry_run)


def new(book: Book, kind: str, name: str, chapter: str | None, *, near: Path) -> None:
    """Add a figure, listing or chapter."""
    from bookfigs.starting.addition import new as add  # noqa: PLC0415 - where needed

    _take(add(book, kind, name, chapter, near))


def _take(steps: "Steps", *, dry_run: bool = False) -> None:
    """Take steps, say which, and what to do next."""
    from bookfigs.starting.step import carry_out  # noqa: PLC0415 - where it is needed

    if not dry_run:
        carry_out(steps.book, steps.steps)
    for line in steps.told():
        click.echo(f"would be: {line}" if dry_run else line)
    if not steps.steps:
        click.echo("nothing to do")
    if steps.after:
        click.echo("next:")
        for line in steps.after:
            click.echo(f"  {line}".rstrip())


def preview(book: Book, wanted: "Wanted") -> None:
    """Watch a book and show it, until the user interrupts."""
    from bookfigs.preview import preview as show  # noqa: PLC0415 - where it is needed

    with _uninterrupted("bookfigs: the preview has ended"):
        show(book, wanted, click.echo)


def _version(text: str | None) -> tuple[int, ...] | None:
    """A version from its digits. Raises: click's own if it has none."""
    if text is None:
        return None
    parts = text.split(".")
    if not all(part.isdecimal() and len(part) < 6 for part in parts):  # noqa: PLR2004
        raise click.BadParameter(
            f"{text!r} is no version, such as 1.9", param_hint="--quarto"
        )
    return tuple(int(part) for part in parts)


@contextmanager
def _uninterrupted(said: str) -> Iterator[None]:
    """End with the customary status if the user interrupts."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(said, err=True)
        sys.exit(130)


@contextmanager
def _workers(
    book: Book, scheduler: str | None, device: str
) -> Iterator["Cluster | None"]:
    """Connect to a cluster if one is asked for. Raises: EnvironmentMissingError."""
    if scheduler is None:
        yield None
        return
    try:
        from bookfigs.cluster import connected  # noqa: PLC0415 - imports Dask
    except ImportError as error:
        run = "pip install 'bookfigs[cluster]'"
        what = f"needs Dask: {error}"
        raise EnvironmentMissingError("--scheduler", what, run=run) from error
    with connected(book, scheduler, device) as cluster:
        yield cluster


@contextmanager
def _alone(book: Book) -> Iterator[None]:
    """Hold the book, so that no other command writes to it."""
    from bookfigs.build import exclusive  # noqa: PLC0415 - only where it is needed

    with exclusive(book, lambda: click.echo(WAITING)):
        yield
