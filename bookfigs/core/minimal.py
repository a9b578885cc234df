"""minGRU and minLSTM: gates that do not look at the state.

Feng et al. 2024, "Were RNNs All We Needed?", arXiv:2410.01201. With
the state out of the gates, what is left of GRU and LSTM is a linear
recurrence h_t = a_t ⊙ h_{t-1} + b_t, and can be scanned.
"""

import torch
from torch import Tensor, nn

from bookfigs.core.axes import Sequence, State, States, require
from bookfigs.core.recurrence import Form, linear_recurrence


class _Minimal(nn.Module):
    """A linear recurrence whose coefficients come from the input."""

    def __init__(self, d_hidden: int, form: Form) -> None:
        super().__init__()
        self.d_hidden, self.form = d_hidden, form

    def coefficients(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """A and b of each step, (..., N) both."""
        raise NotImplementedError

    def initial_state(self, batch: int) -> State:
        """Zeros (batch, N)."""
        weight = next(self.parameters())
        return weight.new_zeros(batch, self.d_hidden)

    def forward(
        self, x: Sequence, h: State | None = None
    ) -> tuple[States, State]:
        """All states, and the last of them."""
        weight = next(self.parameters())
        require(
            type(self).__name__,
            W=(weight, "N D"),
            x=(x, "B T D"),
            h_0=(h, "B N"),
        )
        h = self.initial_state(len(x)) if h is None else h
        a, b = self.coefficients(x)
        y = linear_recurrence(a, b, h, form=self.form)
        return y, y[:, -1] if y.shape[1] else h

    def step(self, x_t: State, h: State) -> tuple[State, State]:
        """The next state, twice: output and memory."""
        a_t, b_t = self.coefficients(x_t)
        h = a_t * h + b_t
        return h, h


class MinGRU(_Minimal):
    """A GRU without the state in its gate, and without tanh.

    z_t = σ(W_z x_t),  h̃_t = W_h x_t        (section 3.1)
    h_t = (1 - z_t) ⊙ h_{t-1} + z_t ⊙ h̃_t

    Shapes: x (B, T, D); h (B, N), zero if omitted; result (B, T, N)
    and (B, N).
    Edge cases: T = 0 gives (B, 0, N) and the state it began with.
    Raises: ValueError if the form needs fixed coefficients, or for
    shapes, dtypes or devices that do not fit.
    Cost: 2·B·T·D·N multiply-adds besides the recurrence.
    """

    def __init__(
        self, d_input: int, d_hidden: int, *, form: Form = "auto"
    ) -> None:
        super().__init__(d_hidden, form)
        self.W_z = nn.Linear(d_input, d_hidden)
        self.W_h = nn.Linear(d_input, d_hidden)

    def coefficients(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The shares 1 - z and z ⊙ h̃, for any number of steps."""
        k = self.W_z(x)
        # 1 - σ(k) = σ(-k), without cancellation
        return torch.sigmoid(-k), torch.sigmoid(k) * self.W_h(x)


class MinLSTM(_Minimal):
    """An LSTM without the state in its gates, which share a sum.

    f_t = σ(W_f x_t),  i_t = σ(W_i x_t),  h̃_t = W_h x_t
    f'_t = f_t / (f_t + i_t),  i'_t = i_t / (f_t + i_t)
    h_t = f'_t ⊙ h_{t-1} + i'_t ⊙ h̃_t       (section 3.2)

    Shapes: x (B, T, D); h (B, N), zero if omitted; result (B, T, N)
    and (B, N).
    Edge cases: T = 0 gives (B, 0, N) and the state it began with;
    gates that both round to zero still share their sum.
    Raises: ValueError if the form needs fixed coefficients, or for
    shapes, dtypes or devices that do not fit.
    Cost: 3·B·T·D·N multiply-adds besides the recurrence.
    """

    def __init__(
        self, d_input: int, d_hidden: int, *, form: Form = "auto"
    ) -> None:
        super().__init__(d_hidden, form)
        self.W_f = nn.Linear(d_input, d_hidden)
        self.W_i = nn.Linear(d_input, d_hidden)
        self.W_h = nn.Linear(d_input, d_hidden)

    def coefficients(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """F' and i' ⊙ h̃, for any number of steps."""
        log = nn.functional.logsigmoid
        # f / (f + i) = σ(ln f - ln i), which cannot be 0 / 0
        balance = log(self.W_f(x)) - log(self.W_i(x))
        share = torch.sigmoid(balance), torch.sigmoid(-balance)
        return share[0], share[1] * self.W_h(x)
