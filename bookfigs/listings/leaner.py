"""Leaving out of print: docstrings, annotations, and parts that do not matter.

What to leave out is found in the syntax tree, where it ends in the tokens; the
rest of the text stays as it was laid out.
"""

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from tokenize import TokenInfo

from bookfigs.listings.edits import Edit, Position, column, whole_lines
from bookfigs.tree import is_string

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Function = ast.FunctionDef | ast.AsyncFunctionDef

SILENT = {tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT}
"""Tokens between which the next one that means something is looked for."""


class Source:
    """A source text: its lines, its tree and its tokens."""

    def __init__(self, text: str) -> None:
        """Raises: SyntaxError or ValueError if the text is no Python."""
        self.text = text
        self.lines = text.split("\n")
        self.tree = ast.parse(text)
        self.tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
        self._starts = {token.start: at for at, token in enumerate(self.tokens)}

    def start(self, node: ast.expr | ast.stmt | ast.arg) -> Position:
        """Where a node begins, in characters."""
        return self._position(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt | ast.arg) -> Position:
        """Where a node ends, in characters."""
        return self._position(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def at(self, position: Position) -> int:
        """Place of the token that begins at a position."""
        return self._starts[position]

    def after(self, position: Position) -> int:
        """Place of the first token with a meaning at or after a position."""
        at = next(i for i, t in enumerate(self.tokens) if t.start >= position)
        return next(i for i in range(at, len(self.tokens)) if self._speaks(i))

    def before(self, at: int) -> TokenInfo:
        """The last token with a meaning before a place."""
        return next(self.tokens[i] for i in range(at - 1, -1, -1) if self._speaks(i))

    def stop(self, at: int, signs: set[str]) -> int:
        """Place of the first of some signs, or of the statement's end, from a place.

        What stands in brackets that open from here on is passed over.
        """
        depth = 0
        for place in range(at, len(self.tokens)):
            token = self.tokens[place]
            if depth == 0 and (token.string in signs or token.type == tokenize.NEWLINE):
                return place
            if token.type == tokenize.OP:
                depth += (token.string in "([{") - (token.string in ")]}")
        return len(self.tokens) - 1

    def is_alone(self, node: ast.stmt) -> bool:
        """Whether no other statement shares a line with this one."""
        head = self.lines[node.lineno - 1][: self.start(node)[1]]
        line, stop = self.end(node)
        tail = self.lines[line - 1][stop:].strip()
        return not head.strip() and (not tail or tail.startswith("#"))

    def _position(self, line: int, offset: int) -> Position:
        return line, column(self.lines[line - 1], offset)

    def _speaks(self, at: int) -> bool:
        return self.tokens[at].type not in SILENT


def definitions(body: Iterable[ast.AST]) -> Iterator[Definition]:
    """Definitions of a scope, also those made on a condition."""
    for node in body:
        if isinstance(node, Definition):
            yield node
        elif isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield from definitions(ast.iter_child_nodes(node))


def docstring_edits(source: Source, nodes: Iterable[ast.AST]) -> Iterator[Edit]:
    """Remove docstrings and the blank lines after them; a body keeps one statement."""
    for node in nodes:
        for inner in ast.walk(node):
            if not isinstance(inner, Definition | ast.Module) or len(inner.body) < 2:  # noqa: PLR2004 - a docstring and more
                continue
            first = inner.body[0]
            if is_string(first) and source.is_alone(first):
                last = first.end_lineno or first.lineno
                while last < len(source.lines) and not source.lines[last].strip():
                    last += 1
                yield whole_lines(first.lineno, last)


def annotation_edits(source: Source, nodes: Iterable[ast.AST]) -> Iterator[Edit]:
    """Remove annotations: of arguments, results and variables.

    Those directly in a class stay, since they declare its fields.
    """
    for node in nodes:
        match node:
            case ast.ClassDef():
                inside = [n for n in node.body if not isinstance(n, ast.AnnAssign)]
                yield from annotation_edits(source, inside)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from _signature(source, node)
                yield from _bare(source, node.body)
                yield from annotation_edits(source, node.body)
            case ast.AnnAssign() if node.value is not None:
                yield from _cut(source, source.end(node.target), {"=", ";"})
            case ast.stmt() | ast.ExceptHandler() | ast.match_case():
                yield from annotation_edits(source, ast.iter_child_nodes(node))


def _signature(source: Source, node: Function) -> Iterator[Edit]:
    """Remove the annotations of arguments and of the result."""
    every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    every += [one for one in (node.args.vararg, node.args.kwarg) if one is not None]
    for argument in every:
        if argument.annotation is not None:
            line, start = source.start(argument)
            name_end = source.tokens[source.at((line, start))].end
            yield from _cut(source, name_end, {",", ")", "="}, tight=True)
    if node.returns is not None:
        at = source.at(source.start(node.returns))
        while source.tokens[at].string != "->":
            at -= 1
        stop = source.stop(at, {":"})
        yield Edit(source.before(at).end, source.before(stop).end)


def _bare(source: Source, body: Sequence[ast.stmt]) -> Iterator[Edit]:
    """Remove the lines of a function that do nothing but annotate."""
    bare = [n for n in body if isinstance(n, ast.AnnAssign) and n.value is None]
    for node in bare if len(bare) < len(body) else bare[1:]:
        if source.is_alone(node):
            yield whole_lines(node.lineno, node.end_lineno or node.lineno)


def _cut(
    source: Source, name_end: Position, signs: set[str], *, tight: bool = False
) -> Iterator[Edit]:
    """Remove an annotation after a name; ``tight``: and the space around its ``=``."""
    at = source.after(name_end)
    if source.tokens[at].string != ":":  # the name stands in brackets
        return
    stop = source.stop(at + 1, signs)
    last = source.before(stop)
    following = source.tokens[source.after(source.tokens[stop].end)]
    if (
        tight
        and source.tokens[stop].string == "="
        and following.start[0] == last.end[0]
    ):
        yield Edit(name_end, following.start, "=")
    else:
        yield Edit(name_end, last.end)
