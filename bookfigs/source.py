"""A source file: what its names are bound to, read from its syntax tree.

Nothing is imported. A definition is what a name at the top of a module is bound
to: a function, a class with all its methods, a constant. Statements that define
nothing, and those that define on a condition, are the module's body.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import RLock

from bookfigs.errors import InputError
from bookfigs.tree import is_string, shell, walk

PARSING = RLock()
"""Held while a tree is made: Python 3.11 counts the depth of those of all threads in
one place, and fails with a SystemError where two are made at once."""

BODY = "<module>"
"""The name of the statements of a module that define nothing."""


@dataclass(frozen=True)
class Module:
    """A parsed source file: what its names are bound to."""

    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imports: dict[str, set[str]] = field(default_factory=dict)
    """Local name → dotted names of modules, or of things in them. Several where
    the first that can be imported is taken."""
    stars: list[str] = field(default_factory=list)
    """Modules imported with a star."""
    loads: list[str] = field(default_factory=list)
    """Dotted names whose import runs modules, whether or not a name is used."""
    spans: list[tuple[int, int, frozenset[str]]] = field(default_factory=list)
    """First and last line of each statement, and the names it is entered under;
    what a statement defines on a condition comes before the statement."""

    def at(self, line: int) -> frozenset[str]:
        """Names of the definition that a line belongs to; none if to no statement."""
        for first, last, names in self.spans:
            if first <= line <= last:
                return names
        return frozenset()


@cache
def parse(path: Path, content: bytes) -> Module:
    """Parse a source file with one content of it, once.

    Raises: InputError with the line that does not parse.
    """
    try:
        with PARSING:
            tree = ast.parse(content, filename=str(path))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        raise InputError(f"{path.name}:{line}", f"does not parse: {error}") from error
    module = Module()
    for statement in tree.body:
        if not is_string(statement):
            _bind(module, statement)
    return module


def _bind(module: Module, statement: ast.stmt) -> None:
    """Enter a top-level statement under the names that it binds."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        _enter_imports(module, statement)
        module.stars.extend(_stars(statement))
        return
    if isinstance(statement, ast.If) and _is_type_checking(statement.test):
        for other in statement.orelse:
            _bind(module, other)
        return
    plain = isinstance(statement, _PLAIN)
    names = _bound(statement, deep=not plain)
    entered = names if plain and names else {BODY, *names}
    for name in entered:
        kept = statement if name != BODY else shell(statement)
        module.definitions.setdefault(name, []).append(kept)
    if not plain:
        module.spans.extend(_inner_spans(statement))
    module.spans.append((*_lines(statement), frozenset(entered)))
    if not plain:  # if, try, with, for: what they bind may come from an import
        _enter_imports(module, statement)
        for inner in walk(statement):
            module.stars.extend(_stars(inner))


def _lines(statement: ast.stmt) -> tuple[int, int]:
    """First line of a statement, decorators and all, and last line."""
    marks = getattr(statement, "decorator_list", [])
    first = min([statement.lineno, *(mark.lineno for mark in marks)])
    return first, statement.end_lineno or first


def _inner_spans(node: ast.AST) -> Iterator[tuple[int, int, frozenset[str]]]:
    """Lines of functions and classes that a statement defines on a condition."""
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield (*_lines(inner), frozenset({inner.name}))
        else:
            yield from _inner_spans(inner)


_PLAIN = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Assign,
    ast.AnnAssign,
    *([ast.TypeAlias] if hasattr(ast, "TypeAlias") else []),
)
"""Statements that do nothing but bind; the last one from Python 3.12 on."""


def _enter_imports(module: Module, statement: ast.stmt) -> None:
    for name, targets in local_imports([statement]).items():
        module.imports.setdefault(name, set()).update(targets)
    module.loads.extend(loads([statement]))


def _stars(node: ast.AST) -> list[str]:
    """Modules that a statement imports everything from."""
    if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
        return ["." * node.level + (node.module or "")]
    return []


def _is_type_checking(test: ast.expr) -> bool:
    """Whether a test is the one that is never true when running."""
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING"


def _bound(statement: ast.stmt, *, deep: bool) -> set[str]:
    """Names that a statement binds; deep: also in the statements inside it."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            outside = _walruses(_run_when_defined(statement))
            names = {node.id for node in outside if isinstance(node, ast.Name)}
            return {statement.name, *names, *_declared_global(statement)}
        case ast.Assign():
            inside: list[ast.AST] = [*statement.targets, *_walruses([statement])]
        case ast.AnnAssign() | ast.AugAssign():
            inside = [statement.target, *_walruses([statement])]
        case _:
            inside = [statement]
    nodes = [node for part in inside for node in walk(part)]
    bound = {
        node.id
        for node in nodes
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    if deep:
        for node in walk(statement):
            if isinstance(node, ast.stmt) and node is not statement:
                bound |= _bound(node, deep=False)
    return bound


def _run_when_defined(
    statement: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
) -> list[ast.AST]:
    """Parts of a definition that run outside of it: defaults, decorators, bases."""
    marks: list[ast.AST] = [*statement.decorator_list]
    if isinstance(statement, ast.ClassDef):
        return [*marks, *statement.bases, *(word.value for word in statement.keywords)]
    return [*marks, statement.args, *([statement.returns] if statement.returns else [])]


def _walruses(parts: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Targets that the expressions of a statement bind on their way."""
    for part in parts:
        for node in walk(part):
            if isinstance(node, ast.NamedExpr):
                yield node.target


def _declared_global(statement: ast.stmt) -> Iterator[str]:
    """Names of the module that a function binds."""
    for node in walk(statement):
        if isinstance(node, ast.Global):
            yield from node.names


def loads(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Whole dotted names that the imports inside of some statements ask for."""
    for node in nodes:
        for inner in walk(node):
            if isinstance(inner, ast.Import):
                yield from (alias.name for alias in inner.names)
            elif isinstance(inner, ast.ImportFrom):
                yield from _imported(inner).values()


def _imported(statement: ast.Import | ast.ImportFrom) -> dict[str, str]:
    """Local name → dotted name, for one import statement."""
    if isinstance(statement, ast.Import):
        return {
            (alias.asname or alias.name.partition(".")[0]): (
                alias.name if alias.asname else alias.name.partition(".")[0]
            )
            for alias in statement.names
        }
    prefix = "." * statement.level + (statement.module or "")
    joint = "" if prefix.endswith(".") else "."
    return {
        alias.asname or alias.name: f"{prefix}{joint}{alias.name}"
        for alias in statement.names
        if alias.name != "*"
    }


def imports(nodes: Iterable[ast.AST]) -> list[ast.AST]:
    """Every import statement inside of some statements."""
    kinds = ast.Import | ast.ImportFrom
    return [i for node in nodes for i in walk(node) if isinstance(i, kinds)]


def local_imports(nodes: Iterable[ast.AST]) -> dict[str, set[str]]:
    """Every import inside of some statements."""
    found: dict[str, set[str]] = {}
    for node in nodes:
        for inner in walk(node):
            if isinstance(inner, ast.Import | ast.ImportFrom):
                for name, target in _imported(inner).items():
                    found.setdefault(name, set()).add(target)
    return found
