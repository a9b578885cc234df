"""What a training step of each form needs, as ratios to what it is given.

Counted by the memory meter. A *level* is an array as large as b. What is *given*
and *returned* is a, b, h, the gradient g that arrives at h, and the gradients of a
and b; a fixed a, and its gradient, are a few numbers. What a step *needs* at its
peak is all that is alive: what was given, and what was requested since.
"""

from __future__ import annotations

import gc
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import pytest
import torch
from torch.autograd import grad

from bookfigs.core import sweeps
from bookfigs.core.kernels import cpu
from bookfigs.core.recurrence import linear_recurrence
from bookfigs.measure.memory import Usage, size, usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from bookfigs.core.recurrence import Form
    from core.conftest import Program

BATCH, CHANNELS = 4, 32
"""A level of 4,096 steps is 2 MiB, more than any buffer of constant size."""

SHORT, LONG = 1024, 16384
LENGTHS = (4096, 4097)


def by(form: Form) -> Program:
    return lambda a, b: linear_recurrence(a, b, form=form)


FORMS: dict[str, Program] = {
    "scan": by("scan"),
    "chunked": by("chunked"),
    "linear": cpu.linear,
    "tanh": cpu.tanh,
}
SCANS = ("scan", "chunked")
KINDS = [
    (torch.float32, True),
    (torch.float32, False),
    (torch.complex64, True),
    (torch.complex64, False),
]
each_case = pytest.mark.parametrize(
    ("name", "dtype", "fixed"),
    [
        (name, dtype, fixed)
        for name in FORMS
        for dtype, fixed in KINDS
        if name != "tanh" or (fixed and not dtype.is_complex)
    ],
    ids=lambda value: {True: "fixed", False: "varying"}.get(value, str(value)),
)


@pytest.fixture(autouse=True)
def _quick_collections() -> Iterator[None]:
    """Keep the collector from going through all that torch has made."""
    gc.freeze()
    yield
    gc.unfreeze()


class Step(NamedTuple):
    """What one training step, forward and backward, needed."""

    used: Usage
    level: int
    given_and_returned: int
    needed: int

    @property
    def levels_more(self) -> float:
        """What was needed beside what is given and returned, in levels."""
        return (self.needed - self.given_and_returned) / self.level

    @property
    def ratio(self) -> float:
        """What was needed, in units of what is given and returned."""
        return self.needed / self.given_and_returned


@cache
def step(name: str, T: int, dtype: torch.dtype, *, fixed: bool) -> Step:
    """Count one training step of a form."""
    shape = (BATCH, T, CHANNELS)
    a = 0.5 * torch.rand(*(shape[2:] if fixed else shape), dtype=dtype)
    b, g = (torch.randn(*shape, dtype=dtype) for _ in range(2))
    inputs = [a.requires_grad_(), b.requires_grad_()]
    program, given = FORMS[name], size([a, b, g])
    used = usage(lambda: grad(program(*inputs), inputs, g), [a, b, g])
    # h is as large as g, each gradient as large as its input
    return Step(used, size([g]), 2 * given, given + used.peak)


@each_case
@pytest.mark.parametrize("T", LENGTHS)
def test_for_the_backward_pass_no_more_is_kept_than_inputs_and_output(
    name: str, T: int, dtype: torch.dtype, *, fixed: bool
) -> None:
    counted = step(name, T, dtype, fixed=fixed)
    assert counted.used.added == counted.level


@each_case
@pytest.mark.parametrize("T", LENGTHS)
def test_a_training_step_needs_at_most_twice_its_inputs_and_outputs(
    name: str, T: int, dtype: torch.dtype, *, fixed: bool
) -> None:
    assert step(name, T, dtype, fixed=fixed).ratio <= 2


@each_case
@pytest.mark.parametrize("T", LENGTHS)
def test_a_training_step_needs_one_level_more_than_its_inputs_and_outputs(
    name: str, T: int, dtype: torch.dtype, *, fixed: bool
) -> None:
    more = step(name, T, dtype, fixed=fixed).levels_more
    assert more <= (1.01 if name in SCANS else 0.02)


@each_case
def test_the_ratio_does_not_grow_with_the_length(
    name: str, dtype: torch.dtype, *, fixed: bool
) -> None:
    short, long = (step(name, T, dtype, fixed=fixed) for T in (SHORT, LONG))
    assert long.ratio <= 1.01 * short.ratio
    assert long.used.added == LONG // SHORT * short.used.added


DOUBLED = [2**k for k in range(6, 12)]


def levels_saved(program: Program, T: int, *, fixed: bool) -> float:
    """What one forward pass adds for the backward one, in levels."""
    a = 0.5 * torch.rand(*(() if fixed else (1, T)), 8)
    b = torch.randn(1, T, 8)
    inputs = [a.requires_grad_(), b.requires_grad_()]
    return usage(lambda: program(*inputs), inputs).added / size([b])


@pytest.mark.parametrize(("fixed", "each_time"), [(True, 1), (False, 2)])
def test_doubling_by_autograd_saves_more_each_time_the_sequence_doubles(
    each_time: int, *, fixed: bool
) -> None:
    """The sums of each round, and where a changes with time the products too."""

    def by_autograd(a: Tensor, b: Tensor) -> Tensor:
        return sweeps.forward_doubling(a[None, None] if fixed else a, b)

    levels = [levels_saved(by_autograd, T, fixed=fixed) for T in DOUBLED]
    growth = [later - earlier for earlier, later in pairwise(levels)]
    assert growth == pytest.approx([each_time] * len(growth), rel=0.05)


@pytest.mark.parametrize("fixed", [True, False])
def test_doubling_with_its_adjoint_by_hand_saves_the_same_at_any_length(
    *, fixed: bool
) -> None:
    program = by("hillis_steele")
    levels = [levels_saved(program, T, fixed=fixed) for T in DOUBLED]
    assert levels == [1] * len(DOUBLED)
