"""A training step of a tanh network by hand, gradients and all.

What ``bptt.py`` does for any loss inside autograd, written as the
equations of the chapter are, and without it.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from bookfigs.core.axes import Sequence, States, require
from bookfigs.core.rnn import rnn_states


class Weights(NamedTuple):
    """The weights of a tanh network, or a gradient of them."""

    W_hx: Tensor
    W_hh: Tensor
    b: Tensor


def bptt(x: Sequence, h: States, g: States, W_hh: Tensor) -> Weights:
    """Gradients of the weights, by backpropagation through time.

    Write δ_t for the gradient of the loss at h_t, and g_t for the
    part of it that does not come through later states:

    δ_{t-1} = g_{t-1} + W_hhᵀ ((1 - h_t²) ⊙ δ_t),  δ_T = g_T
    ∂W_hx = Σ_t ((1 - h_t²) ⊙ δ_t) x_tᵀ
    ∂W_hh = Σ_t ((1 - h_t²) ⊙ δ_t) h_{t-1}ᵀ,  h_0 = 0
    ∂b    = Σ_t (1 - h_t²) ⊙ δ_t

    (Werbos 1990, Proc. IEEE 78:1550-1560), summed over the batch.

    Shapes: x (B, T, D); h and g (B, T, N); W_hh (N, N).
    Preconditions: h are the states for x, from h_0 = 0.
    Edge cases: T = 0 gives zeros.
    Cost: B·T·N·(D + 2 N) multiply-adds; only δ is walked, in T - 1
    dependent products, and each sum over time is one product.
    """
    slope = 1 - h.square()  # of tanh, at every step
    delta = g.clone()
    for t in range(h.shape[1] - 1, 0, -1):  # the last step first
        delta[:, t - 1] += (slope[:, t] * delta[:, t]) @ W_hh
    inner = slope * delta
    return Weights(
        W_hx=torch.einsum("btn,btd->nd", inner, x),
        W_hh=torch.einsum("btn,btm->nm", inner[:, 1:], h[:, :-1]),
        b=inner.sum(dim=(0, 1)),
    )


def batch_step(
    weights: Weights, x: Sequence, y: States, rate: float
) -> tuple[Weights, Tensor]:
    """One step of gradient descent on a batch of sequences.

    w ← w - rate ∂L/∂w,  L = Σ (h - y)² / (B·T·N)

    Shapes: x (B, T, D); y (B, T, N), what the states should be.
    Preconditions: B, T and N are at least 1.
    Raises: ValueError for inputs and weights that do not fit.
    Cost: a forward pass and :func:`bptt`. In each direction a step
    of time is one product for the whole batch.
    """
    _require(weights, x, y)
    h = rnn_states(x, *weights)  # forward
    error = h - y
    loss = error.square().mean()
    g = 2 * error / error.numel()  # of the loss, at each state
    gradient = bptt(x, h, g, weights.W_hh)  # backward
    updated = Weights(
        W_hx=weights.W_hx - rate * gradient.W_hx,
        W_hh=weights.W_hh - rate * gradient.W_hh,
        b=weights.b - rate * gradient.b,
    )
    return updated, loss


def _require(weights: Weights, x: Tensor, y: Tensor) -> None:
    """Refuse what is not the input and target of such a network."""
    require(
        "batch_step",
        W_hh=(weights.W_hh, "N N"),
        W_hx=(weights.W_hx, "N D"),
        b=(weights.b, "N"),
        x=(x, "B T D"),
        y=(y, "B T N"),
    )
