"""The closure: every definition of the project that a function can reach.

Found from the syntax tree alone, so that nothing is imported to learn whether
anything changed. A definition is what a name at the top of a module is bound
to: a function, a class with all its methods, a constant. It reaches what its
names refer to, through imports and attributes of imported modules; it also
reaches the statements that run when its module is imported, and what is
decorated there by the project's own decorators. Where the tree leaves a doubt
(a module passed as a value, a star import), all of the module is reached.

What only running would tell is not seen: a module or name that a string names
(``import_module``, ``globals()``), a subclass found through its base, an
assignment whose call changes something else, a data file.

A definition's hash is over its normalised tree: comments, formatting and
docstrings do not count, and it is the same in every version of Python.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from bookfigs.canonical import digest
from bookfigs.errors import InputError

BODY = "<module>"
"""The name of the statements of a module that define nothing."""

Reference = tuple[Path, str]


class Project:
    """Finds the source of modules of the project; knows no other modules."""

    def __init__(self, root: Path) -> None:
        package = Path(__file__).parent
        self._package = package.name
        self._roots = (package.parent, root)

    def source(self, module: str) -> Path | None:
        """The file of a dotted module name, or None if it is not of the project."""
        parts = module.split(".")
        base = self._roots[parts[0] != self._package].joinpath(*parts)
        for path in (base / "__init__.py", base.with_name(f"{base.name}.py")):
            if path.is_file():
                return path
        return None

    def name(self, path: Path) -> str:
        """Dotted name of a source file, wherever the project lies."""
        for root in self._roots:
            if path.is_relative_to(root):
                parts = path.relative_to(root).with_suffix("").parts
                return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        return path.stem


def closure(project: Project, path: Path, names: Iterable[str]) -> dict[str, str]:
    """Hash of every definition that the named ones reach, by qualified name.

    A name that the module does not bind is passed over.
    Raises: InputError if a source file does not parse.
    Cost: linear in the size of the modules reached; each is parsed once.
    """
    pending: list[Reference] = [(path, BODY), *((path, name) for name in names)]
    seen: dict[Reference, str] = {}
    while pending:
        source, name = reference = pending.pop()
        if reference in seen:
            continue
        module = parse(source)
        scope = _Scope(project, source, module)
        nodes = module.definitions.get(name, [])
        seen[reference] = _hash(nodes, scope) if nodes else ""
        pending += scope.reached(name, nodes)
    return {
        f"{project.name(source)}.{name}": value
        for (source, name), value in sorted(seen.items())
        if value
    }


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Say which definitions differ between two closures."""
    both = before.keys() & now.keys()
    return [
        *(f"{name} changed" for name in sorted(both) if before[name] != now[name]),
        *(f"{name} is reached now" for name in sorted(now.keys() - before.keys())),
        *(f"{name} is not reached any more" for name in sorted(before.keys() - both)),
    ]


@dataclass(frozen=True)
class Module:
    """A parsed source file: what its names are bound to."""

    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)
    """Local name → dotted name of a module, or of something in one."""
    stars: list[str] = field(default_factory=list)
    """Modules imported with a star."""
    loads: list[str] = field(default_factory=list)
    """Dotted names whose import runs modules, whether or not a name is used."""


def parse(path: Path) -> Module:
    """Parse a source file. Raises: InputError with the line that does not parse."""
    try:
        state = path.stat()
        return _parse(path, state.st_mtime_ns, state.st_size)
    except OSError as error:
        raise InputError(path.name, f"cannot be read: {error.strerror}") from error


@cache
def _parse(path: Path, _mtime: int, _size: int) -> Module:
    """Parse a source file in one state of it, once."""
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        raise InputError(f"{path.name}:{line}", f"does not parse: {error}") from error
    module = Module()
    for statement in tree.body:
        if not _is_string(statement):
            _bind(module, statement)
    return module


def _bind(module: Module, statement: ast.stmt) -> None:
    """Enter a top-level statement under the names that it binds."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        module.imports.update(_imported(statement))
        module.loads.extend(_loads([statement]))
        if isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*":
            module.stars.append("." * statement.level + (statement.module or ""))
        return
    if isinstance(statement, ast.If) and _is_type_checking(statement.test):
        for other in statement.orelse:
            _bind(module, other)
        return
    plain = isinstance(
        statement,
        ast.FunctionDef
        | ast.AsyncFunctionDef
        | ast.ClassDef
        | ast.Assign
        | ast.AnnAssign,
    )
    names = _bound(statement, deep=not plain)
    for name in names if plain and names else {BODY, *names}:
        module.definitions.setdefault(name, []).append(statement)
    if not plain:  # if, try, with, for: what they bind may come from an import
        module.imports.update(_local_imports([statement]))
        module.loads.extend(_loads([statement]))


def _is_type_checking(test: ast.expr) -> bool:
    """Whether a test is the one that is never true when running."""
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING"


def _bound(statement: ast.stmt, *, deep: bool) -> set[str]:
    """Names that a statement binds; deep: also in the statements inside it."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return {statement.name, *_declared_global(statement)}
        case ast.Assign():
            inside: list[ast.AST] = [*statement.targets, *_walruses(statement)]
        case ast.AnnAssign() | ast.AugAssign():
            inside = [statement.target, *_walruses(statement)]
        case _:
            inside = [statement]
    nodes = [node for part in inside for node in ast.walk(part)]
    bound = {
        node.id
        for node in nodes
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    if deep:
        for node in ast.walk(statement):
            if isinstance(node, ast.stmt) and node is not statement:
                bound |= _bound(node, deep=False)
    return bound


def _walruses(statement: ast.stmt) -> Iterator[ast.AST]:
    """Targets that an expression of a statement binds on its way."""
    for node in ast.walk(statement):
        if isinstance(node, ast.NamedExpr):
            yield node.target


def _declared_global(statement: ast.stmt) -> Iterator[str]:
    """Names of the module that a function binds."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Global):
            yield from node.names


def _loads(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Whole dotted names that the imports inside of some statements ask for."""
    for node in nodes:
        for inner in ast.walk(node):
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


def _local_imports(nodes: Iterable[ast.AST]) -> dict[str, str]:
    """Every import inside of some statements."""
    found: dict[str, str] = {}
    for node in nodes:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Import | ast.ImportFrom):
                found.update(_imported(inner))
    return found


