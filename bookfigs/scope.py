"""Scopes: which of the names that code uses are those of its module.

A name that a function binds is its own, however the module's is called (Python
Language Reference, section 4.2). What is told wrong is told so that too much is
reached: names in annotations count, and those that a class binds.
"""

import ast
from collections.abc import Iterable, Iterator

from bookfigs.source import local_imports
from bookfigs.tree import children

__all__ = ["chains"]

Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Names = frozenset[str]


def chains(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Dotted names of the module, or of an import, that some statements use.

    The longest form of each: ``a.b.c``, not ``a``.
    Precondition: the statements stand at the top of their module.
    """
    for node in nodes:
        yield from _chains(node, frozenset())


def _chains(node: ast.AST, hidden: Names) -> Iterator[str]:
    """Dotted names in a node, but for those whose head is hidden."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        if node.id not in hidden:
            yield ".".join([node.id, *reversed(parts)])
        return
    outside, inside = _parts(node)
    for part in outside:
        yield from _chains(part, hidden)
    if inside:
        within = _within(node, inside, hidden)
        for part in inside:
            yield from _chains(part, within)


def _parts(node: ast.AST) -> tuple[list[ast.AST], list[ast.AST]]:
    """What of a node belongs to the scope around it, and what to one of its own."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
            inside = node.body if isinstance(node.body, list) else [node.body]
        case ast.ClassDef():
            inside = node.body
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            first = node.generators[0].iter
            inner = [part for part in children(node) if part is not node.generators[0]]
            head = [part for part in children(node.generators[0]) if part is not first]
            return [first], [*head, *inner]
        case _:
            return children(node), []
    own = {id(part) for part in inside}
    return [part for part in children(node) if id(part) not in own], [*inside]


def _within(node: ast.AST, inside: list[ast.AST], hidden: Names) -> Names:
    """Names that mean something else than the module's inside of a scope."""
    if isinstance(node, Comprehension):
        targets = [generator.target for generator in node.generators]
        return hidden | {*_stored(targets)}
    bound = {*_stored(inside)}
    if isinstance(node, Function):
        bound |= {argument.arg for argument in _arguments(node.args)}
    else:
        bound = set()  # a name of a class is no name of its methods
    here = [*_of_scope(inside)]
    brought = local_imports(
        n for n in here if isinstance(n, ast.Import | ast.ImportFrom)
    )
    declared = {n for node in here if isinstance(node, ast.Global) for n in node.names}
    return (hidden | bound) - brought.keys() - declared


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    """Every argument that a function takes."""
    more = [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *more]


def _stored(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Names that some nodes bind in the scope that they stand in."""
    for node in _of_scope(nodes):
        match node:
            case ast.Name(ctx=ast.Store() | ast.Del()):
                yield node.id
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.ExceptHandler(name=str(name)):
                yield name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name
            case ast.MatchMapping(rest=str(name)):
                yield name
            case _ if isinstance(node, Comprehension):
                yield from _stored(_walruses(node))


def _of_scope(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Some nodes and all in them that belongs to the same scope."""
    pending = [*nodes]
    while pending:
        node = pending.pop()
        yield node
        pending += _parts(node)[0]


def _walruses(comprehension: ast.AST) -> Iterator[ast.Name]:
    """What a comprehension binds around it: targets of ``:=``."""
    pending = _parts(comprehension)[1]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.NamedExpr):
            yield node.target
        is_inner = isinstance(node, Comprehension)
        pending += children(node) if is_inner else _parts(node)[0]
