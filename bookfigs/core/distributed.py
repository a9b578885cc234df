"""A linear recurrence over a sequence that is spread over machines.

Every rank holds a part of the time axis. What a part does to the
state before it is one step of the same recurrence: times the product
of its coefficients, plus its last state from zero. So the ranks
exchange that pair only, and walk over ranks instead of time.
"""

from typing import TypeAlias

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd import Function

from bookfigs.core.adjoint import Context, once
from bookfigs.core.axes import (
    Coefficients,
    State,
    States,
    require_axes,
    require_numbers,
)
from bookfigs.core.recurrence import Form, linear_recurrence

Group: TypeAlias = dist.ProcessGroup | None


def sequence_parallel_recurrence(
    a: Coefficients,
    b: States,
    h_0: State | None = None,
    *,
    form: Form = "auto",
    group: Group = None,
) -> States:
    """This rank's states of h_t = a_t ⊙ h_{t-1} + b_t.

    The parts of all ranks, one after another, are the sequence. Let
    P_r be the product of the coefficients of part r and L_r its last
    state from zero. Then C_{r+1} = P_r ⊙ C_r + L_r, C_0 = h_0, is
    the state that part r + 1 begins with (Martin and Cundy 2018,
    arXiv:1709.04057, section 2.2, does so with the threads of one
    device). The gradient σ of C is the same recurrence over ranks
    from the last: σ_r = γ_r + conj(P_r) σ_{r+1}.

    Shapes: b (B, T_r, N), T_r of this rank; a (B, T_r, N) or (N,);
    h_0 (B, N), zero if omitted; result (B, T_r, N).
    Preconditions: all ranks of the group call it, with the same B,
    N, dtypes, h_0 and kind of a, and all of them differentiate it,
    once. What all ranks share, a fixed ``a`` and h_0, gets this
    rank's share of its gradient: sum over ranks.
    Edge cases: parts may differ in length, and be empty.
    Raises: ValueError without a process group, or as
    :func:`linear_recurrence`; RuntimeError when differentiated
    twice.
    Cost: two recurrences of length T_r and one product; one exchange
    of 2·B·N numbers per rank, and of B·N for the gradient.
    """
    if not dist.is_initialized():
        message = (
            "torch.distributed has no process group; call "
            "torch.distributed.init_process_group first"
        )
        raise ValueError(message)
    alone = linear_recurrence(a, b, form=form)
    last = alone[:, -1:].sum(1)  # zero for an empty part
    where = "sequence_parallel_recurrence"
    require_axes(where, b=(b, "B T N"), h_0=(h_0, "B N"))
    require_numbers(where, b=b, h_0=h_0)
    h_0 = torch.zeros_like(last) if h_0 is None else h_0
    dtype = torch.promote_types(last.dtype, h_0.dtype)
    steps = a if a.dim() == 3 else a.expand(b.shape[1:])
    P = steps.prod(dim=-2).to(dtype).expand(last.shape)
    carry = _Carry.apply(P, last.to(dtype), h_0.to(dtype), group)
    if b.shape[1] == 0:  # passes the gradient on, as others do
        empty: States = carry.unsqueeze(1)[:, :0]
        return empty
    return linear_recurrence(a, b, carry, form=form)


class _Carry(Function):
    """C_r of this rank, from P and L of the ranks before."""

    @staticmethod
    def forward(
        ctx: Context, P: Tensor, L: Tensor, h_0: Tensor, group: Group
    ) -> Tensor:
        """C_{r+1} = P_r ⊙ C_r + L_r, as far as this rank."""
        rank = dist.get_rank(group)
        C, parts = h_0, gather(torch.stack([P, L]), group)
        for P_r, L_r in parts[:rank]:
            C = P_r * C + L_r
        products = torch.stack([P_r for P_r, _ in parts])
        ctx.save_for_backward(products, C)
        ctx.rank, ctx.group = rank, group
        return C.clone()

    @staticmethod
    @once(
        "sequence_parallel_recurrence",
        instead="linear_recurrence(form='loop') on one machine",
    )
    def backward(
        ctx: Context, g: Tensor
    ) -> tuple[Tensor, Tensor, Tensor | None, None]:
        """σ_r = γ_r + conj(P_r) σ_{r+1}; ∂L = σ_{r+1}, ∂P = ∂L C̄."""
        products, C = ctx.saved_tensors
        gradients = gather(g, ctx.group)
        sigma = torch.zeros_like(g)  # of what follows the last rank
        later = range(ctx.rank + 1, len(gradients))
        for r in reversed(later):
            sigma = gradients[r] + products[r].conj() * sigma
        grad_h_0 = torch.zeros_like(g)
        if ctx.rank == 0:
            grad_h_0 = g + products[0].conj() * sigma
        return sigma * C.conj(), sigma, grad_h_0, None


def gather(tensor: Tensor, group: Group = None) -> list[Tensor]:
    """The tensor of every rank, complex numbers as pairs of reals.

    Shapes: any; the result has one for each rank.
    Preconditions: the same shape and dtype on every rank.
    Cost: one exchange of the tensor's numbers per rank.
    """
    mine = tensor.resolve_conj().contiguous()
    if mine.is_complex():
        mine = torch.view_as_real(mine)
    world = dist.get_world_size(group)
    parts = [torch.empty_like(mine) for _ in range(world)]
    dist.all_gather(parts, mine, group)
    if tensor.is_complex():
        return [torch.view_as_complex(part) for part in parts]
    return parts
