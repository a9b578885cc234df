"""tanh as a quotient of two polynomials, by Lambert's fraction."""

from fractions import Fraction

TANH = {32: (9.02, 1, 7), 64: (19.1, 2, 10)}
"""For each number of bits: beyond which |x| tanh rounds to ±1, how
often to halve x, and the levels of the fraction that then suffice."""


def convergent(levels: int) -> tuple[list[float], list[float]]:
    """Coefficients in z = y² of p and q, with tanh(y) ≈ y p / q.

    tanh(y) = y / (1 + z / (3 + z / (5 + …))) (Lambert 1768), cut off
    after so many levels; scaled so that q starts with 1.

    Preconditions: levels ≥ 1.
    Cost: levels² exact operations.
    """
    one, z = Fraction(1), [Fraction(0)]
    above, below = [one], [Fraction(2 * levels - 1)]
    for odd in range(2 * levels - 3, 0, -2):
        deeper = _sum([odd * term for term in below], z + above)
        above, below = below, deeper
    scale = below[0]
    return (
        [float(term / scale) for term in above],
        [float(term / scale) for term in below],
    )


def _sum(x: list[Fraction], y: list[Fraction]) -> list[Fraction]:
    """The sum of two polynomials."""
    length = max(len(x), len(y))
    padded = [p + [Fraction(0)] * (length - len(p)) for p in (x, y)]
    return [a + b for a, b in zip(*padded, strict=True)]
