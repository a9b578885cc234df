"""Variants: small changes of one node of a syntax tree.

What a reader would take for a typing error: another operator, a constant or an
index that is off by one, operands or arguments in the wrong order, a condition
the wrong way round, a statement that is missing.
"""

import ast
from collections.abc import Iterator, Mapping
from typing import TypeVar

OPERATORS: Mapping[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}

COMPARISONS: Mapping[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}

ORDERED = (
    ast.Sub, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult, ast.LShift,
    ast.RShift,
)  # fmt: skip
"""Operators whose operands cannot be exchanged."""

TRANSPOSED = {"T", "H", "mT", "mH"}

REMOVED = (
    ast.Assign, ast.AugAssign, ast.Return, ast.Raise, ast.Delete, ast.Continue,
    ast.Break, ast.Assert,
)  # fmt: skip

N = TypeVar("N", bound=ast.AST)


def variants(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in place of a node; nothing for most."""
    if isinstance(node, ast.stmt):
        yield from _statements(node)
    elif isinstance(node, ast.Constant):
        yield from _constants(node)
    elif isinstance(node, ast.Call):
        yield from _calls(node)
    elif isinstance(node, ast.Subscript):
        for index in _indices(node.slice):
            yield _with(node, slice=index)
    elif isinstance(node, ast.IfExp | ast.comprehension):
        yield from _conditions(node)
    else:
        yield from _operators(node)


def _operators(node: ast.AST) -> Iterator[ast.AST]:
    """Another operator, none, or its operands exchanged."""
    match node:
        case ast.BinOp(left=left, op=binary, right=right):
            if not (isinstance(binary, ast.Mod) and _is_text(left)):
                yield _with(node, op=OPERATORS[type(binary)]())
                if isinstance(binary, ORDERED):
                    yield _with(node, left=right, right=left)
        case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert(), operand=operand):
            yield operand
        case ast.BoolOp(op=logical):
            other = ast.Or() if isinstance(logical, ast.And) else ast.And()
            yield _with(node, op=other)
        case ast.Compare(ops=ops):
            for at, op in enumerate(ops):
                for kind in COMPARISONS[type(op)]:
                    yield _with(node, ops=[*ops[:at], kind(), *ops[at + 1 :]])
        case ast.Attribute(attr=name, value=value) if name in TRANSPOSED:
            yield value


def _conditions(node: ast.IfExp | ast.comprehension) -> Iterator[ast.AST]:
    """A condition the wrong way round."""
    if isinstance(node, ast.IfExp):
        if _is_plain(node.test):
            yield _with(node, test=_not(node.test))
        return
    for at, test in enumerate(node.ifs):
        if _is_plain(test):
            yield _with(node, ifs=[*node.ifs[:at], _not(test), *node.ifs[at + 1 :]])


def _statements(node: ast.stmt) -> Iterator[ast.AST]:
    """Variants of a statement as a whole."""
    match node:
        case ast.If(test=test) | ast.While(test=test) if _is_plain(test):
            yield _with(node, test=_not(test))
        case ast.AugAssign(op=op):
            yield _with(node, op=OPERATORS[type(op)]())
        case _:
            pass
    valued = isinstance(node, ast.AnnAssign) and node.value is not None
    acts = isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
    if valued or acts or isinstance(node, REMOVED):
        yield ast.copy_location(ast.Pass(), node)


def _constants(node: ast.Constant) -> Iterator[ast.AST]:
    value = node.value
    if isinstance(value, bool):
        yield _with(node, value=not value)
    elif isinstance(value, int):
        yield _with(node, value=value + 1)
        yield _with(node, value=value - 1)
    elif isinstance(value, float | complex):
        yield _with(node, value=value + 1)
    elif isinstance(value, str):
        yield _with(node, value=value + "?")


def _calls(node: ast.Call) -> Iterator[ast.AST]:
    """A call with two neighbouring arguments exchanged, or left out around one."""
    args = node.args
    for at in range(len(args) - 1):
        first, second = args[at : at + 2]
        if not isinstance(first, ast.Starred) and not isinstance(second, ast.Starred):
            yield _with(node, args=[*args[:at], second, first, *args[at + 2 :]])
    if isinstance(node.func, ast.Attribute) and not node.keywords:
        if not args:
            yield node.func.value
        elif len(args) == 1 and not isinstance(args[0], ast.Starred):
            yield args[0]


def _indices(index: ast.expr) -> Iterator[ast.expr]:
    """An index shifted by one, a slice with another bound."""
    if isinstance(index, ast.Tuple):
        for at, one in enumerate(index.elts):
            for other in _indices(one):
                elements = [*index.elts[:at], other, *index.elts[at + 1 :]]
                yield _with(index, elts=elements)
    elif isinstance(index, ast.Slice):
        yield from _bounds(index)
    elif _is_computed(index):
        yield from _shifts(index)


def _bounds(index: ast.Slice) -> Iterator[ast.expr]:
    if index.lower is None:
        yield _with(index, lower=_number(index, 1))
    elif _is_computed(index.lower):
        for other in _shifts(index.lower):
            yield _with(index, lower=other)
    if index.upper is None:
        yield _with(index, upper=_number(index, -1))
    elif _is_computed(index.upper):
        for other in _shifts(index.upper):
            yield _with(index, upper=other)


def _shifts(index: ast.expr) -> Iterator[ast.expr]:
    one = _number(index, 1)
    for sign in (ast.Add(), ast.Sub()):
        yield ast.copy_location(ast.BinOp(index, sign, one), index)


def _number(near: ast.AST, value: int) -> ast.expr:
    number: ast.expr = ast.Constant(abs(value))
    if value < 0:
        number = ast.UnaryOp(ast.USub(), number)
    return ast.fix_missing_locations(ast.copy_location(number, near))


def _is_computed(index: ast.expr) -> bool:
    """Whether no constant says which index it is: those have variants themselves."""
    inner = index.operand if isinstance(index, ast.UnaryOp) else index
    return not isinstance(inner, ast.Constant | ast.Starred | ast.Slice)


def _is_plain(test: ast.expr) -> bool:
    """Whether nothing in a condition has a variant that turns it round."""
    turned = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
    single = isinstance(test, ast.Compare) and len(test.ops) == 1
    checking = "TYPE_CHECKING" in {getattr(test, "id", ""), getattr(test, "attr", "")}
    return not (turned or single or checking)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    )


def _not(test: ast.expr) -> ast.expr:
    return ast.copy_location(ast.UnaryOp(ast.Not(), test), test)


def _with(node: N, **fields: object) -> N:
    """A copy of a node with other fields, at the same place."""
    known = {name: getattr(node, name, None) for name in node._fields}
    made = type(node)(**{**known, **fields})
    return ast.copy_location(made, node)
