"""The closure: every definition of the project that a function can reach.

Found from the syntax tree alone, so that nothing is imported to learn whether
anything changed. A definition reaches what its names refer to, through imports
and attributes of imported modules; it also reaches the statements that run when
its module is imported, and what is decorated there by the project's own
decorators. Where the tree leaves a doubt (a module passed as a value, a star
import), all of the module is reached.

What only running would tell is not seen: a module or name that a string names
(``import_module``, ``globals()``), a subclass found through its base, an
assignment whose call changes something else. ``bookfigs.escape`` watches for
these while a figure is measured.

A definition's hash is over its normalised tree: comments, formatting and
docstrings do not count, and it is the same in every version of Python.
"""

import ast
import builtins
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bookfigs.canonical import digest
from bookfigs.project import Meaning, Project, Reference, Step
from bookfigs.scope import chains
from bookfigs.source import BODY, Module, imports, loads, local_imports
from bookfigs.tree import normal

__all__ = ["DATA", "Project", "changes", "closure", "reached"]

DATA = "data:"
"""Before the name of a data file, among the names of definitions."""


def closure(project: Project, path: Path, names: Iterable[str]) -> dict[str, str]:
    """Hash of every definition that the named ones reach, by qualified name.

    A name that the module does not bind is passed over.
    Raises: InputError if a source file does not parse.
    Cost: linear in the size of the modules reached; each is parsed once. Nothing
    of that where the cache knows it and no file has changed.
    """
    names = tuple(names)
    key = f"{path} {' '.join(names)}"
    if (known := project.cache.recall(key, path)) is not None:
        return dict(known)
    before, project.seen = project.seen, set()
    walked = _walk(project, path, names)
    found = [(project.name(at), name, value) for (at, name), value in walked.items()]
    hashes = {f"{at}.{name}": value for at, name, value in sorted(found) if value}
    project.cache.keep(key, path, project.seen, hashes)
    project.seen |= before
    return dict(hashes)  # what is kept is changed by nobody


def reached(project: Project, path: Path, names: Iterable[str]) -> set[Reference]:
    """Every definition that the named ones reach, and every module body.

    Unlike the closure it also has the bodies that hold no statement to hash.
    """
    return set(_walk(project, path, names))


def _walk(project: Project, path: Path, names: Iterable[str]) -> dict[Reference, str]:
    """Hash of each definition reached; empty where there is none of the name."""
    pending: list[Reference] = [(path, BODY), *((path, name) for name in names)]
    seen: dict[Reference, str] = {}
    while pending:
        reference = pending.pop()
        if reference in seen:
            continue
        step = project.steps.get(reference) or _step(project, reference)
        seen[reference] = step.value
        project.seen |= step.files
        pending += step.reached
    return seen


