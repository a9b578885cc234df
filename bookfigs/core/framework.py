"""The framework's own recurrent layers, which walk in one kernel."""

from torch import Tensor, nn

from bookfigs.core.axes import Sequence, State, States, require
from bookfigs.core.gated import Pair


class FusedRNN(nn.Module):
    """The framework's ``nn.RNN``, ``nn.GRU`` or ``nn.LSTM``.

    One kernel walks all steps; the interface is that of the layers
    written by hand: batch first, no axis for stacked layers.

    Shapes: x (B, T, D); state (B, N), for LSTM two of them, zero if
    omitted; result (B, T, N) and the last state.
    Edge cases: T = 0 gives (B, 0, N) and the state it began with.
    Raises: ValueError for any other kind, or shapes, dtypes or
    devices that do not fit.
    Cost: as :func:`rnn_states`, :func:`gru_states`,
    :func:`lstm_states`.
    """

    kinds = ("RNN", "GRU", "LSTM")

    def __init__(
        self, kind: str, d_input: int, d_hidden: int
    ) -> None:
        super().__init__()
        if kind not in self.kinds:
            kinds = ", ".join(self.kinds)
            message = f"kind={kind!r} is unknown; kinds: {kinds}"
            raise ValueError(message)
        layer = getattr(nn, kind)
        self.layer = layer(d_input, d_hidden, batch_first=True)

    def initial_state(self, batch: int) -> State | Pair:
        """Zeros: (batch, N), for LSTM two of them."""
        weight: Tensor = self.layer.weight_hh_l0
        zeros = weight.new_zeros(2, batch, weight.shape[1])
        pair = isinstance(self.layer, nn.LSTM)
        return (zeros[0], zeros[1]) if pair else zeros[0]

    def forward(
        self, x: Sequence, state: State | Pair | None = None
    ) -> tuple[States, State | Pair]:
        """All hidden states, and the last state."""
        self._check(x, state)
        state = self.initial_state(len(x)) if state is None else state
        if x.shape[1] == 0:  # the kernel refuses an empty sequence
            return x.new_zeros(
                len(x), 0, self.layer.hidden_size
            ), state
        if isinstance(state, tuple):
            h, c = (z.unsqueeze(0) for z in state)
            y, (h, c) = self.layer(x, (h, c))
            return y, (h[0], c[0])
        y, h = self.layer(x, state.unsqueeze(0))
        return y, h[0]

    def step(
        self, x_t: State, state: State | Pair
    ) -> tuple[State, State | Pair]:
        """A sequence of one step."""
        y, state = self(x_t.unsqueeze(1), state)
        return y[:, 0], state

    def _check(self, x: Tensor, state: State | Pair | None) -> None:
        """Refuse what the kernel cannot compute."""
        h_0, c_0 = (
            state if isinstance(state, tuple) else (state, None)
        )
        W_x, W_h = self.layer.weight_ih_l0, self.layer.weight_hh_l0
        gates = len(W_h) // W_h.shape[1]
        rows = f"{gates}N" if gates > 1 else "N"
        require(
            f"FusedRNN({self.layer.mode})",
            W_h=(W_h, f"{rows} N"),
            W_x=(W_x, f"{rows} D"),
            x=(x, "B T D"),
            h_0=(h_0, "B N"),
            c_0=(c_0, "B N"),
        )
