"""What makes a figure stale, and what does not."""

from pathlib import Path

import pytest

from bookfigs.closure import Project, changes, closure
from bookfigs.errors import InputError

FILES = {
    "figure.py": """
import pkg.tools
from pkg import helpers as h, shapes
from pkg.relay import relayed
from pkg.everything import *

LIMIT = 3


def measure(device):
    from pkg.late import late

    shape = shapes.Round(LIMIT)
    yield h.used(1) + pkg.tools.deep.dig() + late()
    yield relayed() + starred() + shape.area()


def draw(record, axes):
    h.unused()
""",
    "pkg/__init__.py": "SETTING = 1\nprint\n",
    "pkg/helpers.py": """
import functools

CONSTANT = 1


def decorate(function):
    return function


@decorate
def used(x, default=2):
    return x * CONSTANT + inner(default)


def inner(x):
    return functools.reduce(max, [x])


def unused():
    return 0
""",
    "pkg/shapes.py": """
class Base:
    factor = 2

    def area(self):
        return self.factor * self.size


class Round(Base):
    def __init__(self, size):
        self.size = size
""",
    "pkg/relay.py": "from .source import relayed\n",
    "pkg/source.py": "def relayed():\n    return 4\n\n\ndef other():\n    return 5\n",
    "pkg/late.py": "def late():\n    return 6\n",
    "pkg/everything.py": "def starred():\n    return 7\n",
    "pkg/tools/__init__.py": "from . import deep\n",
    "pkg/tools/deep.py": """
try:
    import fast as engine
except ImportError:
    engine = None


def dig():
    return engine
""",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def reached(root: Path) -> dict[str, str]:
    return closure(Project(root), root / "figure.py", ["measure"])


def changed(root: Path, name: str, old: str, new: str) -> list[str]:
    before = reached(root)
    path = root / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return changes(before, reached(root))


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("figure.py", "LIMIT = 3", "LIMIT = 4", "figure.LIMIT changed"),
        ("figure.py", "+ late()", "- late()", "figure.measure changed"),
        (
            "pkg/helpers.py",
            "CONSTANT = 1",
            "CONSTANT = 2",
            "pkg.helpers.CONSTANT changed",
        ),
        ("pkg/helpers.py", "x * C", "x - C", "pkg.helpers.used changed"),
        ("pkg/helpers.py", "default=2", "default=3", "pkg.helpers.used changed"),
        ("pkg/helpers.py", "@decorate\n", "", "pkg.helpers.used changed"),
        (
            "pkg/helpers.py",
            "return function",
            "return print",
            "pkg.helpers.decorate changed",
        ),
        ("pkg/helpers.py", "[x]", "[x, x]", "pkg.helpers.inner changed"),
        (
            "pkg/helpers.py",
            "import functools",
            "import other as functools",
            "pkg.helpers.inner changed",
        ),
        ("pkg/shapes.py", "factor = 2", "factor = 3", "pkg.shapes.Base changed"),
        ("pkg/shapes.py", "self.factor *", "self.factor +", "pkg.shapes.Base changed"),
        ("pkg/shapes.py", "= size", "= size + 1", "pkg.shapes.Round changed"),
        ("pkg/source.py", "return 4", "return 44", "pkg.source.relayed changed"),
        ("pkg/late.py", "return 6", "return 66", "pkg.late.late changed"),
        (
            "pkg/everything.py",
            "return 7",
            "return 77",
            "pkg.everything.starred changed",
        ),
        (
            "pkg/tools/deep.py",
            "engine = None",
            "engine = 0",
            "pkg.tools.deep.<module> changed",
        ),
        (
            "pkg/tools/deep.py",
            "return engine",
            "return 1",
            "pkg.tools.deep.dig changed",
        ),
        ("pkg/__init__.py", "print", "input", "pkg.<module> changed"),
        (
            "pkg/relay.py",
            ".source import relayed",
            ".late import late as relayed",
            "pkg.source.relayed is not reached any more",
        ),
    ],
)
def test_change_in_what_measuring_reaches_is_named(
    project: Path, name: str, old: str, new: str, said: str
) -> None:
    assert said in changed(project, name, old, new)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("figure.py", "LIMIT = 3", "LIMIT = 3  # of three"),
        ("figure.py", "LIMIT = 3", "LIMIT = (\n    3\n)"),
        ("figure.py", "h.unused()", "h.unused() or 1"),
        ("pkg/helpers.py", "def inner(x):", 'def inner(x):\n    """Say what."""'),
        ("pkg/helpers.py", "    return 0", "    return 1"),
        ("pkg/source.py", "return 5", "return 55"),
        ("pkg/__init__.py", "SETTING = 1", "SETTING = 2"),
        ("pkg/__init__.py", "SETTING = 1", '"""What it is."""\n\nSETTING = 1'),
        ("pkg/shapes.py", "class Base:", 'class Base:\n    """A shape."""\n'),
    ],
)
def test_change_that_measuring_does_not_reach_changes_nothing(
    project: Path, name: str, old: str, new: str
) -> None:
    assert changed(project, name, old, new) == []