class _Scope:
    """Resolves the names used in one module."""

    def __init__(self, project: Project, source: Path, module: Module) -> None:
        self._project = project
        self._source = source
        self._module = module

    def reached(self, name: str, nodes: list[ast.stmt]) -> Iterator[Reference]:
        """What a definition of this module refers to."""
        yield self._source, BODY
        loads = [*self._module.loads, *self._module.stars] if name == BODY else []
        for target in (*loads, *_loads(nodes)):
            yield from self._bodies(target)
        if name == BODY:
            yield from self._registered()
        elif name in self._module.imports and not nodes:
            yield from self._resolve(self._module.imports[name])
        imports = self._module.imports | _local_imports(nodes)
        for chain in _chains(nodes):
            yield from self._meant(chain, imports)

    def _meant(self, chain: str, imports: Mapping[str, str]) -> Iterator[Reference]:
        """Everything that a dotted name may stand for; a name may be bound twice."""
        head, _, rest = chain.partition(".")
        if head in imports:
            target = imports[head]
            yield from self._resolve(f"{target}.{rest}" if rest else target)
        if head in self._module.definitions:
            yield self._source, head
        if head not in imports and head not in self._module.definitions:
            for star in self._module.stars:
                yield from self._resolve(f"{star}.{head}")

    def _registered(self) -> Iterator[Reference]:
        """Definitions that importing hands to a decorator of the project."""
        for name, statements in self._module.definitions.items():
            marks = [m for s in statements for m in getattr(s, "decorator_list", [])]
            for chain in _chains(marks):
                if any(True for _ in self._meant(chain, self._module.imports)):
                    yield self._source, name

    def targets(self, nodes: list[ast.stmt]) -> list[str]:
        """What the imported names in a definition stand for."""
        return sorted(
            f"{head}={self._module.imports[head]}"
            for head in {chain.partition(".")[0] for chain in _chains(nodes)}
            if head in self._module.imports
        )

    def _resolve(
        self, target: str, passed: frozenset[Path] = frozenset()
    ) -> Iterator[Reference]:
        """Definitions that a dotted name, imported here, stands for."""
        parts = self._absolute(target).split(".")
        yield from self._bodies(target)
        for end in range(len(parts), 0, -1):
            path = self._project.source(".".join(parts[:end]))
            if path is None:
                continue
            known = parse(path)
            name = parts[end] if end < len(parts) else None
            if name in known.definitions or name in known.imports:
                yield path, str(name)
            elif known.stars and name and path not in passed:
                for star in known.stars:
                    inner = _Scope(self._project, path, known)
                    yield from inner._resolve(f"{star}.{name}", passed | {path})
            else:  # the module itself, or a name that only running it would tell
                for defined in (*known.definitions, *known.imports):
                    yield path, defined
            return

    def _bodies(self, target: str) -> Iterator[Reference]:
        """Module bodies that importing a dotted name runs."""
        parts = self._absolute(target).split(".")
        for end in range(1, len(parts) + 1):
            path = self._project.source(".".join(parts[:end]))
            if path is not None:
                yield path, BODY

    def _absolute(self, target: str) -> str:
        """Resolve leading dots against this module's package."""
        name = target.lstrip(".")
        level = len(target) - len(name)
        if level == 0:
            return target
        package = self._project.name(self._source).split(".")
        if self._source.name == "__init__.py":
            package = [*package, "__init__"]
        return ".".join([*package[: len(package) - level], *([name] if name else [])])


def _chains(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Dotted names that are used in some statements, the longest form of each."""
    for node in nodes:
        parts: list[str] = []
        inner = node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            yield ".".join([inner.id, *reversed(parts)])
        else:
            yield from _chains(ast.iter_child_nodes(inner))


def _hash(nodes: list[ast.stmt], scope: _Scope) -> str:
    """Hash statements by their normalised trees and by what they import."""
    content = [_normal(node) for node in nodes] + scope.targets(nodes)
    return digest(*content)[:16]


def _normal(node: object) -> str:
    """Write a tree so that only its meaning counts, alike in every Python."""
    if isinstance(node, ast.AST):
        fields = (
            f"{name}={_normal(value)}"
            for name, value in _fields(node)
            if value is not None and value != []
        )
        return f"{type(node).__name__}({','.join(fields)})"
    if isinstance(node, list):
        return f"[{','.join(map(_normal, node))}]"
    return f"{type(node).__name__}:{node!r}"


def _fields(node: ast.AST) -> Iterator[tuple[str, object]]:
    """Yield the fields that mean something; a body without its docstrings."""
    for name, value in ast.iter_fields(node):
        if name in {"ctx", "kind", "type_comment", "type_ignores"}:
            continue
        yield name, _said(value) if name == "body" else value


def _said(body: object) -> object:
    """Leave out of a body the strings that stand for themselves: docstrings."""
    if not isinstance(body, list):  # the body of a lambda is an expression
        return body
    return [statement for statement in body if not _is_string(statement)]


def _is_string(statement: object) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
