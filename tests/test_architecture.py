"""The house: what may import what, and what every file has to be."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from bookfigs.places import ENGINE
from smallbook import ROOT, python

ORDER = [
    "__init__", "errors", "ending", "canonical", "places", "whole", "book",
    "settled", "cache", "tree", "source", "scope", "project", "column", "record",
    "agreement", "closure",
    "uses", "data", "observe", "escape", "provenance", "estimate", "statistics",
    "rowwise", "fits", "claim", "dark", "style", "figure", "devices",
    "listings.callout", "entry", "manifest", "listings.edits", "listings.leaner",
    "listings.elide", "listings.excerpt", "listings.normalise", "listings.page",
    "listings.listing", "listings.confine", "listings.child", "listings.launch",
    "listings.fences", "listings.program", "listings.variants", "listings.mutant",
    "listings.executable", "listings.forked", "listings.verdict", "listings.testing",
    "listings.witness", "listings.swap", "listings.trial", "listings.lines",
    "listings.examples", "listings.reach", "listings.listed", "listings.proof", "stale",
    "table", "plan", "journal", "machine", "point", "threads", "awaited", "worker",
    "process", "remote", "runner", "proving", "cluster", "desk", "dispatch",
    "recording", "drawing", "build",
    "memory", "promise", "check", "publish", "bundle", "exchange", "replicated",
    "replicate",
    "quarto", "starting.step", "starting.extension", "doctor", "prose.markup",
    "prose.blocks", "prose.reader", "prose.inlines", "prose.document",
    "lint.accepted", "lint.finding", "lint.names", "lint.numbers", "lint.sentences",
    "lint.texts", "lint.code", "lint.filters", "lint.rules", "lint.allowance",
    "lint.passages", "lint.execution", "lint.pages",
    "lint.book", "accepting", "lint.baseline", "lint.report", "starting.settings",
    "starting.insertion", "starting.template", "starting.chapters", "starting.addition",
    "starting.begin", "watch", "preview", "exporting.signs", "exporting.marker",
    "exporting.picture", "exporting.block", "exporting.gates", "exporting.target",
    "exporting.work", "exporting.supply", "exporting.filling", "exporting.labels",
    "exporting.values", "exporting.export", "gallery.html", "gallery.caption",
    "gallery.code", "gallery.folder", "gallery.copies", "gallery.titles",
    "gallery.contents", "gallery.parts", "gallery.verdict", "gallery.claims",
    "gallery.figures", "gallery.listings", "gallery.page", "gallery.gallery", "parts",
    "annotating", "summary", "declared", "asking", "pytest_plugin", "progress",
    "report", "commands", "cli", "__main__",
]  # fmt: skip
"""Modules of the engine, from the bottom up: imports only point to the left."""

LIGHT = ["conditions", "gpu", "interval"]
"""Instruments that need no torch: the engine may know them."""

PACKAGE = ROOT / "bookfigs"
PARTS = ["exporting", "gallery", "listings", "lint", "prose", "starting"]
"""Folders of the engine, but for the instruments, which know nothing of it."""


def engine() -> dict[str, Path]:
    """Every module of the engine by its name; ``__init__`` of a part says its noun."""
    found = {path.stem: path for path in PACKAGE.glob("*.py")}
    for part in PARTS:
        files = [p for p in (PACKAGE / part).glob("*.py") if p.stem != "__init__"]
        found |= {f"{part}.{path.stem}": path for path in files}
    return found


def imported(path: Path) -> set[str]:
    """Modules of bookfigs that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module.split(".")[0] == "bookfigs":
                folder = ROOT.joinpath(*node.module.split("."))
                names = {alias.name for alias in node.names}
                inner = {name for name in names if (folder / f"{name}.py").exists()}
                found |= {f"{node.module}.{name}" for name in inner}
                if names - inner and node.module != "bookfigs":
                    found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {a.name for a in node.names if a.name.startswith("bookfigs")}
    return found


def test_every_module_of_the_engine_has_its_place_in_the_order() -> None:
    assert sorted(engine()) == sorted(ORDER)


def test_the_engine_knows_the_folders_that_it_lies_in() -> None:
    folders = {path.parent.name for path in PACKAGE.rglob("*.py")}
    assert folders - {"core", "kernels"} == {"bookfigs", *ENGINE[1:]}