def test_hash_is_the_same_in_every_python_and_on_every_path(project: Path) -> None:
    """Written down once; a version of Python that disagrees would fail here."""
    names = ("pkg.helpers.used", "pkg.shapes.Round", "figure.measure")
    hashes = reached(project)
    assert [hashes[name] for name in names] == GOLDEN


GOLDEN = ["d958c829f8b03b9b", "eba8c4979a34f768", "049a357816094f26"]


def test_source_that_does_not_parse_is_named_with_its_line(project: Path) -> None:
    (project / "pkg" / "late.py").write_text("x = 1\ndef (:\n")
    with pytest.raises(InputError, match=r"late\.py:2: does not parse"):
        reached(project)


def test_the_scan_is_reached_by_the_figures_that_use_it() -> None:
    root = Path(__file__).parents[1]
    figure = root / "chapters" / "rnn_training" / "figures" / "critical_path.py"
    names = closure(Project(root), figure, ["measure"])
    assert "bookfigs.core.sweeps.forward_scan" in names
    assert "bookfigs.measure.span.SpanMeter" in names
    assert "bookfigs.core.lru.LRU" not in names


MEASURE = "def measure(device):\n    "
HIDDEN: dict[str, tuple[dict[str, str], str, str, str]] = {
    "an import that a definition replaces": (
        {"figure.py": "from pkg.late import late\n\n\ndef late():\n    return 3\n"},
        "return late()",
        "return 3",
        "return 4",
    ),
    "a name bound inside an expression": (
        {"figure.py": "first = (second := 3)\n"},
        "return second",
        "3",
        "4",
    ),
    "a name that a function declares global": (
        {"figure.py": "N = 1\n\n\ndef setup():\n    global N\n    N = 3\n"},
        "return N",
        "N = 3",
        "N = 4",
    ),
    "an import beside one for type checkers": (
        {
            "helper.py": "def late():\n    return 3\n",
            "figure.py": "if TYPE_CHECKING:\n    pass\nelse:\n"
            "    from helper import late\n",
        },
        "return late()",
        "return 3",
        "return 4",
    ),
    "a module imported for what it does": (
        {"pkg/patch.py": "print(3)\n", "figure.py": "import pkg.patch\n"},
        "return 1",
        "print(3)",
        "print(4)",
    ),
    "a module imported inside for what it does": (
        {"pkg/patch.py": "print(3)\n", "figure.py": ""},
        "import pkg.patch\n    return 1",
        "print(3)",
        "print(4)",
    ),
    "a function that a decorator keeps": (
        {
            "helper.py": "KEPT = []\n\n\ndef keep(function):\n"
            "    KEPT.append(function)\n\n\n@keep\ndef kept():\n    return 3\n",
            "figure.py": "from helper import KEPT\n",
        },
        "return KEPT[0]()",
        "return 3",
        "return 4",
    ),
}
"""What is there, what measure() does, and what is changed in the first file."""


@pytest.mark.parametrize("case", HIDDEN)
def test_change_of_what_is_reached_in_a_roundabout_way_is_noticed(
    project: Path, case: str
) -> None:
    files, body, old, new = HIDDEN[case]
    for name, text in files.items():
        whole = f"{text}\n\n{MEASURE}{body}\n" if name == "figure.py" else text
        (project / name).write_text(whole)
    assert changed(project, next(iter(files)), old, new)


def test_star_imports_in_a_circle_come_to_an_end(project: Path) -> None:
    (project / "one.py").write_text("from two import *\n\n\ndef f():\n    return 1\n")
    (project / "two.py").write_text("from one import *\n")
    text = f"from two import *\n{MEASURE}return max(f(), 1)\n"
    (project / "figure.py").write_text(text)
    assert "one.f" in reached(project)


def test_source_that_cannot_be_read_is_named(project: Path) -> None:
    (project / "figure.py").unlink()
    (project / "figure.py").symlink_to(project / "gone.py")
    with pytest.raises(InputError, match=r"figure\.py: cannot be read: No such file"):
        reached(project)
