"""The axis letters, one legend for every shape in the core.

==  =========================================================
B   batch: independent sequences
T   time: steps of a sequence, the axis of the recurrence
D   channels of the input or output (features)
N   channels of the state
==  =========================================================

Sequences are batch first, time second, channels last. Equations use
column vectors; code is row-major, so ``W h`` is ``h @ W.T``.
"""

from typing import Annotated, TypeAlias

import torch
from torch import Tensor

Sequence = Annotated[Tensor, "B T D"]
States = Annotated[Tensor, "B T N"]
State = Annotated[Tensor, "B N"]
Coefficients = Annotated[Tensor, "B T N", "N"]

WithAxes: TypeAlias = tuple[Tensor | None, str]
"""A tensor, if there is one, and the letters of its axes."""


def require(where: str, **tensors: WithAxes) -> None:
    """Refuse tensors that cannot be computed with together.

    Shapes: each comes with its axes, as in ``W_x=(W_x, "3N D")``. A
    letter is of one size wherever it stands, that of the first
    tensor that has it; ``*`` stands for any axes before the others.
    Edge cases: None, in place of a tensor, is passed over.
    Raises: ValueError, naming ``where`` and the tensor, for axes that
    do not fit, for numbers neither floating-point nor complex, for
    more than one device, and for more than one dtype, unless
    autocast sees to that.
    Cost: a look at the sizes; no number is read.
    """
    require_axes(where, **tensors)
    alone = {name: tensor for name, (tensor, _) in tensors.items()}
    require_numbers(where, **alone)
    require_dtype(where, **alone)


def require_axes(where: str, **tensors: WithAxes) -> None:
    """Refuse tensors whose axes do not fit.

    Shapes, raises, cost: as :func:`require`.
    """
    sizes: dict[str, int] = {}
    for name, (tensor, axes) in tensors.items():
        if tensor is None:
            continue
        shape = tuple(tensor.shape)
        before, sizes = sizes, _learned(axes, shape) | sizes
        if not _fits(shape, _sizes(axes, sizes)):
            letters = _tuple(axes.split())
            known = _tuple(_sizes(axes, before))
            if known == letters:  # it contradicts itself
                known = _tuple(_sizes(axes, sizes))
            equal = "" if known == letters else f" = {known}"
            message = (
                f"{where}: {name} has shape {shape}; expected "
                f"{letters}{equal}"
            )
            raise ValueError(message)


def require_dtype(where: str, **tensors: Tensor | None) -> None:
    """Refuse tensors of different dtypes, but under autocast.

    Shapes: any.
    Raises, cost: as :func:`require`.
    """
    (first, one), *others = _given(tensors)
    if torch.is_autocast_enabled(one.device.type):
        return
    for name, other in others:
        if other.dtype != one.dtype:
            message = (
                f"{where}: {first} is {one.dtype} and {name} is "
                f"{other.dtype}; expected one dtype for all, convert "
                "with .to(dtype)"
            )
            raise ValueError(message)


def require_numbers(where: str, **tensors: Tensor | None) -> None:
    """Refuse integers, and tensors on different devices.

    Shapes: any.
    Raises, cost: as :func:`require`.
    """
    given = _given(tensors)
    first, one = given[0]
    for name, tensor in given:
        if not (tensor.is_floating_point() or tensor.is_complex()):
            message = (
                f"{where}: {name} is {tensor.dtype}; expected a "
                "floating-point or complex dtype, convert with "
                ".to(dtype)"
            )
            raise ValueError(message)
        if tensor.device != one.device:
            message = (
                f"{where}: {first} is on {one.device} and {name} on "
                f"{tensor.device}; expected one device for all, move "
                "with .to(device)"
            )
            raise ValueError(message)


def _given(
    tensors: dict[str, Tensor | None],
) -> list[tuple[str, Tensor]]:
    """The names and tensors without those that are None."""
    return [(k, x) for k, x in tensors.items() if x is not None]


def _sizes(axes: str, sizes: dict[str, int]) -> list[str | int]:
    """The size of each axis; its letter where that is not known."""
    found: list[str | int] = []
    for axis in axes.split():
        letter = axis.lstrip("0123456789")
        times = int(axis.removesuffix(letter) or 1)
        size = sizes.get(letter)
        found.append(axis if size is None else times * size)
    return found


def _fits(shape: tuple[int, ...], expected: list[str | int]) -> bool:
    """Whether a shape has these axes, of the sizes that are known."""
    if expected[0] == "*":
        expected = expected[1:]
        shape = shape[max(len(shape) - len(expected), 0) :]
    return len(shape) == len(expected) and all(
        isinstance(size, str) or size == given
        for size, given in zip(expected, shape, strict=True)
    )


def _learned(axes: str, shape: tuple[int, ...]) -> dict[str, int]:
    """What a shape says of the letters that stand alone."""
    letters = [axis for axis in axes.split() if axis != "*"]
    if not _fits(
        shape, ["*" if x == "*" else "" for x in axes.split()]
    ):
        return {}
    known = shape[len(shape) - len(letters) :]
    pairs = [*zip(letters, known, strict=True)]
    # the first of several axes with one letter decides
    return {
        axis: size for axis, size in reversed(pairs) if axis.isalpha()
    }


def _tuple(sizes: list[str] | list[str | int]) -> str:
    """Sizes and letters, written as Python writes a shape."""
    text = ", ".join("..." if x == "*" else str(x) for x in sizes)
    return f"({text},)" if len(sizes) == 1 else f"({text})"
