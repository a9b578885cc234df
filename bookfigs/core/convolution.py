"""A linear recurrence with fixed coefficients is a convolution.

Unrolled from h_0 = 0, h_t = Σ_{k<t} a^k b_{t-k}: the inputs,
convolved with the kernel (1, a, a², …), channel by channel.
"""

import torch
from torch import Tensor
from torch.autograd import Function

from bookfigs.core.adjoint import Context
from bookfigs.core.axes import States


def powers(a: Tensor, T: int) -> Tensor:
    """a^0 … a^(T-1), of the dtype of a, taken in double precision.

    The last power is a product of T - 1 factors, each of which may
    add a rounding error.

    Shapes: a (..., N); result (..., N, T).
    Edge cases: a power too small for its dtype is zero. 0^0 = 1, and
    the gradient Σ_k k a^(k-1) is right at zero too.
    Cost: T - 1 multiplications for each number, twice that backward;
    one tensor operation.
    """
    wide = torch.promote_types(a.dtype, torch.float64)
    result: Tensor = _Powers.apply(a.to(wide), T)
    return result.to(a.dtype)


class _Powers(Function):
    """Powers, whose gradient never divides by a.

    That of torch's cumulative product does, and is not a number where
    1/a overflows.
    """

    @staticmethod
    def forward(ctx: Context, a: Tensor, T: int) -> Tensor:
        """a^0 … a^(T-1) along a new last axis."""
        ctx.save_for_backward(a)
        steps: Tensor = torch.linalg.vander(a, N=max(T, 2))
        return steps[..., :T]

    @staticmethod
    def backward(ctx: Context, g: Tensor) -> tuple[Tensor, None]:
        """Σ_k g_k conj(k a^(k-1)), differentiable in its turn."""
        (a,) = ctx.saved_tensors
        T = g.shape[-1]
        k = torch.arange(1, T, device=a.device)
        slope = k * powers(a, T - 1)
        return (g[..., 1:] * slope.conj()).sum(-1), None


def fft(a: Tensor, b: States) -> States:
    """All states, by the convolution theorem, h_0 = 0.

    Padded to 2T, so that nothing wraps.

    Shapes: a (N,); b and result (B, T, N), T ≥ 1.
    Edge cases: every output is a sum over all steps, with rounding
    that of the largest state anywhere: for |a| ≤ 0.9 up to 10 times
    that of the loop; from |a| = 0.99 and T = 1,000 on at most twice.
    For the same reason NaN or inf at one step reaches all of its
    channel, earlier ones too; |a| > 1 drowns the first states, and
    makes all of them NaN once a power overflows.
    Cost: three transforms of length 2T, O(B·N·T log T) operations;
    the number of dependent tensor operations does not grow with T.
    """
    T = b.shape[1]
    to, back = torch.fft.rfft, torch.fft.irfft
    if b.is_complex():
        to, back = torch.fft.fft, torch.fft.ifft
    kernel = powers(a, T).T
    product = to(kernel, 2 * T, dim=0) * to(b, 2 * T, dim=1)
    states: States = back(product, 2 * T, dim=1)
    return states[:, :T]


def direct(a: Tensor, b: States) -> States:
    """All states by the sum itself, every one at once, h_0 = 0.

    Of complex numbers the four products of real and imaginary parts
    are summed apart: torch's complex convolution saves one of them,
    and pays with digits.

    Shapes: a (N,); b and result (B, T, N), T ≥ 1.
    Edge cases: NaN or inf reaches later steps only, as in the loop.
    |a| > 1 makes states NaN once a power overflows, for those before
    the first step, zero, are multiplied by it.
    Cost: B·N·T² multiply-adds, four times that if complex; one tensor
    operation. For short sequences, and to see what a convolution is.
    """
    T, N = b.shape[1:]
    weight = powers(a, T).flip(1)  # (N, T)
    if not b.is_complex():
        return _correlate(b.mT, weight.unsqueeze(1))
    both = torch.stack([weight.real, weight.imag], dim=1)
    past = torch.cat([b.real, b.imag]).mT
    sums = _correlate(past, both.view(2 * N, 1, T))
    of_re, of_im = sums.unflatten(2, (N, 2)).chunk(2)
    (re_re, re_im), (im_re, im_im) = of_re.unbind(3), of_im.unbind(3)
    return torch.complex(re_re - im_im, re_im + im_re)


def _correlate(past: Tensor, weight: Tensor) -> Tensor:
    """Σ_k weight_k past_{t-k}, in groups of channels; (B, T, ...)."""
    T = weight.shape[-1]
    past = torch.nn.functional.pad(past, (T - 1, 0))
    groups = past.shape[1] // weight.shape[1]
    return torch.conv1d(past, weight, groups=groups).mT
