"""Syntax trees: what in one counts, and what of it runs on import."""

import ast
import copy
from collections.abc import Iterator


def children(node: ast.AST) -> list[ast.AST]:
    """Nodes directly inside of a node, but for the marks of reading and writing."""
    found: list[ast.AST] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, list):
            found += [one for one in value if isinstance(one, ast.AST)]
        elif name != "ctx" and isinstance(value, ast.AST):
            found.append(value)
    return found


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all inside of it, in no particular order.

    As ``ast.walk``, in half the time: every file of a book is walked.
    """
    pending = [node]
    while pending:
        node = pending.pop()
        yield node
        pending += children(node)


def normal(node: object) -> str:
    """Write a tree so that only its meaning counts, alike in every Python."""
    if isinstance(node, ast.AST):
        fields = (
            f"{name}={normal(value)}"
            for name, value in _fields(node)
            if value is not None and value != []
        )
        return f"{type(node).__name__}({','.join(fields)})"
    if isinstance(node, list):
        return f"[{','.join(map(normal, node))}]"
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
    return [statement for statement in body if not is_string(statement)]


def is_string(statement: object) -> bool:
    """Whether a statement is nothing but a text."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


class _Shell(ast.NodeTransformer):
    """Empties functions: defining one does not run what is in it."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.body = []
        return node

    def visit_AsyncFunctionDef(
        self, node: ast.AsyncFunctionDef
    ) -> ast.AsyncFunctionDef:
        node.body = []
        return node


def shell(statement: ast.stmt) -> ast.stmt:
    """What of a statement runs when its module is imported."""
    shell: ast.stmt = _Shell().visit(copy.deepcopy(statement))
    return shell
