"""A nonlinear recurrence, solved by iterating linear ones.

No single scan computes h_t = tanh(W h_{t-1} + u_t). But all its
states together are the root of one system of equations, and each
step of Newton's method on that system is a linear recurrence
(DEER: Lim et al. 2024, arXiv:2309.12252, section 3).
"""

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor
from torch.autograd import Function

from bookfigs.core.adjoint import Context, once
from bookfigs.core.axes import State, States, require
from bookfigs.core.recurrence import linear_recurrence

Method = Literal["newton", "quasi"]


class NotConvergedError(ArithmeticError):
    """The iteration did not reach its tolerance."""


class Solution(NamedTuple):
    """States, and how many linear recurrences it took."""

    states: States
    scans: int


def newton_states(
    u: States,
    W: Tensor,
    h_0: State | None = None,
    *,
    method: Method = "newton",
    tolerance: float | None = None,
    limit: int = 100,
) -> Solution:
    """All states of h_t = tanh(W h_{t-1} + u_t), without a walk.

    Given a guess h of all states, let f_t = tanh(W h_{t-1} + u_t)
    and J_t = diag(1 - f_t²) W. The next guess solves
    h'_t = J_t h'_{t-1} + (f_t - J_t h_{t-1}), a linear recurrence;
    it is cut to [-1, 1], where every state lies. ``quasi`` keeps
    only the diagonal of J_t (Gonzalez et al. 2024,
    arXiv:2407.19115): more scans, each cheaper by N². Both make at
    least one more state exact with each scan, so that T are enough
    but for rounding; Newton mostly needs far fewer.

    The gradient does not pass through the iteration: at the root it
    is one more linear recurrence, backward, with the exact J_t.

    Shapes: u (B, T, N), the projected input; W (N, N), or (N,) if
    each channel sees only itself; h_0 (B, N), zero if omitted.
    Preconditions: real numbers; it can be differentiated once.
    Edge cases: T = 0 takes no scan. A chaotic W amplifies the
    tolerance, as it does any rounding. NaN in u is never a solution.
    Raises: ValueError for shapes, dtypes, devices, a method, a limit
    or a tolerance that do not fit; NotConvergedError if max |h - f|
    is above the tolerance (by default 64 times the rounding) after
    ``limit`` scans; RuntimeError when differentiated twice.
    Cost: a scan of B·T·N for a diagonal W or ``quasi``; else
    B·T·N³ multiply-adds and B·T·N² memory; 2 lg T dependent products
    each. The gradient for a dense W always costs the latter.
    """
    _check(u, W, h_0, method, tolerance, limit)
    h_0 = u.new_zeros(len(u), u.shape[-1]) if h_0 is None else h_0
    if tolerance is None:
        tolerance = 64 * torch.finfo(u.dtype).eps
    if u.shape[1] == 0:
        return Solution(u, 0)
    with torch.no_grad():
        h, scans = _iterate(u, W, h_0, method, tolerance, limit)
    return Solution(_Root.apply(u, W, h_0, h), scans)


def _iterate(  # noqa: PLR0917 - as its caller
    u: Tensor,
    W: Tensor,
    h_0: Tensor,
    method: Method,
    tolerance: float,
    limit: int,
) -> tuple[Tensor, int]:
    """The root, and the number of scans that led there."""
    dense = method == "newton" and W.dim() == 2
    scan = dense_scan if dense else linear_recurrence
    link = W.diagonal() if W.dim() == 2 and not dense else W
    h, residual = torch.zeros_like(u), torch.inf
    for scans in range(limit + 1):
        before = _shift(h, h_0)
        f = torch.tanh(_apply(W, before) + u)
        residual = float((h - f).abs().max())
        if residual <= tolerance:
            return h, scans
        if scans < limit:
            J = _jacobian(f, link)
            b = f - _apply(J, before)
            b[:, 0] = f[:, 0]  # the first step is from h_0, exactly
            h = scan(J, b).nan_to_num(0, 0, 0).clamp(-1, 1)
    message = (
        f"newton_states(method={method!r}): after {limit} scans the "
        f"states miss their equation by {residual:.1e}, tolerance "
        f"{tolerance:.1e}; raise the limit (T = {u.shape[1]} scans "
        "are enough, but for rounding) or the tolerance"
    )
    raise NotConvergedError(message)


