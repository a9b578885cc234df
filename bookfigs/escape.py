"""The escape check: what ran while measuring lies inside the hashed closure.

The closure is read from the syntax tree, which does not show everything: a name
in a string, a subclass found through its base, code in a text. So while a figure
is measured, every function of the project that starts, every module of it that
is imported and every file of it that is opened for reading is looked up in what
the figure's hash covers. One that is not there has *escaped*: if it changed,
nobody would notice, so the figure fails with its name.

Belongs to a definition: all that is written inside it, nested functions,
lambdas, comprehensions and class bodies alike. What runs while a module is
imported belongs to that module, whose body has to be in the closure itself.
The engine is no code of a figure, nor is what lies in ``site-packages``.

Not seen: a constant that is fetched by a name in a string, from a module whose
body is in the closure; a file that compiled code opens by itself; another process.

From Python 3.12 on a function costs one look (``sys.monitoring``, disabled for
each place that was looked at). Before that, each call costs one: the clock
therefore times with the profile function taken off.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType

from bookfigs.closure import Project, reached
from bookfigs.data import data_files
from bookfigs.errors import FigureError
from bookfigs.observe import is_reading, opens, starts
from bookfigs.places import LOCAL
from bookfigs.source import BODY

CODE = ("core", "measure")
"""Parts of the package that figures run; the rest is the engine."""

FOREIGN = {"site-packages", "dist-packages", "__pycache__", ".git", LOCAL}
"""Folders inside a project that hold none of its code or data."""

IMPORTING = "<frozen importlib"
"""How the file of import's own code begins."""

READERS = ("importlib._bootstrap_external>", "linecache.py", "tokenize.py")
"""Code of Python that reads source as source."""


class Watch:
    """What a figure may run and read, and what it ran and read beyond that."""

    def __init__(self, root: Path, figure: Path, names: tuple[str, ...]) -> None:
        project = Project(root)
        self._project = project
        self._figure = figure
        self._package = Path(__file__).parent
        self._root = root.resolve()
        pythons = {Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()}
        self._pythons = [one for one in pythons if self._root in one.parents]
        self._allowed = {
            (path.resolve(), name) for path, name in reached(project, figure, names)
        }
        self._data = {path.resolve() for path in data_files(project, figure).values()}
        self._known: dict[CodeType, bool] = {}
        self._looking = False
        self.escaped: FigureError | None = None

    def verify(self) -> None:
        """Raises: FigureError if something has escaped so far."""
        if self.escaped is not None:
            raise self.escaped

    def started(self, code: CodeType, frame: FrameType | None) -> bool:
        """Look at a function that starts; False if it has to be looked at again."""
        if code not in self._known:
            self._looking = True  # what is read now, nobody measures
            path = self._file_of(code)
            self._known[code] = path is None or self._covers(path, code)
            self._looking = False
        if self._known[code]:
            return True
        if code.co_name == BODY or not _is_imported(frame):
            self._escape_of(code)
        return False

    def opened(self, path: object, mode: object, flags: object) -> None:
        """Look at a file that is opened."""
        if self._looking or self.escaped is not None or not is_reading(mode, flags):
            return
        if not isinstance(path, str | bytes | os.PathLike):  # a descriptor
            return
        file = self._own(os.fsdecode(path))
        if file is None or file in self._data or not file.is_file():
            return
        caller = sys._getframe(2)  # noqa: SLF001 - who opens it decides
        if file.suffix == ".py" and caller.f_code.co_filename.endswith(READERS):
            return  # to be imported, compiled or shown in a message
        self.escaped = FigureError(
            self._figure.name,
            f"measure() reads {self._place(file)}, which its hash does not cover: "
            "if the file changed, nobody would notice",
            run=f"add it to DATA in {self._figure.name}: "
            f"DATA = [{self._relative(file)!r}]",
        )

    def _file_of(self, code: CodeType) -> Path | None:
        """The file of the project that code is written in; None if in no such file."""
        path = self._own(code.co_filename)
        if path is None or path.suffix != ".py":
            return None
        if path.is_relative_to(self._package):
            part = path.relative_to(self._package).parts[0]
            return path if part in CODE else None
        return path

    def _own(self, name: str) -> Path | None:
        """A file as one of the project's; None if it is none."""
        if name.startswith("<"):
            return None
        path = Path(name).resolve()
        for root in (self._root, self._package):
            if path.is_relative_to(root):
                inside = path.relative_to(root).parts
                foreign = any(path.is_relative_to(python) for python in self._pythons)
                return None if foreign or FOREIGN.intersection(inside) else path
        return None

    def _covers(self, path: Path, code: CodeType) -> bool:
        """Whether the closure has a definition that code is written in."""
        if code.co_name == BODY:
            return (path, BODY) in self._allowed
        names = self._project.module(path).at(code.co_firstlineno)
        return any((path, name) in self._allowed for name in names)

    def _escape_of(self, code: CodeType) -> None:
        """Say what has escaped, and how it can be seen."""
        if self.escaped is not None:
            return
        path = Path(code.co_filename).resolve()
        module = self._project.name(path)
        what = f"imports {module}"
        if code.co_name != BODY:
            what = f"runs {module}.{getattr(code, 'co_qualname', code.co_name)}"
        self.escaped = FigureError(
            self._figure.name,
            f"measure() {what} ({self._place(path)}:{code.co_firstlineno}), which its "
            "hash does not cover: if it changed, nobody would notice",
            run="import it by name in measure(), where it can be seen, as in: "
            + self._import(module, path, code),
        )

    def _import(self, module: str, path: Path, code: CodeType) -> str:
        """The statement that shows a definition to the closure."""
        names = sorted(self._project.module(path).at(code.co_firstlineno) - {BODY})
        if code.co_name == BODY or not names:
            return f"import {module}"
        return f"from {module} import {names[0]}"

    def _place(self, path: Path) -> str:
        for root in (self._root, self._package.parent):
            if path.is_relative_to(root):
                return path.relative_to(root).as_posix()
        return str(path)

    def _relative(self, path: Path) -> str:
        return os.path.relpath(path, self._figure.resolve().parents[1])


@contextmanager
def watch(root: Path, figure: Path, names: tuple[str, ...]) -> Iterator[Watch]:
    """Watch what runs and is read; ``names`` are what the figure's hash starts from.

    What escapes is remembered, so that no ``except`` in figure code can hide it,
    and raised at the end, unless something else was raised before.
    Raises: FigureError with module, function and line, and what to write.
    Cost: that of finding the closure; then see above.
    """
    found = Watch(root, figure, names)
    with opens(found.opened), starts(found.started):
        yield found
    found.verify()


def _is_imported(frame: FrameType | None) -> bool:
    """Whether a function runs because a module is being imported."""
    while frame is not None:
        code = frame.f_code
        if code.co_name == BODY and not code.co_filename.startswith("<"):
            caller = frame.f_back
            if caller and caller.f_code.co_filename.startswith(IMPORTING):
                return True
        frame = frame.f_back
    return False
