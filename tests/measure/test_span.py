"""The span meter, on programs whose longest chain is known."""

import doctest
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from bookfigs.measure import span
from bookfigs.measure.span import SpanMeter, ValueEscapedError


def chain(x: Tensor, length: int) -> Tensor:
    """One addition after another."""
    for _ in range(length):
        x = x + 1
    return x


def depths(meter: SpanMeter, x: Tensor) -> list[int]:
    """Depth of each element, in order."""
    return [meter.depth(element) for element in x.flatten().unbind()]


@pytest.mark.parametrize("length", [0, 1, 2, 7, 100])
def test_a_chain_is_as_deep_as_it_is_long(length: int) -> None:
    x = torch.ones(4)
    with SpanMeter() as meter:
        y = chain(x, length)
    assert meter.depth(y) == meter.operations == length


@pytest.mark.parametrize("levels", [1, 2, 5])
def test_a_tree_is_as_deep_as_its_logarithm(levels: int) -> None:
    leaves = list(torch.ones(2**levels, 3))
    with SpanMeter() as meter:
        while len(leaves) > 1:
            pairs = zip(leaves[::2], leaves[1::2], strict=True)
            leaves = [left + right for left, right in pairs]
    assert meter.depth(*leaves) == levels
    assert meter.operations == 2**levels - 1


def test_a_tree_over_slices_of_one_tensor_is_as_deep() -> None:
    x = torch.ones(64)
    with SpanMeter() as meter:
        while len(x) > 1:
            x = x[::2] + x[1::2]
    assert meter.depth(x) == math.log2(64)


def test_independent_branches_do_not_wait_for_each_other() -> None:
    x = torch.ones(4)
    with SpanMeter() as meter:
        short, long = chain(x, 2), chain(x, 5)
        joined = short * long
    assert [meter.depth(y) for y in (short, long, joined)] == [2, 5, 6]
    assert meter.depth(short, long) == 5
    assert meter.operations == 8


def test_what_was_there_before_has_depth_zero() -> None:
    x = chain(torch.ones(4), 3)
    with SpanMeter() as meter:
        y = chain(x, 1)
    assert meter.depth(x) == meter.depth() == 0
    assert meter.depth(y) == 1


def test_what_runs_outside_is_not_counted_and_depths_stay_readable() -> None:
    with SpanMeter() as meter:
        y = chain(torch.ones(4), 3)
    after = chain(y, 3)
    assert meter.operations == 4
    assert meter.depth(y) == 4
    assert meter.depth(after) == 0


def test_a_meter_inside_a_meter_counts_its_own_part() -> None:
    x = torch.ones(4)
    with SpanMeter() as outer:
        y = chain(x, 2)
        with SpanMeter() as inner:
            z = chain(y, 3)
    assert (outer.depth(z), outer.operations) == (5, 5)
    assert (inner.depth(z), inner.operations) == (3, 3)


def test_an_operation_counts_once_however_wide_it_is() -> None:
    x = torch.ones(64, 64)
    with SpanMeter() as meter:
        y = torch.fft.fft(x @ x).abs().sum()
    assert meter.depth(y) == meter.operations == 4


def test_every_result_of_an_operation_has_its_depth() -> None:
    x = torch.rand(5)
    with SpanMeter() as meter:
        values, places = chain(x, 2).topk(3)
    assert (meter.depth(values), meter.depth(places)) == (3, 3)


def test_tensors_in_a_list_are_read_and_written() -> None:
    x = torch.ones(4)
    with SpanMeter() as meter:
        stacked = torch.stack([x, chain(x, 3)])
        a, b = chain(x, 1), chain(x, 2)
        torch._foreach_add_([a, b], 1)
    assert meter.depth(stacked) == 4
    assert (meter.depth(a), meter.depth(b)) == (3, 3)


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.T,
        lambda x: x.view(2, 12),
        lambda x: x.reshape(-1),
        lambda x: x.permute(1, 0),
        lambda x: x[1:3, ::2],
        lambda x: x[0],
        lambda x: x.unsqueeze(0).expand(5, 4, 6),
        lambda x: x.squeeze(),
        lambda x: x.diagonal(),
        lambda x: x.unfold(1, 3, 1),
        lambda x: x.detach(),
        lambda x: x.chunk(2)[1],
        lambda x: x.unbind(1)[2],
        lambda x: x.contiguous(),
        lambda x: x.view(torch.int32),
        lambda x: x.view(torch.complex64),
        lambda x: torch.view_as_complex(x.view(4, 3, 2)),
        lambda x: torch.view_as_complex(x.view(4, 3, 2)).conj(),
        lambda x: torch.view_as_complex(x.view(4, 3, 2)).conj().imag,
        lambda x: torch.view_as_real(torch.view_as_complex(x.view(4, 3, 2))),
    ],
)
def test_a_view_costs_nothing(view: Callable[[Tensor], Tensor]) -> None:
    x = torch.ones(4, 6)
    with SpanMeter() as meter:
        y = chain(x, 3)
        seen = view(y)
    assert meter.operations == 3
    assert meter.depth(seen) == 3


