"""Every kind of change makes stale what depends on it, and nothing else."""

import ast
from pathlib import Path
from typing import NamedTuple

import pytest

from bookfigs.closure import Project, changes
from bookfigs.figure import Source

OTHERS = "def unrelated():\n    return 0\n"
"""What the other figure uses, of the same module."""


class Kind(NamedTuple):
    """One kind of change in ``pkg/work.py`` (or another file)."""

    source: str
    use: str
    """What measure() does."""
    old: str
    new: str
    file: str = "pkg/work.py"
    shared: bool = True
    """Whether the other figure uses the same module, or only its neighbour: the
    statements of a module run for all who import it."""


W = "from pkg.work import "
FALLING_BACK = """
try:
    from pkg.fast import f
except ImportError:
    from pkg.slow import f
"""
KINDS = {
    "a helper": Kind("def f():\n    return 1\n", W + "f\n    f()", "1", "2"),
    "a helper of a helper": Kind(
        "def g():\n    return 1\n\n\ndef f():\n    return g()\n",
        W + "f\n    f()",
        "1",
        "2",
    ),
    "a method": Kind(
        "class A:\n    def f(self):\n        return 1\n", W + "A\n    A().f()", "1", "2"
    ),
    "a constant": Kind("N = 1\n", W + "N\n    print(N)", "1", "2"),
    "a constant of a constant": Kind("M = 1\nN = M\n", W + "N\n    print(N)", "1", "2"),
    "a default argument": Kind(
        "def f(x=1):\n    return x\n", W + "f\n    f()", "1", "2"
    ),
    "a keyword-only default": Kind(
        "def f(*, x=1):\n    return x\n", W + "f\n    f()", "1", "2"
    ),
    "a walrus in a default argument": Kind(
        "def f(x=(n := 1)):\n    return x\n", W + "n\n    print(n)", "1", "2"
    ),
    "a walrus in a base class": Kind(
        "class A((b := dict)):\n    pass\n", W + "b\n    print(b)", "dict", "list"
    ),
    "a decorator": Kind(
        "def d(f):\n    return 1\n\n\n@d\ndef f():\n    pass\n",
        W + "f\n    print(f)",
        "1",
        "2",
        shared=False,
    ),
    "which decorator": Kind(
        "import functools\n\n\n@functools.cache\ndef f():\n    pass\n",
        W + "f\n    f()",
        "@functools.cache",
        "@functools.lru_cache",
    ),
    "an inherited class": Kind(
        "class A:\n    n = 1\n\n\nclass B(A):\n    pass\n", W + "B\n    B.n", "1", "2"
    ),
    "a class attribute": Kind("class A:\n    n = 1\n", W + "A\n    A.n", "1", "2"),
    "a property": Kind(
        "class A:\n    @property\n    def n(self):\n        return 1\n",
        W + "A\n    A().n",
        "1",
        "2",
    ),
    "a nested function": Kind(
        "def f():\n    def g():\n        return 1\n\n    return g\n",
        W + "f\n    f()",
        "1",
        "2",
    ),
    "a lambda": Kind("f = lambda x: x + 1\n", W + "f\n    f(0)", "+ 1", "+ 2"),
    "a comprehension": Kind(
        "def f():\n    return [x for x in (1, 3) if x]\n", W + "f\n    f()", "if x", ""
    ),
    "a match statement": Kind(
        "def f(x):\n    match x:\n        case 1:\n            return 0\n",
        W + "f\n    f(1)",
        "case 1",
        "case 2",
    ),
    "an f-string": Kind(
        "def f(x):\n    return f'{x:.1f}'\n", W + "f\n    f(1)", ".1f", ".2f"
    ),
    "a global": Kind(
        "n = 0\n\n\ndef f():\n    global n\n    n = 1\n",
        W + "n\n    print(n)",
        "n = 1",
        "n = 2",
    ),
    "async": Kind(
        "async def f():\n    return 1\n", W + "f\n    print(f)", "async def", "def"
    ),
    "await": Kind(
        "async def f(x):\n    await x\n", W + "f\n    print(f)", "await x", "x"
    ),
    "the first of two imports": Kind(
        FALLING_BACK,
        W + "f\n    f()",
        "1",
        "2",
        "pkg/fast.py",
    ),
    "the import to fall back on": Kind(
        FALLING_BACK,
        W + "f\n    f()",
        "3",
        "4",
        "pkg/slow.py",
    ),
    "a conditional definition": Kind(
        "import sys\n\nif sys.maxsize > 1:\n\n    def f():\n        return 1\n",
        W + "f\n    f()",
        "return 1",
        "return 2",
    ),
    "the condition of a definition": Kind(
        "import sys\n\nif sys.maxsize > 1:\n\n    def f():\n        return 1\n",
        W + "f\n    f()",
        "> 1",
        "> 2",
        shared=False,
    ),
    "what a package passes on": Kind(
        "from .fast import f\n", "from pkg import f\n    f()", "1", "2", "pkg/fast.py"
    ),
    "a relative import": Kind(
        "from . import fast\n\n\ndef g():\n    return fast.f()\n",
        W + "g\n    g()",
        "1",
        "2",
        "pkg/fast.py",
    ),
    "where a relative import leads": Kind(
        "from .fast import f\n\n\ndef g():\n    return f()\n",
        W + "g\n    g()",
        ".fast",
        ".slow",
    ),
    "a star import": Kind(
        "from pkg.fast import *\n\n\ndef g():\n    return f()\n",
        W + "g\n    g()",
        "1",
        "2",
        "pkg/fast.py",
    ),
    "a conditional star import": Kind(
        "try:\n    from pkg.fast import *\nexcept ImportError:\n    pass\n\n\n"
        "def g():\n    return f()\n",
        W + "g\n    g()",
        "1",
        "2",
        "pkg/fast.py",
    ),
    "a type alias": Kind(
        "Alias = dict[str, int]\n\n\ndef f(x: Alias):\n    return x\n",
        W + "f\n    f(1)",
        "int",
        "float",
    ),
    "a default of a dataclass's field": Kind(
        "import dataclasses\n\n\n@dataclasses.dataclass\nclass A:\n    n: int = 1\n",
        W + "A\n    A()",
        "1",
        "2",
    ),
    "an enum's member": Kind(
        "import enum\n\n\nclass A(enum.Enum):\n    one = 1\n",
        W + "A\n    A.one",
        "= 1",
        "= 2",
    ),
    "a module's __getattr__": Kind(
        "def __getattr__(name):\n    return 1\n", W + "late\n    late", "1", "2"
    ),
    "a module's __getattr__ beside a star": Kind(
        "from pkg.slow import *\n\n\ndef __getattr__(name):\n    return 1\n",
        W + "late\n    late",
        "1",
        "2",
    ),
    "__all__": Kind(
        "__all__ = ['h']\n\n\ndef f():\n    return 1\n\n\nh = 1\n",
        "f()\n\n\nfrom pkg.slow import *\nfrom pkg.work import *",
        "['h']",
        "['h', 'f']",
    ),
    "an operator": Kind("M = 3\nN = M + 2\n", W + "N\n    print(N)", "M + 2", "M - 2"),
    "an augmented assignment": Kind(
        "N = 1\nN += 2\n", W + "N\n    print(N)", "+= 2", "+= 3", shared=False
    ),
    "a metaclass": Kind(
        "class M(type):\n    n = 1\n\n\nclass A(metaclass=M):\n    pass\n",
        W + "A\n    A.n",
        "1",
        "2",
    ),
    "a constant that is a partial call": Kind(
        "import functools\n\nf = functools.partial(max, 1)\n",
        W + "f\n    f(0)",
        "1",
        "2",
    ),
    "a function in a constant's dict": Kind(
        "def g():\n    return 1\n\n\nBY_NAME = {'g': g}\n",
        W + "BY_NAME\n    BY_NAME['g']()",
        "1",
        "2",
    ),
    "an entry added to a dict": Kind(
        "BY_NAME = {}\nBY_NAME['g'] = 1\n",
        W + "BY_NAME\n    BY_NAME",
        "1",
        "2",
        shared=False,
    ),
    "a data file": Kind("", "pass", "1,2", "1,3", "chapter/data/x.csv"),
}

