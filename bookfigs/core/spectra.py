"""Where eigenvalues and steps of a state space model start."""

import math

import torch
from torch import Tensor

INITS = ("lin", "inv", "legs", "real")


def spectrum(init: str, d_state: int) -> Tensor:
    """The diagonal of A at the start, each by name.

    lin:  A_n = -1/2 + iπn                         (S4D-Lin)
    inv:  A_n = -1/2 + i (N/π) (N/(2n + 1) - 1)    (S4D-Inv)
    legs: A_n = -1/2 + iω_n of the normal part     (S4D-LegS)
          of HiPPO, see :func:`legs`
    real: A_n = -(n + 1)                           (S4D-Real)

    (S4D: Gu et al. 2022, arXiv:2206.11893, section 4, with
    N = d_state.) Complex eigenvalues come in conjugate pairs, of
    which one each is kept.

    Shapes: (N/2,) complex, for ``real`` (N,).
    Raises: ValueError for another name, or an odd N in pairs.
    Cost: N numbers; for ``legs`` N³ operations.
    """
    if init not in INITS:
        inits = ", ".join(INITS)
        message = f"init={init!r} is unknown; inits: {inits}"
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
    if init == "legs":
        imag = legs(d_state).to(imag.dtype)
    return torch.complex(torch.full_like(imag, -0.5), imag)


def legs(d_state: int) -> Tensor:
    """ω > 0, rising, of the normal part of HiPPO-LegS: -1/2 ± iω.

    HiPPO-LegS (Gu et al. 2020, arXiv:2008.07669, theorem 2) remembers
    a past by Legendre polynomials: A_nk = -√(2n+1)√(2k+1) below the
    diagonal, -(n + 1) on it, zero above. With p_n = √(n + 1/2),
    A + p pᵀ = -1/2 + S is normal, for S_nk = -p_n p_k below the
    diagonal and p_n p_k above is skew; S4D-LegS keeps its eigenvalues
    (S4D, section 4; S5, Smith et al. 2022, arXiv:2208.04933, does
    so too). Those of the Hermitian iS are ±ω, without the noise that
    a solver for any matrix would add.

    Shapes: (N/2,), float64.
    Preconditions: N = d_state is even.
    Cost: N³ operations.
    """
    n = torch.arange(d_state, dtype=torch.float64)
    p = torch.sqrt(n + 0.5)
    below = torch.outer(p, p).tril(-1)
    omega: Tensor = torch.linalg.eigvalsh(1j * (below.T - below))
    return omega[d_state // 2 :]


def log_uniform(n: int, low: float, high: float) -> Tensor:
    """Step sizes spread evenly over the decades from low to high.

    Shapes: (n,), float32.
    Raises: ValueError unless 0 < low ≤ high.
    Cost: n numbers.
    """
    if not 0 < low <= high:
        message = f"dt=({low}, {high}); needs 0 < dt[0] ≤ dt[1]"
        raise ValueError(message)
    return low * (high / low) ** torch.rand(n)
