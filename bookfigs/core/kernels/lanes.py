"""Neighbouring channels as one value, a new type for numba.

A state that stays in registers from step to step has to be one value
of a known width; numba offers numbers and arrays. ``Lanes`` adds the
vector of LLVM, which each processor's instructions are made from: a
width that the processor lacks becomes several of those that it has.

Complex numbers lie in pairs of lanes, real part first; ``parts`` is
2 for them, and 1 for real numbers. Rounding is that of IEEE 754,
except that a product and a sum may be rounded once, together.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeAlias

from bookfigs.core.kernels.fraction import TANH, convergent

Untyped: TypeAlias = Any
"""What numba and llvmlite hand over: neither is typed throughout."""
Define: TypeAlias = Callable[
    [Callable[..., Untyped]], Callable[..., Untyped]
]

ir: Untyped = import_module("llvmlite.ir")
types: Untyped = import_module("numba.types")
extending: Untyped = import_module("numba.extending")
operation: Define = extending.intrinsic(prefer_literal=True)
"""Defines an operation by the code it becomes; sees whole numbers
that are written out in a loop as such."""

FUSE = ("contract",)
LEAST_NORMAL = {32: 2.0**-126, 64: 2.0**-1022}


class Lanes(types.Type):  # type: ignore[misc] # see Untyped
    """``count`` numbers of ``bits`` bits, side by side."""

    def __init__(self, bits: int, count: int) -> None:
        self.bits, self.count = bits, count
        super().__init__(name=f"lanes({bits}, {count})")

    @property
    def vector(self) -> Untyped:
        """The type of LLVM."""
        wide = self.bits == 64
        number = ir.DoubleType() if wide else ir.FloatType()
        return ir.VectorType(number, self.count)

    def full(self, value: float) -> Untyped:
        """The same number in each lane."""
        return ir.Constant(self.vector, [value] * self.count)


@extending.register_model(Lanes)
class _Model(extending.models.PrimitiveModel):  # type: ignore[misc]
    """One value, held in registers."""

    def __init__(self, manager: Untyped, kind: Lanes) -> None:
        super().__init__(manager, kind, kind.vector)


@operation
def load(
    _: Untyped, address: Untyped, bits: Untyped, count: Untyped
) -> Untyped:
    """The lanes at an address."""
    kind = Lanes(bits.literal_value, count.literal_value)

    def lower(builder: Untyped, values: Untyped) -> Untyped:
        at = builder.inttoptr(values[0], kind.vector.as_pointer())
        return builder.load(at, align=kind.bits // 8)

    return _operation(kind, (address, bits, count), lower)


@operation
def store(_: Untyped, address: Untyped, x: Untyped) -> Untyped:
    """Put lanes at an address."""

    def lower(builder: Untyped, values: Untyped) -> Untyped:
        at = builder.inttoptr(values[0], x.vector.as_pointer())
        builder.store(values[1], at, align=x.bits // 8)

    return _operation(types.void, (address, x), lower)


@operation
def full(
    _: Untyped, value: Untyped, bits: Untyped, count: Untyped
) -> Untyped:
    """The same whole number in each lane."""
    kind = Lanes(bits.literal_value, count.literal_value)

    def lower(_builder: Untyped, _values: Untyped) -> Untyped:
        return kind.full(value.literal_value)

    return _operation(kind, (value, bits, count), lower)


@operation
def add_product(
    _: Untyped, x: Untyped, y: Untyped, z: Untyped, parts: Untyped
) -> Untyped:
    """The products of lanes x and y, plus z."""

    def lower(builder: Untyped, values: Untyped) -> Untyped:
        x_, y_, z_, _parts = values
        if parts.literal_value == 1:
            return _fused(builder, x_, y_, z_)
        # (a, a)(c, d) + (-b, b)(d, c) for (a + bi)(c + di)
        real = _permute(builder, x_, lambda i: i - i % 2)
        imag = _permute(builder, x_, lambda i: i - i % 2 + 1)
        sign = ir.Constant(x.vector, [-1.0, 1.0] * (x.count // 2))
        turned = builder.fmul(imag, sign)
        swapped = _permute(builder, y_, lambda i: i ^ 1)
        partial = _fused(builder, turned, swapped, z_)
        return _fused(builder, real, y_, partial)

    return _operation(x, (x, y, z, parts), lower)


@operation
def conjugate(_: Untyped, x: Untyped, parts: Untyped) -> Untyped:
    """The imaginary parts with the other sign."""

    def lower(builder: Untyped, values: Untyped) -> Untyped:
        if parts.literal_value == 1:
            return values[0]
        sign = ir.Constant(x.vector, [1.0, -1.0] * (x.count // 2))
        return builder.fmul(values[0], sign)

    return _operation(x, (x, parts), lower)


@operation
def negate(_: Untyped, x: Untyped) -> Untyped:
    """-x."""

    def lower(builder: Untyped, values: Untyped) -> Untyped:
        return builder.fneg(values[0])

    return _operation(x, (x,), lower)


@operation
def flush(_: Untyped, x: Untyped) -> Untyped:
    """X, but zero for the numbers that arithmetic is slow with."""
    least = LEAST_NORMAL[x.bits]

    def lower(builder: Untyped, values: Untyped) -> Untyped:
        name = f"llvm.fabs.v{x.count}f{x.bits}"
        takes = ir.FunctionType(x.vector, [x.vector])
        size = builder.module.declare_intrinsic(name, fnty=takes)
        small = builder.fcmp_ordered(
            "<", builder.call(size, values), x.full(least)
        )
        return builder.select(small, x.full(0.0), values[0])

    return _operation(x, (x,), lower)


@operation
def tanh(_: Untyped, x: Untyped) -> Untyped:
    """The hyperbolic tangent to the last few bits; NaN stays NaN.

    With y = x / 2^k, tanh(y) = p / q by Lambert's continued fraction;
    tanh(2y) = 2pq / (p² + q²), k times over, leaves one division. All
    terms are positive, so nothing cancels.
    """
    top, halvings, levels = TANH[x.bits]
    half = 2.0**-halvings
    above, below = convergent(levels)
    above = [half * c * half ** (2 * i) for i, c in enumerate(above)]
    below = [c * half ** (2 * i) for i, c in enumerate(below)]

    def lower(builder: Untyped, values: Untyped) -> Untyped:
        value = _clamp(builder, x, values[0], top)
        z = builder.fmul(value, value)
        p = builder.fmul(value, _polynomial(builder, x, z, above))
        q = _polynomial(builder, x, z, below)
        for _turn in range(halvings):
            squares = _fused(builder, q, q, builder.fmul(p, p))
            p, q = builder.fmul(builder.fadd(p, p), q), squares
        return builder.fdiv(p, q)

    return _operation(x, (x,), lower)


@operation
def take_ticket(_: Untyped, counter: Untyped) -> Untyped:
    """The next number from a counter that all threads share."""

    def lower(builder: Untyped, values: Untyped) -> Untyped:
        one = ir.Constant(ir.IntType(64), 1)
        return builder.atomic_rmw("add", values[0], one, "monotonic")

    return _operation(types.int64, (counter,), lower)


def _operation(
    result: Untyped, kinds: Untyped, lower: Callable[..., Untyped]
) -> Untyped:
    """What numba asks of an operation: its signature, its code."""

    def generate(
        context: Untyped,
        builder: Untyped,
        _sig: Untyped,
        values: Untyped,
    ) -> Untyped:
        value = lower(builder, values)
        void = result is types.void
        return context.get_dummy_value() if void else value

    return result(*kinds), generate


def _fused(
    builder: Untyped, x: Untyped, y: Untyped, z: Untyped
) -> Untyped:
    """X y + z, rounded once where the processor can."""
    return builder.fadd(builder.fmul(x, y, flags=FUSE), z, flags=FUSE)


def _permute(
    builder: Untyped, x: Untyped, source: Callable[[int], int]
) -> Untyped:
    """Lane i of the result is lane source(i) of x."""
    order = ir.VectorType(ir.IntType(32), x.type.count)
    lanes = [source(i) for i in range(x.type.count)]
    return builder.shuffle_vector(x, x, ir.Constant(order, lanes))


def _clamp(
    builder: Untyped, kind: Lanes, x: Untyped, top: float
) -> Untyped:
    """X between -top and top; NaN compares false and stays."""
    for sign, bound in ((">", top), ("<", -top)):
        beyond = builder.fcmp_ordered(sign, x, kind.full(bound))
        x = builder.select(beyond, kind.full(bound), x)
    return x


def _polynomial(
    builder: Untyped, kind: Lanes, z: Untyped, terms: list[float]
) -> Untyped:
    """Σ terms[i] zⁱ by Horner's rule."""
    value = kind.full(terms[-1])
    for term in reversed(terms[:-1]):
        value = _fused(builder, value, z, kind.full(term))
    return value