def test_a_copy_is_no_view() -> None:
    x = torch.ones(4, 6)
    with SpanMeter() as meter:
        y = chain(x, 3).T.contiguous()
    assert (meter.operations, meter.depth(y)) == (4, 4)


def test_a_view_is_as_deep_as_what_it_shows() -> None:
    x, y = torch.ones(3), torch.zeros(3, 4)
    with SpanMeter() as meter:
        y.T[1] = chain(x, 4)
    assert depths(meter, y) == [0, 5, 0, 0] * 3
    assert meter.depth(y[:, 2:]) == 0
    assert meter.depth(y[:, :1].expand(3, 4)) == 0
    assert meter.depth(y[2:, :2]) == meter.depth(y.T[1]) == meter.depth(y) == 5


def test_parts_of_complex_numbers_have_their_own_depth() -> None:
    x, z = torch.ones(2), torch.zeros(4, dtype=torch.complex64)
    with SpanMeter() as meter:
        z[1].zero_()
        z.imag[2:] = chain(x, 5)
    assert depths(meter, z) == [0, 1, 6, 6]
    assert depths(meter, z.imag) == [0, 1, 6, 6]
    assert depths(meter, z.real) == [0, 1, 0, 0]


def test_real_numbers_written_in_pairs_are_read_as_complex_ones() -> None:
    x, pairs = torch.ones(()), torch.zeros(3, 2)
    with SpanMeter() as meter:
        pairs[1, 0] = chain(x, 2)
        z = torch.view_as_complex(pairs)
        z[2] = 1
    assert depths(meter, z) == [0, 3, 1]
    assert depths(meter, pairs) == [0, 0, 3, 0, 1, 1]


def test_writes_to_disjoint_parts_do_not_wait_for_each_other() -> None:
    x, y = torch.ones(8), torch.empty(8)
    with SpanMeter() as meter:
        torch.add(x[::2], 1, out=y[::2])
        torch.add(x[1::2], 1, out=y[1::2])
        y[:4].add_(1)
        y[4:].add_(1)
    assert depths(meter, y) == [2] * 8
    assert meter.operations == 4


def test_writes_to_overlapping_parts_wait_for_each_other() -> None:
    y = torch.ones(8)
    with SpanMeter() as meter:
        y[:5].add_(1)
        y[4:].add_(1)
        y[3:5].add_(1)
    assert depths(meter, y) == [1, 1, 1, 3, 3, 2, 2, 2]


def test_a_write_to_a_part_leaves_the_rest() -> None:
    x = torch.ones(4)
    with SpanMeter() as meter:
        y = chain(x, 3)
        y[1:3].zero_()
    assert depths(meter, y) == [3, 1, 1, 3]


def test_a_loop_over_slices_is_a_chain_only_where_it_reads_the_last_one() -> None:
    x, chained, apart = torch.ones(9), torch.zeros(9), torch.zeros(9)
    with SpanMeter() as meter:
        for t in range(1, 9):
            torch.add(chained[t - 1], x[t], out=chained[t])
            torch.add(x[t - 1], x[t], out=apart[t])
    assert depths(meter, chained) == list(range(9))
    assert depths(meter, apart) == [0] + [1] * 8


def test_an_operation_in_place_reads_what_it_changes() -> None:
    x = torch.ones(4)
    with SpanMeter() as meter:
        y = chain(x, 2)
        y.mul_(3).add_(chain(x, 1))
    assert meter.depth(y) == 4