FIGURE = (
    "DATA = {data}\nCOLUMNS = {{}}\nPOINTS = []\n\n\ndef measure(device):\n    {use}\n"
)


def make(root: Path, kind: Kind) -> tuple[Path, Path]:
    """Write the project; returns the figure that depends, and one that does not."""
    files = {
        "pkg/__init__.py": kind.source if "from pkg import" in kind.use else "",
        "pkg/work.py": f"{kind.source}\n\n{OTHERS}",
        "pkg/neighbour.py": OTHERS,
        "pkg/fast.py": "def f():\n    return 1\n",
        "pkg/slow.py": "def f():\n    return 3\n",
        "chapter/data/x.csv": "1,2\n",
        "chapter/figures/dependant.py": FIGURE.format(
            data=["data/x.csv"] if kind.file.endswith(".csv") else [], use=kind.use
        ),
        "chapter/figures/other.py": FIGURE.format(
            data=[],
            use=f"from pkg.{'work' if kind.shared else 'neighbour'} import unrelated\n"
            "    unrelated()",
        ),
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    figures = root / "chapter" / "figures"
    return figures / "dependant.py", figures / "other.py"


def measured_by(root: Path, figure: Path) -> dict[str, str]:
    names = Source.read(Project(root), figure.stem, figure)
    return names.measured_by


@pytest.mark.parametrize("name", KINDS)
def test_change_makes_its_dependant_stale_and_no_other(
    tmp_path: Path, name: str
) -> None:
    kind = KINDS[name]
    figures = make(tmp_path, kind)
    before = [measured_by(tmp_path, figure) for figure in figures]
    path = tmp_path / kind.file
    text = path.read_text()
    assert kind.old in text
    path.write_text(text.replace(kind.old, kind.new))
    dependant, other = (
        changes(old, measured_by(tmp_path, figure))
        for old, figure in zip(before, figures, strict=True)
    )
    assert dependant
    assert other == []


def formatted(text: str) -> str:
    """Write a source as differently as can be without changing what it means."""
    bare = ast.unparse(ast.parse(text)) + "\n"
    lines = [f"{line}  # said\n\n" if line else "\n" for line in bare.splitlines()]
    return '"""What this is."""\n\n# First of all\n' + "".join(lines)


@pytest.mark.parametrize("name", [n for n, k in KINDS.items() if k.file[-3:] == ".py"])
def test_comments_and_formatting_make_nothing_stale(tmp_path: Path, name: str) -> None:
    figures = make(tmp_path, KINDS[name])
    before = [measured_by(tmp_path, figure) for figure in figures]
    for path in tmp_path.rglob("*.py"):
        text = path.read_text()
        path.write_text(formatted(text))
        assert path.read_text() != text
    assert [measured_by(tmp_path, figure) for figure in figures] == before