def dense_scan(A: Tensor, b: Tensor) -> Tensor:
    """h_t = A_t h_{t-1} + b_t with matrices, h_0 = 0, in parallel.

    The work-efficient scan: two steps compose into one with matrix
    A_t A_{t-1} and input A_t b_{t-1} + b_t. A_1 is not used.

    Shapes: A (B, T, N, N); b and result (B, T, N), T ≥ 1.
    Cost: B·T·N³ multiply-adds; about 2 lg T dependent products.
    """
    T = b.shape[1]
    if T == 1:
        return b
    even, odd = slice(0, T - 1, 2), slice(1, None, 2)
    A_pair = A[:, odd] @ A[:, even]
    b_pair = _apply(A[:, odd], b[:, even]) + b[:, odd]
    h = torch.empty_like(b)
    h[:, 0] = b[:, 0]
    h[:, odd] = dense_scan(A_pair, b_pair)
    rest = slice(2, None, 2)
    before = h[:, 1 : T - 1 : 2]
    h[:, rest] = _apply(A[:, rest], before) + b[:, rest]
    return h


class _Root(Function):
    """The states that solve the equations, and their gradient."""

    @staticmethod
    def forward(
        ctx: Context, u: Tensor, W: Tensor, h_0: Tensor, h: Tensor
    ) -> Tensor:
        """The states as they were found."""
        del u  # the root depends on it; its gradient does not
        ctx.save_for_backward(W, h_0, h)
        return h.clone()

    @staticmethod
    @once("newton_states", instead="rnn_states")
    def backward(
        ctx: Context, g: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, None]:
        """s_t = g_t + J_{t+1}ᵀ s_{t+1}; δ_t = (1 - h_t²) ⊙ s_t."""
        W, h_0, h = ctx.saved_tensors
        J = _jacobian(h, W)
        diagonal = W.dim() == 1
        scan = linear_recurrence if diagonal else dense_scan
        # Backward in time is forward in the mirror, one step later
        back = (J if diagonal else J.mT).flip(1).roll(1, dims=1)
        s = scan(back, g.flip(1)).flip(1)
        delta = (1 - h.square()) * s
        before = _shift(h, h_0)
        if diagonal:
            grad_W = (delta * before).sum(dim=(0, 1))
            return delta, grad_W, delta[:, 0] * W, None
        grad_W = delta.flatten(0, 1).T @ before.flatten(0, 1)
        return delta, grad_W, delta[:, 0] @ W, None


def _shift(h: Tensor, h_0: Tensor) -> Tensor:
    """h_{t-1} at every t."""
    return torch.cat([h_0.unsqueeze(1), h[:, :-1]], dim=1)


def _jacobian(f: Tensor, W: Tensor) -> Tensor:
    """diag(1 - f²) W: (B, T, N, N), or (B, T, N) for a diagonal W."""
    slope = 1 - f.square()
    return slope * W if W.dim() == 1 else slope.unsqueeze(-1) * W


def _apply(A: Tensor, h: Tensor) -> Tensor:
    """A h, of matrices or of diagonals, at every step."""
    if A.dim() in (1, h.dim()):
        return A * h
    return (A @ h.unsqueeze(-1)).squeeze(-1)


def _check(  # noqa: PLR0917 - as its caller
    u: Tensor,
    W: Tensor,
    h_0: Tensor | None,
    method: str,
    tolerance: float | None,
    limit: int,
) -> None:
    """Refuse what cannot be solved, saying what would fit."""
    require(
        "newton_states",
        u=(u, "B T N"),
        W=(W, "N" if W.dim() == 1 else "N N"),
        h_0=(h_0, "B N"),
    )
    if u.is_complex():
        message = (
            f"newton_states: u is {u.dtype}; expected real numbers, "
            "for the derivative of tanh is taken as 1 - tanh²"
        )
        raise ValueError(message)
    if method not in get_args(Method):
        methods = ", ".join(get_args(Method))
        message = f"method={method!r} is unknown; methods: {methods}"
        raise ValueError(message)
    if limit < 1 or not (tolerance is None or tolerance > 0):
        message = (
            f"limit={limit}, tolerance={tolerance}: needs at least "
            "one scan and a tolerance above 0"
        )
        raise ValueError(message)
