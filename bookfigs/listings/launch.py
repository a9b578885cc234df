"""Launching: runs a program as ``python program.py`` would, confined and watched."""

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import CodeType, ModuleType

import msgspec
from msgspec import Struct

from bookfigs.listings.child import receive
from bookfigs.listings.confine import confine


class Launch(Struct, frozen=True):
    """A program to run."""

    program: str
    watched: str = ""
    """A file whose executed lines are reported."""


class Note(Struct, frozen=True):
    """What is reported of a run."""

    kind: str
    """``write``, ``process`` or ``network`` for what was refused; ``lines``."""
    what: str = ""
    lines: list[int] = []
    modules: list[str] = []


def main() -> None:
    """Run the program that this process was started for."""
    job, pipe = receive(Launch)

    def tell(note: Note) -> None:
        os.write(pipe, msgspec.json.encode(note) + b"\n")

    code = compile(Path(job.program).read_bytes(), job.program, "exec")
    if not job.watched:
        confine(
            Path.cwd().parent, lambda kind, what: tell(Note(kind, what)), alone=True
        )
        run(code, job.program)
        return
    from coverage import Coverage  # noqa: PLC0415 - only where lines are asked for

    watch = Coverage(
        data_file=None, config_file=False, include=[job.watched], messages=False
    )
    confine(Path.cwd().parent, lambda kind, what: tell(Note(kind, what)), alone=True)
    watch.start()
    try:
        run(code, job.program)
    finally:
        watch.stop()
        lines = watch.get_data().lines(os.path.realpath(job.watched))
        tell(Note("lines", lines=sorted(lines or []), modules=list(sys.modules)))


def run(code: CodeType, program: str, leave: Callable[[int], None] = sys.exit) -> None:
    """Run code as the main module; what it raises is shown as Python does."""
    main_module = ModuleType("__main__")
    main_module.__dict__["__file__"] = program
    sys.modules["__main__"] = main_module
    sys.argv[:] = [program]
    try:
        exec(code, main_module.__dict__)  # noqa: S102 - that is what it is for
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - as Python's own top level
        trace = error.__traceback__
        traceback.print_exception(error.with_traceback(trace and trace.tb_next))
        leave(1)
