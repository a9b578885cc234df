"""Operations that the framework dispatches: each is run, then reported."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

ALLOCATIONS = frozenset(
    ("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided")
)
"""Operations that compute nothing."""

OVERWRITES = frozenset(
    ("copy_", "fill_", "zero_", "normal_", "uniform_", "bernoulli_", "exponential_")
)
"""Operations in place that do not read what they write over."""

SHAPE_ONLY = frozenset(
    (
        *("zeros_like", "ones_like", "full_like", "rand_like", "randn_like"),
        *("new_zeros", "new_ones", "new_full"),
    )
)
"""Operations that take a tensor for its shape and do not read its values."""


class Call(NamedTuple):
    """One dispatched operation and its result."""

    operation: Any
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    result: Any

    @property
    def name(self) -> str:
        """Name without namespace and overload: ``aten.add.Tensor`` is ``add``."""
        return str(self.operation.overloadpacket.__name__)

    def is_view(self) -> bool:
        """Whether the results are the arguments' own memory, unchanged."""
        if next(self._written(), None) is not None:
            return False
        mine = {storage_key(tensor) for tensor in tensors(self.result)}
        theirs = {
            storage_key(tensor) for tensor in tensors((self.arguments, self.options))
        }
        return mine <= theirs

    def reads(self) -> Iterator[Tensor]:
        """Tensors whose values the result depends on."""
        if self.name in SHAPE_ONLY:
            return
        for value, written, is_output in self._schema_arguments():
            if written and (is_output or self.name in OVERWRITES):
                continue
            yield from tensors(value)

    def writes(self) -> Iterator[Tensor]:
        """Tensors that have new values: results, and what was changed in place."""
        yield from self._written()
        yield from tensors(self.result)

    def _written(self) -> Iterator[Tensor]:
        for value, written, _ in self._schema_arguments():
            if written:
                yield from tensors(value)

    def _schema_arguments(self) -> Iterator[tuple[Any, bool, bool]]:
        """Yield each given argument: its value, written to?, an ``out=``?"""
        for place, argument in enumerate(self.operation._schema.arguments):  # noqa: SLF001 - no public access to the schema
            if place < len(self.arguments):
                value = self.arguments[place]
            elif argument.name in self.options:
                value = self.options[argument.name]
            else:
                continue
            alias = argument.alias_info
            yield value, alias is not None and alias.is_write, argument.is_out


class Dispatching(TorchDispatchMode):
    """Runs each operation, then reports it."""

    def __init__(self, report: Callable[[Call], None]) -> None:
        super().__init__()
        self._report = report

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401
        types: Any,  # noqa: ANN401
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        options = kwargs or {}
        result = func(*args, **options)
        self._report(Call(func, args, options, result))
        return result


def tensors(value: Any) -> Iterator[Tensor]:  # noqa: ANN401 - any nesting
    """Every tensor in some arguments or results."""
    return (leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor))


def storage_key(tensor: Tensor) -> int:
    """What tells a storage from others while both are there."""
    return int(tensor.untyped_storage()._cdata)  # noqa: SLF001 - its identity
