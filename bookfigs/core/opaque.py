"""Recurrences whose gradient is written by hand, as single steps.

Traced by ``torch.compile``, a recurrence would be unrolled into its
levels or steps, anew for each length; a kernel with a compiler of its
own cannot be traced at all. As an operator of the framework it stands
in the graph as a single node, for any length, and runs as it does
uncompiled.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.autograd import Function
from torch.library import custom_op

from bookfigs.core.adjoint import Context, once

Recurrence: TypeAlias = Callable[[Tensor, Tensor], Tensor]
Gradients: TypeAlias = Callable[
    [Tensor, Tensor, Tensor], tuple[Tensor, Tensor]
]


class Differentiable:
    """States of a recurrence, differentiable once.

    ``states(a, b)`` gives the states h, ``gradients(a, h, g)`` the
    gradients of a and b; ``adjoint(a, g)``, if it is cheaper, that of
    b alone.

    Shapes: h, its gradient g and the gradient of b like b; the
    gradient of a like a.
    Raises: RuntimeError when differentiated twice.
    Cost: that of the functions; a and h are kept for the gradient.
    """

    def __init__(
        self,
        name: str,
        states: Recurrence,
        gradients: Gradients,
        adjoint: Recurrence | None = None,
    ) -> None:
        self.states, self.gradients = states, gradients
        self.adjoint = adjoint
        self.opaque = operator(name, states, gradients)
        refuse = once(name, "linear_recurrence(form='loop')")
        self.backward = refuse(self._backward)

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """States of the recurrence."""
        if torch.compiler.is_compiling():
            return self.opaque(a, b)
        states: Tensor = _ByHand.apply(a, b, self)
        return states

    def _backward(
        self, ctx: Context, g: Tensor
    ) -> tuple[Tensor | None, ...]:
        """Gradients of a and b, None for this object itself."""
        a, h = ctx.saved_tensors
        if self.adjoint is None or ctx.needs_input_grad[0]:
            return *self.gradients(a, h, g), None
        return None, self.adjoint(a, g), None


class _ByHand(Function):
    """What autograd needs to know of a :class:`Differentiable`."""

    @staticmethod
    def forward(
        ctx: Context, a: Tensor, b: Tensor, by: Differentiable
    ) -> Tensor:
        """States of the recurrence."""
        h = by.states(a, b)
        ctx.by = by
        ctx.save_for_backward(a, h)
        return h

    @staticmethod
    def backward(
        ctx: Context, g: Tensor
    ) -> tuple[Tensor | None, ...]:
        """Gradients by the adjoint recurrence."""
        return ctx.by.backward(ctx, g)  # type: ignore[no-any-return] # a Context is Any


def operator(
    name: str, forward: Recurrence, backward: Gradients
) -> Recurrence:
    """A recurrence as an operator, called ``bookfigs::name``.

    ``forward(a, b)`` gives the states h, ``backward(a, h, g)`` the
    gradients of a and b.

    Shapes: h, its gradient g and the gradient of b like b; the
    gradient of a like a.
    Edge cases: differentiated twice, a RuntimeError of the framework.
    Cost: that of both functions; results are copied if they are not
    contiguous, since the graph has to know their layout beforehand.
    """

    @custom_op(f"bookfigs::{name}", mutates_args=())
    def states(a: Tensor, b: Tensor) -> Tensor:
        return _own(forward(a, b), a, b)

    @custom_op(f"bookfigs::{name}_gradients", mutates_args=())
    def gradients(
        a: Tensor, h: Tensor, g: Tensor
    ) -> tuple[Tensor, Tensor]:
        grad_a, grad_b = backward(a, h, g)
        return _own(grad_a, a, h, g), _own(grad_b, a, h, g)

    def save(ctx: Any, inputs: Any, output: Tensor) -> None:  # noqa: ANN401 - torch has no public type
        ctx.save_for_backward(inputs[0], output)

    def adjoint(ctx: Any, g: Tensor) -> Any:  # noqa: ANN401 - the same
        return gradients(*ctx.saved_tensors, g)

    states.register_fake(lambda _, b: _like(b))
    gradients.register_fake(lambda a, h, _: (_like(a), _like(h)))
    states.register_autograd(adjoint, setup_context=save)
    run: Recurrence = states
    return run


def _like(x: Tensor) -> Tensor:
    """A contiguous array of the shape and kind of another."""
    return torch.empty(x.shape, dtype=x.dtype, device=x.device)


def _own(x: Tensor, *given: Tensor) -> Tensor:
    """The same numbers, contiguous, in memory that was not given."""
    x = x.resolve_conj().resolve_neg().contiguous()
    return x.clone() if any(x is y for y in given) else x
