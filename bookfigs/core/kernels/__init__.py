"""The recurrences fused into one loop over memory.

A form made of tensor operations writes each intermediate result to
memory and reads it back. Here each number is read once and written
once, whatever happens to it in between. The kernels need a compiler,
an optional dependency, numba on the CPU and triton on a CUDA device:
nothing here is imported before it is asked for.
"""

import importlib
from functools import cache

import torch

COMPILERS = {"cpu": "numba", "cuda": "triton"}
"""For each type of device, what compiles its kernels."""

CHUNK = 128
"""Steps over which the gradient of a fixed coefficient is added up
before the sum is stored, since short sums lose fewer digits; and
after which a state too small for fast arithmetic becomes zero."""


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator] # torch leaves it so
def available(device: str = "cpu") -> str | None:
    """Why no fused kernel can run on such a device; None if it can.

    Preconditions: device is a type of device as torch names it.
    Cost: the first call imports the compiler, about half a second.
    """
    return _available(device)


@cache
def _available(device: str) -> str | None:
    if device not in COMPILERS:
        return f"no fused kernel for {device}"
    compiler = COMPILERS[device]
    try:
        importlib.import_module(compiler)
    except Exception as error:  # noqa: BLE001 # numba checks versions
        cause = f"{type(error).__name__}: {error}"
        return f"{compiler} cannot be imported ({cause})"
    return None


def require(device: str = "cpu") -> None:
    """Refuse to go on where :func:`available` gives a reason.

    Raises: ImportError with the reason and the command to run.
    """
    reason = available(device)
    if reason is not None:
        message = (
            f"the fused kernels cannot run here: {reason}; "
            f"run `pip install {COMPILERS.get(device, 'numba')}`, "
            "or use form='scan'"
        )
        raise ImportError(message)
