"""The convolution with the powers of a, by FFT, is the loop."""

import torch
from torch import Tensor
from torch.fft import irfft, rfft

from bookfigs.core.convolution import fft, powers
from bookfigs.core.recurrence import loop


def same(one: Tensor, other: Tensor) -> bool:
    """Whether two results agree to 12 digits after the point."""
    return torch.allclose(one, other, rtol=0, atol=1e-12)


torch.manual_seed(0)
B, T, N = 2, 1000, 3
a = torch.tensor([0.5, -0.9, 0.99], dtype=torch.float64)
b = torch.randn(B, T, N, dtype=torch.float64)
states, kernel = loop(a, b), powers(a, T).T

print("kernel of a = 0.5:", kernel[:5, 0].tolist())
last = (kernel.flip(0) * b).sum(dim=1)
print("last state, summed directly:", same(last, states[:, -1]))
print("all states, by FFT:", same(fft(a, b), states))
wrapped = irfft(rfft(kernel, dim=0) * rfft(b, dim=1), T, dim=1)
print("by FFT without padding:", same(wrapped, states))
