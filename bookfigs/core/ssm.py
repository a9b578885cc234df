"""State space models: S4D, and the selective SSM of Mamba.

A continuous system h' = A h + B x, y = C h with a diagonal A, made
discrete, is a linear recurrence. In S4D (Gu et al. 2022,
arXiv:2206.11893) it is the same at every step; in the selective SSM
(Gu and Dao 2023, arXiv:2312.00752) it depends on the input.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from bookfigs.core.axes import Sequence
from bookfigs.core.gated import require
from bookfigs.core.recurrence import Form, linear_recurrence


def zero_order_hold(A: Tensor, dt: Tensor) -> tuple[Tensor, Tensor]:
    """The exact solution over a step in which the input is constant.

    Ā = exp(ΔA),  B̄ = (ΔA)⁻¹ (exp(ΔA) - 1) · ΔB, here with B = 1
    (S4D, section 3.1; Mamba, equation 4).

    Shapes: A and dt broadcast to the shape of both results.
    Preconditions: A ≠ 0; a small ΔA loses no digits.
    """
    z = dt * A
    return torch.exp(z), torch.expm1(z) / A


def bilinear(A: Tensor, dt: Tensor) -> tuple[Tensor, Tensor]:
    """The trapezoidal rule: slopes averaged over both ends of a step.

    Ā = (1 + ΔA/2) / (1 - ΔA/2),  B̄ = (1 - ΔA/2)⁻¹ · ΔB, with B = 1
    (S4D, section 3.1).

    Shapes: A and dt broadcast to the shape of both results.
    Preconditions: ΔA ≠ 2, as holds where Re A < 0.
    """
    half = dt * A / 2
    return (1 + half) / (1 - half), dt / (1 - half)


DISCRETIZATIONS = {"zoh": zero_order_hold, "bilinear": bilinear}


def spectrum(init: str, d_state: int) -> Tensor:
    """The diagonal of A at the start, each by name.

    lin:  A_n = -1/2 + iπn                         (S4D-Lin)
    inv:  A_n = -1/2 + i (N/π) (N/(2n + 1) - 1)    (S4D-Inv)
    real: A_n = -(n + 1)                           (S4D-Real)

    (S4D, section 4, with N = d_state.) Complex eigenvalues come in
    conjugate pairs, of which one each is kept.

    Shapes: (N/2,) complex, for ``real`` (N,).
    Raises: ValueError for another name, or an odd N in pairs.
    """
    if init not in ("lin", "inv", "real"):
        message = f"init={init!r} is unknown; inits: lin, inv, real"
        raise ValueError(message)
    if init == "real":
        return -torch.arange(1.0, d_state + 1)
    if d_state % 2:
        message = (
            f"d_state={d_state}: init={init!r} needs conjugate "
            "pairs, an even number of states"
        )
        raise ValueError(message)
    n = torch.arange(d_state // 2)
    imag = math.pi * n
    if init == "inv":
        imag = d_state / math.pi * (d_state / (2 * n + 1) - 1)
    return torch.complex(torch.full_like(imag, -0.5), imag)


class _Diagonal(nn.Module):
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
        h = self._fitting(x, h)
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

    def _fitting(self, x: Tensor, h: Tensor | None) -> Tensor:
        """The state to begin with, if it and x fit."""
        h = self.initial_state(len(x)) if h is None else h
        require(
            x=(x, (*x.shape[:2], len(self.D))),
            state=(h, (len(x), *self.A_log.shape)),
        )
        return h


class S4D(_Diagonal):
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
        form: Form = "scan",
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
        h = self._fitting(x, h)
        y, h = convolve(x, h, *self.discrete(), self.readout())
        return y + self.D * x, h


class SelectiveSSM(_Diagonal):
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
        self, d_model: int, d_state: int = 16, *, form: Form = "scan"
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


def log_uniform(n: int, low: float, high: float) -> Tensor:
    """Step sizes spread evenly over the decades from low to high.

    Shapes: (n,), float32.
    Raises: ValueError unless 0 < low ≤ high.
    """
    if not 0 < low <= high:
        message = f"dt=({low}, {high}); needs 0 < dt[0] ≤ dt[1]"
        raise ValueError(message)
    return low * (high / low) ** torch.rand(n)


def convolve(
    x: Tensor, h: Tensor, a: Tensor, b: Tensor, c: Tensor
) -> tuple[Tensor, Tensor]:
    """Output and last state of a fixed system, without its states.

    Powers are taken in double precision: rounding a phase grows with
    its exponent.
    """
    T = x.shape[1]
    wide = torch.promote_types(a.dtype, torch.float64)
    powers = torch.linalg.vander(a.to(wide), N=T + 1).to(a.dtype)
    now, later = powers[..., :T], powers[..., 1:]
    kernel = torch.einsum("dn,dnt->td", c * b, now).real
    to, back = torch.fft.rfft, torch.fft.irfft
    product = to(kernel, 2 * T, dim=0) * to(x, 2 * T, dim=1)
    y = back(product, 2 * T, dim=1)[:, :T]
    y = y + torch.einsum("bdn,dnt->btd", c * h, later).real
    u = x.to(a.dtype)
    arrived = torch.einsum("btd,dnt->bdn", u, now.flip(-1))
    return y, later[..., -1] * h + b * arrived