def _step(project: Project, reference: Reference) -> Step:
    """One definition: found once for all that reach it."""
    source, name = reference
    outside, project.seen = project.seen, set()
    module = project.module(source)
    scope = _Scope(project, source, module)
    nodes = module.definitions.get(name, [])
    used = list(dict.fromkeys(chains(nodes)))
    value = _hash(nodes, scope.targets(used)) if nodes else ""
    reached = tuple(dict.fromkeys(scope.reached(name, nodes, used)))
    step = project.steps[reference] = Step(value, reached, frozenset(project.seen))
    project.seen = outside
    return step


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Say which definitions and data files differ between two closures."""
    if before == now:
        return []
    both = before.keys() & now.keys()
    found = [
        *(f"{name} changed" for name in sorted(both) if before[name] != now[name]),
        *(f"{name} is reached now" for name in sorted(now.keys() - before.keys())),
        *(f"{name} is not reached any more" for name in sorted(before.keys() - both)),
    ]
    return [line.removeprefix(DATA) for line in found]


class _Scope:
    """Resolves the names used in one module."""

    def __init__(self, project: Project, source: Path, module: Module) -> None:
        self._project = project
        self._source = source
        self._module = module

    def reached(
        self, name: str, nodes: list[ast.stmt], used: list[str]
    ) -> Iterator[Reference]:
        """What a definition of this module refers to, given the names that it uses."""
        yield self._source, BODY
        on_import = [*self._module.loads, *self._module.stars] if name == BODY else []
        for target in on_import:
            yield from self._bodies(target)
        inner = imports(nodes)
        for target in loads(inner):
            yield from self._bodies(target)
            if name != BODY and self._project.source(self._absolute(target)) is None:
                yield from self._resolve(target)  # imported by name inside: meant
        if name == BODY:
            yield from self._registered()
        elif name in self._module.imports and not nodes:
            for target in self._module.imports[name]:
                yield from self._resolve(target)
        known = self._module.imports
        for head, targets in local_imports(inner).items():
            known = known | {head: known.get(head, set()) | targets}
        for chain in used:
            yield from self._meant(chain, known)

    def _meant(
        self, chain: str, imports: Mapping[str, set[str]]
    ) -> Iterator[Reference]:
        """Everything that a dotted name may stand for; a name may be bound twice."""
        head, _, rest = chain.partition(".")
        for target in imports.get(head, ()):
            yield from self._resolve(f"{target}.{rest}" if rest else target)
        if head in self._module.definitions:
            yield self._source, head
        if head not in imports and head not in self._module.definitions:
            for star in self._module.stars:
                yield from self._resolve(f"{star}.{head}")
                yield from self._offered(star)

    def _offered(self, star: str) -> Iterator[Reference]:
        """What decides which names a star brings."""
        path = self._project.source(self._absolute(star))
        if path and "__all__" in self._project.module(path).definitions:
            yield path, "__all__"

    def _registered(self) -> Iterator[Reference]:
        """Definitions that importing hands to a decorator of the project."""
        for name, statements in self._module.definitions.items():
            marks = [m for s in statements for m in getattr(s, "decorator_list", [])]
            for chain in chains(marks):
                if any(True for _ in self._meant(chain, self._module.imports)):
                    yield self._source, name

    def targets(self, used: list[str]) -> list[str]:
        """What the imported names among those that a definition uses stand for."""
        return sorted(
            f"{head}={target}"
            for head in {chain.partition(".")[0] for chain in used}
            for target in self._module.imports.get(head, ())
        )

    def _resolve(self, target: str) -> tuple[Reference, ...]:
        """Definitions that a dotted name, imported here, stands for; found once."""
        name = self._absolute(target)
        if name not in self._project.meanings:
            outside, self._project.seen = self._project.seen, set()
            found = tuple(dict.fromkeys(self._meanings(name, frozenset())))
            seen = frozenset(self._project.seen)
            self._project.meanings[name] = Meaning(found, seen)
            self._project.seen = outside
        found, seen = self._project.meanings[name]
        self._project.seen |= seen
        return found

    def _meanings(self, target: str, passed: frozenset[Path]) -> Iterator[Reference]:
        """Definitions that a dotted name stands for, past modules that were asked."""
        parts = self._absolute(target).split(".")
        yield from self._bodies(target)
        for end in range(len(parts), 0, -1):
            path = self._project.source(".".join(parts[:end]))
            if path is None:
                continue
            known = self._project.module(path)
            name = parts[end] if end < len(parts) else None
            if name in known.definitions or name in known.imports:
                yield path, str(name)
            elif known.stars and name and path not in passed:
                if "__getattr__" in known.definitions:
                    yield path, "__getattr__"
                for star in known.stars:
                    inner = _Scope(self._project, path, known)
                    yield from inner._meanings(f"{star}.{name}", passed | {path})
                    yield from inner._offered(star)
            elif name is None or not hasattr(builtins, name):
                # the module itself, or a name that only running it would tell
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


def _hash(nodes: list[ast.stmt], targets: list[str]) -> str:
    """Hash statements by their normalised trees and by what they import."""
    return digest(*map(normal, nodes), *targets)[:16]
