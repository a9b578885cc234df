"""A worker seen from the main process: asked, listened to, and ended for sure."""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

import msgspec

from bookfigs.ending import ending, last_words, place
from bookfigs.errors import BookfigsError, FigureError
from bookfigs.figure import call
from bookfigs.point import STOP, Answer, Failure, Job, PointResult, Shape

PRINTED_LIMIT = 1 << 20
"""Bytes that the code of one point may print; more is taken for an endless loop."""

KEPT = 1 << 13
"""Of what is printed, so much is kept, to be shown if the point fails."""

PATIENCE = 10
"""Seconds that a worker gets to end by itself when it is told to."""

ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**34),
    "MALLOC_TOP_PAD_": str(2**26),
}
"""Keeps glibc from returning memory between runs: page faults would be timed. It
reads them when a process starts; what the user has set comes first."""

CODE = "import sys; sys.path[:] = {}; from bookfigs.worker import main; main()"
"""A fresh Python that looks for modules where this one does."""


class StoppedError(Exception):
    """No worker may start any more, since the run is being ended."""


class Crew:
    """The workers that are alive; on leaving, whatever the reason, none is."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self.environment = environment
        self._lock = Lock()
        self._alive: set[Worker] = set()
        self._stopped = False

    def __enter__(self) -> Self:
        """Begin with nobody."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End every worker at once."""
        with self._lock:
            self._stopped = True
            for worker in self._alive:
                worker.kill()

    def start(self, job: Job, hold: int) -> "Worker":
        """Start a worker that also holds the machine.

        Raises: StoppedError after the end; FigureError if no process can start.
        """
        with self._lock:
            if self._stopped:
                raise StoppedError
            worker = Worker(self, job, hold)
            self._alive.add(worker)
            return worker

    def leave(self, worker: "Worker") -> None:
        """Forget a worker that has ended."""
        with self._lock:
            self._alive.discard(worker)


class Worker:
    """One process; a context that ends it."""

    def __init__(self, crew: Crew, job: Job, hold: int) -> None:
        self._crew = crew
        self._job = job
        self._lines = b""
        self._printed = b""
        self._count = 0
        self._why = ""
        self._closed = False
        self._gone = False
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-c", CODE.format(list(map(str, sys.path)))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env={**ALLOCATOR, **crew.environment},
                start_new_session=True,  # so that its children end with it
                pass_fds=(hold,),
            )
        except OSError as error:
            what = f"no process can be started to measure it: {error.strerror}"
            raise FigureError(job.slug, what) from error
        self._selector = selectors.DefaultSelector()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                self._selector.register(stream, selectors.EVENT_READ)
        self._tell(msgspec.json.encode(job))

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process: it may tidy up if all went well."""
        if kind is None and not self._gone:
            self._tell(str(STOP).encode())
            self._let_end()
        self.kill()
        self._process.wait()
        self._gone = True
        self._crew.leave(self)
        self._selector.close()
        for stream in (
            self._process.stdin,
            self._process.stdout,
            self._process.stderr,
        ):
            if stream is not None:
                stream.close()

    def kill(self) -> None:
        """End the process and its children now."""
        if self._gone:  # its number may be another's by now
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def shape(self) -> Shape:
        """Wait until the figure file is loaded.

        Raises: BookfigsError if it cannot be, or if the process ends over it.
        """
        answer = self._answer("loading it")
        if isinstance(answer, Failure):
            raise answer.error()
        if not isinstance(answer, Shape):
            raise self._died("loading it")
        return answer

    def measure(self, index: int, point: dict[str, object]) -> PointResult:
        """Measure a point. Raises: FigureError if the process ends over it."""
        doing = f"measure({call(point)})"
        self._count = 0
        self._tell(str(index).encode())
        answer = self._answer(doing)
        if not (isinstance(answer, PointResult) and answer.index == index):
            raise self._died(doing)
        return answer

    def _let_end(self) -> None:
        """Wait until the process has ended, or has been given time enough."""
        patience = time.monotonic() + PATIENCE
        while not self._closed and self._process.poll() is None:
            if time.monotonic() > patience or self._count > PRINTED_LIMIT:
                return
            self._read(0.1)

    def _tell(self, line: bytes) -> None:
        """Send a line; a process that has ended is noticed when it should answer."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.write(line + b"\n")

    def _answer(self, doing: str) -> Answer:
        """Wait for a line. Raises: FigureError."""
        while b"\n" not in self._lines:
            if not self._read(1) and self._has_ended():
                raise self._died(doing)
            if self._count > PRINTED_LIMIT:
                self._why = f"printed more than {PRINTED_LIMIT >> 20} MiB and was ended"
                raise self._died(doing)
        line, _, self._lines = self._lines.partition(b"\n")
        try:
            answer: Answer = msgspec.json.decode(line, type=Answer)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            self._why = "wrote to the pipe that its answers go through"
            raise self._died(doing) from error
        return answer

    def _has_ended(self) -> bool:
        """Whether no answer can come any more, even if a child holds the pipe."""
        if self._closed:
            return True
        return self._process.poll() is not None and not self._read(0)

    def _read(self, timeout: float) -> bool:
        """Take in what was written; False if nothing was, or never will be."""
        said = self._process.stdout
        for key, _ in self._selector.select(timeout):
            chunk = os.read(key.fd, 1 << 16)
            if not chunk:
                self._selector.unregister(key.fileobj)
            if key.fileobj is said:
                self._lines += chunk
                self._closed = not chunk
                if not chunk:
                    return False
            else:
                self._printed = (self._printed + chunk)[-KEPT:]
                self._count += len(chunk)
            return True
        return False

    def _died(self, doing: str) -> BookfigsError:
        """Say how the process ended, over what, and what can be done."""
        if not self._why:
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._why = "closed the pipe that its answers go through"
        self.kill()
        status = self._process.wait()
        self._gone = True
        self._drain()
        slug, path = self._job.slug, Path(self._job.path)
        how = self._why or ending(status)
        run = f"bookfigs figures --only {slug}"
        if status == -signal.SIGKILL and not self._why:
            run = f"dmesg | tail; if memory ran out: {run} --jobs 1, or a smaller point"
        what = f"{doing} failed: its process {how}{place(self._printed, path)}"
        return FigureError(path.name, what + last_words(self._printed), run=run)

    def _drain(self) -> None:
        """Take in what the process said last; what it leaves open is not waited for."""
        printed = self._process.stderr
        while any(k.fileobj is printed for k in self._selector.get_map().values()):
            if not self._selector.select(0) or not self._read(0):
                return
