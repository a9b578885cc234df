"""Programs that start warm: their modules are imported once, and each run is a fork.

A run is a process of its own, with arguments, folder, environment and output of its
own, as if ``python -m`` had started it, but for what takes longest: its imports.
"""

import atexit
import gc
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, TextIO

ROOT = Path(__file__).parents[1]

OF_BOOKFIGS = (
    "bookfigs.build",
    "bookfigs.check",
    "bookfigs.cli",
    "bookfigs.commands",
    "bookfigs.exporting.export",
    "bookfigs.gallery.gallery",
    "bookfigs.lint.book",
    "bookfigs.lint.pages",
    "bookfigs.parts",
    "bookfigs.proving",
    "bookfigs.publish",
    "bookfigs.recording",
    "bookfigs.replicate",
    "bookfigs.runner",
    "bookfigs.style",
)
MODULES = {
    "bookfigs": OF_BOOKFIGS,
    "bookfigs --scheduler": (*OF_BOOKFIGS, "bookfigs.dispatch"),
    "pytest": ("pytest",),
}
"""Program → most of what it imports."""

READ_EARLY = (
    *("PYTHON", "MPL", "DASK", "LANG", "LC_", "OMP_", "OPENBLAS_", "MKL_"),
    "COVERAGE",
)
"""How variables begin that are read when Python starts or a module is imported."""

Ended = subprocess.CompletedProcess[str]


def run(
    program: str, arguments: Sequence[str], cwd: Path, env: Mapping[str, str]
) -> Ended:
    """Run ``python -m program`` to its end, warm."""
    return _warm(program, read_early(env)).run(list(arguments), cwd, env)


def read_early(env: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """What of an environment cannot be given to a process that has started."""
    return tuple(sorted(pair for pair in env.items() if pair[0].startswith(READ_EARLY)))


class _Warm:
    """A process that has imported the modules of a program, and forks."""

    def __init__(self, program: str, early: Mapping[str, str]) -> None:
        others = (pair for pair in os.environ.items() if not read_early(dict([pair])))
        self._process = subprocess.Popen(
            [sys.executable, __file__, program],
            env={**dict(others), **early},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._program = program
        atexit.register(self._process.communicate)

    def run(self, arguments: list[str], cwd: Path, env: Mapping[str, str]) -> Ended:
        """Run the program once."""
        with NamedTemporaryFile("w+") as out, NamedTemporaryFile("w+") as err:
            order = [arguments, str(cwd), dict(env), out.name, err.name]
            status = self._answer(json.dumps(order))
            command = [sys.executable, "-m", _module(self._program), *arguments]
            return Ended(command, status, _read(out), _read(err))

    def _answer(self, order: str) -> int:
        orders, answers = self._process.stdin, self._process.stdout
        assert orders is not None
        assert answers is not None
        orders.write(order + "\n")
        orders.flush()
        return int(answers.readline())


def _read(file: Any) -> str:
    file.seek(0)
    return str(file.read())


@cache
def _warm(program: str, early: tuple[tuple[str, str], ...]) -> _Warm:
    """One for each program and what it reads early, until the tests end."""
    return _Warm(program, dict(early))


def _serve(orders: TextIO, answers: TextIO) -> list[Any] | None:
    """Fork for each order; returns in the fork with the order, at the end with none."""
    for line in orders:
        pid = os.fork()
        if not pid:
            return list(json.loads(line))
        status = os.waitpid(pid, 0)[1]
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()
    return None


def _begin(
    program: str, arguments: list[str], cwd: str, env: dict[str, str], *files: str
) -> None:
    """Become the process that was ordered."""
    for descriptor, name in enumerate(files, 1):
        file = os.open(name, os.O_WRONLY | os.O_APPEND)
        os.dup2(file, descriptor)
        os.close(file)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [program, *arguments]
    sys.path[0] = cwd


def prepare(program: str) -> None:
    """Import the modules of a program, once for all forks."""
    for name in MODULES[program]:
        import_module(name)
    if _module(program) == "bookfigs":
        _draw()
    gc.freeze()


def _module(program: str) -> str:
    return program.partition(" ")[0]


def _draw() -> None:
    """Draw something: matplotlib reads its fonts, and imports the rest, only then."""
    style: Any = import_module("bookfigs.style")
    style.paint("warm", (3, 2), lambda _, axes: axes.plot([1, 2]), [None])


def _main() -> None:
    """Import the modules of a program, then serve."""
    program = sys.argv[1]
    orders, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    sys.path[0] = str(ROOT)
    prepare(program)
    order = _serve(orders, answers)
    if order is not None:
        orders.close()
        answers.close()
        _begin(program, *order)
        runpy.run_module(_module(program), run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
