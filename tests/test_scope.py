"""Which names of a function are the module's: as the compiler of Python says."""

import ast
import symtable
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from bookfigs.scope import chains
from smallbook import ROOT

LIBRARY = Path(sysconfig.get_path("stdlib"))
SOURCES = [
    *sorted((ROOT / "bookfigs").rglob("*.py")),
    *(LIBRARY / f"{name}.py" for name in ("ast", "argparse", "inspect", "typing")),
    *(
        LIBRARY / f"{name}.py"
        for name in ("dataclasses", "enum", "functools", "turtle")
    ),
]


class _Bare(ast.NodeTransformer):
    """Takes annotations away, which may or may not be run."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is None:
            return ast.Pass()
        return self.generic_visit(ast.Assign([node.target], node.value))


def tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for inner in table.get_children():
        yield from tables(inner)


def of_module(function: ast.stmt) -> tuple[set[str], set[str]]:
    """Names that a function has to have of its module, and those that it may have.

    A name that an import or a class binds counts, and what runs around the function.
    """
    table = symtable.symtable(ast.unparse(function), "of_module", "exec")
    must, may = set(), set()
    for each in tables(table):
        for symbol in each.get_symbols():
            name, runs = symbol.get_name(), symbol.is_referenced()
            bound_by_class = each.get_type() == "class"
            if runs and (symbol.is_global() or each is table):
                must.add(name)
            if symbol.is_imported() or bound_by_class or symbol.is_declared_global():
                may.add(name)
    return must, must | may


def heads(function: ast.stmt) -> set[str]:
    return {chain.partition(".")[0] for chain in chains([function])}


@pytest.mark.parametrize(
    "path", SOURCES, ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_names_are_those_that_the_compiler_takes_from_the_module(path: Path) -> None:
    tree = _Bare().visit(ast.parse(path.read_text()))
    for node in ast.fix_missing_locations(tree).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            must, may = of_module(node)
            found = {name for name in heads(node) if not name.startswith("__")}
            must = {name for name in must if not name.startswith("__")}
            assert must <= found, node.name
            assert found <= may, node.name


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("def f(a):\n    return a + b", {"b"}),
        ("def f(a=a):\n    return a", {"a"}),
        ("def f(*a, c, **b):\n    return a, b, c", set()),
        ("def f():\n    a = 1\n    return a.b", set()),
        ("def f():\n    print(a)\n    a = 1", {"print"}),
        ("def f():\n    global a\n    a = 1\n    return a.b", {"a", "a.b"}),
        ("def f():\n    import a\n    return a.b", {"a.b"}),
        (
            "def f():\n    a = 1\n    def g():\n        return a + b\n    return g",
            {"b"},
        ),
        (
            "def f():\n    a = 1\n    def g():\n        import a\n        return a",
            {"a"},
        ),
        ("def f():\n    def a():\n        return b\n    return a()", {"b"}),
        ("def f():\n    class A:\n        a = b\n    return A.a", {"a", "b"}),
        ("class A:\n    a = 1\n    def g(self):\n        return a", {"a"}),
        ("def f():\n    return [a for a in a]", {"a"}),
        ("def f():\n    return [b for a in c for b in a]", {"c"}),
        ("def f():\n    return {a: b for a in c}, a", {"a", "b", "c"}),
        ("def f():\n    if any((a := b) for b in c):\n        return a", {"any", "c"}),
        ("def f():\n    return (lambda a: a + b), a", {"a", "b"}),
        ("def f():\n    return lambda a=a: a", {"a"}),
        (
            "def f():\n    try:\n        b()\n    except c as a:\n        return a",
            {"b", "c"},
        ),
        ("def f():\n    with b as (a, c):\n        return a, c", {"b"}),
        (
            "def f(b):\n    match b:\n        case [a, *c]:\n            return a",
            set(),
        ),
        (
            "def f(b):\n    match b:\n        case {0: a, **c}:\n            return a",
            set(),
        ),
        ("def f(b):\n    match b:\n        case A(x=a):\n            return a", {"A"}),
        ("def f():\n    for a.b in c:\n        a = 1", {"c"}),
        ("def f():\n    del a", set()),
        ("x = [(a := 1) for b in c]", {"x", "a", "c"}),
    ],
)
def test_scopes_of_python(code: str, names: set[str]) -> None:
    assert set(chains(ast.parse(code).body)) == names
