"""A figure file: a question, how it is measured, what is claimed, how it is drawn.

One Python file under ``figures/`` of a chapter; its name is the figure's slug.
It offers, in the order in which the argument goes:

=============  ===============================================================
docstring      the question, on its first line
``COLUMNS``    the record's columns: name → key, exact, close, seeded, measured
``POINTS``     keyword arguments of each call of ``measure``
``QUICK``      points for ``replicate --quick``, fewer or smaller; may be left out
``measure``    ``(device, **point)`` → rows, one value for each column
``DATA``       files that ``measure`` reads, relative to the chapter; may be left out
``VALUES``     name → Value, a number that prose, caption and ``ALT`` may use
``CLAIMS``     name → Claim
``SIZE``       width and height in inches
``PANELS``     rows and columns of panels; may be left out for one
``draw``       ``(record, axes)``: draws what the record holds and nothing else;
               with ``PANELS`` it gets a list of axes, row by row
``CAPTION``    ``**Title**: sentence.``, with ``{value}`` for numbers
``ALT``        what the picture shows, for those who do not see it
=============  ===============================================================

Figures are measured in processes of their own. What ``measure`` prints is shown
only if it fails; what it raises, or does to its process, is a message, and the
other points and figures are measured all the same.

What measuring needs is imported inside ``measure``: a book is drawn from its
evidence on machines that have no torch.
"""

import importlib.util
import string
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from bookfigs.closure import Project, closure
from bookfigs.column import Column, Row
from bookfigs.data import data_hashes
from bookfigs.errors import BookfigsError, FigureError, InputError, UnknownNameError
from bookfigs.record import Device, Record

if TYPE_CHECKING:
    from bookfigs.claim import Claim, Value

MEASURED_BY = ("COLUMNS", "POINTS", "measure")
DRAWN_BY = ("VALUES", "CLAIMS", "SIZE", "PANELS", "draw", "CAPTION", "ALT")
OFFERS: dict[str, type] = {
    "COLUMNS": dict,
    "POINTS": list,
    "QUICK": list,
    "DATA": list,
    "VALUES": dict,
    "CLAIMS": dict,
    "SIZE": tuple,
    "PANELS": tuple,
    "CAPTION": str,
    "ALT": str,
}
OPTIONAL: dict[str, object] = {"QUICK": [], "DATA": [], "PANELS": ()}


@dataclass(frozen=True)
class Source:
    """A figure file that was found and not run: enough to tell what is stale."""

    slug: str
    path: Path
    measured_by: dict[str, str]
    """Closure of measuring: definition → hash."""
    drawn_by: dict[str, str]
    """Closure of values, claims, caption and drawing."""

    @classmethod
    def read(cls, project: Project, slug: str, path: Path) -> "Source":
        """Read the closures from the syntax trees. Raises: InputError."""
        measured_by = closure(project, path, MEASURED_BY)
        drawn_by = closure(project, path, DRAWN_BY)
        return cls(slug, path, measured_by | data_hashes(project, path), drawn_by)


@dataclass(frozen=True)
class Figure:
    """A figure file that was run: everything that it offers, checked."""

    slug: str
    path: Path
    question: str
    columns: Mapping[str, Column]
    points: Sequence[Mapping[str, Any]]
    quick: Sequence[Mapping[str, Any]]
    """What is measured instead where time is short; all points if nothing is said."""
    rows: Callable[..., Iterable[Row]]
    values: Mapping[str, "Value"]
    claims: Mapping[str, "Claim"]
    size: tuple[float, float]
    panels: tuple[int, int] | tuple[()]
    """Rows and columns of panels; nothing for a single one."""
    draw: Callable[[Record, Any], None]
    caption: str
    alt: str
    root: Path
    """The project's, where modules are looked for that it imports."""

    @property
    def is_exact(self) -> bool:
        """Whether every device must find the same."""
        return all(column.kind in {"key", "exact"} for column in self.columns.values())

    def rows_at(self, device: Device, index: int) -> list[Row]:
        """Run ``measure`` at one point.

        Raises: FigureError with the place in the project where it failed.
        """
        point = self.points[index]
        run = f"bookfigs figures --only {self.slug}"
        with guarded(self.path, f"measure({call(point)}) failed", run=run):
            return list(self.rows(device=device, **point))

    def fill(self, template: str, texts: Mapping[str, str]) -> str:
        """Put values into a caption or an alternative text.

        Raises: UnknownNameError for a name that VALUES does not have.
        """
        for _, name, _, _ in string.Formatter().parse(template):
            if name is not None and name not in texts:
                raise UnknownNameError(
                    self.path.name,
                    f"the template {template[:40]!r}… uses the value {name!r}",
                    asked=name,
                    available=texts,
                )
        return template.format_map(texts)


