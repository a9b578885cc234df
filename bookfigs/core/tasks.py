"""Tasks: sequences with a question, drawn from a generator.

A task draws inputs and targets. A target is :data:`IGNORE` where
nothing is asked, so one loss and one score serve every task.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Generator, Tensor
from torch.nn import functional

IGNORE = -100
"""The target of a step at which nothing is asked."""


class Batch(NamedTuple):
    """Inputs (B, T) of tokens or (B, T, d_input), targets (B, T)."""

    x: Tensor
    target: Tensor


class Task(Protocol):
    """What a model is trained for."""

    @property
    def d_input(self) -> int:
        """Number of tokens, or of real inputs at each step."""

    @property
    def d_output(self) -> int:
        """Number of classes; 1 for a number."""

    @property
    def tokens(self) -> bool:
        """Whether the inputs are tokens."""

    def draw(self, batch: int, generator: Generator) -> Batch:
        """So many sequences with their targets, on the CPU."""


def loss(y: Tensor, target: Tensor) -> Tensor:
    """Mean over all questions of the error of the answers.

    Cross-entropy of the classes, in nats; the squared error where
    the targets are real numbers.

    Shapes: y (B, T, d_output), target (B, T); result ().
    Edge cases: not a number if nothing is asked.
    Cost: O(B·T·d_output).
    """
    asked = target != IGNORE
    if target.is_floating_point():
        return (y[asked].squeeze(-1) - target[asked]).square().mean()
    return functional.cross_entropy(y[asked], target[asked])


def require(task: object, what: str, *, fits: bool) -> None:
    """Refuse options of a task that do not go together.

    Raises: ValueError unless they fit.
    """
    if not fits:
        message = f"{task}: needs {what}"
        raise ValueError(message)


CLOSE = 0.04
"""A number is right that is off by less: the criterion of
Hochreiter & Schmidhuber 1997, Neural Comput. 9(8), section 5.4."""


def right(y: Tensor, target: Tensor) -> Tensor:
    """Share of the questions that are answered rightly.

    Shapes: y (B, T, d_output), target (B, T); result ().
    Edge cases: not a number if nothing is asked.
    Cost: O(B·T·d_output).
    """
    asked = target != IGNORE
    if target.is_floating_point():
        off = (y[asked].squeeze(-1) - target[asked]).abs()
        return (off < CLOSE).double().mean()
    return (y[asked].argmax(-1) == target[asked]).double().mean()


@dataclass(frozen=True)
class Parity:
    """Whether an odd number of ones was seen so far, at each step.

    target_t = (x_1 + … + x_t) mod 2, x_t a fair coin: the smallest
    task in which a state has to be tracked. A linear recurrence with
    positive coefficients cannot (Grazzi et al. 2024,
    arXiv:2411.12537, theorem 1).
    """

    length: int
    d_input: int = 2
    d_output: int = 2
    tokens: bool = True

    def draw(self, batch: int, generator: Generator) -> Batch:
        """So many sequences of coins."""
        x = _below(2, (batch, self.length), generator)
        return Batch(x, x.cumsum(1) % 2)


@dataclass(frozen=True)
class Xor:
    """Whether two coins differ that lie ``lag`` steps apart.

    target_t = x_t xor x_{t-lag}, asked at each step from lag + 1 on,
    x_t a fair coin: the smallest task that takes a product of what is
    remembered. One coin alone says nothing about the answer, so no
    sum of functions of single coins is of any use.

    Raises: ValueError unless 0 < lag < length.
    """

    length: int
    lag: int
    d_input: int = 2
    d_output: int = 2
    tokens: bool = True

    def __post_init__(self) -> None:
        """Refuse a lag that leaves nothing to ask."""
        fits = 0 < self.lag < self.length
        require(self, "0 < lag < length", fits=fits)

    def draw(self, batch: int, generator: Generator) -> Batch:
        """So many sequences of coins."""
        x = _below(2, (batch, self.length), generator)
        target = torch.full_like(x, IGNORE)
        target[:, self.lag :] = x[:, self.lag :] ^ x[:, : -self.lag]
        return Batch(x, target)


@dataclass(frozen=True)
class Adding:
    """The sum of the two numbers that are marked, asked at the end.

    x_t = (u_t, m_t), u_t uniform in [0, 1], m_t = 1 once in each half
    of the sequence, else 0 (Hochreiter & Schmidhuber 1997, Neural
    Comput. 9(8), section 5.4, as in Arjovsky et al. 2015,
    arXiv:1511.06464, section 5.2). To answer 1 always has a squared
    error of 1/6.

    Raises: ValueError for a length below 2.
    """

    length: int
    d_input: int = 2
    d_output: int = 1
    tokens: bool = False

    def __post_init__(self) -> None:
        """Refuse a sequence without two halves."""
        require(self, "length ≥ 2", fits=self.length >= 2)

    def draw(self, batch: int, generator: Generator) -> Batch:
        """So many sequences of numbers with their marks."""
        T, half = self.length, self.length // 2
        u = torch.rand(batch, T, generator=generator)
        first = _below(half, (batch, 1), generator)
        second = half + _below(T - half, (batch, 1), generator)
        at = torch.cat([first, second], dim=1)
        marks = torch.zeros_like(u).scatter_(1, at, 1.0)
        target = torch.full_like(u, IGNORE)
        target[:, -1] = (u * marks).sum(1)
        return Batch(torch.stack([u, marks], dim=-1), target)


@dataclass(frozen=True)
class Copying:
    """Ten symbols, a long blank, then the symbols again in order.

    With ``selective`` the symbols lie scattered among the blanks, at
    other places in every sequence: what to keep depends on the input
    (Jing et al. 2019, arXiv:1706.02761; Gu & Dao 2023,
    arXiv:2312.00752, section 4.1.1). Without it the places are always
    the first (Arjovsky et al. 2015, arXiv:1511.06464, section 5.1).

    The sequence has ``length`` steps, of which the last ``symbols``
    ask. Token 0 is the blank, 1 asks, the others are the symbols.
    Unlike there, all of the last steps show the token that asks, and
    no blank has to be answered.

    Raises: ValueError if the symbols do not fit in before the steps
    that ask.
    """

    length: int
    selective: bool = False
    symbols: int = 10
    alphabet: int = 8
    tokens: bool = True

    def __post_init__(self) -> None:
        """Refuse a length without room for the symbols."""
        fits = 0 < 2 * self.symbols <= self.length
        require(self, "0 < 2·symbols ≤ length", fits=fits)

    @property
    def d_input(self) -> int:
        """The symbols, the blank and the question."""
        return self.alphabet + 2

    @property
    def d_output(self) -> int:
        """The symbols."""
        return self.alphabet

    def draw(self, batch: int, generator: Generator) -> Batch:
        """So many sequences with symbols to keep."""
        n, before = self.symbols, self.length - self.symbols
        kept = _below(self.alphabet, (batch, n), generator)
        x = torch.zeros(batch, self.length, dtype=torch.int64)
        if self.selective:
            order = torch.rand(batch, before, generator=generator)
            at = order.argsort(1)[:, :n].sort(1).values
        else:
            at = torch.arange(n).expand(batch, n)
        x.scatter_(1, at, kept + 2)
        x[:, -n:] = 1
        target = torch.full_like(x, IGNORE)
        target[:, -n:] = kept
        return Batch(x, target)


@dataclass(frozen=True, eq=False)
class Labelled:
    """Sequences that are given, one label for each, asked at the end.

    Shapes: x (n, T) or (n, T, d_input); labels (n,), integers from 0
    to d_output - 1.
    Preconditions: both on the CPU.
    Raises: ValueError unless there is a label for each sequence.
    """

    x: Tensor
    labels: Tensor
    d_output: int
    d_input: int = 1
    tokens: bool = False

    def __post_init__(self) -> None:
        """Refuse sequences without labels."""
        if self.labels.shape != self.x.shape[:1]:
            message = (
                f"Labelled: x has shape {tuple(self.x.shape)} and "
                f"labels {tuple(self.labels.shape)}; expected one "
                "label for each sequence, (n, …) and (n,)"
            )
            raise ValueError(message)

    def draw(self, batch: int, generator: Generator) -> Batch:
        """So many of them, drawn with replacement."""
        return self.at(_below(len(self.x), (batch,), generator))

    def at(self, rows: Tensor) -> Batch:
        """Those of these rows."""
        shape = (len(rows), self.x.shape[1])
        target = torch.full(shape, IGNORE, dtype=torch.int64)
        target[:, -1] = self.labels[rows]
        return Batch(self.x[rows], target)


def _below(
    n: int, shape: tuple[int, ...], generator: Generator
) -> Tensor:
    """Integers from 0 to n - 1, each as likely."""
    return torch.randint(n, shape, generator=generator)
