"""The Elman network: a recurrence that has to be walked."""

import math

import torch
from torch import Tensor, nn

from bookfigs.core.axes import Sequence, State, States, require


def rnn_states(
    x: Sequence,
    W_hx: Tensor,
    W_hh: Tensor,
    b: Tensor,
    h_0: State | None = None,
) -> States:
    """Every hidden state of a tanh recurrent network, step by step.

    h_t = tanh(W_hh h_{t-1} + W_hx x_t + b),  t = 1 … T
    (Elman 1990, Cognitive Science 14:179-211). The input projection
    W_hx x_t needs no state and is one product for all steps.

    Shapes: x (B, T, D); W_hx (N, D); W_hh (N, N); b (N,);
    h_0 (B, N), zero if omitted; result (B, T, N).
    Edge cases: T = 0 gives (B, 0, N).
    Raises: ValueError for shapes, dtypes or devices that do not fit.
    Cost: 2·B·T·N·(D + N) multiply-adds; the chain of dependent
    operations grows with T, and so does that of the backward pass.
    """
    require_weights("rnn_states", x, W_hx, W_hh, b, h_0)
    u = x @ W_hx.T + b  # all steps at once
    h = u.new_zeros(len(u), len(b)) if h_0 is None else h_0
    states = []
    for u_t in u.unbind(dim=1):  # one step after another
        h = torch.tanh(torch.addmm(u_t, h, W_hh.T))
        states.append(h)
    return torch.stack(states, dim=1) if states else u


def require_weights(  # noqa: PLR0917 - one for each letter
    where: str,
    x: Tensor,
    W_hx: Tensor,
    W_hh: Tensor,
    b: Tensor,
    h_0: Tensor | None,
) -> None:
    """Refuse what is not the input and weights of such a network.

    Shapes: as in :func:`rnn_states`.
    Raises, cost: as :func:`require`.
    """
    require(
        where,
        W_hh=(W_hh, "N N"),
        W_hx=(W_hx, "N D"),
        b=(b, "N"),
        x=(x, "B T D"),
        h_0=(h_0, "B N"),
    )


class RNN(nn.Module):
    """A tanh recurrent layer around :func:`rnn_states`.

    Weights start as in ``torch.nn.RNN``, uniform in ±1/√N, with one
    bias instead of two (their sum is what counts).
    """

    def __init__(self, d_input: int, d_hidden: int) -> None:
        super().__init__()
        self.W_hx = nn.Parameter(torch.empty(d_hidden, d_input))
        self.W_hh = nn.Parameter(torch.empty(d_hidden, d_hidden))
        self.b = nn.Parameter(torch.empty(d_hidden))
        bound = 1 / math.sqrt(d_hidden)
        for weight in self.parameters():
            nn.init.uniform_(weight, -bound, bound)

    def forward(
        self, x: Sequence, h_0: State | None = None
    ) -> States:
        """All hidden states; shapes as in :func:`rnn_states`."""
        return rnn_states(x, self.W_hx, self.W_hh, self.b, h_0)
