"""Uses: what blocks of code reach of the project, found without running them."""

import ast
from collections.abc import Iterable, Iterator

from bookfigs.closure import Project, closure
from bookfigs.errors import InputError
from bookfigs.source import loads


def uses(project: Project, texts: Iterable[str]) -> dict[str, str]:
    """Hash of every definition of the project that some blocks reach, by its name.

    A block that does not parse reaches nothing: running it fails anyway; so does
    a module of the project that does not parse.
    Cost: that of the closures of what they import.
    """
    found: dict[str, str] = {}
    for target in sorted({name for text in texts for name in _imported(text)}):
        try:
            found |= _closure(project, target)
        except InputError as error:
            found[target] = str(error)
    return found


def _imported(text: str) -> Iterator[str]:
    """Dotted names that the imports of a block ask for."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    yield from loads([tree])
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            yield node.module or ""


def _closure(project: Project, target: str) -> dict[str, str]:
    """What a dotted name reaches: one thing of a module, or all that is in it."""
    parts = target.split(".")
    for end in range(len(parts), 0, -1):
        path = project.source(".".join(parts[:end]))
        if path is not None:
            module = project.module(path)
            every = sorted({*module.definitions, *module.imports})
            return closure(project, path, parts[end : end + 1] or every)
    return {}
