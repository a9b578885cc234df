"""Mixing channels: what happens to each step on its own.

A linear recurrence mixes over time only; these maps between two of
them are what makes a stack of layers nonlinear.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from bookfigs.core.axes import Sequence, require


class MLP(nn.Module):
    """Two linear maps with a GELU between them, at each step alike.

    y = W_2 GELU(W_1 x), GELU(z) = z Φ(z), without biases
    (Shazeer 2020, arXiv:2002.05202, equation 3).

    Shapes: x and result (..., d_model); W_1 (d_hidden, d_model),
    W_2 (d_model, d_hidden).
    Raises: ValueError for a shape, dtype or device that does not fit.
    Cost: 2·d_model·d_hidden multiply-adds per step.
    """

    def __init__(self, d_model: int, d_hidden: int) -> None:
        super().__init__()
        self.W_1 = nn.Linear(d_model, d_hidden, bias=False)
        self.W_2 = nn.Linear(d_hidden, d_model, bias=False)

    def forward(self, x: Sequence) -> Sequence:
        """Each step by itself."""
        require("MLP", W_1=(self.W_1.weight, "N D"), x=(x, "* D"))
        y: Tensor = self.W_2(functional.gelu(self.W_1(x)))
        return y


GATES: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,  # GLU
    "identity": lambda z: z,  # Bilinear
    "relu": torch.relu,  # ReGLU
    "gelu": functional.gelu,  # GEGLU
    "swish": functional.silu,  # SwiGLU
}
"""What a gate does to W x; each comment has the paper's name."""


class GLU(nn.Module):
    """A gated linear unit: one projection decides about another.

    y = W_2 (gate(W x) ⊙ V x), without biases
    (Shazeer 2020, arXiv:2002.05202, equation 6).

    Shapes: x and result (..., d_model); W and V (d_hidden, d_model),
    W_2 (d_model, d_hidden).
    Raises: ValueError for a gate that :data:`GATES` does not have,
    or for a shape, dtype or device that does not fit.
    Cost: 3·d_model·d_hidden multiply-adds per step; two thirds of
    the width of an :class:`MLP` cost the same.
    """

    def __init__(
        self, d_model: int, d_hidden: int, gate: str = "swish"
    ) -> None:
        super().__init__()
        if gate not in GATES:
            gates = ", ".join(GATES)
            message = f"gate={gate!r} is unknown; gates: {gates}"
            raise ValueError(message)
        self.gate = GATES[gate]
        self.W = nn.Linear(d_model, d_hidden, bias=False)
        self.V = nn.Linear(d_model, d_hidden, bias=False)
        self.W_2 = nn.Linear(d_hidden, d_model, bias=False)

    def forward(self, x: Sequence) -> Sequence:
        """Each step by itself."""
        require("GLU", W=(self.W.weight, "N D"), x=(x, "* D"))
        y: Tensor = self.W_2(self.gate(self.W(x)) * self.V(x))
        return y


CHANNELS: dict[str, Callable[[int], nn.Module | None]] = {
    "mlp": lambda d_model: MLP(d_model, 4 * d_model),
    "glu": lambda d_model: GLU(d_model, 8 * d_model // 3),
    "none": lambda _: None,
}
"""By name, of equal cost: two maps of 4 D, or three of 8/3 D."""
