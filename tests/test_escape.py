"""What a figure runs or reads beyond what its hash covers is found, and named."""

import importlib
import itertools
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bookfigs import escape
from bookfigs.errors import FigureError
from bookfigs.figure import MEASURED_BY
from bookfigs.measure.unobserved import unobserved

NUMBERS = itertools.count()

HELPERS = '''
"""Helpers."""
import functools
import dataclasses

CONSTANT = 1
TABLE = {}


def seen(x=1):
    def inner(y):
        return [(lambda z: z + 1)(v) for v in range(y)]

    return inner(x)


def hidden():
    return 2


def register(name):
    def keep(function):
        TABLE[name] = function
        return function

    return keep


@register("kept")
def kept():
    return 3


class Base:
    @property
    def area(self):
        return self.side()

    def side(self):
        return 1


class Sub(Base):
    def side(self):
        return 2


@dataclasses.dataclass
class Point:
    x: int = 0

    def twice(self):
        return 2 * self.x


def build():
    return {"made": hidden()}


BUILT = build()

if CONSTANT:

    def chosen():
        return 4
'''


class Case:
    """A project of its own, whose modules no other test has imported."""

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.name = root, name
        self.figure = root / "chapter" / "figures" / f"{name}.py"
        self.figure.parent.mkdir(parents=True)
        (root / "chapter" / "data.csv").write_text("1,2\n")
        self.write(f"{name}_h.py", HELPERS)
        self.write(f"{name}_two.py", f"from {name}_h import seen\nLIMIT = 5\n")

    def write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text)

    def module(self, body: str, top: str = "") -> ModuleType:
        """The figure file, imported."""
        lines = body.replace("H", f"{self.name}_h").replace("TWO", f"{self.name}_two")
        body = "".join(f"    {line}\n" for line in lines.splitlines())
        self.figure.write_text(f"{top}\n\n\ndef measure():\n{body}")
        spec = importlib.util.spec_from_file_location(self.name, self.figure)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def run(self, body: str, top: str = "") -> Any:
        """Run measure() and watch."""
        module = self.module(body, top)
        with escape.watch(self.root, self.figure, MEASURED_BY):
            return module.measure()


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    monkeypatch.syspath_prepend(tmp_path)
    name = f"escape_{next(NUMBERS)}"
    yield Case(tmp_path, name)
    for module in [m for m in sys.modules if m.startswith(name)]:
        del sys.modules[module]


COVERED = {
    "a function and all that is nested in it": "from H import seen\nseen(3)",
    "a module's attribute": "import H\nH.seen()",
    "a function that a decorator keeps": "from H import TABLE\nTABLE['kept']()",
    "a property and a method that are inherited": "from H import Sub\nSub().area",
    "methods that a decorator writes": "from H import Point\nPoint(3).twice()",
    "what importing a module runs": "from H import seen\nseen()",
    "a function defined on a condition": "from H import chosen\nchosen()",
    "text that calls what is imported": "from H import seen\nexec('seen(2)')",
    "another package": "import json\njson.loads('[1]')",
}
ESCAPES = {
    "an attribute asked for by its name": (
        (
            "from H import seen\nname = 'hid' + 'den'\n"
            "import sys\ngetattr(sys.modules['H'], name)()"
        ),
        "H.hidden",
    ),
    "a subclass found through its base": (
        "from H import Base\nBase.__subclasses__()[0]().side()",
        "H.Sub.side",
    ),
    "text that imports": ("exec('from H import hidden; hidden()')", "H"),
    "text that calls what is not imported": (
        "from H import seen\nimport sys\nexec(\"sys.modules['H'].hidden()\")",
        "H.hidden",
    ),
    "a module imported by its name": (
        "import importlib\nreturn importlib.import_module('TWO').LIMIT",
        "TWO",
    ),
    "a function defined on a condition": (
        "from H import seen\nimport sys\nvars(sys.modules['H'])['chosen']()",
        "H.chosen",
    ),
    "a function run in a thread": (
        (
            "from H import seen\nimport sys, threading\n"
            "t = threading.Thread(target=vars(sys.modules['H'])['hidden'])\n"
            "t.start()\nt.join()"
        ),
        "H.hidden",
    ),
    "a function whose failure is hushed up": (
        (
            "from H import seen\nimport sys\ntry:\n"
            "    vars(sys.modules['H'])['hidden']()\nexcept Exception:\n    pass"
        ),
        "H.hidden",
    ),
    "a function that importing ran before": (
        "from H import seen\nimport sys\nvars(sys.modules['H'])['build']()",
        "H.build",
    ),
}


@pytest.mark.parametrize("name", COVERED)
def test_what_the_hash_covers_does_not_escape(case: Case, name: str) -> None:
    case.run(COVERED[name])


