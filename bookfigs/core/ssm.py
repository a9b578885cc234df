"""Diagonal state space models, and S4D, which is one.

A continuous system h' = A h + B x, y = C h with a diagonal A, made
discrete, is a linear recurrence. In S4D (Gu et al. 2022,
arXiv:2206.11893) it is the same at every step.
"""

import torch
from torch import Tensor, nn

from bookfigs.core.axes import (
    Sequence,
    require_axes,
    require_dtype,
    require_numbers,
)
from bookfigs.core.convolution import powers
from bookfigs.core.recurrence import Form, linear_recurrence
from bookfigs.core.spectra import log_uniform, spectrum


def zero_order_hold(A: Tensor, dt: Tensor) -> tuple[Tensor, Tensor]:
    """The exact solution over a step in which the input is constant.

    Ā = exp(ΔA),  B̄ = (ΔA)⁻¹ (exp(ΔA) - 1) · ΔB, here with B = 1
    (S4D, section 3.1; Mamba, equation 4).

    Shapes: A and dt broadcast to the shape of both results.
    Preconditions: A ≠ 0.
    Edge cases: a small ΔA loses no digits.
    Cost: an exponential for each number of either result.
    """
    z = dt * A
    return torch.exp(z), torch.expm1(z) / A


def bilinear(A: Tensor, dt: Tensor) -> tuple[Tensor, Tensor]:
    """The trapezoidal rule: slopes averaged over both ends of a step.

    Ā = (1 + ΔA/2) / (1 - ΔA/2),  B̄ = (1 - ΔA/2)⁻¹ · ΔB, with B = 1
    (S4D, section 3.1).

    Shapes: A and dt broadcast to the shape of both results.
    Preconditions: ΔA ≠ 2, as holds where Re A < 0.
    Cost: a division for each number of either result.
    """
    half = dt * A / 2
    return (1 + half) / (1 - half), dt / (1 - half)


DISCRETIZATIONS = {"zoh": zero_order_hold, "bilinear": bilinear}


