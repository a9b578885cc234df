"""The operator that a scan applies, and the shortest scan with it.

The forms that are fast (sweeps.py) have the operator written out in
place, since it then needs no memory for what it does not keep.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from bookfigs.core.axes import States


# region: combine
class Step(NamedTuple):
    """What a step does to a state: h ↦ a ⊙ h + b."""

    a: Tensor
    b: Tensor


def combine(later: Step, earlier: Step) -> Step:
    """Two steps as one: (a_2, b_2) ∘ (a_1, b_1).

    a_2 ⊙ (a_1 ⊙ h + b_1) + b_2 = (a_2 ⊙ a_1) ⊙ h + (a_2 ⊙ b_1 + b_2)
    (Blelloch 1990, CMU-CS-90-190). It is associative, but for
    rounding, and does not commute.

    Shapes: any that broadcast.
    Cost: two products and a sum for each element.
    """
    a = later.a * earlier.a
    return Step(a, later.a * earlier.b + later.b)


def scan(a: States, b: States) -> States:
    """All states of h_t = a_t ⊙ h_{t-1} + b_t, h_0 = 0, by doubling.

    After round r each step is composed with the 2^r - 1 before it
    (Hillis and Steele 1986, CACM 29(12)).

    Shapes: a, b and result (B, T, N).
    Edge cases: T = 0 gives (B, 0, N).
    Cost: ⌈lg T⌉ rounds of at most 3·B·T·N operations.
    """
    reach = 1
    while reach < b.shape[1]:
        later = Step(a[:, reach:], b[:, reach:])
        earlier = Step(a[:, :-reach], b[:, :-reach])
        both = combine(later, earlier)  # of all steps at once
        a = torch.cat([a[:, :reach], both.a], dim=1)
        b = torch.cat([b[:, :reach], both.b], dim=1)
        reach *= 2
    return b


# endregion: combine
