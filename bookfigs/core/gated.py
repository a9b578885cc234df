"""Gated recurrent networks: GRU and LSTM, by hand.

Every layer maps ``(x, state)`` to ``(y, state)``: the states of all
steps and the one to go on from. ``step`` does the same for one step.
"""

import math

import torch
from torch import Tensor, nn

from bookfigs.core.axes import Sequence, State, States, require

Pair = tuple[State, State]
"""What an LSTM remembers: h, which it shows, and c."""


def gru_step(u_t: State, h: State, W_h: Tensor, b_n: Tensor) -> State:
    """One step of a GRU from its projected input u_t.

    r = σ(u_r + W_r h)              what to read of the state
    z = σ(u_z + W_z h)              what to keep of it
    n = tanh(u_n + r ⊙ (W_n h + b_n))
    h ← (1 - z) ⊙ n + z ⊙ h

    (Cho et al. 2014, arXiv:1406.1078, equations 5 to 8; as in
    ``torch.nn.GRU`` the gate r acts after the product with W_n.)

    Shapes: u_t (B, 3N) and W_h (3N, N) in the order r, z, n;
    b_n (N,); h and result (B, N).
    Cost: 3·B·N² multiply-adds.
    """
    N = h.shape[-1]
    u_rz, u_n = u_t.split([2 * N, N], dim=-1)
    v_rz, v_n = (h @ W_h.T).split([2 * N, N], dim=-1)
    r, z = torch.sigmoid(u_rz + v_rz).chunk(2, dim=-1)
    n = torch.tanh(u_n + r * (v_n + b_n))
    return (1 - z) * n + z * h


def gru_states(  # noqa: PLR0917 - one for each letter
    x: Sequence,
    W_x: Tensor,
    W_h: Tensor,
    b: Tensor,
    b_n: Tensor,
    h_0: State | None = None,
) -> States:
    """Every hidden state of a GRU, step by step.

    Shapes: x (B, T, D); W_x (3N, D), W_h (3N, N), b (3N,) in the
    order r, z, n; b_n (N,); h_0 (B, N), zero if omitted; result
    (B, T, N). The equations are those of :func:`gru_step`.
    Edge cases: T = 0 gives (B, 0, N).
    Raises: ValueError if the shapes do not fit.
    Cost: 3·B·T·N·(D + N) multiply-adds; T dependent steps.
    """
    require(
        "gru_states",
        W_h=(W_h, "3N N"),
        W_x=(W_x, "3N D"),
        b=(b, "3N"),
        b_n=(b_n, "N"),
        x=(x, "B T D"),
        h_0=(h_0, "B N"),
    )
    h = _zeros(x, W_h) if h_0 is None else h_0
    u = x @ W_x.T + b  # all steps at once
    states = []
    for u_t in u.unbind(dim=1):  # one step after another
        h = gru_step(u_t, h, W_h, b_n)
        states.append(h)
    if not states:
        return u[..., : len(b_n)]
    return torch.stack(states, dim=1)