@pytest.mark.parametrize("name", ESCAPES)
def test_what_the_hash_does_not_cover_is_named_with_its_place(
    case: Case, name: str
) -> None:
    body, escaped = ESCAPES[name]
    escaped = escaped.replace("H", f"{case.name}_h").replace("TWO", f"{case.name}_two")
    with pytest.raises(FigureError) as caught:
        case.run(body)
    message = caught.value.message()
    assert f" {escaped} (" in message
    assert f"{escaped.partition('.')[0]}.py:" in message
    assert "run: import it by name in measure()" in message


def test_the_message_writes_the_import_that_helps(case: Case) -> None:
    with pytest.raises(FigureError, match=rf"from {case.name}_h import Sub"):
        case.run("from H import Base\nBase.__subclasses__()[0]().side()")
    case.run("from H import Base, Sub\nBase.__subclasses__()[0]().side()")


READ = "from pathlib import Path\nreturn Path(__file__).parents[1].joinpath('data.csv')"


@pytest.mark.parametrize(
    "how", [".read_text()", ".open('rb').close()", ".open('r+').close()"]
)
def test_file_of_the_project_that_is_not_declared_escapes(case: Case, how: str) -> None:
    with pytest.raises(FigureError) as caught:
        case.run(READ + how)
    assert "measure() reads chapter/data.csv" in caught.value.message()
    assert "DATA = ['data.csv']" in caught.value.message()


def test_declared_file_is_read(case: Case) -> None:
    assert case.run(READ + ".read_text()", 'DATA = ["data.csv"]') == "1,2\n"


def test_source_that_is_read_as_data_escapes(case: Case) -> None:
    with pytest.raises(FigureError, match=r"reads chapter/figures/"):
        case.run("from pathlib import Path\nreturn Path(__file__).read_text()")


@pytest.mark.parametrize(
    "body",
    [
        "import tempfile\nwith tempfile.TemporaryFile() as f:\n    f.read()",
        "from pathlib import Path\nreturn Path('/proc/self/stat').read_text()",
        "import inspect\nreturn inspect.getsource(measure)",
        "from pathlib import Path\nPath(__file__).with_name('out').write_text('1')",
    ],
)
def test_other_files_are_free(case: Case, body: str) -> None:
    case.run(body)


def test_a_failure_of_the_figure_is_not_replaced(case: Case) -> None:
    with pytest.raises(ZeroDivisionError):
        case.run(READ + ".read_text() * (1 // 0)")


def test_nothing_is_watched_afterwards(case: Case) -> None:
    module = case.module(READ + ".read_text()")
    before = sys.getprofile(), threading.getprofile()
    with (
        pytest.raises(FigureError),
        escape.watch(case.root, case.figure, MEASURED_BY),
    ):
        module.measure()
    assert (sys.getprofile(), threading.getprofile()) == before
    assert module.measure() == "1,2\n"


UNOBSERVED = """
import sys
from bookfigs.measure.unobserved import unobserved
from H import seen
with unobserved():
    assert sys.getprofile() is None
    sys.modules["H"].hidden()
"""


@pytest.mark.skipif(hasattr(sys, "monitoring"), reason="nothing to be taken off")
def test_what_is_unobserved_costs_and_says_nothing(case: Case) -> None:
    module = case.module(UNOBSERVED)
    with escape.watch(case.root, case.figure, MEASURED_BY):
        module.measure()


def test_code_of_the_package_that_is_not_covered_is_said_to_run(case: Case) -> None:
    name = unobserved.__module__
    module = case.module(f"import sys; sys.modules['{name}'].unobserved().__enter__()")
    with (
        pytest.raises(FigureError, match=r"runs bookfigs\.measure\.unobserved"),
        escape.watch(case.root, case.figure, MEASURED_BY),
    ):
        module.measure()


def test_escape_is_known_before_the_figure_is_done(case: Case) -> None:
    module = case.module(READ + ".read_text()")
    watch = escape.watch(case.root, case.figure, MEASURED_BY)
    with pytest.raises(FigureError, match=r"reads chapter/data\.csv"), watch as found:
        run_and_verify(module, found)


def run_and_verify(module: ModuleType, found: escape.Watch) -> None:
    found.verify()
    module.measure()
    with pytest.raises(FigureError):
        found.verify()


def test_the_same_escape_is_found_at_each_point(case: Case) -> None:
    body = "from H import seen\nimport sys\nvars(sys.modules['H'])['hidden']()"
    module = case.module(body.replace("H", f"{case.name}_h"))
    for _ in range(2):
        with (
            pytest.raises(FigureError),
            escape.watch(case.root, case.figure, MEASURED_BY),
        ):
            module.measure()


def test_files_inside_an_environment_in_the_project_are_free(case: Case) -> None:
    inside = case.root / "env" / "lib" / "site-packages" / "other.txt"
    inside.parent.mkdir(parents=True)
    inside.write_text("1")
    read = f"return Path({os.fspath(inside)!r}).read_text()"
    case.run(f"from pathlib import Path\n{read}")
