"""Causal attention: every step looks at all earlier ones at once."""

import math
from typing import Annotated, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from bookfigs.core.axes import Sequence, require

Form = Literal["definition", "fused"]
Heads = Annotated[Tensor, "B H T D/H"]


def causal_attention(q: Heads, k: Heads, v: Heads) -> Heads:
    """softmax(q kᵀ/√d + mask) v, where mask hides the future.

    Vaswani et al. 2017, arXiv:1706.03762, equation 1; d is the size
    of the last axis, the mask -∞ above the diagonal.

    Shapes: q, k, v and result (..., T, d).
    Edge cases: T = 0 gives no outputs. NaN or inf in v may reach
    earlier steps, too: 0 · NaN is no number.
    Raises: ValueError for shapes, dtypes or devices that do not fit.
    Cost: 2·T²·d multiply-adds and T² memory per head and sequence; a
    constant number of dependent tensor operations.
    """
    require(
        "causal_attention",
        q=(q, "* T d"),
        k=(k, "* T d"),
        v=(v, "* T d"),
    )
    T, d = q.shape[-2:]
    scores = (q / math.sqrt(d)) @ k.transpose(-2, -1)
    future = torch.ones(T, T, dtype=torch.bool, device=q.device)
    scores = scores.masked_fill(future.triu(1), -math.inf)
    return torch.softmax(scores, dim=-1) @ v


class CausalAttention(nn.Module):
    """Multi-head causal self-attention with its four projections.

    ``form="fused"`` calls the framework's kernel, which does not keep
    the T × T scores; ``form="definition"`` is
    :func:`causal_attention`.

    Shapes: x and result (B, T, d_model).
    Raises: ValueError if heads does not divide d_model, for an
    unknown form, or for a shape, dtype or device that does not fit.
    Cost: 4·B·T·d_model² multiply-adds besides attention itself.
    """

    def __init__(self, d_model: int, heads: int = 1) -> None:
        super().__init__()
        if heads < 1 or d_model % heads:
            message = (
                f"CausalAttention(d_model={d_model}, heads={heads}): "
                "heads must divide d_model"
            )
            raise ValueError(message)
        self.heads = heads
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(
        self,
        x: Sequence,
        *,
        form: Form = "fused",
    ) -> Sequence:
        """The output sequence."""
        if form not in get_args(Form):
            forms = ", ".join(get_args(Form))
            message = f"form={form!r} is unknown; forms: {forms}"
            raise ValueError(message)
        W = self.qkv.weight
        require("CausalAttention", W=(W, "3D D"), x=(x, "B T D"))
        B, T, D = x.shape
        qkv = self.qkv(x).view(B, T, 3, self.heads, D // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        if form == "fused":
            y = functional.scaled_dot_product_attention(
                q, k, v, is_causal=True
            )
        else:
            y = causal_attention(q, k, v)
        mixed: Tensor = self.out(y.transpose(1, 2).reshape(B, T, D))
        return mixed