@pytest.mark.parametrize("name", ORDER)
def test_imports_of_the_engine_point_down(name: str) -> None:
    allowed = {f"bookfigs.{module}" for module in ORDER[: ORDER.index(name)]}
    allowed |= {f"bookfigs.measure.{module}" for module in LIGHT}
    assert imported(engine()[name]) <= allowed


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "core").rglob("*.py")), ids=lambda p: p.stem
)
def test_the_core_imports_nothing_else_of_bookfigs(path: Path) -> None:
    assert all(name.startswith("bookfigs.core") for name in imported(path))


def test_the_engine_knows_nothing_of_recurrent_networks() -> None:
    files = [*engine().values(), *(PACKAGE / "measure").glob("*.py")]
    assert not [p.name for p in files if any("core" in m for m in imported(p))]


def test_the_instruments_import_nothing_of_the_engine() -> None:
    for path in (PACKAGE / "measure").glob("*.py"):
        assert all(name.startswith("bookfigs.measure.") for name in imported(path))


def test_only_the_command_line_and_its_reporter_print_or_exit() -> None:
    speaking = re.compile(r"\b(print|sys\.exit|click\.echo)\(")
    talkers = {p.stem for p in PACKAGE.rglob("*.py") if speaking.search(p.read_text())}
    assert talkers == {"cli", "commands", "progress", "report"}


def test_planning_imports_no_heavy_package() -> None:
    script = (
        "import sys, bookfigs.cli, bookfigs.build, bookfigs.check\n"
        "heavy = {'torch', 'matplotlib', 'numpy', 'scipy', 'rich'}\n"
        "heavy |= {'pytest', 'coverage', 'bookfigs.listings.proof'}\n"
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


SECTIONS = ("shapes", "preconditions", "edge cases", "raises", "cost")
"""What a numeric docstring says after its equation, in this order."""

HEADER = re.compile(
    rf"^((?:{'|'.join(SECTIONS)})(?:, (?:{'|'.join(SECTIONS)}|errors))*)\s*:",
    re.MULTILINE | re.IGNORECASE,
)
OF_TENSORS = {
    "Tensor", "Sequence", "States", "State", "Coefficients", "Heads", "Pair", "Cache",
}  # fmt: skip
"""Annotations of arguments that are tensors."""

SAID_ELSEWHERE = {
    "sweeps": "by the docstring of the module: shapes once, cost in its table",
    "recurrence": "by linear_recurrence, the only one of them that is called",
}
"""Modules of several functions of one kind, which say it once."""

Public = ast.FunctionDef | ast.ClassDef


def public(path: Path) -> list[Public]:
    """Functions and classes of a module that may be called from outside."""
    tree = ast.parse(path.read_text()).body
    found = [node for node in tree if isinstance(node, Public)]
    return [node for node in found if not node.name.startswith("_")]


def sections(node: Public) -> list[str]:
    """The sections of a docstring, as they follow each other."""
    headers = HEADER.findall(ast.get_docstring(node) or "")
    parts = [part for header in headers for part in header.lower().split(", ")]
    return [part for part in parts if part in SECTIONS]


def takes_tensors(node: ast.FunctionDef) -> bool:
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    notes = [a.annotation for a in arguments if a.annotation is not None]
    names = [n.id for a in notes for n in ast.walk(a) if isinstance(n, ast.Name)]
    return not OF_TENSORS.isdisjoint(names)


CORE = sorted((PACKAGE / "core").rglob("*.py"))


@pytest.mark.parametrize("path", CORE, ids=lambda p: p.stem)
def test_docstrings_of_the_core_keep_to_one_order(path: Path) -> None:
    for node in public(path):
        assert ast.get_docstring(node), f"{node.name} has no docstring"
        found = sections(node)
        assert found == sorted(set(found), key=SECTIONS.index), node.name


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "core").glob("*.py")), ids=lambda p: p.stem
)
def test_functions_of_tensors_say_their_shapes_and_their_cost(path: Path) -> None:
    functions = [node for node in public(path) if isinstance(node, ast.FunctionDef)]
    lacking = [
        node.name
        for node in functions
        if takes_tensors(node) and not {"shapes", "cost"} <= set(sections(node))
    ]
    assert lacking == [] or path.stem in SAID_ELSEWHERE


def test_a_docstring_out_of_order_or_without_its_cost_is_noticed() -> None:
    source = '''
def f(x: Tensor) -> Tensor:
    """Twice.

    Raises: never.
    Shapes: any.
    """
'''
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.FunctionDef)
    assert takes_tensors(node)
    assert sections(node) == ["raises", "shapes"]
