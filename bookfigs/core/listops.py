"""ListOps: nested lists of digits, of which the value is asked.

Nangia & Bowman 2018, arXiv:1804.06028; as the long-range task of Tay
et al. 2020, arXiv:2011.04006, section 2.2.1, without parentheses.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Generator

from bookfigs.core.tasks import IGNORE, Batch, require


def median(digits: list[int]) -> int:
    """Middle digit; of two the mean, rounded down."""
    ordered, half = sorted(digits), len(digits) // 2
    if len(digits) % 2:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) // 2


OPERATORS: dict[str, Callable[[list[int]], int]] = {
    "[MIN": min,
    "[MAX": max,
    "[MED": median,
    "[SM": lambda digits: sum(digits) % 10,
}
"""What a list is called, and its value."""

WORDS = ("", *map(str, range(10)), *OPERATORS, "]")
"""What each token is; 0 is the padding."""
CLOSE = WORDS.index("]")
FIRST_OPERATOR = WORDS.index("[MIN")


@dataclass(frozen=True)
class ListOps:
    """The value of a nested list, a digit, asked at the last step.

    [MAX 2 9 [MIN 4 7 ] 0 ] → 9. A list has an operator and 2 to
    ``arguments`` members, each a list with probability ``nested``,
    else a digit; all choices are uniform. ``depth`` counts the levels
    of the tree with that of the digits, so lists nest depth - 1
    times. Trees whose tokens are not from ``shortest`` to ``length``
    are drawn again. The padding comes first, so that a causal model
    has seen all of the list when it is asked.

    Raises: ValueError unless 4 ≤ shortest ≤ length, arguments ≥ 2,
    depth ≥ 2 and 0 ≤ nested ≤ 1, or if the longest list is too short.
    Cost: of a batch, its tokens times the trees that it took; for 500
    to 2,000 tokens about 10 for each that is kept.
    """

    length: int
    shortest: int = 4
    depth: int = 10
    arguments: int = 10
    nested: float = 0.25
    d_input: int = len(WORDS)
    d_output: int = 10
    tokens: bool = True

    def __post_init__(self) -> None:
        """Refuse what no tree fits."""
        lists = sum(self.arguments**k for k in range(self.depth - 1))
        longest = lists * (self.arguments + 1) + 1
        fits = (
            self.arguments >= 2
            and self.depth >= 2
            and 0 <= self.nested <= 1
            and 4 <= self.shortest <= min(self.length, longest)
        )
        needs = (
            "arguments ≥ 2, depth ≥ 2, 0 ≤ nested ≤ 1 and "
            f"4 ≤ shortest ≤ length, and shortest ≤ {longest}, the "
            "longest list there is"
        )
        require(self, needs, fits=fits)

    def draw(self, batch: int, generator: Generator) -> Batch:
        """So many lists with their values."""
        dice = _dice(generator)
        x = torch.zeros(batch, self.length, dtype=torch.int64)
        target = torch.full_like(x, IGNORE)
        for row in range(batch):
            written, value = self._fitting(dice)
            x[row, -len(written) :] = torch.tensor(written)
            target[row, -1] = value
        return Batch(x, target)

    def _fitting(
        self, dice: Iterator[float]
    ) -> tuple[list[int], int]:
        """The first list that is neither too short nor too long."""
        while True:
            written: list[int] = []
            value = self._list(dice, written, 1)
            if self.shortest <= len(written) <= self.length:
                return written, value

    def _list(
        self, dice: Iterator[float], written: list[int], level: int
    ) -> int:
        """Write a list, and return its value.

        One that is too long already is closed early.
        """
        operator = int(next(dice) * len(OPERATORS))
        written.append(FIRST_OPERATOR + operator)
        digits: list[int] = []
        for _ in range(2 + int(next(dice) * (self.arguments - 1))):
            if len(written) > self.length:
                return 0
            if level < self.depth - 1 and next(dice) < self.nested:
                digits.append(self._list(dice, written, level + 1))
            else:
                digits.append(int(next(dice) * 10))
                written.append(1 + digits[-1])
        written.append(CLOSE)
        return [*OPERATORS.values()][operator](digits)


def _dice(generator: Generator) -> Iterator[float]:
    """Numbers uniform in [0, 1), without end."""
    while True:
        yield from torch.rand(1024, generator=generator).tolist()
