"""Executable lines: those that Python can be seen to run, and when it runs them."""

import ast
import warnings
from collections.abc import Iterator
from inspect import CO_OPTIMIZED
from types import CodeType
from typing import NamedTuple

from bookfigs.listings.leaner import Definition
from bookfigs.tree import is_string


class Executable(NamedTuple):
    """Lines that do something, by the moment at which they do it."""

    called: frozenset[int]
    """Lines of functions: only a call runs them."""
    imported: frozenset[int]
    """The other lines: importing the module runs them."""


def executable(text: str) -> Executable:
    """The executable lines of a source, as the compiler numbers them.

    A statement over several lines has several of them where a part of it may be
    left out. Heads of definitions, decorators and docstrings are not executable.
    Precondition: the text parses.
    """
    tree = ast.parse(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        code = compile(tree, "<source>", "exec", dont_inherit=True)
    called, imported = _lines(code, called=False)
    silent = set(_heads(tree))
    called -= silent
    return Executable(frozenset(called), frozenset(imported - silent - called))


def _lines(code: CodeType, *, called: bool) -> tuple[set[int], set[int]]:
    """Lines of the functions in some code, and its other lines."""
    found = {line for _, _, line in code.co_lines() if line}
    own: tuple[set[int], set[int]] = (found, set()) if called else (set(), found)
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            within = called or _is_function(inner)
            lines = _lines(inner, called=within)
            own[0].update(lines[0])
            own[1].update(lines[1])
    return own


def _is_function(code: CodeType) -> bool:
    """Whether only a call runs it: comprehensions run where they stand."""
    inner = code.co_name.startswith("<") and code.co_name != "<lambda>"
    return bool(code.co_flags & CO_OPTIMIZED) and not inner


def _heads(tree: ast.Module) -> Iterator[int]:
    """Lines of heads and docstrings that hold nothing else."""
    for node in ast.walk(tree):
        if isinstance(node, Definition):
            first = min([node.lineno, *(mark.lineno for mark in node.decorator_list)])
            yield from range(first, node.body[0].lineno)
        if isinstance(node, Definition | ast.Module):
            for statement in node.body:
                if is_string(statement):
                    last = statement.end_lineno or statement.lineno
                    yield from range(statement.lineno, last + 1)