def lstm_step(u_t: State, state: Pair, W_h: Tensor) -> Pair:
    """One step of an LSTM from its projected input u_t.

    i, f, o = σ(u + W h), each with its own rows of u and W
    g = tanh(u_g + W_g h)
    c ← f ⊙ c + i ⊙ g
    h ← o ⊙ tanh(c)

    (Hochreiter and Schmidhuber 1997, Neural Computation 9:1735-1780,
    with the forget gate f of Gers et al. 2000, ibid. 12:2451-2471.)

    Shapes: u_t (B, 4N) and W_h (4N, N) in the order i, f, g, o; h, c
    and both results (B, N).
    Cost: 4·B·N² multiply-adds.
    """
    h, c = state
    i, f, g, o = (u_t + h @ W_h.T).chunk(4, dim=-1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def lstm_states(
    x: Sequence,
    W_x: Tensor,
    W_h: Tensor,
    b: Tensor,
    state: Pair | None = None,
) -> tuple[States, State]:
    """Every hidden state of an LSTM, and its last cell state.

    Shapes: x (B, T, D); W_x (4N, D), W_h (4N, N), b (4N,) in the
    order i, f, g, o; state two times (B, N), zero if omitted; result
    (B, T, N) and (B, N). The equations are those of
    :func:`lstm_step`.
    Edge cases: T = 0 gives (B, 0, N) and the cell state it began
    with.
    Raises: ValueError if the shapes do not fit.
    Cost: 4·B·T·N·(D + N) multiply-adds; T dependent steps.
    """
    h_0, c_0 = (None, None) if state is None else state
    require(
        "lstm_states",
        W_h=(W_h, "4N N"),
        W_x=(W_x, "4N D"),
        b=(b, "4N"),
        x=(x, "B T D"),
        h_0=(h_0, "B N"),
        c_0=(c_0, "B N"),
    )
    if state is None:
        state = _zeros(x, W_h), _zeros(x, W_h)
    u = x @ W_x.T + b  # all steps at once
    states = []
    for u_t in u.unbind(dim=1):  # one step after another
        state = lstm_step(u_t, state, W_h)
        states.append(state[0])
    if not states:
        return u[..., : W_h.shape[1]], state[1]
    return torch.stack(states, dim=1), state[1]


class GRU(nn.Module):
    """A layer around :func:`gru_states`.

    Weights start as in ``torch.nn.GRU``, uniform in ±1/√N. Of its
    two biases only the sum counts, except in n: that is b_n.
    """

    def __init__(self, d_input: int, d_hidden: int) -> None:
        super().__init__()
        self.W_x = nn.Parameter(torch.empty(3 * d_hidden, d_input))
        self.W_h = nn.Parameter(torch.empty(3 * d_hidden, d_hidden))
        self.b = nn.Parameter(torch.empty(3 * d_hidden))
        self.b_n = nn.Parameter(torch.empty(d_hidden))
        _uniform(self, d_hidden)

    def initial_state(self, batch: int) -> State:
        """Zeros (batch, N)."""
        return self.b_n.new_zeros(batch, len(self.b_n))

    def forward(
        self, x: Sequence, h: State | None = None
    ) -> tuple[States, State]:
        """All hidden states, and the last of them."""
        h = self.initial_state(len(x)) if h is None else h
        y = gru_states(x, self.W_x, self.W_h, self.b, self.b_n, h)
        return y, y[:, -1] if y.shape[1] else h

    def step(self, x_t: State, h: State) -> tuple[State, State]:
        """The next hidden state, twice: output and memory."""
        u_t = x_t @ self.W_x.T + self.b
        h = gru_step(u_t, h, self.W_h, self.b_n)
        return h, h


class LSTM(nn.Module):
    """A layer around :func:`lstm_states`.

    Weights start as in ``torch.nn.LSTM``, uniform in ±1/√N, with one
    bias instead of two (their sum is what counts).
    """

    def __init__(self, d_input: int, d_hidden: int) -> None:
        super().__init__()
        self.W_x = nn.Parameter(torch.empty(4 * d_hidden, d_input))
        self.W_h = nn.Parameter(torch.empty(4 * d_hidden, d_hidden))
        self.b = nn.Parameter(torch.empty(4 * d_hidden))
        _uniform(self, d_hidden)

    def initial_state(self, batch: int) -> Pair:
        """Zeros, two times (batch, N)."""
        N = self.W_h.shape[1]
        zeros = self.b.new_zeros(2, batch, N)
        return zeros[0], zeros[1]

    def forward(
        self, x: Sequence, state: Pair | None = None
    ) -> tuple[States, Pair]:
        """All hidden states, and the last (h, c)."""
        state = self.initial_state(len(x)) if state is None else state
        y, c = lstm_states(x, self.W_x, self.W_h, self.b, state)
        return y, (y[:, -1] if y.shape[1] else state[0], c)

    def step(self, x_t: State, state: Pair) -> tuple[State, Pair]:
        """The next hidden state, and (h, c)."""
        u_t = x_t @ self.W_x.T + self.b
        state = lstm_step(u_t, state, self.W_h)
        return state[0], state


def _zeros(x: Tensor, W_h: Tensor) -> State:
    """The state to begin with, if none is given."""
    return x.new_zeros(len(x), W_h.shape[-1])


def _uniform(layer: nn.Module, d_hidden: int) -> None:
    """Every weight uniform in ±1/√N."""
    bound = 1 / math.sqrt(d_hidden)
    for weight in layer.parameters():
        nn.init.uniform_(weight, -bound, bound)
