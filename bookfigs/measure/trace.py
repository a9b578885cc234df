"""Trace: which number was computed from which, in code that ran.

The span meter asks how long a program has to wait; this asks what it does. Every
operation that the framework dispatches is followed down to the single elements of
its tensors, through views, copies and writes in place, so that a diagram of an
algorithm can be drawn from its execution.
"""

from collections.abc import Iterator
from types import TracebackType
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from bookfigs.measure.operations import (
    ALLOCATIONS,
    SHAPE_ONLY,
    Call,
    Dispatching,
    storage_key,
)

MOVES = frozenset(("cat", "clone", "flip", "stack"))
"""Operations whose results are elements of their arguments."""


class NotFollowedError(RuntimeError):
    """An operation computes its elements in a way that is not followed."""


class Element(NamedTuple):
    """One number: computed by an operation, or given to the trace."""

    operation: str
    """Name of the operation, or of the tensor that was given."""
    place: int
    """How many operations had computed before; -1 if it was given."""
    operands: tuple[int, ...]
    """Numbers of the elements that were read, in the order of the arguments."""


class ElementTrace:
    """Follows the elements of given tensors through the operations inside it.

    >>> import torch
    >>> x = torch.ones(2)
    >>> with ElementTrace(x=x) as trace:
    ...     y = x[1:] * x[:1]
    >>> [trace.elements[number] for number in trace.numbers(y)]
    [Element(operation='mul', place=0, operands=(1, 0))]
    >>> trace.sources("x")
    [1, 2, 3]

    Preconditions: the given tensors do not share memory.
    Edge cases: what is moved stays the element it was; an element of a tensor that
    came from nowhere (``zeros``) has no operands.
    Raises: NotFollowedError for an operation that is neither elementwise nor a move,
    or that reads a tensor which was neither given nor computed inside.
    Cost: a number for each element of each storage, all of which are kept.
    """

    def __init__(self, **given: Tensor) -> None:
        self.elements: list[Element] = []
        self._mode = Dispatching(self._record)
        self._numbers: dict[int, Tensor] = {}
        self._alive: list[Tensor] = []
        self._operations = 0
        for name, tensor in given.items():
            self._write(tensor, self._new(tensor, name, -1))

    def __enter__(self) -> Self:
        """Start to follow."""
        self._mode.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop to follow; what was seen stays readable."""
        self._mode.__exit__(kind, error, trace)

    def numbers(self, tensor: Tensor) -> list[int]:
        """Numbers of a tensor's elements, in order. Raises: NotFollowedError."""
        found: list[int] = self._read(tensor, "numbers").flatten().tolist()
        return found

    def sources(self, name: str) -> list[int]:
        """For each element, what it depends on of a tensor that was given.

        As a set in the bits of an integer: bit i is the tensor's element i.
        """
        found: list[int] = []
        bits = iter(range(len(self.elements)))
        for element in self.elements:
            mask = 1 << next(bits) if element[:2] == (name, -1) else 0
            for operand in element.operands:
                mask |= found[operand]
            found.append(mask)
        return found

    def _record(self, call: Call) -> None:
        """Number the elements that an operation wrote."""
        if call.name in ALLOCATIONS or call.is_view():
            return
        if call.name == "copy_":
            source = self._read(call.arguments[1], call.name)
            self._write(call.result, source.expand(call.result.shape))
        elif call.name in MOVES:
            moved = tree_map_only(
                Tensor, lambda x: self._read(x, call.name), call.arguments
            )
            self._write(call.result, call.operation(*moved, **call.options))
        else:
            self._write(call.result, self._computed(call))
            self._operations += 1

    def _computed(self, call: Call) -> Tensor:
        """New elements, each from the ones at its own place."""
        followed = torch.Tag.pointwise in call.operation.tags
        if not followed and call.name not in SHAPE_ONLY:
            message = (
                f"{call.name} is neither elementwise nor one of the moves "
                f"{', '.join(sorted(MOVES))}, so its elements cannot be followed; "
                "trace a part of the program without it"
            )
            raise NotFollowedError(message)
        reads = [
            self._read(x, call.name).expand(call.result.shape) for x in call.reads()
        ]
        return self._new(call.result, call.name, self._operations, reads)

    def _new(
        self,
        tensor: Tensor,
        operation: str,
        place: int,
        reads: list[Tensor] | None = None,
    ) -> Tensor:
        """Elements for all of a tensor; their numbers, in its shape."""
        columns = [numbers.flatten().tolist() for numbers in reads or []]
        operands: Iterator[tuple[int, ...]] = zip(*columns, strict=True)
        first = len(self.elements)
        for _ in range(tensor.numel()):
            self.elements.append(Element(operation, place, next(operands, ())))
        return torch.arange(first, len(self.elements)).view(tensor.shape)

    def _read(self, tensor: Tensor, reader: str) -> Tensor:
        """Numbers of a tensor's elements, in its shape."""
        known = self._numbers.get(storage_key(tensor))
        if known is None or bool((_view(known, tensor) < 0).any()):
            message = (
                f"{reader} reads a tensor of shape {tuple(tensor.shape)} that was "
                "neither given to the trace nor computed in it; give it by name"
            )
            raise NotFollowedError(message)
        return _view(known, tensor)

    def _write(self, tensor: Any, numbers: Tensor) -> None:  # noqa: ANN401 - a result
        """Put numbers in place of the elements of a tensor."""
        key = storage_key(tensor)
        if key not in self._numbers:
            self._alive.append(tensor)  # so that its memory is not used again
            size = tensor.untyped_storage().nbytes() // tensor.element_size()
            self._numbers[key] = torch.full((size,), -1)
        _view(self._numbers[key], tensor).copy_(numbers)


def _view(numbers: Tensor, tensor: Tensor) -> Tensor:
    """Return the part of a storage's numbers that belongs to a view of it."""
    return numbers.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())
