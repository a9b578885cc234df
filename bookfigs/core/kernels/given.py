"""What the kernels are given: shapes and types that they compute."""

from collections.abc import Iterable

import torch
from torch import Tensor


def rows(x: Tensor) -> Tensor:
    """The same numbers, with the channels side by side in memory.

    Shapes: x and result (..., N).
    Cost: a copy, unless they lie so already.
    """
    if x.is_conj() or x.is_neg():
        x = x.resolve_conj().resolve_neg()
    near = x.stride(-1) == 1 or x.shape[-1] == 1
    return x if near else x.contiguous()


def require_fitting(
    named: dict[str, Tensor],
    known: Iterable[torch.dtype],
    *,
    fixed_only: bool,
) -> None:
    """Refuse coefficients and inputs that no kernel can compute.

    Shapes: the inputs, named second, (B, T, N); the coefficients,
    named first, (N,) or, unless ``fixed_only``, (B, T, N).
    Raises: ValueError for other shapes, or dtypes that differ or are
    not known; with ``fixed_only`` complex ones are not.
    Cost: none of the numbers is read.
    """
    (of_a, a), (of_b, b) = named.items()
    full, fixed = tuple(b.shape), tuple(b.shape[2:])
    fits = a.shape == fixed or (a.shape == full and not fixed_only)
    if b.dim() != 3 or not fits:
        expected = "(N,)" if fixed_only else "(B, T, N) or (N,)"
        message = (
            f"{of_a} has shape {tuple(a.shape)} and {of_b} {full}; "
            f"expected {of_b} (B, T, N) and {of_a} {expected}"
        )
        raise ValueError(message)
    dtypes = [d for d in known if not (fixed_only and d.is_complex)]
    if a.dtype != b.dtype or b.dtype not in dtypes:
        names = ", ".join(str(dtype) for dtype in dtypes)
        message = (
            f"{of_a} is {a.dtype} and {of_b} is {b.dtype}; "
            f"expected the same for both, one of {names}"
        )
        raise ValueError(message)
