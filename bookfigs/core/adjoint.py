"""What every gradient that is written by hand shares."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.autograd import Function

Context: TypeAlias = Any
"""What autograd hands to a Function; torch has no public type."""

Gradients: TypeAlias = tuple[Tensor | None, ...]
Backward: TypeAlias = Callable[..., Gradients]


def once(what: str, instead: str) -> Callable[[Backward], Backward]:
    """A ``backward`` whose result must not be differentiated again.

    Torch's ``once_differentiable`` looks only at the gradient that
    arrives. Where that is a constant, as for the sum of all states,
    it returns constants, although they depend on the inputs: what is
    built on them then misses a part, silently. Here every gradient
    of a graph that is to be differentiated refuses, by a message
    with what was asked and what to use ``instead``.

    Raises: RuntimeError when the result is differentiated.
    Cost: none, unless the graph of the gradient is kept.
    """

    def decorate(backward: Backward) -> Backward:
        @wraps(backward)
        def only(ctx: Context, *g: Tensor) -> Gradients:
            with torch.no_grad():
                gradients = backward(ctx, *g)
            if not torch.is_grad_enabled():
                return gradients
            message = (
                f"{what} can be differentiated once, its gradient is "
                f"written by hand; to differentiate twice use "
                f"{instead}"
            )
            origins = (*g, *ctx.saved_tensors)
            return tuple(
                x
                if x is None
                else _Refusal.apply(x, message, *origins)
                for x in gradients
            )

        return only

    return decorate


class _Refusal(Function):
    """The identity; what it depends on cannot be reached from it."""

    @staticmethod
    def forward(
        ctx: Context, x: Tensor, message: str, *origins: Tensor
    ) -> Tensor:
        """The same numbers, said to depend on their origins."""
        del origins
        ctx.message = message
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Context, *_: Tensor) -> Gradients:
        """Refuse."""
        raise RuntimeError(ctx.message)
