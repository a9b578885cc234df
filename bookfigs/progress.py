"""How far the work is: a progress bar on a terminal, plain lines otherwise."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


def reporter() -> "Lines | Bar":
    """The reporter that fits where the output goes."""
    return Bar() if sys.stdout.isatty() else Lines()


class Lines:
    """One line for each thing done; a start and no steps."""

    def __init__(self) -> None:
        self._begun: set[str] = set()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End."""

    def progress(self, slug: str, done: int, total: int) -> None:
        """Say that a figure begins to be measured."""
        if slug not in self._begun and done < total:
            self._begun.add(slug)
            click.echo(f"{slug}: measuring {total - done} points")

    def done(self, slug: str, what: str) -> None:
        """Say what was done."""
        click.echo(f"{slug}: {what}")


class Bar:
    """A bar for the figure that is being measured."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        """Begin; the bar appears when there is something to show."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar off the terminal."""
        if self._bar is not None:
            self._bar.stop()

    def progress(self, slug: str, done: int, total: int) -> None:
        """Move a figure's bar."""
        if self._bar is None:
            from rich.progress import Progress  # noqa: PLC0415 - only where it shows

            self._bar = Progress(transient=True)
            self._bar.start()
        if slug not in self._tasks:
            self._tasks[slug] = self._bar.add_task(slug, total=total)
        self._bar.update(self._tasks[slug], completed=done)

    def done(self, slug: str, what: str) -> None:
        """Write a line above the bar."""
        if self._bar is None:
            click.echo(f"{slug}: {what}")
        else:
            self._bar.console.print(f"{slug}: {what}", markup=False, highlight=False)