@contextmanager
def guarded(
    path: Path,
    what: str,
    kind: type[BookfigsError] = FigureError,
    run: str | None = None,
) -> Iterator[None]:
    """Whatever a figure file's code raises is a message with its place.

    Raises: ``kind``, also where the code asks to exit; a message stays as it is.
    """
    try:
        yield
    except BookfigsError:
        raise
    except (Exception, SystemExit) as error:
        raise kind(path.name, f"{what}: {_cause(error, path)}", run=run) from error


def load(slug: str, path: Path, root: Path) -> Figure:
    """Run a figure file and check what it offers.

    Modules that it imports are looked for in the project's root as well.
    Raises: InputError with place, cause and what would fit.
    """
    module = _run(slug, path, root)
    for name, kind in OFFERS.items():
        offered = getattr(module, name, OPTIONAL.get(name))
        if not isinstance(offered, kind):
            is_ = "missing" if offered is None else f"a {type(offered).__name__}"
            raise InputError(
                path.name,
                f"{name} is {is_}; a figure file offers {name} as a {kind.__name__}",
            )
    for name in ("measure", "draw"):
        if not callable(getattr(module, name, None)):
            raise InputError(path.name, f"a figure file offers a function {name}()")
    if not module.__doc__:
        raise InputError(path.name, "the docstring, with the question, is missing")
    _check_parts(module, path)
    return Figure(
        slug,
        path,
        module.__doc__.strip().partition("\n")[0],
        module.COLUMNS,
        module.POINTS,
        getattr(module, "QUICK", []) or module.POINTS,
        module.measure,
        module.VALUES,
        module.CLAIMS,
        module.SIZE,
        getattr(module, "PANELS", ()),
        module.draw,
        module.CAPTION,
        module.ALT,
        root,
    )


class _FromSource(SourceFileLoader):
    """Runs what a file says now.

    Compiled code is neither kept nor believed: it is told from other code by the size
    and the second of the source's date alone.
    """

    def path_stats(self, path: str) -> Any:  # noqa: ANN401 - as it is inherited
        """Tell nothing that compiled code could be compared with."""
        raise OSError(path)


def _run(slug: str, path: Path, root: Path) -> ModuleType:
    """Execute the file as a module of its own name."""
    name = f"bookfigs_figure_{slug}"
    loader = _FromSource(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    if spec is None:
        raise InputError(path.name, "is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))  # first, as the closure looks there first
    with guarded(path, "fails when imported", InputError):
        loader.exec_module(module)
    return module


def _check_parts(module: ModuleType, path: Path) -> None:
    """Check what the offered collections hold. Raises: InputError."""
    from bookfigs.claim import Claim, Value  # noqa: PLC0415 - the file imports it

    parts: dict[str, tuple[Iterable[object], type | tuple[type, ...]]] = {
        "COLUMNS": (module.COLUMNS.values(), Column),
        "POINTS": (module.POINTS, Mapping),
        "QUICK": (getattr(module, "QUICK", []), Mapping),
        "VALUES": (module.VALUES.values(), Value),
        "CLAIMS": (module.CLAIMS.values(), Claim),
        "SIZE": (module.SIZE, (int, float)),
        "PANELS": (getattr(module, "PANELS", ()), int),
    }
    for name, (held, kind) in parts.items():
        for part in held:
            if not isinstance(part, kind):
                raise InputError(path.name, f"{name} must not hold {part!r}")
    if len(module.SIZE) != 2:  # noqa: PLR2004 - width and height
        raise InputError(path.name, f"SIZE is {module.SIZE}, not (width, height)")
    panels = getattr(module, "PANELS", (1, 1))
    if len(panels) != 2 or min(panels) < 1:  # noqa: PLR2004 - rows and columns
        raise InputError(path.name, f"PANELS is {panels}, not (rows, columns)")


def call(point: Mapping[str, Any]) -> str:
    """Write a point down as the arguments of ``measure``."""
    return ", ".join(f"{name}={value!r}" for name, value in point.items())


def _cause(error: BaseException, path: Path) -> str:
    """An exception in one line, with the last line of the figure file that ran."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    place = f" ({path.name}:{lines[-1]})" if lines else ""
    text = str(error).strip().replace("\n", " ") or "no message"
    return f"{type(error).__name__}: {text}{place}"
