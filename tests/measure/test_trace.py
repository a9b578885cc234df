"""The trace of elements, on programs that can be followed by hand."""

import doctest
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from bookfigs.measure import trace as module
from bookfigs.measure.trace import Element, ElementTrace, NotFollowedError

UNKNOWN = torch.rand(4)


def sums(x: Tensor) -> Tensor:
    """Running sums, one after another, written in place."""
    for t in range(1, len(x)):
        x[t].add_(x[t - 1])
    return x


def moved(x: Tensor) -> Tensor:
    """The numbers of x, moved about and not changed."""
    y = torch.empty(4)
    y[2:] = x[:2].clone()
    y[:2] = torch.stack([x[2], x[3]])
    return torch.cat([y[2:], y[:2]])


def sources(program: Callable[[Tensor], Tensor], given: Tensor) -> list[int]:
    """For each result, what it depends on, as bits."""
    with ElementTrace(x=given) as trace:
        result = program(given)
    found = trace.sources("x")
    return [found[number] for number in trace.numbers(result)]


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (lambda x: x * 2, [0b1, 0b10, 0b100, 0b1000]),
        (lambda x: x + x.flip(0), [0b1001, 0b110, 0b110, 0b1001]),
        (lambda x: x[::2] * x[1::2], [0b11, 0b1100]),
        (lambda x: x + x[0], [0b1, 0b11, 0b101, 0b1001]),
        (lambda x: torch.addcmul(x[:1], x[1:2], x[3:]), [0b1011]),
        (lambda x: x.view(2, 2).T + x[:2], [0b1, 0b110, 0b11, 0b1010]),
        (torch.zeros_like, [0, 0, 0, 0]),
        (sums, [0b1, 0b11, 0b111, 0b1111]),
        (moved, [0b1, 0b10, 0b100, 0b1000]),
    ],
)
def test_an_element_depends_on_what_was_read_for_it(
    program: Callable[[Tensor], Tensor], expected: list[int]
) -> None:
    assert sources(program, torch.rand(4)) == expected


def test_what_it_depends_on_is_what_a_change_of_the_input_changes() -> None:
    """The trace against an experiment: perturb one input, see which results move."""

    def program(x: Tensor) -> Tensor:
        y = x.clone()
        y[1::2] = torch.addcmul(y[1::2], y[::2], x[1::2])
        return torch.cat([y[3:], y[:3] * y[2:5]])

    x = torch.rand(6, dtype=torch.float64) + 1
    found = sources(program, x)
    for i in range(6):
        nudged = x.clone()
        nudged[i] += 1
        moves = (program(nudged) != program(x)).tolist()
        assert moves == [bool(mask >> i & 1) for mask in found]


def test_moved_elements_are_not_computed_anew() -> None:
    x = torch.rand(4)
    with ElementTrace(x=x) as trace:
        y = moved(x)
    assert trace.numbers(y) == trace.numbers(x)
    assert len(trace.elements) == 4


def test_operands_keep_the_order_of_the_arguments_and_operations_are_counted() -> None:
    a, b, h = torch.rand(3, 1).unbind()
    a, b, h = a.clone(), b.clone(), h.clone()
    with ElementTrace(a=a, b=b, h=h) as trace:
        h = torch.addcmul(b, a, h)
        torch.addcmul(b, a, h, out=h)
    assert trace.elements[3:] == [
        Element("addcmul", 0, (1, 0, 2)),
        Element("addcmul", 1, (1, 0, 3)),
    ]


def test_the_backward_pass_is_followed_too() -> None:
    x, g = torch.rand(3).requires_grad_(), torch.rand(3)
    y = x * x.detach()
    with ElementTrace(x=x.detach(), g=g) as trace:
        (grad,) = torch.autograd.grad(y, x, g)
    masks = trace.sources("g")
    assert [masks[number] for number in trace.numbers(grad)] == [1, 2, 4]


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (lambda x: x.cumsum(0), r"cumsum is neither elementwise nor one of the moves"),
        (lambda x: x + torch.empty(4), r"add reads a tensor of shape \(4,\) that was"),
        (lambda x: x + UNKNOWN, r"neither given to the trace nor computed in it"),
    ],
)
def test_what_cannot_be_followed_is_refused(
    program: Callable[[Tensor], Tensor], message: str
) -> None:
    with (
        pytest.raises(NotFollowedError, match=message),
        ElementTrace(x=(x := torch.rand(4))),
    ):
        program(x)


def test_the_example_runs() -> None:
    failed, run = doctest.testmod(module)
    assert failed == 0
    assert run > 0
