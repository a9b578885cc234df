"""Run one compiled loop on several threads.

The threads are those that torch itself computes with. A second team
would compete with the first, which goes on spinning for a while after
each operation: on two cores that costs as much as the loop.
"""

import ctypes
import threading
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeAlias

OpenMP: TypeAlias = Callable[[int, int, int, int], None]
"""Takes loop, job, number of threads, flags."""
POINTER = ctypes.c_void_p
CALL = ctypes.CFUNCTYPE(None, POINTER)
GRAIN = 32768
"""Numbers worth a thread of its own, as in torch."""


def run(loop: int, job: Sequence[int], threads: int) -> None:
    """Call the loop at an address with a job, on each thread.

    The loop shares out the work itself, so that fewer threads than
    asked for are harmless.
    """
    numbers = (ctypes.c_int64 * len(job))(*job)
    at = ctypes.addressof(numbers)
    if threads == 1:
        CALL(loop)(at)
        return
    parallel = _openmp()
    if parallel is None:
        _in_new_threads(loop, at, threads)
    else:
        parallel(loop, at, threads, 0)


@cache
def _openmp() -> OpenMP | None:
    """The entry of the OpenMP library that torch has loaded.

    None where it goes by another name than on Linux.
    """
    try:
        parallel: Any = ctypes.CDLL(None).GOMP_parallel
    except (AttributeError, OSError, TypeError):
        return None
    number = ctypes.c_uint
    parallel.argtypes = [POINTER, POINTER, number, number]
    parallel.restype = None
    entry: OpenMP = parallel
    return entry


def _in_new_threads(loop: int, at: int, threads: int) -> None:
    """The same where no OpenMP is found: a tenth of a millisecond."""
    call = CALL(loop)
    team = [
        threading.Thread(target=call, args=(at,))
        for _ in range(threads - 1)
    ]
    for thread in team:
        thread.start()
    call(at)
    for thread in team:
        thread.join()