@pytest.mark.parametrize(
    "overwrite",
    [Tensor.zero_, Tensor.normal_, Tensor.uniform_, lambda y: y.fill_(2)],
)
def test_overwriting_does_not_wait_for_what_was_there(
    overwrite: Callable[[Tensor], Tensor],
) -> None:
    x = torch.ones(4)
    with SpanMeter() as meter:
        y = overwrite(chain(x, 5))
    assert meter.depth(y) == 1


def test_a_copy_waits_for_its_source_alone() -> None:
    x, number = torch.ones(4), torch.ones(())
    with SpanMeter() as meter:
        y, filled = chain(x, 5), chain(x, 5)
        y.copy_(chain(x, 2))
        filled.fill_(chain(number, 1))
    assert (meter.depth(y), meter.depth(filled)) == (3, 2)


def test_an_output_tensor_is_not_read() -> None:
    x = torch.ones(4)
    with SpanMeter() as meter:
        y = chain(x, 5)
        torch.addcmul(x, x, x, out=y)
    assert meter.depth(y) == 1


def test_an_output_tensor_that_is_an_input_too_is_read() -> None:
    x = torch.ones(4)
    with SpanMeter() as meter:
        y = chain(x, 5)
        torch.addcmul(y, x, x, out=y)
    assert meter.depth(y) == 6


def test_a_storage_may_grow() -> None:
    with SpanMeter() as meter:
        y = chain(torch.zeros(4), 1)
        y[1:].add_(1)
        y.resize_(6)
        y[4:].fill_(0)
        assert meter.depth(y[5:]) == 1
        torch.add(torch.zeros(9), 1, out=y.resize_(0))
    assert depths(meter, y) == [2] * 9


def test_allocating_costs_nothing() -> None:
    x = torch.ones(4)
    with SpanMeter() as meter:
        y = chain(x, 3)
        new = [torch.empty(4), torch.empty_like(y), y.new_empty(2)]
        assert meter.operations == 3
    assert meter.depth(*new) == 0


def test_a_tensor_made_after_the_shape_of_another_does_not_wait_for_it() -> None:
    x = torch.ones(4)
    with SpanMeter() as meter:
        y = chain(x, 3)
        made = [torch.zeros_like(y), torch.randn_like(y), y.new_full((2,), 7.0)]
    assert [meter.depth(z) for z in made] == [1, 1, 1]
    assert meter.operations == 6


def test_no_elements_are_depended_on_by_nothing() -> None:
    x = torch.ones(4)
    with SpanMeter() as meter:
        y = chain(x, 3)
        nothing = y[:0] + 1
        joined = torch.cat([y[:0], x])
    assert meter.depth(nothing) == 0
    assert meter.depth(joined) == 1
    assert meter.operations == 5


def test_memory_that_is_used_again_starts_at_zero() -> None:
    x = torch.ones(1000)
    with SpanMeter() as meter:
        found = set()
        for _ in range(100):
            deep = chain(x, 5)
            del deep
            new = [torch.empty(1000) for _ in range(4)]
            found |= {meter.depth(y) for y in new}
    assert found == {0}


def test_a_backward_pass_is_counted() -> None:
    """xₜ = sin xₜ₋₁: down the chain, then back by a product for each step."""
    for length in (1, 2, 10):
        x = torch.ones(4, requires_grad=True)
        with SpanMeter() as meter:
            y = x
            for _ in range(length):
                y = y.sin()
            y.sum().backward()
        assert x.grad is not None
        assert meter.depth(y) == length
        assert meter.depth(x.grad) == 2 * length
        assert meter.operations == length + 1 + 1 + 2 * length


