"""Span: the longest chain of dependent tensor operations in code that ran.

Work and span are the two costs of a parallel program (Blelloch 1996,
"Programming Parallel Algorithms", CACM 39(3):85-97): with enough processors
the span alone bounds the time. One *operation* here is one tensor operation
that the framework dispatches. What happens inside it (a reduction, a matrix
product, a transform) counts as one step, however wide it is.

The meter dispatches every operation that really runs, in the backward pass of
autograd too, so nothing is assumed about the program.
"""

from types import TracebackType
from typing import Self

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from bookfigs.measure.operations import ALLOCATIONS, Call, Dispatching, storage_key

ESCAPES = frozenset(("_local_scalar_dense", "allclose", "equal", "is_nonzero"))
"""Operations that hand a tensor's value to Python."""


class ValueEscapedError(RuntimeError):
    """A tensor's value went into Python, where its use cannot be followed."""


class SpanMeter:
    """Counts depth and number of the tensor operations that run inside it.

    depth(output) = 1 + max of depth(element) over the elements that the
    operation reads, and 0 for what existed before the meter. Depths are kept
    for each element of each storage: a view costs nothing, a write in place
    moves the elements that it writes and no others, and writes to disjoint
    parts of one tensor do not wait for each other.

    >>> import torch
    >>> x = torch.ones(4)
    >>> with SpanMeter() as meter:
    ...     y = (x + 1) * 2
    ...     z = y[:2].clone()
    >>> meter.depth(y), meter.depth(z), meter.operations
    (2, 3, 3)

    Edge cases: allocating (``torch.empty``) costs nothing; an operation on no
    elements is counted and depends on nothing.
    Limits: ``tolist`` and ``numpy`` dispatch nothing, so a value that leaves that
    way is not noticed; nor is a size that depends on values (``nonzero``).
    Raises: ValueEscapedError when a value goes into Python (``item``, ``if``).
    Cost: one dictionary entry for each storage, and one int32 for each element
    of those that are written in part.
    """

    def __init__(self) -> None:
        self.operations = 0
        self._mode = Dispatching(self._record)
        self._depths: dict[int, _StorageDepth] = {}

    def __enter__(self) -> Self:
        """Start to count."""
        self._mode.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop to count; depths stay readable."""
        self._mode.__exit__(kind, error, trace)

    def depth(self, *tensors: Tensor) -> int:
        """Length of the longest chain that ends in any element of the tensors."""
        return max((self._read(tensor) for tensor in tensors), default=0)

    def lap(self) -> int:
        """Count from zero again; returns the operations since the last lap."""
        operations, self.operations = self.operations, 0
        self._depths.clear()
        return operations

    def _record(self, call: Call) -> None:
        """Update depths after an operation ran."""
        if call.name in ESCAPES:
            message = (
                f"{call.name}: a tensor's value went into Python inside the span "
                "meter; the chain through it cannot be followed. Keep the value in a "
                "tensor, or read it after the meter."
            )
            raise ValueEscapedError(message)
        if call.name in ALLOCATIONS or call.is_view():
            return
        self.operations += 1
        depth = 1 + max((self._read(tensor) for tensor in call.reads()), default=0)
        for tensor in call.writes():
            self._write(tensor, depth)

    def _read(self, tensor: Tensor) -> int:
        entry = self._depths.get(storage_key(tensor))
        return 0 if entry is None else entry.read(tensor)

    def _write(self, tensor: Tensor, depth: int) -> None:
        key = storage_key(tensor)
        if key not in self._depths:
            self._depths[key] = _StorageDepth(tensor)
        self._depths[key].write(tensor, depth)


class _StorageDepth:
    """Depth of each element of one storage: one number while they are equal."""

    def __init__(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        # Holding a weak reference keeps the storage's address from being reused.
        self._alive = StorageWeakRef(storage)
        self._bytes = storage.nbytes()
        self._unit = tensor.element_size()
        self._depth: int | NDArray[np.int32] = 0

    def read(self, tensor: Tensor) -> int:
        """Largest depth among the tensor's elements."""
        self._follow_size(tensor)
        if tensor.numel() == 0:
            return 0
        if isinstance(self._depth, int):
            return self._depth
        return int(self._elements(self._depth, tensor).max())

    def write(self, tensor: Tensor, depth: int) -> None:
        """Give the tensor's elements a depth."""
        self._follow_size(tensor)
        if isinstance(self._depth, int):
            if tensor.numel() * tensor.element_size() == self._bytes:
                self._depth = depth
                return
            size = self._bytes // self._unit
            self._depth = np.full(size, self._depth, dtype=np.int32)
        self._elements(self._depth, tensor)[...] = depth

    def _follow_size(self, tensor: Tensor) -> None:
        """Grow or shrink with the storage; what it kept, keeps its depth."""
        size = tensor.untyped_storage().nbytes()
        if size == self._bytes:
            return
        self._bytes = size
        if not isinstance(self._depth, int):
            kept = self._depth[: size // self._unit]
            self._depth = np.zeros(size // self._unit, dtype=np.int32)
            self._depth[: len(kept)] = kept

    def _elements(self, depths: NDArray[np.int32], tensor: Tensor) -> NDArray[np.int32]:
        """Return the part of the depths that belongs to a view of the storage."""
        unit = tensor.element_size()
        if unit < self._unit:  # a complex tensor seen as pairs of real numbers
            depths = depths.repeat(self._unit // unit)
            self._depth, self._unit = depths, unit
        parts = unit // self._unit
        stride = [step * parts * depths.itemsize for step in tensor.stride()]
        return as_strided(
            depths[tensor.storage_offset() * parts :],
            (*tensor.shape, parts),
            (*stride, depths.itemsize),
        )
