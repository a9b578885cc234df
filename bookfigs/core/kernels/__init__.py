"""The recurrences fused into one loop over memory.

A form made of tensor operations writes each intermediate result to
memory and reads it back. Here each number is read once and written
once, whatever happens to it in between. The kernels need numba, an
optional dependency: nothing here is imported before it is asked for.
"""

import importlib
from functools import cache

REMEDY = "pip install numba"

CHUNK = 128
"""Steps over which the gradient of a fixed coefficient is added up
before the sum is stored, since short sums lose fewer digits; and
after which a state too small for fast arithmetic becomes zero."""


@cache
def available() -> str | None:
    """Why the fused kernels cannot run here; None if they can.

    Cost: the first call imports numba, about half a second.
    """
    try:
        importlib.import_module("numba")
    except Exception as error:  # noqa: BLE001 # numba checks versions
        cause = f"{type(error).__name__}: {error}"
        return f"numba cannot be imported ({cause})"
    return None


def require() -> None:
    """Refuse to go on where :func:`available` gives a reason.

    Raises: ImportError with the reason and the command to run.
    """
    reason = available()
    if reason is not None:
        message = (
            f"the fused kernels cannot run here: {reason}; "
            f"run `{REMEDY}`, or use form='scan'"
        )
        raise ImportError(message)
