"""The house: what may import what, and what every file has to be."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from smallbook import ROOT, python

ORDER = [
    "__init__", "errors", "canonical", "book", "record", "closure", "provenance",
    "claim", "style", "figure", "manifest", "listing", "plan", "build", "check",
    "publish", "quarto", "doctor", "report", "cli", "__main__",
]  # fmt: skip
"""Modules of the engine, from the bottom up: imports only point to the left."""

PACKAGE = ROOT / "bookfigs"


def imported(path: Path) -> set[str]:
    """Modules of bookfigs that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "bookfigs":
                found |= {
                    f"bookfigs.{alias.name}"
                    for alias in node.names
                    if (PACKAGE / f"{alias.name}.py").is_file()
                }
            elif node.module.startswith("bookfigs."):
                found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {a.name for a in node.names if a.name.startswith("bookfigs")}
    return found


def test_every_module_of_the_engine_has_its_place_in_the_order() -> None:
    assert sorted(path.stem for path in PACKAGE.glob("*.py")) == sorted(ORDER)


@pytest.mark.parametrize("name", ORDER)
def test_imports_of_the_engine_point_down(name: str) -> None:
    below = {f"bookfigs.{module}" for module in ORDER[: ORDER.index(name)]}
    allowed = below | {"bookfigs.measure.clock"} if name == "build" else below
    assert imported(PACKAGE / f"{name}.py") <= allowed


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "core").rglob("*.py")), ids=lambda p: p.stem
)
def test_the_core_imports_nothing_else_of_bookfigs(path: Path) -> None:
    assert all(name.startswith("bookfigs.core") for name in imported(path))


def test_the_engine_knows_nothing_of_recurrent_networks() -> None:
    engine = [*PACKAGE.glob("*.py"), *(PACKAGE / "measure").glob("*.py")]
    assert not [p.name for p in engine if any("core" in m for m in imported(p))]


def test_the_instruments_import_nothing_of_the_engine() -> None:
    assert not [p for p in (PACKAGE / "measure").glob("*.py") if imported(p)]


def test_only_the_command_line_and_its_reporter_print_or_exit() -> None:
    speaking = re.compile(r"\b(print|sys\.exit|click\.echo)\(")
    talkers = {p.stem for p in PACKAGE.rglob("*.py") if speaking.search(p.read_text())}
    assert talkers == {"cli", "report"}


def test_planning_imports_no_heavy_package() -> None:
    script = (
        "import sys, bookfigs.cli, bookfigs.build, bookfigs.check\n"
        "heavy = {'torch', 'matplotlib', 'numpy', 'scipy', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    printed = python(script)
    assert printed.strip() == "[]"


def test_every_test_file_is_collected() -> None:
    files = set((ROOT / "tests").rglob("*.py"))
    with_tests = {
        p for p in files if re.search(r"^def test_", p.read_text(), re.MULTILINE)
    }
    assert {p for p in with_tests if not p.name.startswith("test_")} == set()


def tracked() -> list[Path]:
    names = subprocess.run(
        ["git", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [ROOT / name for name in names]


def test_no_file_names_a_path_of_a_machine() -> None:
    homes = re.compile(rb"(?<![\w.])/(?:home|root|Users|work)/[a-z]")
    assert [
        p.name for p in tracked() if p.is_file() and homes.search(p.read_bytes())
    ] == []


def test_functions_are_short() -> None:
    """At most 60 lines, nine of ten at most 25, the docstring not counted."""
    lengths = []
    for path in [p for p in tracked() if p.suffix == ".py" and "tests" not in p.parts]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                body = node.body[ast.get_docstring(node) is not None :] or node.body
                lengths.append((body[-1].end_lineno or 0) - body[0].lineno + 1)
    assert max(lengths) <= 60
    assert sorted(lengths)[len(lengths) * 9 // 10] <= 25
