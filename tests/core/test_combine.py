"""The operator of the scan is associative, and any order of it gives the loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

from bookfigs.core import combine as module
from bookfigs.core.combine import Step, combine, scan
from bookfigs.core.recurrence import loop

if TYPE_CHECKING:
    from core.conftest import Agree


def steps(*shape: int, dtype: torch.dtype = torch.float64) -> Step:
    return Step(torch.randn(shape, dtype=dtype) / 2, torch.randn(shape, dtype=dtype))


def act(step: Step, h: Tensor) -> Tensor:
    """What a step does to a state."""
    return step.a * h + step.b


def test_two_steps_compose_into_one_by_hand() -> None:
    two = combine(
        Step(torch.tensor(2.0), torch.tensor(3.0)),
        Step(torch.tensor(5.0), torch.tensor(7.0)),
    )
    assert (two.a.item(), two.b.item()) == (2 * 5, 2 * 7 + 3)


def test_the_composed_step_is_one_step_after_the_other() -> None:
    (later, earlier), h = (steps(4), steps(4)), torch.randn(4, dtype=torch.float64)
    both = act(combine(later, earlier), h)
    torch.testing.assert_close(both, act(later, act(earlier, h)))


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128], ids=str)
def test_the_operator_is_associative(dtype: torch.dtype) -> None:
    z, y, x = (steps(100, dtype=dtype) for _ in range(3))
    left, right = combine(combine(z, y), x), combine(z, combine(y, x))
    torch.testing.assert_close(left, right)


def test_the_operator_does_not_commute() -> None:
    later, earlier = steps(100), steps(100)
    one, other = combine(later, earlier), combine(earlier, later)
    torch.testing.assert_close(one.a, other.a)
    assert (one.b - other.b).abs().min() > 0


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128], ids=str)
@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 9])
def test_the_scan_is_the_loop(agree: Agree, length: int, dtype: torch.dtype) -> None:
    agree(scan, loop, *steps(2, length, 3, dtype=dtype))


def test_no_steps_give_no_states_by_doubling() -> None:
    assert scan(*steps(2, 0, 3)).shape == (2, 0, 3)


@pytest.mark.parametrize(
    ("length", "rounds"), [(1, 0), (2, 1), (3, 2), (8, 3), (9, 4), (64, 6)]
)
def test_rounds_grow_with_the_logarithm(
    monkeypatch: pytest.MonkeyPatch, length: int, rounds: int
) -> None:
    calls = []

    def counted(later: Step, earlier: Step) -> Step:
        calls.append(later.b.shape[1])
        return combine(later, earlier)

    monkeypatch.setattr(module, "combine", counted)
    scan(*steps(1, length, 1))
    assert calls == [length - 2**r for r in range(rounds)]
