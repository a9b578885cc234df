"""Ranks that hold a part each find the states, and the gradient, of the whole."""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor
from torch.multiprocessing.spawn import spawn

from bookfigs.core.distributed import sequence_parallel_recurrence
from bookfigs.core.recurrence import Form, linear_recurrence

PARTS = {1: [[7]], 2: [[4, 3], [0, 7]], 3: [[3, 0, 4], [2, 1, 4]]}
"""Seven steps, by world size: no size divides them, and a part may be empty."""

FORMS: tuple[Form, ...] = ("loop", "scan", "fft")
CASES = list(
    product(
        (torch.float64, torch.complex128),
        ("fixed", "varying"),
        ("from zero", "from a state"),
        FORMS,
    )
)


def problem(case: int) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
    """Coefficients (one is zero), inputs, initial state, and what to weigh h with."""
    dtype, kind, start, _ = CASES[case]
    dice = torch.Generator().manual_seed(case)

    def numbers(*shape: int) -> Tensor:
        return torch.randn(shape, dtype=dtype, generator=dice)

    a = numbers(3) if kind == "fixed" else numbers(2, 7, 3)
    a[..., 1] = 0
    h_0 = numbers(2, 3) if start == "from a state" else None
    return a, numbers(2, 7, 3), h_0, numbers(2, 7, 3)


def skipped(case: int) -> bool:
    return CASES[case][1] == "varying" and CASES[case][3] == "fft"


def outcome(rank: int, case: int, lengths: list[int]) -> dict[str, Tensor]:
    """States of this rank's part, and the gradients that it finds."""
    a, b, h_0, weight = problem(case)
    first = sum(lengths[:rank])
    mine = slice(first, first + lengths[rank])
    a, b = a if a.dim() == 1 else a[:, mine], b[:, mine]
    inputs = leaves(a, b, h_0)
    h = sequence_parallel_recurrence(*inputs.values(), form=CASES[case][3])
    gradients = torch.autograd.grad(h, list(inputs.values()), weight[:, mine])
    return {"h": h.detach(), **dict(zip(inputs, gradients, strict=True))}


def leaves(a: Tensor, b: Tensor, h_0: Tensor | None) -> dict[str, Tensor]:
    """The inputs by name, ready to be differentiated."""
    inputs = {"a": a, "b": b} if h_0 is None else {"a": a, "b": b, "h_0": h_0}
    return {name: x.clone().requires_grad_() for name, x in inputs.items()}


def work(rank: int, world: int, folder: str) -> None:
    """One rank: every case, one after another; what it found goes to a file."""
    loopback = [name for _, name in socket.if_nameindex() if name.startswith("lo")]
    os.environ["GLOO_SOCKET_IFNAME"] = loopback[0]
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder}/meet",
        rank=rank,
        world_size=world,
        timeout=timedelta(seconds=60),
    )
    cases = [case for case in range(len(CASES)) if not skipped(case)]
    found = [{c: outcome(rank, c, parts) for c in cases} for parts in PARTS[world]]
    dist.barrier()
    torch.save(found, f"{folder}/rank{rank}.pt")
    dist.destroy_process_group()


def expected(case: int) -> dict[str, Tensor]:
    """The whole sequence on one machine, by the loop."""
    a, b, h_0, weight = problem(case)
    inputs = leaves(a, b, h_0)
    h = linear_recurrence(*inputs.values(), form="loop")
    gradients = torch.autograd.grad(h, list(inputs.values()), weight)
    return {"h": h.detach(), **dict(zip(inputs, gradients, strict=True))}


@pytest.mark.parametrize("world", [1, 3])
def test_ranks_find_the_states_and_gradients_of_the_whole(
    world: int, tmp_path: Path
) -> None:
    spawn(work, args=(world, str(tmp_path)), nprocs=world)
    found = [torch.load(tmp_path / f"rank{rank}.pt") for rank in range(world)]
    for split, case in product(range(len(PARTS[world])), found[0][0]):
        ranks = [rank[split] for rank in found]
        for name, true in expected(case).items():
            parts = [rank[case][name] for rank in ranks]
            shared = name == "h_0" or (name == "a" and true.dim() == 1)
            got = torch.stack(parts).sum(0) if shared else torch.cat(parts, dim=1)
            torch.testing.assert_close(
                got, true, rtol=1e-11, atol=1e-11, msg=f"{CASES[case]}: {name}"
            )


def test_without_a_process_group_it_says_what_to_call() -> None:
    a, b = torch.zeros(3), torch.zeros(2, 5, 3)
    with pytest.raises(ValueError, match=r"call torch.distributed.init_process_group"):
        sequence_parallel_recurrence(a, b)


def test_shapes_that_do_not_fit_are_refused_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bookfigs.core.distributed.gather", pytest.fail)
    b = torch.zeros(2, 5, 3)
    dist.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1
    )
    try:
        with pytest.raises(ValueError, match=r"h_0 has shape \(1, 3\); .* = \(2, 3"):
            sequence_parallel_recurrence(torch.zeros(3), b, torch.zeros(1, 3))
        with pytest.raises(ValueError, match=r"a has shape \(2,\)"):
            sequence_parallel_recurrence(torch.zeros(2), b)
    finally:
        dist.destroy_process_group()


def test_precisions_may_be_mixed_on_a_single_rank(tmp_path: Path) -> None:
    dist.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1
    )
    try:
        a, b = torch.rand(3), torch.randn(2, 5, 3)
        h_0 = torch.randn(2, 3, dtype=torch.complex128)
        h = sequence_parallel_recurrence(a, b, h_0)
        assert h.dtype == torch.complex128
        torch.testing.assert_close(h, linear_recurrence(a, b, h_0, form="loop"))
        assert sequence_parallel_recurrence(a, b[:, :0]).shape == (2, 0, 3)
    finally:
        dist.destroy_process_group()
