"""Scans that other packages offer for CUDA, where they are installed.

Each peer gets its inputs in the layout that it asks for, made before the clock
runs: a transposition is not what is compared.
"""

import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from peers import Case, Peer


def cuda_scans(case: Case) -> Iterator[Peer]:
    """Every peer for CUDA that is installed and allows the case."""
    for package, peers in (
        ("accelerated_scan", _accelerated_scan),
        ("fla", _flash_linear_attention),
        ("mamba_ssm", _mamba),
    ):
        if importlib.util.find_spec(package) is not None:
            yield from peers(case)


def _accelerated_scan(case: Case) -> Iterator[Peer]:
    """accelerated-scan (Kyrylov 2024): h_t = a_t h_{t-1} + b_t, time last."""
    a, b, g = (_time_last(x) for x in _full(case))
    if case.b.is_complex():
        from accelerated_scan import complex as complex_scan

        yield _program("accelerated-scan, complex", complex_scan.scan, (a, b), g)
        return
    from accelerated_scan import triton

    yield _program("accelerated-scan, triton", triton.scan, (a, b), g)
    if (T := case.b.shape[1]) & (T - 1) == 0:  # its lengths are powers of two
        from accelerated_scan import warp

        yield _program("accelerated-scan, warp", warp.scan, (a, b), g)


def _flash_linear_attention(case: Case) -> Iterator[Peer]:
    """HGRN of flash-linear-attention: h_t = exp(g_t) h_{t-1} + x_t, real a > 0."""
    if case.b.is_complex():
        return
    from fla.ops.hgrn import chunk_hgrn, fused_recurrent_hgrn

    a, b, g = _full(case)
    for name, scan in (
        ("fla chunk_hgrn", chunk_hgrn),
        ("fla fused_recurrent_hgrn", fused_recurrent_hgrn),
    ):
        yield _program(name, lambda x, y, scan=scan: scan(x, y)[0], (b, a.log()), g)


def _mamba(case: Case) -> Iterator[Peer]:
    """mamba-ssm's selective scan with one state a channel, real 0 < a < 1.

    With A = -1, B = C = 1 it is h_t = exp(-Δ_t) h_{t-1} + Δ_t u_t, so Δ_t = -log a_t
    and u_t = b_t / Δ_t; it reads two arrays more than the recurrence has.
    """
    if case.b.is_complex():
        return
    from mamba_ssm.ops.selective_scan_interface import selective_scan_fn

    a, b, g = (_time_last(x) for x in _full(case))
    step = -a.log()
    A = -torch.ones(b.shape[1], 1, device=b.device)
    one = torch.ones(b.shape[0], 1, b.shape[2], device=b.device)

    def scan(u: Tensor, delta: Tensor) -> Any:
        return selective_scan_fn(u, delta, A, one, one)

    yield _program("mamba-ssm selective_scan", scan, (b / step, step), g)


def _program(
    name: str, scan: Callable[..., Any], inputs: tuple[Tensor, Tensor], g: Tensor
) -> Peer:
    """Make a peer of a function of two tensors that torch can differentiate."""
    leaves = tuple(x.clone().requires_grad_() for x in inputs)

    def forward() -> object:
        with torch.no_grad():
            return scan(*inputs)

    return Peer(name, forward, lambda: torch.autograd.grad(scan(*leaves), leaves, g))


def _full(case: Case) -> tuple[Tensor, Tensor, Tensor]:
    """Return the inputs with a coefficient for each step."""
    return case.a.expand(case.b.shape).contiguous(), case.b, case.g


def _time_last(x: Tensor) -> Tensor:
    return x.transpose(1, 2).contiguous()
