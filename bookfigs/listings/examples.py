"""Examples: what the evidence of a listing follows from if doctests prove it.

A doctest is no definition, and docstrings do not count in the hash of one: what its
examples say, and what they use, has to be hashed apart.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from bookfigs.canonical import digest
from bookfigs.closure import Project, closure
from bookfigs.uses import uses

PROMPT = ">>>"


def is_doctest(project: Project, path: Path, name: str) -> bool:
    """Whether the name of a test is that of a doctest: ``package.module.function``."""
    dotted = "." in name or name == path.stem
    return dotted and name not in project.module(path).definitions


def examples(project: Project, path: Path) -> dict[str, str]:
    """Hash of all that the doctests of a module follow from, by its name.

    All of the module counts: their names are those of the module.
    """
    module = project.module(path)
    every = sorted({*module.definitions, *module.imports})
    texts = list(_docstrings(project.cache.content(path)))
    used = uses(project, [source for text in texts for source in _sources(text)])
    name = f"doctests of {project.name(path)}"
    return {**closure(project, path, every), **used, name: digest(*texts)[:16]}


def _docstrings(content: bytes) -> Iterator[str]:
    """Docstrings that have examples."""
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, kinds) and PROMPT in (
            text := ast.get_docstring(node) or ""
        ):
            yield text


def _sources(text: str) -> list[str]:
    """The code of the examples in a docstring; none if they cannot be told apart."""
    from doctest import DocTestParser  # noqa: PLC0415 - imports a debugger

    try:
        return [example.source for example in DocTestParser().get_examples(text)]
    except ValueError:
        return []
