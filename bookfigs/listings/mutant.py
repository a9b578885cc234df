"""Mutants: a source with one small change in a printed line, its lines in place.

The change is made in the syntax tree, so that no text moves; it is told in the
words of its statement, so that it keeps its name wherever the code moves.
"""

import ast
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType
from typing import Any

from bookfigs.listings.variants import variants
from bookfigs.tree import is_string

ARROW = " -> "
TEXTS = (ast.Raise, ast.JoinedStr)
"""What is said in there is for people: only leaving it out is a mutant."""

UNTOUCHED = {"annotation", "returns", "decorator_list", "type_params", "pattern"}
"""Parts of a tree that do not run when a function does, or that take no variant."""

HEADED = ("body", "orelse", "finalbody", "handlers", "cases", "decorator_list")


@dataclass(frozen=True)
class _Site:
    """A place in a tree, what stands there, and what may stand there instead."""

    owner: ast.AST
    field: str
    index: int | None
    old: ast.AST
    new: ast.AST

    @contextmanager
    def changed(self) -> Iterator[None]:
        """Change the tree for a while."""
        self._put(self.new)
        try:
            yield
        finally:
            self._put(self.old)

    def _put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.owner, self.field, node)
        else:
            getattr(self.owner, self.field)[self.index] = node


@dataclass(frozen=True)
class Mutant:
    """One change, not made yet."""

    line: int
    change: str
    """The statement before and after, or its first part if others are inside."""
    _tree: ast.Module
    _site: _Site

    def code(self, path: str) -> CodeType | None:
        """The changed module, compiled; None if the change cannot be compiled."""
        with self._site.changed(), warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            try:
                return compile(
                    ast.fix_missing_locations(self._tree),
                    path,
                    "exec",
                    dont_inherit=True,
                )
            except (SyntaxError, ValueError):
                return None


def mutants(text: str, lines: Collection[int]) -> list[Mutant]:
    """Every mutant of some lines of a source, in the order of the source.

    Precondition: the text parses. Changes of one line that read the same are one.
    Cost: linear in the size of the source and in the number of mutants.
    """
    tree = ast.parse(text)
    found: dict[tuple[int, str], Mutant] = {}
    for statement, site in _sites(tree, None):
        line = getattr(site.old, "lineno", statement.lineno)
        if line not in lines:
            continue
        before = _shown(statement)
        if site.old is statement and isinstance(site.new, ast.Pass):
            after = "pass"
        else:
            with site.changed():
                after = _shown(site.new if site.old is statement else statement)
        if before != after:
            change = before + ARROW + after
            found.setdefault((line, change), Mutant(line, change, tree, site))
    return sorted(found.values(), key=lambda mutant: mutant.line)


def _sites(
    owner: ast.AST, statement: ast.stmt | None
) -> Iterator[tuple[ast.stmt, _Site]]:
    """Every place below a node that has a variant, with the statement it is in."""
    for field, index, node in _parts(owner):
        here = node if isinstance(node, ast.stmt) else statement
        if here is None or is_string(node):
            continue
        for variant in variants(node):
            yield here, _Site(owner, field, index, node, variant)
        if not isinstance(node, TEXTS):
            yield from _sites(node, here)


def _parts(owner: ast.AST) -> Iterator[tuple[str, int | None, ast.AST]]:
    """Nodes directly inside of a node, and where they are."""
    for field in owner._fields:
        value = getattr(owner, field, None)
        if field in UNTOUCHED:
            continue
        if isinstance(value, ast.AST):
            yield field, None, value
        elif isinstance(value, list):
            for index, one in enumerate(value):
                if isinstance(one, ast.AST):
                    yield field, index, one


def _shown(statement: ast.AST) -> str:
    """A statement in writing, without the statements inside of it."""
    made: Any = type(statement)()
    for name in statement._fields:
        value = getattr(statement, name, None)
        setattr(made, name, [] if name in HEADED and isinstance(value, list) else value)
    return " ".join(ast.unparse(ast.copy_location(made, statement)).split())
