"""The selective state space model of Mamba.

Gu and Dao 2023, "Mamba: Linear-Time Sequence Modeling with Selective
State Spaces", arXiv:2312.00752. The discrete system is not the same
at every step: the input decides what is kept and what is let in.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from bookfigs.core.recurrence import Form
from bookfigs.core.spectra import log_uniform, spectrum
from bookfigs.core.ssm import Diagonal, zero_order_hold


class SelectiveSSM(Diagonal):
    """A diagonal system that the input changes at every step.

    Δ_t = softplus(W_Δ x_t + b_Δ),  B_t = W_B x_t,  C_t = W_C x_t
    h_t = Ā_t ⊙ h_{t-1} + B̄_t x_t,  y_t = C_t h_t + D x_t
    with zero-order hold (Mamba, equations 2 and 4, Algorithm 2). W_Δ
    has rank ⌈D/16⌉, A starts at -(n + 1) (section 3.6). All channels
    share B_t and C_t; each has its own N states.

    Shapes: x (B, T, D); state (B, D, N); result (B, T, D) and the
    last state.
    Edge cases: T = 0 gives (B, 0, D) and the state it began with.
    Raises: ValueError if the form needs fixed coefficients, or for
    shapes that do not fit.
    Cost: B·T·D·(2·N + D/8) multiply-adds for the maps and 3·B·T·D·N
    around a recurrence of D·N channels, which is kept in memory.
    """

    def __init__(
        self,
        d_model: int,
        d_state: int = 16,
        *,
        form: Form = "auto",
    ) -> None:
        A = spectrum("real", d_state).expand(d_model, -1)
        super().__init__(A, form)
        self.W_B = nn.Linear(d_model, d_state, bias=False)
        self.W_C = nn.Linear(d_model, d_state, bias=False)
        rank = math.ceil(d_model / 16)
        self.narrow = nn.Linear(d_model, rank, bias=False)
        self.widen = nn.Linear(rank, d_model)
        dt = log_uniform(d_model, 1e-3, 1e-1)
        with torch.no_grad():  # softplus(b_Δ) is the step at x = 0
            self.widen.bias.copy_(torch.log(torch.expm1(dt)))

    def system(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Ā and B̄ x of each step."""
        dt = functional.softplus(self.widen(self.narrow(x)))
        a, b = zero_order_hold(self.eigenvalues(), dt.unsqueeze(-1))
        B = self.W_B(x).unsqueeze(-2)
        return a, b * B * x.unsqueeze(-1)

    def output(self, x: Tensor, h: Tensor) -> Tensor:
        """Y = C h + D x of each step."""
        C: Tensor = self.W_C(x).unsqueeze(-1)
        return (h @ C).squeeze(-1) + self.D * x