class TwoThere(torch.autograd.Function):
    """Two operations there and three back, chained."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ARG004 - as torch wants it
        return chain(x, 2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ARG004
        return chain(gradient, 3)


def test_a_function_with_its_own_backward_pass_is_counted() -> None:
    x, gradient = torch.ones(4, requires_grad=True), torch.ones(4)
    with SpanMeter() as meter:
        y: Tensor = TwoThere.apply(TwoThere.apply(x))
        assert (meter.depth(y), meter.operations) == (4, 4)
        y.backward(gradient)
    assert x.grad is not None
    assert (meter.depth(x.grad), meter.operations) == (6, 10)


def test_each_training_step_waits_for_the_one_before() -> None:
    w = nn.Parameter(torch.ones(3))
    descent = torch.optim.SGD([w], lr=0.1, foreach=False)
    chains = []
    with SpanMeter() as meter:
        for _ in range(4):
            descent.zero_grad()
            w.exp().sum().backward()
            descent.step()
            chains.append(meter.depth(w))
    assert chains == [3, 6, 9, 12]


def test_a_lap_starts_again_from_zero() -> None:
    x = torch.ones(4)
    with SpanMeter() as meter:
        y = chain(x, 3)
        assert meter.lap() == 3
        assert (meter.depth(y), meter.operations) == (0, 0)
        z = chain(y, 2)
        assert meter.depth(z) == 2
        assert meter.lap() == 2
        assert meter.lap() == 0


def branch(x: Tensor) -> int:
    if x:
        return 1
    return 0


@pytest.mark.parametrize(
    "escape",
    [
        lambda x: x.item(),
        branch,
        float,
        int,
        lambda x: 1.0 in x,
        lambda x: torch.equal(x, x),
        lambda x: torch.allclose(x, x),
    ],
    ids=["item", "if", "float", "int", "in", "equal", "allclose"],
)
def test_a_value_that_goes_into_python_is_refused(
    escape: Callable[[Tensor], object],
) -> None:
    x = torch.ones(())
    with pytest.raises(ValueEscapedError, match="a tensor's value went into Python"):  # noqa: SIM117 - the meter ends by the error
        with SpanMeter():
            escape(x + 1)
    assert (x + 1).item() == 2


def test_the_example_in_the_docstring_is_true() -> None:
    failed, attempted = doctest.testmod(span)
    assert failed == 0
    assert attempted > 0


SIZE = 6


class Step(NamedTuple):
    """One step of a random program on a few tensors."""

    kind: str
    target: int
    source: int
    place: slice
    other: slice


def slices(width: int) -> st.SearchStrategy[slice]:
    """Slices with so many elements, with and without gaps."""
    strides = st.integers(1, max(1, (SIZE - 1) // max(1, width - 1)))
    return strides.flatmap(
        lambda stride: st.integers(0, SIZE - 1 - stride * (width - 1)).map(
            lambda start: slice(start, start + stride * (width - 1) + 1, stride)
        )
    )


steps = st.integers(1, 4).flatmap(
    lambda width: st.builds(
        Step,
        st.sampled_from(["new", "copy", "add", "out"]),
        st.integers(0, 2),
        st.integers(0, 2),
        slices(width),
        slices(width),
    )
)


def carry_out(step: Step, tensors: list[Tensor]) -> None:
    target, source = tensors[step.target], tensors[step.source]
    if step.kind == "new":
        tensors[step.target] = target.flip(0) + source
    elif step.kind == "copy":
        target[step.place].copy_(source[step.other])
    elif step.kind == "add":
        target[step.place].add_(source[step.other])
    else:
        torch.neg(source[step.other], out=target[step.place])


def follow(step: Step, known: list[NDArray[np.int64]]) -> None:
    """The same on a number for each element: its depth."""
    target, source = known[step.target], known[step.source]
    if step.kind == "new":
        depth = 1 + max(1 + target.max(), source.max())
        known[step.target] = np.full(SIZE, depth)
        return
    read = [source[step.other].max()]
    if step.kind == "add":
        read.append(target[step.place].max())
    target[step.place] = 1 + max(read)


@given(program=st.lists(steps, max_size=25))
@settings(deadline=None, derandomize=True)
def test_any_program_of_slices_is_followed_element_by_element(
    program: list[Step],
) -> None:
    tensors = [torch.zeros(SIZE) for _ in range(3)]
    known = [np.zeros(SIZE, dtype=np.int64) for _ in range(3)]
    # torch refuses to write into memory that it reads at another place
    apart = [step for step in program if step.target != step.source]
    with SpanMeter() as meter:
        for step in apart:
            carry_out(step, tensors)
            follow(step, known)
    assert [depths(meter, x) for x in tensors] == [x.tolist() for x in known]
    assert meter.operations == len(apart) + sum(s.kind == "new" for s in apart)