class Diagonal(nn.Module):
    """h_t = Ā_t ⊙ h_{t-1} + b_t, N states for each of D channels.

    What Ā, b and the output are, each model says for itself.
    """

    def __init__(self, A: Tensor, form: Form) -> None:
        super().__init__()
        self.form = form
        self.A_log = nn.Parameter(torch.log(-A.real))
        self.D = nn.Parameter(torch.ones(len(A)))

    def eigenvalues(self) -> Tensor:
        """A, real and negative so that every mode decays."""
        return -torch.exp(self.A_log)

    def system(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Ā (D, N) or (..., D, N), and b (..., D, N), from x."""
        raise NotImplementedError

    def output(self, x: Tensor, h: Tensor) -> Tensor:
        """The output (..., D) of the states h (..., D, N)."""
        raise NotImplementedError

    def initial_state(self, batch: int) -> Tensor:
        """Zeros (batch, D, N)."""
        return torch.zeros_like(self.eigenvalues()).repeat(
            batch, 1, 1
        )

    def forward(
        self, x: Sequence, h: Tensor | None = None
    ) -> tuple[Sequence, Tensor]:
        """The output sequence, and the last state."""
        self._check(x, h)
        h = self.initial_state(len(x)) if h is None else h
        a, b = self.system(x)
        states = linear_recurrence(
            a.flatten(-2), b.flatten(2), h.flatten(1), form=self.form
        ).unflatten(2, h.shape[1:])
        last = states[:, -1] if x.shape[1] else h
        return self.output(x, states), last

    def step(self, x_t: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """One step: output (B, D), and the next state."""
        a, b = self.system(x_t)
        h = a * h + b
        return self.output(x_t, h), h

    def _check(self, x: Tensor, h: Tensor | None) -> None:
        """Refuse an input and a state that do not fit."""
        where, A = type(self).__name__, self.A_log
        require_axes(
            where,
            A=(A, "D N"),
            x=(x, "B T D"),
            state=(h, "B D N"),
        )
        require_numbers(where, A=A, x=x, state=h)
        require_dtype(where, A=A, x=x)


class S4D(Diagonal):
    """One diagonal system for each channel, the same at every step.

    h_t = Ā ⊙ h_{t-1} + B̄ x_t,   y_t = 2 Re(C h_t) + D x_t
    A = -exp(α) + iω; B = 1, for only its product with C counts.
    (Without the factor 2 if A is real.)

    ``form="fft"`` never builds the states: it convolves x with the
    kernel K_t = 2 Re(Σ_n C_n Ā_nᵗ B̄_n) (S4D, section 3.2).

    Shapes: x (B, T, D); state (B, D, N/2) complex, or (B, D, N) if
    A starts real; result (B, T, D) and the last state.
    Edge cases: T = 0 gives (B, 0, D) and the state it began with.
    Raises: ValueError for an unknown init or discretization, step
    sizes not in 0 < dt[0] ≤ dt[1], or shapes that do not fit.
    Cost: loop and scan 2·B·T·D·N multiply-adds around a recurrence
    of D·N/2 channels; fft three transforms of D channels, and
    2·D·N·T for the kernel.
    """

    def __init__(
        self,
        d_model: int,
        d_state: int = 64,
        *,
        init: str = "lin",
        discretization: str = "zoh",
        dt: tuple[float, float] = (1e-3, 1e-1),
        form: Form = "auto",
    ) -> None:
        if discretization not in DISCRETIZATIONS:
            message = (
                f"discretization={discretization!r} is unknown; "
                f"discretizations: {', '.join(DISCRETIZATIONS)}"
            )
            raise ValueError(message)
        A = spectrum(init, d_state).expand(d_model, -1)
        super().__init__(A, form)
        self.discretize = DISCRETIZATIONS[discretization]
        C = torch.randn(A.shape, dtype=A.dtype)
        self.C_re = nn.Parameter(C.real.clone())
        self.paired = A.is_complex()
        if self.paired:
            self.A_im = nn.Parameter(A.imag.clone())
            self.C_im = nn.Parameter(C.imag.clone())
        self.dt_log = nn.Parameter(log_uniform(d_model, *dt).log())

    def eigenvalues(self) -> Tensor:
        """A, one of each pair, to the left of the imaginary axis."""
        A = super().eigenvalues()
        return torch.complex(A, self.A_im) if self.paired else A

    def readout(self) -> Tensor:
        """C, times the 2 of a conjugate pair."""
        if self.paired:
            return 2 * torch.complex(self.C_re, self.C_im)
        return self.C_re

    def discrete(self) -> tuple[Tensor, Tensor]:
        """Ā and B̄, each (D, N/2)."""
        dt = self.dt_log.exp().unsqueeze(-1)
        return self.discretize(self.eigenvalues(), dt)

    def system(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Ā, and B̄ x of each step."""
        a, b = self.discrete()
        return a, b * x.unsqueeze(-1)

    def output(self, x: Tensor, h: Tensor) -> Tensor:
        """Y = 2 Re(C h) + D x of each step."""
        return (h * self.readout()).sum(-1).real + self.D * x

    def forward(
        self, x: Sequence, h: Tensor | None = None
    ) -> tuple[Sequence, Tensor]:
        """The output sequence, and the last state."""
        if self.form != "fft" or x.shape[1] == 0:
            return super().forward(x, h)
        self._check(x, h)
        h = self.initial_state(len(x)) if h is None else h
        y, h = convolve(x, h, *self.discrete(), self.readout())
        return y + self.D * x, h


def convolve(
    x: Tensor, h: Tensor, a: Tensor, b: Tensor, c: Tensor
) -> tuple[Tensor, Tensor]:
    """Output and last state of a fixed system, without its states.

    y_t = Σ_{s≤t} Re(Σ_n c_n a_nᵗ⁻ˢ b_n) x_s + Re(Σ_n c_n a_nᵗ h_n)
    (S4D, section 3.2, with the state h before t = 1). Powers are
    taken in double precision: rounding a phase grows with its
    exponent.

    Shapes: x (B, T, D), real; h (B, D, N); a, b, c (D, N); results
    (B, T, D), real, and (B, D, N).
    Preconditions: T ≥ 1.
    Cost: three transforms of length 2T for D channels, and
    D·N·T·(2·B + 1) multiply-adds.
    """
    T = x.shape[1]
    steps = powers(a, T + 1)
    now, later = steps[..., :T], steps[..., 1:]
    kernel = torch.einsum("dn,dnt->td", c * b, now).real
    to, back = torch.fft.rfft, torch.fft.irfft
    product = to(kernel, 2 * T, dim=0) * to(x, 2 * T, dim=1)
    y = back(product, 2 * T, dim=1)[:, :T]
    y = y + torch.einsum("bdn,dnt->btd", c * h, later).real
    u = x.to(a.dtype)
    arrived = torch.einsum("btd,dnt->bdn", u, now.flip(-1))
    return y, later[..., -1] * h + b * arrived
