"""Memory: the bytes that a piece of work needs beyond those it is given.

Counted at the allocator, where every request for memory passes, so that what an
operator takes for itself and gives back at once is seen too; not sampled. A count
is of bytes asked for: neither rounded up to blocks nor what the system maps.

How reproducible: requests are decided by the code, the sizes, the version of the
framework and the number of its threads, and by nothing else. With these alike two
runs count the same bytes, on the CPU and on CUDA: columns of them may be ``exact``
where all buffers are the program's own, and ``close`` where operators of the
framework have buffers inside, which another version may change.
"""

import gc
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.autograd.profiler import profile
from torch.multiprocessing.reductions import StorageWeakRef

Work = Callable[[], object]

DEVICES = ("cpu", "cuda")

QUIET = ("KINETO_LOG_LEVEL", "99")
"""Keeps the profiler's library from writing a line for each start and stop."""


class Usage(NamedTuple):
    """Bytes that a piece of work needs beyond what existed before it.

    ``peak`` is the most that was alive at once, the results and what is kept for
    the backward pass included. ``kept`` was still alive when the work returned, its
    result in hand. ``saved`` is what autograd was given to save for the backward
    pass, and ``added`` the part of it that is not in the caller's own tensors.
    """

    peak: int
    kept: int
    saved: int
    added: int


def usage(work: Work, given: Iterable[Tensor] = (), *, device: str = "cpu") -> Usage:
    """Count the bytes of a piece of work; ``given`` are its inputs and parameters.

    The work runs twice: the first run may compile and allocate what stays, and
    tells what is saved; allocations are counted in the second. A storage that is
    saved is counted whole, and once, however many tensors look at it. The garbage
    collector rests, so that the count does not depend on when it would come.

    >>> x = torch.ones(1000, requires_grad=True)
    >>> usage(lambda: x + x + x, [x])
    Usage(peak=8000, kept=4000, saved=0, added=0)
    >>> usage(lambda: (x * x).exp(), [x])
    Usage(peak=8000, kept=4000, saved=8000, added=4000)

    Preconditions: dense tensors, all on the device; nothing that existed before is
    given back during the work; no other profiler runs.
    Edge cases: an exception of the work passes through.
    Limits: memory that does not come from the framework's allocator (NumPy's, a
    library's workspace of its own) is not seen; tensors that a Function keeps
    without ``save_for_backward`` are in ``kept`` but not in ``saved``.
    Raises: ValueError for a device that is not at hand.
    Cost: two runs, and one record for each operator and each request.
    """
    _check(device)
    given = list(given)
    with _no_garbage_collection():
        saved, added = _saved(work, given)
        count = _on_cuda if device == "cuda" else _on_cpu
        peak, kept = count(work)
    return Usage(peak, kept, saved, added)


def size(tensors: Iterable[Tensor]) -> int:
    """Bytes of the memory behind the tensors, which may share it."""
    return sum(_storages(tensors).values())


def _saved(work: Work, given: Iterable[Tensor]) -> tuple[int, int]:
    """Bytes of what autograd saves, and of the part that was not given."""
    theirs = _storages(given)
    mine: dict[int, int] = {}
    alive: list[StorageWeakRef] = []

    def pack(tensor: Tensor) -> Tensor:
        # Holding a weak reference keeps the storage's address from being reused.
        alive.append(StorageWeakRef(tensor.untyped_storage()))
        mine.update(_storages([tensor]))
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        work()
    added = (held for key, held in mine.items() if key not in theirs)
    return sum(mine.values()), sum(added)


def _on_cpu(work: Work) -> tuple[int, int]:
    """Peak and rest of the running sum over requests and returns.

    The framework reports each to its profiler.
    """
    os.environ.setdefault(*QUIET)
    with profile(use_cpu=True, profile_memory=True, use_kineto=False) as events:
        result = work()
    del result  # held until here: it is a part of what is kept
    peak = total = 0
    alive: dict[int, int] = {}
    for address, requested in _requests(events.kineto_results):
        if requested > 0:
            alive[address] = requested
            total += requested
        else:  # what was requested before, if it is reported at all, has no entry
            total -= alive.pop(address, 0)
        peak = max(peak, total)
    return peak, total


def _requests(results: Any) -> list[tuple[int, int]]:  # noqa: ANN401 - has no type
    """Address and size of each request on the CPU; of each return, minus the size."""
    found = []
    branches = list(results.experimental_event_tree())[::-1]
    while branches:
        event = branches.pop()
        branches += event.children[::-1]
        if event.name == "[memory]":
            _, request = event.typed
            if request.device.type == "cpu":
                found.append((event.start_time_ns, request.ptr, request.alloc_size))
    found.sort(key=lambda timed: timed[0])
    return [(address, requested) for _, address, requested in found]


def _on_cuda(work: Work) -> tuple[int, int]:
    """Peak and rest of the bytes requested of the caching allocator.

    Requested, not allocated: how much a block is larger than the request depends on
    which blocks were free.
    """
    name = "requested_bytes.all"
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_stats()[f"{name}.current"]
    result = work()
    torch.cuda.synchronize()
    after = torch.cuda.memory_stats()
    del result
    return after[f"{name}.peak"] - before, after[f"{name}.current"] - before


def _storages(tensors: Iterable[Tensor]) -> dict[int, int]:
    """Bytes of each storage behind the tensors, by its identity."""
    storages = (tensor.untyped_storage() for tensor in tensors)
    return {int(s._cdata): s.nbytes() for s in storages}  # noqa: SLF001 - its identity


def _check(device: str) -> None:
    """Refuse a device that cannot be measured, saying which can."""
    at_hand = [d for d in DEVICES if d == "cpu" or torch.cuda.is_available()]
    if device in at_hand:
        return
    reason = "is unknown"
    if device in DEVICES:
        reason = "was asked for, but no CUDA device is at hand"
    message = (
        f"memory.usage: device={device!r} {reason}; devices here: "
        f"{', '.join(at_hand)}. Measure on one of these, or where there is a GPU."
    )
    raise ValueError(message)


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Collect once, then keep the collector from running."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
