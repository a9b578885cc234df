"""``torch.compile`` takes a block with each form as one graph, or says why not."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, get_args

import pytest
import torch
from torch import Tensor, nn
from torch.library import opcheck

from bookfigs.core import scans
from bookfigs.core.kernels import cpu
from bookfigs.core.mixers import MIXERS
from bookfigs.core.mixing import CHANNELS
from bookfigs.core.model import Block
from bookfigs.core.recurrence import FIXED_ONLY, Form, linear_recurrence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch.fx import GraphModule

pytestmark = pytest.mark.filterwarnings(
    # Torch's own compiler makes an instance of Function, and is warned by torch.
    "ignore:.*torch.autograd.function.Function.* should not be instantiated"
    ":DeprecationWarning"
)

D = 4
LENGTHS = (5, 7)
"""In a row: at the second the graph is made anew, for any length."""

FORMS: tuple[Form, ...] = get_args(Form)
UNTRACED = ("fused-rnn", "fused-gru", "fused-lstm")
"""Mixers of the framework that its own compiler does not take."""


@pytest.fixture(autouse=True)
def _fresh_compiler() -> Iterator[None]:
    """Nothing compiled by one test is known to the next."""
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def block(mixer: str, **options: object) -> Block:
    """A residual block with both halves."""
    return Block(D, MIXERS[mixer](D, **options), CHANNELS["glu"](D))


def parts(memory: Any) -> list[Tensor]:
    """The tensors that a memory consists of."""
    if isinstance(memory, Tensor):
        return [memory]
    return [tensor for part in memory for tensor in parts(part)]


def outcome(layer: nn.Module, program: Callable[..., Any], T: int) -> list[Tensor]:
    """Output, memory, and the gradients of the input and of every weight."""
    dice = torch.Generator().manual_seed(T)
    x = torch.randn(2, T, D, generator=dice).requires_grad_()
    y, memory = program(x)
    inputs = [x, *layer.parameters()]
    weight = torch.randn(y.shape, generator=dice)
    gradients = torch.autograd.grad(y, inputs, weight, materialize_grads=True)
    return [y, *parts(memory), *gradients]


def assert_compiles(
    layer: nn.Module, lengths: tuple[int, ...] = LENGTHS, *, whole: bool = True
) -> None:
    """Compiled, it gives at each length what it gives uncompiled."""
    compiled = torch.compile(layer, fullgraph=whole, backend="aot_eager")
    for T in lengths:
        torch.testing.assert_close(
            outcome(layer, compiled, T), outcome(layer, layer, T)
        )


@pytest.mark.parametrize("form", [f for f in FORMS if f != "log"])
def test_an_lru_block_of_each_form_is_one_graph(form: Form) -> None:
    assert_compiles(block("lru", form=form))


@pytest.mark.parametrize("form", [f for f in FORMS if f not in FIXED_ONLY])
def test_a_mingru_block_of_each_form_is_one_graph(form: Form) -> None:
    assert_compiles(block("mingru", form=form), LENGTHS[:1])


@pytest.mark.parametrize("mixer", [m for m in MIXERS if m not in UNTRACED])
def test_a_block_of_each_mixer_is_one_graph(mixer: str) -> None:
    assert_compiles(block(mixer), LENGTHS[:1])


@pytest.mark.filterwarnings(
    # After a break in the graph, torch's compiler looks at the input of the rest.
    "ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning"
)
@pytest.mark.parametrize("mixer", UNTRACED)
def test_a_fused_network_of_the_framework_says_why_it_is_not_one_graph(
    mixer: str,
) -> None:
    layer = block(mixer)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    with pytest.raises(RuntimeError, match="does not support RNN, GRU, or LSTM"):
        outcome(layer, compiled, LENGTHS[0])
    torch.compiler.reset()
    assert_compiles(layer, LENGTHS[:1], whole=False)


OPAQUE: dict[str, Any] = {
    "scan": scans.work_efficient.opaque,
    "hillis_steele": scans.hillis_steele.opaque,
    "chunked": scans.chunked.opaque,
    "fused": cpu._LINEAR.opaque,
    "tanh": cpu._TANH.opaque,
}
LINEAR: tuple[Any, ...] = tuple(name for name in OPAQUE if name != "tanh")


@pytest.mark.parametrize("form", LINEAR)
def test_a_recurrence_is_one_operator_for_every_length(form: Form) -> None:
    graphs: list[list[str]] = []

    def backend(graph: GraphModule, _: list[Tensor]) -> Callable[..., Any]:
        graphs.append([str(node.target) for node in graph.graph.nodes])
        forward: Callable[..., Any] = graph.forward
        return forward

    compiled = torch.compile(linear_recurrence, fullgraph=True, backend=backend)
    a = torch.full((D,), 0.5)
    for T in (9, 12, 33, 100):
        b = torch.ones(2, T, D)
        torch.testing.assert_close(
            compiled(a, b, form=form), linear_recurrence(a, b, form="loop")
        )
    assert len(graphs) == 2  # for the first length, and for any length
    for names in graphs:
        assert sum(name.startswith("bookfigs.") for name in names) == 1
        assert not any("addcmul" in name for name in names)


@pytest.mark.parametrize("T", [1, 2, 100])
@pytest.mark.parametrize(
    ("name", "dtype", "fixed"),
    [
        *product(LINEAR, (torch.float64, torch.complex128), (True, False)),
        ("tanh", torch.float64, True),
    ],
    ids=str,
)
def test_an_operator_is_what_it_says_of_itself(
    name: str, dtype: torch.dtype, T: int, *, fixed: bool
) -> None:
    a = 0.5 * torch.rand(*(() if fixed else (2, T)), D, dtype=dtype)
    b = torch.randn(2, D, T, dtype=dtype).mT  # in another layout
    opcheck(OPAQUE[name], (a.requires_grad_(), b.requires_grad_()))


def test_an_operator_is_not_differentiated_twice() -> None:
    a, b = torch.rand(D, requires_grad=True), torch.randn(2, 9, D)
    states = scans.work_efficient.opaque(a, b)
    (gradient,) = torch.autograd.grad(states.sum(), a, create_graph=True)
    with pytest.raises(RuntimeError, match="no autograd formula was registered"):
        gradient.sum().backward()


def test_a_kernel_refuses_what_does_not_fit_in_a_graph_too() -> None:
    compiled = torch.compile(cpu.linear, fullgraph=True, backend="eager")
    with pytest.raises(Exception, match="a has shape"):
        compiled(torch.ones(3), torch.ones(2, 5, 4))


@pytest.mark.parametrize("wrong", [0.0, -0.5])
def test_logarithms_of_what_is_not_positive_give_no_numbers_in_a_graph(
    wrong: float,
) -> None:
    compiled = torch.compile(linear_recurrence, fullgraph=True, backend="aot_eager")
    a = torch.tensor([0.5, 0.5, wrong, 0.5]).view(1, 4, 1)
    states = compiled(a, torch.ones(1, 4, 1), form="log")
    assert states.isnan().flatten().tolist() == [False, False, True, True]
