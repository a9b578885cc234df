"""Backpropagation through time, written out by hand."""

from torch import Tensor
from torch.autograd import Function

from bookfigs.core.adjoint import Context, once
from bookfigs.core.axes import Sequence, State, States
from bookfigs.core.rnn import require_weights, rnn_states


def bptt_states(
    x: Sequence,
    W_hx: Tensor,
    W_hh: Tensor,
    b: Tensor,
    h_0: State | None = None,
) -> States:
    """The states of :func:`rnn_states`, with a gradient by hand.

    Write a_t for what tanh is applied to, g_t for the gradient of
    the loss that arrives at h_t from outside, and δ_t for the
    gradient at a_t. The chain rule, from the last step to the first:

    δ_t = (g_t + W_hhᵀ δ_{t+1}) ⊙ (1 - h_t²),  δ_{T+1} = 0
    ∂x_t = W_hxᵀ δ_t            ∂W_hx = Σ_t δ_t x_tᵀ
    ∂h_0 = W_hhᵀ δ_1            ∂W_hh = Σ_t δ_t h_{t-1}ᵀ
                                ∂b    = Σ_t δ_t

    (Werbos 1990, Proc. IEEE 78:1550-1560). Only δ has to be walked;
    each sum over time is one product.

    Shapes: as in :func:`rnn_states`.
    Preconditions: it can be differentiated once.
    Edge cases: T = 0 gives (B, 0, N).
    Raises: ValueError for shapes, dtypes or devices that do not fit;
    RuntimeError when differentiated twice.
    Cost: backward twice the multiply-adds of the forward pass, N² of
    them per sequence and step in a chain of T dependent products.
    """
    require_weights("bptt_states", x, W_hx, W_hh, b, h_0)
    if h_0 is None:
        h_0 = x.new_zeros(len(x), len(b))
    states: States = _Bptt.apply(x, W_hx, W_hh, b, h_0)
    return states


def deltas(h: States, g: States, W_hh: Tensor) -> States:
    """δ_t = (g_t + W_hhᵀ δ_{t+1}) ⊙ (1 - h_t²), last step first.

    Shapes: h, g and result (B, T, N) with T ≥ 1; W_hh (N, N).
    Cost: B·T·N² multiply-adds; T dependent products.
    """
    slope = 1 - h.square()  # tanh' at every step
    delta = g.new_empty(g.shape)
    back = g.new_zeros(g[:, 0].shape)  # W_hhᵀ δ_{t+1}
    for t in reversed(range(g.shape[1])):
        delta[:, t] = (g[:, t] + back) * slope[:, t]
        back = delta[:, t] @ W_hh
    return delta


class _Bptt(Function):
    """:func:`rnn_states` and its gradient."""

    @staticmethod
    def forward(  # noqa: PLR0917 - one for each letter
        ctx: Context,
        x: Tensor,
        W_hx: Tensor,
        W_hh: Tensor,
        b: Tensor,
        h_0: Tensor,
    ) -> Tensor:
        """All states; they are all that the backward pass keeps."""
        h = rnn_states(x, W_hx, W_hh, b, h_0)
        ctx.save_for_backward(x, W_hx, W_hh, h_0, h)
        return h

    @staticmethod
    @once("bptt_states", instead="rnn_states")
    def backward(ctx: Context, g: Tensor) -> tuple[Tensor, ...]:
        """Gradients of x, W_hx, W_hh, b and h_0."""
        x, W_hx, W_hh, h_0, h = ctx.saved_tensors
        if g.shape[1] == 0:
            empty = (x, W_hx, W_hh, W_hh[0], h_0)
            return tuple(z.new_zeros(z.shape) for z in empty)
        delta = deltas(h, g, W_hh)
        grad_x = delta @ W_hx
        grad_h_0 = delta[:, 0] @ W_hh
        # Σ over batch and time of an outer product is one product
        rows = delta.flatten(0, 1)
        grad_hx = rows.T @ x.flatten(0, 1)
        grad_hh = delta[:, 0].T @ h_0
        later = delta[:, 1:].flatten(0, 1)
        grad_hh = grad_hh + later.T @ h[:, :-1].flatten(0, 1)
        return grad_x, grad_hx, grad_hh, rows.sum(0), grad_h_0
