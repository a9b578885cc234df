"""The worker: a process of its own that measures the points of one figure.

It is a fresh Python, so that whatever figure code does to a process (an exit, a
crash, all of its memory) ends this one alone. What figure code prints goes to
the pipe that the main process reads as standard error: the last of it is shown
if the point fails, and nobody sees it otherwise. The pipe for answers has a
number that only this module knows; standard input is empty.
"""

import faulthandler
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import msgspec

from bookfigs import escape
from bookfigs.awaited import whenever_imported
from bookfigs.column import check_table, tabulate
from bookfigs.errors import BookfigsError, EnvironmentMissingError, FigureError
from bookfigs.figure import MEASURED_BY, Figure, guarded, load
from bookfigs.measure.conditions import watch
from bookfigs.point import (
    STOP,
    Answer,
    Failure,
    Job,
    PointResult,
    out_of_memory,
    shape_of,
)
from bookfigs.record import Device
from bookfigs.threads import pin_threads


def main() -> None:
    """Load the figure file of a job, then measure the points that are asked for."""
    requests, answers = _private_pipes()
    faulthandler.enable(all_threads=False)
    inbox: SimpleQueue[bytes] = SimpleQueue()
    Thread(target=_listen, args=(requests, inbox), daemon=True).start()
    job = msgspec.json.decode(inbox.get(), type=Job)
    try:
        figure = load(job.slug, Path(job.path), Path(job.root))
        if job.quick:
            figure = replace(figure, points=figure.quick)
        with guarded(figure.path, "COLUMNS or POINTS cannot be read"):
            shape = shape_of(figure.path, figure.points, figure.columns)
    except BookfigsError as error:
        _say(answers, Failure.of(error))
        return
    _say(answers, shape)
    while (index := msgspec.json.decode(inbox.get(), type=int)) != STOP:
        _say(answers, _pinned(figure, job, index))


def _pinned(figure: Figure, job: Job, index: int) -> PointResult:
    """Measure a point with the threads of the job, whatever the last one has set.

    They are those of torch, which a figure may do without: it need not be there then.
    """
    whenever_imported("torch", partial(pin_threads, job.threads))
    return measure_point(figure, job.device, index)


def measure_point(figure: Figure, device: Device, index: int) -> PointResult:
    """Measure one point: its cells, a gap if memory ran out, or a message.

    Cost: that of one call of the figure's ``measure``.
    """
    notes: dict[str, Any] = {}
    start = time.monotonic()
    try:
        with _around(figure, notes):
            rows = figure.rows_at(device, index)
        seconds = time.monotonic() - start
        with guarded(figure.path, "measure() yielded what is no row"):
            columns = tabulate(figure.columns, rows, figure.path.name)
            _require_sound(figure, columns)
        cells = {name: column.values for name, column in columns.items()}
        return _checked(figure, PointResult(index, seconds, cells, notes=notes))
    except BookfigsError as error:
        seconds = time.monotonic() - start
        if reason := out_of_memory(error.__cause__):
            return PointResult(index, seconds, gap=reason, notes=notes)
        failure = Failure.of(_explained(figure, error))
        return PointResult(index, seconds, failure=failure)


@contextmanager
def _around(figure: Figure, notes: dict[str, Any]) -> Iterator[None]:
    """Stand around each call of ``measure``; watches are entered here.

    A watch puts what it found into ``notes`` (JSON data, kept in the journal), or
    raises a BookfigsError that refuses the point: what ran and is not covered by
    the figure's hash does so.
    """
    with watch() as seen:
        try:
            with escape.watch(figure.root, figure.path, MEASURED_BY):
                yield
        finally:
            notes["conditions"] = msgspec.to_builtins(seen)


def _explained(figure: Figure, error: BookfigsError) -> BookfigsError:
    """Say what to install where that is all that is wrong."""
    cause = error.__cause__
    if not (isinstance(cause, ModuleNotFoundError) and cause.name == "torch"):
        return error
    what = f"measuring needs torch, which cannot be imported: {cause}"
    return EnvironmentMissingError(figure.slug, what, run="pip install torch")


def _require_sound(figure: Figure, columns: dict[str, Any]) -> None:
    """Refuse cells that a record cannot hold. Raises: FigureError."""
    try:
        check_table(columns)
    except ValueError as error:
        raise FigureError(figure.path.name, str(error)) from error


def _checked(figure: Figure, result: PointResult) -> PointResult:
    """Refuse text that JSON cannot hold. Raises: FigureError."""
    with guarded(figure.path, "measure() yielded what JSON cannot hold"):
        msgspec.json.encode(result)
    return result


def _private_pipes() -> tuple[int, int]:
    """Move the pipes of standard input and output to where figure code is not.

    What is printed, by Python or by compiled code, then goes to standard error.
    """
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def _listen(requests: int, inbox: "SimpleQueue[bytes]") -> None:
    """Pass requests on; end this process and its children with the main process."""
    rest = b""
    while chunk := os.read(requests, 1 << 16):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            inbox.put(line)
    os.killpg(0, signal.SIGKILL)  # the worker leads a group of its own


def _say(answers: int, answer: Answer) -> None:
    """Write an answer as one line."""
    left = memoryview(msgspec.json.encode(answer) + b"\n")
    while left:
        left = left[os.write(answers, left) :]
