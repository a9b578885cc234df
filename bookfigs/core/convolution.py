"""A linear recurrence with fixed coefficients is a convolution.

Unrolled from h_0 = 0, h_t = Σ_{k<t} a^k b_{t-k}: the inputs,
convolved with the kernel (1, a, a², …), channel by channel.
"""

import torch
from torch import Tensor

from bookfigs.core.axes import States


def kernel(a: Tensor, T: int) -> Tensor:
    """Powers a^0 … a^(T-1), (N, T), taken in double precision.

    The last power is a product of T - 1 factors, each of which may
    add a rounding error.
    """
    wide = torch.promote_types(a.dtype, torch.float64)
    powers: Tensor = torch.linalg.vander(a.to(wide), N=T + 1)
    return powers[:, :T].to(a.dtype)


def fft(a: Tensor, b: States) -> States:
    """By the convolution theorem; padded to 2T, so nothing wraps.

    Cost: three transforms of length 2T, O(B·N·T log T) operations;
    the number of dependent tensor operations does not grow with T.
    """
    T = b.shape[1]
    to, back = torch.fft.rfft, torch.fft.irfft
    if b.is_complex():
        to, back = torch.fft.fft, torch.fft.ifft
    powers = kernel(a, T).T
    product = to(powers, 2 * T, dim=0) * to(b, 2 * T, dim=1)
    states: States = back(product, 2 * T, dim=1)
    return states[:, :T]


def direct(a: Tensor, b: States) -> States:
    """By the sum itself, every output at once.

    Cost: B·N·T² multiply-adds, one tensor operation. For short
    sequences, and to see what a convolution is.
    """
    T, N = b.shape[1:]
    weight = kernel(a, T).flip(1).unsqueeze(1)  # (N, 1, T)
    past = torch.nn.functional.pad(b.mT, (T - 1, 0))
    return torch.conv1d(past, weight, groups=N).mT
