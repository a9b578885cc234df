"""The excerpt: lines of a source file as they are printed.

A pure function of the source's text and of what a listing file asks for. Each
printed line keeps the line that it came from, so that what tests execute there
can be told of it.
"""

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from tokenize import COMMENT, TokenError

from bookfigs.errors import InputError, UnknownNameError
from bookfigs.listings.edits import Edit, Line, edited
from bookfigs.listings.elide import Elided, elision_edits
from bookfigs.listings.leaner import (
    Definition,
    Source,
    annotation_edits,
    definitions,
    docstring_edits,
)
from bookfigs.tree import normal

BEGIN, END = "region:", "endregion:"


@dataclass(frozen=True)
class Wanted:
    """What of a source is printed, and how."""

    symbol: str = ""
    """A function or class, ``Class.method`` for a method."""
    region: str = ""
    """Lines between ``# region: NAME`` and ``# endregion: NAME``. With neither, all."""
    docstring: bool = False
    annotations: bool = True
    elide: tuple[Elided, ...] = ()


def excerpt(text: str, wanted: Wanted, where: str, place: str) -> list[Line]:
    """The printed lines of a source text.

    ``where`` names the listing file and ``place`` the source, for messages.
    Raises: InputError if the source does not parse, or what is asked for cannot
    be left out; UnknownNameError if it has no such symbol or region.
    Cost: linear in the size of the source.
    """
    source = parsed(text, place)
    markers = _markers(source)
    first, last, nodes = _extent(source, wanted, markers, where, place)
    edits: list[Edit] = []
    if not wanted.docstring:
        edits += docstring_edits(source, [source.tree])
    if not wanted.annotations:
        lean = annotation_edits(source, source.tree.body)
        edits += _require_same(source, [e for e in lean if _in(e, first, last)], place)
    inside = _inside(nodes, first, last)
    edits += elision_edits(source, inside, wanted.elide, where)
    lines = edited(source.lines, [e for e in edits if _in(e, first, last)])
    marked = {line for line, _, _ in markers}
    kept = [n for n in lines if first <= n.source <= last and n.source not in marked]
    return _trimmed(kept, _margin(source, nodes, first, last))


def parsed(text: str, place: str) -> Source:
    """Parse a source. Raises: InputError with the line that does not parse."""
    try:
        return Source(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError, TokenError) as error:
        line = getattr(error, "lineno", None) or 1
        raise InputError(f"{place}:{line}", f"does not parse: {error}") from error


def _extent(
    source: Source,
    wanted: Wanted,
    markers: list[tuple[int, str, str]],
    where: str,
    place: str,
) -> tuple[int, int, list[ast.AST]]:
    """First and last line of what is printed, and the trees in it."""
    if wanted.symbol:
        node = _find(source.tree, wanted.symbol, where, place)
        first = min([node.lineno, *(mark.lineno for mark in node.decorator_list)])
        return first, node.end_lineno or first, [node]
    if not wanted.region:
        return 1, len(source.lines), [source.tree]
    first, last = _region(markers, wanted.region, where, place)
    nodes: list[ast.AST] = [
        node
        for node in ast.walk(source.tree)
        if isinstance(node, ast.stmt) and first <= node.lineno <= last
    ]
    inner = {id(child) for node in nodes for child in ast.walk(node) if child != node}
    return first, last, [node for node in nodes if id(node) not in inner]


def _find(tree: ast.Module, symbol: str, where: str, place: str) -> Definition:
    """Find a definition by name; ``Class.method`` finds a method."""
    scope: Sequence[ast.AST] = tree.body
    found: Definition | None = None
    for name in symbol.split("."):
        known = {node.name: node for node in definitions(scope)}
        if name not in known:
            what = f"{place} defines no {symbol!r}"
            raise UnknownNameError(where, what, asked=name, available=known)
        found = known[name]
        scope = found.body
    if found is None:
        raise InputError(where, "symbol is empty")
    return found


