"""Eliding: statements and bodies that print replaces by an ellipsis with a mark."""

import ast
import difflib
from collections.abc import Iterable, Iterator, Sequence

from bookfigs.errors import InputError
from bookfigs.listings.edits import Edit, whole_lines
from bookfigs.listings.leaner import Definition, Source, definitions

MARK = "...  # {} left out"
Elided = str | list[str]
"""What to leave out: a definition by name, a statement by a fragment of its first
line, or the statements from one such fragment to another."""

Span = tuple[int, int]


def elision_edits(
    source: Source, nodes: Sequence[ast.stmt], elided: Iterable[Elided], where: str
) -> list[Edit]:
    """Edits that leave out what is asked for; neighbours become one mark.

    Raises: InputError if something asked for is not there exactly once.
    """
    spans: list[Span] = []
    edits: list[Edit] = []
    for one in elided:
        named = [d for n, d in _named(nodes) if n == one]
        if named:
            span = _body(named[-1])
            if source.is_alone(named[-1].body[0]):
                spans.append(span)
            else:
                start, end = named[-1].body[0], named[-1].body[-1]
                edits.append(
                    Edit(source.start(start), source.end(end), "...", is_mark=True)
                )
            continue
        if isinstance(one, list) and len(one) != 2:  # noqa: PLR2004 - from, to
            what = f"elide has {one}; a list there is [first fragment, last fragment]"
            raise InputError(where, what)
        ends = one if isinstance(one, list) else [one]
        found = [_statement(source, nodes, fragment, where) for fragment in ends]
        spans.append((found[0][0], found[-1][1]))
    return edits + [_mark(source, span) for span in _joined(source, spans)]


def _named(
    nodes: Iterable[ast.AST], prefix: str = ""
) -> Iterator[tuple[str, Definition]]:
    """Definitions by their names, inner ones after outer ones."""
    for node in definitions(nodes):
        yield prefix + node.name, node
        yield from _named(node.body, f"{prefix}{node.name}.")
        if not prefix:
            yield from _named(node.body)


def _body(node: Definition) -> Span:
    last = node.body[-1]
    return node.body[0].lineno, last.end_lineno or last.lineno


def _statement(
    source: Source, nodes: Iterable[ast.AST], fragment: str, where: str
) -> Span:
    """Lines of the one statement whose first line holds a fragment."""
    spans: dict[int, int] = {}
    for node in (inner for outer in nodes for inner in ast.walk(outer)):
        if isinstance(node, ast.stmt):
            last = node.end_lineno or node.lineno
            spans[node.lineno] = max(last, spans.get(node.lineno, 0))
    wanted = " ".join(fragment.split())
    texts = {line: " ".join(source.lines[line - 1].split()) for line in spans}
    found = [line for line, text in sorted(texts.items()) if wanted and wanted in text]
    if len(found) != 1:
        raise InputError(
            where,
            f"elide has {fragment!r}, which begins {len(found) or 'no'} statements "
            f"{_shown(found, texts, wanted)}",
            run="write a fragment of the first line of one statement, or the name of "
            "a function or class in the listing",
        )
    return found[0], spans[found[0]]


def _shown(found: list[int], texts: dict[int, str], wanted: str) -> str:
    """The statements that were found, else the nearest ones."""
    if found:
        return f"(lines {', '.join(map(str, found))})"
    near = difflib.get_close_matches(wanted, texts.values(), n=3, cutoff=0.3)
    return f"(nearest: {'; '.join(near) or 'none'})"


def _joined(source: Source, spans: Iterable[Span]) -> list[Span]:
    """Spans in order; those with nothing but blank lines between them are one."""
    joined: list[Span] = []
    for first, last in sorted(spans):
        between = source.lines[joined[-1][1] : first - 1] if joined else []
        if joined and not any(line.strip() for line in between):
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        else:
            joined.append((first, last))
    return joined


def _mark(source: Source, span: Span) -> Edit:
    first, last = span
    line = source.lines[first - 1]
    indent = line[: len(line) - len(line.lstrip())]
    count = last - first + 1
    text = MARK.format(f"{count} line{'s' if count > 1 else ''}")
    return whole_lines(first, last, indent + text, is_mark=True)
