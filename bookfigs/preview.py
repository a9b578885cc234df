"""Preview: what changed is made again, and Quarto shows it.

Everything is done by other programs, each the leader of its own group, so that all of
it ends when this ends, and so that nothing an author writes can stop the watch.
``quarto preview`` looks at pages and settings itself; of a picture that was drawn
anew, it learns from the extension, whose date is set to now.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from bookfigs.book import Book
from bookfigs.errors import EnvironmentMissingError
from bookfigs.places import PROJECT
from bookfigs.quarto import require_quarto
from bookfigs.settled import state
from bookfigs.starting.extension import home
from bookfigs.watch import INTERVAL, PROSE, changes

PATIENCE = 5
"""Seconds that a program gets to end by itself when it is told to."""

Say = Callable[[str], Any]


@dataclass(frozen=True)
class Wanted:
    """What a preview does besides drawing."""

    measure: bool = False
    prove: bool = False
    serve: bool = True
    arguments: tuple[str, ...] = ()
    """What ``quarto preview`` is given."""


class Children:
    """Programs that were started; on leaving, whatever the reason, none is alive."""

    def __init__(self) -> None:
        self._alive: list[subprocess.Popen[bytes]] = []

    def start(self, command: Sequence[str]) -> "subprocess.Popen[bytes]":
        """Start a program in a group of its own; its output goes to ours."""
        child = subprocess.Popen(  # noqa: S603 - our own, or the quarto at hand
            command, start_new_session=True, stdin=subprocess.DEVNULL
        )
        self._alive.append(child)
        return child

    def run(self, command: Sequence[str]) -> int:
        """Start a program, and wait until it ends."""
        child = self.start(command)
        status = child.wait()
        self.forget(child)
        return status

    def forget(self, child: "subprocess.Popen[bytes]") -> None:
        """End what a program that has ended left behind."""
        _signal(child, signal.SIGKILL)
        self._alive.remove(child)

    def end(self) -> None:
        """Ask every group to end, then make it."""
        for child in self._alive:
            _signal(child, signal.SIGINT)
        for child in self._alive:
            with suppress(subprocess.TimeoutExpired):
                child.wait(PATIENCE)
            _signal(child, signal.SIGKILL)
            child.wait()
        self._alive.clear()


class Preview:
    """A book that is watched, and the programs that serve it."""

    def __init__(
        self, book: Book, wanted: Wanted, children: Children, say: Say
    ) -> None:
        self._book = book
        self._wanted = wanted
        self._children = children
        self._say = say
        self._server: subprocess.Popen[bytes] | None = None
        self._gone = False

    def begin(self) -> None:
        """Make what is stale, and serve the book."""
        self.make()
        if self._wanted.serve:
            self.serve()

    def act(self, changed: set[str]) -> None:
        """Make again what follows from these files, and let it be shown."""
        names = sorted(self._book.place(Path(path)) for path in changed)
        self._say(f"changed: {', '.join(names)}")
        pages = sorted(p for p in changed if p.endswith(PROSE) and Path(p).is_file())
        if any(not path.endswith(PROSE) for path in changed):
            self.make()
        if pages:
            self._bookfigs("lint", *pages)
        if self._gone:
            self.serve()

    def make(self) -> None:
        """Make what is stale of the book; tell Quarto if that is another one now."""
        before = state(self._book.manifest)
        if self._wanted.prove:
            self._bookfigs("prove")
        self._bookfigs("figures", *([] if self._wanted.measure else ["--no-measure"]))
        if state(self._book.manifest) != before:
            self._nudge()

    def serve(self) -> None:
        """Start ``quarto preview``, or say why there is none."""
        try:
            binary, _ = require_quarto()
        except EnvironmentMissingError as error:
            self._say(f"no pages are shown: {error.message()}")
            self._say("what changes is made again all the same")
            return
        given = self._wanted.arguments
        named = bool(given) and not given[0].startswith("-")
        target = () if named else (str(self._book.folder),)
        command = [str(binary), "preview", *target, *given]
        self._server, self._gone = self._children.start(command), False

    def notice(self) -> None:
        """Say once if Quarto has ended: a page that it cannot render may be why."""
        if self._server is not None and self._server.poll() is not None:
            self._children.forget(self._server)
            status, self._server, self._gone = self._server.returncode, None, True
            self._say(
                f"quarto preview has ended (exit status {status}); it starts again "
                "when something changes"
            )

    def _bookfigs(self, *arguments: str) -> None:
        """Run a command; what is wrong it says itself, and the watch goes on."""
        book = ("--book", str(self._book.folder))
        self._children.run([sys.executable, "-m", "bookfigs", *book, *arguments])

    def _nudge(self) -> None:
        """Give a file that ``quarto preview`` looks at the date of now."""
        own = home(self._book) / "bookfigs.lua"
        path = own if own.is_file() else self._book.folder / PROJECT
        with suppress(OSError):
            os.utime(path)


def preview(
    book: Book, wanted: Wanted, say: Say, interval: float = INTERVAL
) -> NoReturn:
    """Watch a book until the user interrupts; then everything started has ended.

    Raises: KeyboardInterrupt, also when it is told to terminate.
    """
    with _ended() as children:
        shown = Preview(book, wanted, children, say)

        def wait(seconds: float) -> None:
            time.sleep(seconds)
            shown.notice()

        watched = changes(book, interval, wait)
        shown.begin()
        say("watching; Ctrl-C ends")
        while True:
            shown.act(next(watched))


@contextmanager
def _ended() -> Iterator[Children]:
    """Programs that end when this is left; to be terminated is to be interrupted."""
    children = Children()
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield children
    finally:
        children.end()
        signal.signal(signal.SIGTERM, before)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _signal(child: "subprocess.Popen[bytes]", number: int) -> None:
    """Send a signal to a program and everything that it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)