def _markers(source: Source) -> list[tuple[int, str, str]]:
    """Line, kind and name of each comment that marks a region."""
    comments = [token for token in source.tokens if token.type == COMMENT]
    said = [(t.start[0], t.string.lstrip("#").strip()) for t in comments]
    return [
        (line, kind, text.removeprefix(kind).strip())
        for line, text in said
        for kind in (BEGIN, END)
        if text.startswith(kind)
    ]


def _region(
    markers: list[tuple[int, str, str]], name: str, where: str, place: str
) -> tuple[int, int]:
    """The lines between the markers of a region."""
    begins = [line for line, kind, named in markers if (kind, named) == (BEGIN, name)]
    ends = [line for line, kind, named in markers if (kind, named) == (END, name)]
    if not begins:
        known = [named for _, kind, named in markers if kind == BEGIN]
        what = f"{place} marks no region {name!r}"
        raise UnknownNameError(where, what, asked=name, available=known)
    if len(begins) > 1 or len(ends) != 1 or ends[0] <= begins[0] + 1:
        lines = f"begins on {begins} and ends on {ends or 'none'}"
        raise InputError(
            where,
            f"region {name!r} of {place} has to begin and end once, with lines in "
            f"between; it {lines}",
            run=f"write # {BEGIN} {name} before it and # {END} {name} after it",
        )
    return begins[0] + 1, ends[0] - 1


def _inside(nodes: list[ast.AST], first: int, last: int) -> list[ast.stmt]:
    """Statements that may be left out: what is printed, but not all of it."""
    found: list[ast.AST] = []
    for node in nodes:
        body = getattr(node, "body", [])
        whole = isinstance(node, Definition) and len(nodes) == 1
        found += body if whole or isinstance(node, ast.Module) else [node]
    kinds = [node for node in found if isinstance(node, ast.stmt)]
    return [node for node in kinds if first <= node.lineno <= last]


def _margin(source: Source, nodes: list[ast.AST], first: int, last: int) -> int:
    """Columns that every statement is indented by."""
    starts = [
        source.start(node)[1]
        for outer in nodes
        for node in ast.walk(outer)
        if isinstance(node, ast.stmt) and first <= node.lineno <= last
    ]
    return min(starts, default=0)


def _in(edit: Edit, first: int, last: int) -> bool:
    return first <= edit.start[0] <= last


def _trimmed(lines: list[Line], margin: int) -> list[Line]:
    """Lines moved to the margin, without blank ones at the beginning and the end."""
    moved = []
    for line in lines:
        indent = len(line.text) - len(line.text.lstrip())
        text = line.text[min(indent, margin) :].rstrip()
        moved.append(line._replace(text=text))
    while moved and not moved[0].text:
        del moved[0]
    while moved and not moved[-1].text:
        del moved[-1]
    return moved


def _require_same(source: Source, edits: list[Edit], place: str) -> list[Edit]:
    """Edits that leave out annotations and no more. Raises: InputError."""
    text = "\n".join(line.text for line in edited(source.lines, edits))
    try:
        same = _bare(ast.parse(text)) == _bare(ast.parse(source.text))
    except SyntaxError:
        same = False
    if not same:
        what = "its annotations cannot be left out without changing the code"
        raise InputError(
            place, what, run="write annotations = true in the listing file"
        )
    return edits


def _bare(tree: ast.Module) -> str:
    """A tree without its annotations, in writing."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        for name in ("body", "orelse", "finalbody"):
            if isinstance(body := getattr(node, name, None), list):
                fields = isinstance(node, ast.ClassDef)
                setattr(node, name, [n for s in body for n in _plain(s, fields)])
    return normal(tree)


def _plain(statement: ast.stmt, fields: bool) -> list[ast.stmt]:  # noqa: FBT001 - of a list
    """A statement without its annotation; what only annotates is none."""
    if fields or not isinstance(statement, ast.AnnAssign):
        return [statement]
    if statement.value is None:
        return []
    return [ast.Assign([statement.target], statement.value)]
