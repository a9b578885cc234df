"""The axis letters, one legend for every shape in the core.

==  =========================================================
B   batch: independent sequences
T   time: steps of a sequence, the axis of the recurrence
D   channels of the input or output (features)
N   channels of the state
==  =========================================================

Sequences are batch first, time second, channels last. Equations use
column vectors; code is row-major, so ``W h`` is ``h @ W.T``.
"""

from typing import Annotated

from torch import Tensor

Sequence = Annotated[Tensor, "B T D"]
States = Annotated[Tensor, "B T N"]
State = Annotated[Tensor, "B N"]
Coefficients = Annotated[Tensor, "B T N", "N"]
