"""The Linear Recurrent Unit: a recurrence that need not be walked.

Orvieto et al. 2023, "Resurrecting Recurrent Neural Networks for Long
Sequences", arXiv:2303.06349; equations below are theirs.
"""

import math

import torch
from torch import Tensor, nn

from bookfigs.core.axes import Sequence, State, require
from bookfigs.core.recurrence import Form, linear_recurrence


class LRU(nn.Module):
    """A diagonal complex linear recurrence between two real maps.

    h_t = λ ⊙ h_{t-1} + γ ⊙ (B x_t),   y_t = Re(C h_t) + D ⊙ x_t
    λ = exp(-exp(ν) + i·exp(θ))         (section 3.3; |λ| < 1 always)
    γ = √(1 - |λ|²) at initialisation   (section 3.4)

    The moduli start uniform in area on the ring r_min ≤ |λ| ≤ r_max,
    the phases uniform in [0, max_phase) (Lemma 3.2). B and C start
    normal with variance 1/(2·d_model) and 1/d_state per part.

    Shapes: x (B, T, d_model); h_0 (B, d_state), complex; result
    (B, T, d_model).
    Raises: ValueError unless 0 ≤ r_min < r_max ≤ 1, max_phase > 0,
    or for shapes, dtypes or devices that do not fit.
    Cost: 8·B·T·d_model·d_state multiply-adds besides the recurrence.
    """

    def __init__(
        self,
        d_model: int,
        d_state: int,
        *,
        r_min: float = 0.0,
        r_max: float = 1.0,
        max_phase: float = 2 * math.pi,
    ) -> None:
        super().__init__()
        if not (0 <= r_min < r_max <= 1 and max_phase > 0):
            message = (
                f"LRU(r_min={r_min}, r_max={r_max}, max_phase="
                f"{max_phase}): needs 0 ≤ r_min < r_max ≤ 1 and "
                "max_phase > 0"
            )
            raise ValueError(message)
        nu, theta = ring(d_state, r_min, r_max, max_phase)
        self.nu_log = nn.Parameter(nu.log())
        self.theta_log = nn.Parameter(theta.log())
        # 1 - exp(-2 nu), without cancellation near |lambda| = 1
        gamma = torch.sqrt(-torch.expm1(-2 * nu))
        self.gamma_log = nn.Parameter(gamma.log())
        B = torch.randn(2, d_state, d_model) / math.sqrt(2 * d_model)
        C = torch.randn(2, d_model, d_state) / math.sqrt(d_state)
        self.B_re, self.B_im = map(nn.Parameter, B)
        self.C_re, self.C_im = map(nn.Parameter, C)
        self.D = nn.Parameter(torch.randn(d_model))

    def eigenvalues(self) -> Tensor:
        """λ (d_state,), complex, inside the unit circle."""
        modulus = torch.exp(-torch.exp(self.nu_log))
        return torch.polar(modulus, torch.exp(self.theta_log))

    def forward(
        self,
        x: Sequence,
        h_0: State | None = None,
        *,
        form: Form = "auto",
    ) -> Sequence:
        """The output sequence, by any form of the recurrence."""
        require("LRU", B=(self.B_re, "N D"), x=(x, "B T D"))
        gamma = torch.exp(self.gamma_log).unsqueeze(-1)
        u = torch.complex(
            x @ (gamma * self.B_re).T, x @ (gamma * self.B_im).T
        )
        h = linear_recurrence(self.eigenvalues(), u, h_0, form=form)
        y = h.real @ self.C_re.T - h.imag @ self.C_im.T
        return y + self.D * x


def ring(
    n: int, r_min: float, r_max: float, max_phase: float
) -> tuple[Tensor, Tensor]:
    """ν and θ of n eigenvalues exp(-ν + iθ), uniform on a ring.

    With u uniform in (0, 1): ν = -½ ln(u (r_max² - r_min²) + r_min²)
    and θ = max_phase · u' (Lemma 3.2). u keeps off 0, where a modulus
    of zero would need ν = ∞, and off 1, where ν = 0 has no logarithm.

    Shapes: both (n,), float32, positive.
    Cost: 2·n random numbers.
    """
    tiny = torch.finfo(torch.float32).eps
    u, phase = torch.rand(2, n).clamp(tiny, 1 - tiny)
    nu = -0.5 * torch.log(u * (r_max**2 - r_min**2) + r_min**2)
    nu = nu.clamp(min=tiny / 2)  # else |λ| would be rounded to 1
    return nu, max_phase * phase
