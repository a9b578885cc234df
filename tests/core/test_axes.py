"""Tensors that do not fit each other are refused, saying what would."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

from bookfigs.core.attention import CausalAttention, causal_attention
from bookfigs.core.axes import require, require_axes, require_numbers
from bookfigs.core.bptt import bptt_states
from bookfigs.core.gated import gru_states, lstm_states
from bookfigs.core.lru import LRU
from bookfigs.core.mixers import MIXERS, rotate
from bookfigs.core.mixing import GLU, MLP
from bookfigs.core.model import Model
from bookfigs.core.newton import newton_states
from bookfigs.core.recurrence import linear_recurrence
from bookfigs.core.rnn import RNN, rnn_states

if TYPE_CHECKING:
    from collections.abc import Callable

ZEROS = torch.zeros


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (
            {"x": (ZEROS(2, 5), "B T D")},
            r"f: x has shape \(2, 5\); expected \(B, T, D\)$",
        ),
        (
            {"x": (ZEROS(2, 5, 3), "B T D"), "h": (ZEROS(1, 4), "B N")},
            r"h has shape \(1, 4\); expected \(B, N\) = \(2, N\)$",
        ),
        (
            {"W": (ZEROS(4, 3), "N N")},
            r"W has shape \(4, 3\); expected \(N, N\) = \(4, 4",
        ),
        (
            {"W": (ZEROS(4, 4), "N N"), "V": (ZEROS(8, 2), "3N D")},
            r"V has shape \(8, 2\); expected \(3N, D\) = \(12, D\)$",
        ),
        ({"b": (ZEROS(3, 1), "N")}, r"b has shape \(3, 1\); expected \(N,\)$"),
        (
            {"W": (ZEROS(4, 3), "N D"), "x": (ZEROS(1, 7, 5), "* D")},
            r"x has shape \(1, 7, 5\); expected \(..., D\) = \(..., 3\)$",
        ),
        ({"x": (ZEROS(3), "* T D")}, r"x has shape \(3,\); expected \(..., T, D\)$"),
        ({"x": (ZEROS(()), "B T D")}, r"x has shape \(\); expected \(B, T, D\)$"),
        (
            {"x": (torch.ones(2, dtype=torch.bool), "N")},
            r"x is torch.bool; expected a fl",
        ),
        (
            {"x": (ZEROS(2), "N"), "y": (ZEROS(2, device="meta"), "N")},
            r"f: x is on cpu and y on meta; expected one device for all",
        ),
        (
            {"x": (ZEROS(2), "N"), "y": (ZEROS(2).double(), "N")},
            r"f: x is torch.float32 and y is torch.float64; expected one dtype for all",
        ),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_with_its_name_its_shape_and_the_letters(
    tensors: dict[str, tuple[Tensor, str]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        require("f", **tensors)


def test_what_fits_passes_and_what_is_not_given_is_passed_over() -> None:
    x, W = ZEROS(2, 5, 3), ZEROS(12, 4)
    require("f", x=(x, "B T D"), W=(W, "3N N"), V=(ZEROS(12, 3), "3N D"), h=(None, "B"))
    require("f", x=(ZEROS(3), "* D"), y=(ZEROS(1, 1, 1, 3), "* D"))
    require_axes("f", h=(None, "B N"), x=(ZEROS(0, 0), "B N"))
    require_numbers("f", h=None, x=ZEROS(2), z=ZEROS(2, dtype=torch.complex128))


def test_autocast_sees_to_dtypes_itself() -> None:
    pair = {"x": (ZEROS(2), "N"), "y": (ZEROS(2).bfloat16(), "N")}
    with torch.autocast("cpu", torch.bfloat16):
        require("f", **pair)
    with pytest.raises(ValueError, match="one dtype for all"):
        require("f", **pair)


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm", "fused-gru", "mingru", "lru"])
def test_layers_run_under_autocast(name: str) -> None:
    layer, x = MIXERS[name](4), torch.randn(2, 5, 4)
    with torch.autocast("cpu", torch.bfloat16):
        y, _ = layer(x)
    torch.testing.assert_close(y.float(), layer(x)[0], rtol=0.1, atol=0.1)


def weights(gates: int) -> tuple[Tensor, ...]:
    return ZEROS(4 * gates, 3), ZEROS(4 * gates, 4), ZEROS(4 * gates)


def lstm(x: Tensor, W_x: Tensor, W_h: Tensor, b: Tensor, *state: Tensor) -> object:
    h_0, c_0 = state
    return lstm_states(x, W_x, W_h, b, (h_0, c_0))


x, square = ZEROS(2, 5, 3), ZEROS(2, 5, 4)
CALLS: dict[str, tuple[Callable[..., Any], tuple[Tensor, ...]]] = {
    "linear_recurrence": (linear_recurrence, (ZEROS(3), x, ZEROS(2, 3))),
    "rnn_states": (rnn_states, (x, *weights(1), ZEROS(2, 4))),
    "bptt_states": (bptt_states, (x, *weights(1), ZEROS(2, 4))),
    "gru_states": (gru_states, (x, *weights(3), ZEROS(4), ZEROS(2, 4))),
    "lstm_states": (lstm, (x, *weights(4), ZEROS(2, 4), ZEROS(2, 4))),
    "newton_states": (newton_states, (square, ZEROS(4, 4), ZEROS(2, 4))),
    "causal_attention": (causal_attention, (x, x, x)),
    "MLP": (MLP(3, 8), (x,)),
    "GLU": (GLU(3, 8), (x,)),
    "LRU": (LRU(3, 4), (x,)),
    "RNN": (RNN(3, 4), (x, ZEROS(2, 4))),
    "CausalAttention": (CausalAttention(3), (x,)),
    "Model": (Model(3, 2, 4, tokens=False), (x,)),
    **{
        f"mixer {name}": (partial(MIXERS[name], 4)(), (square,))
        for name in sorted(MIXERS)
    },
}
TENSORS = [(name, i) for name, (_, inputs) in CALLS.items() for i in range(len(inputs))]
each_tensor = pytest.mark.parametrize(("name", "i"), TENSORS)


def spoilt(name: str, i: int, change: Callable[[Tensor], Tensor]) -> Callable[[], Any]:
    """The call with one of its tensors changed."""
    call, inputs = CALLS[name]
    return partial(call, *(change(x) if i == j else x for j, x in enumerate(inputs)))


@pytest.mark.parametrize("name", CALLS)
def test_each_call_is_right_until_it_is_spoilt(name: str) -> None:
    call, inputs = CALLS[name]
    call(*inputs)


@each_tensor
def test_an_axis_too_many_is_refused(name: str, i: int) -> None:
    if name in {"MLP", "GLU", "causal_attention"}:  # any axes may come first
        spoilt(name, i, lambda x: x.unsqueeze(0))()
        return
    with pytest.raises(ValueError, match=r"\w+ has shape \(.*\); expected \("):
        spoilt(name, i, lambda x: x.unsqueeze(0))()


@each_tensor
def test_a_size_that_differs_is_refused(name: str, i: int) -> None:
    with pytest.raises(ValueError, match=r"\w+ has shape \(.*\); expected \("):
        spoilt(name, i, lambda x: torch.cat([x, x[..., :1]], dim=-1))()


@each_tensor
@pytest.mark.parametrize("dtype", [torch.int64, torch.bool], ids=str)
def test_integers_are_refused(name: str, i: int, dtype: torch.dtype) -> None:
    with pytest.raises(ValueError, match=rf"\w+ is {dtype}; expected a floating-point"):
        spoilt(name, i, lambda x: x.to(dtype))()


@each_tensor
def test_a_second_device_is_refused(name: str, i: int) -> None:
    with pytest.raises(ValueError, match=r"on (cpu|meta) and \w+ on .* one device"):
        spoilt(name, i, lambda x: x.to("meta"))()


@each_tensor
def test_a_second_precision_is_refused_or_promotes(name: str, i: int) -> None:
    call = spoilt(name, i, lambda x: x.double())
    if name == "linear_recurrence":
        assert call().dtype == torch.float64
        return
    with pytest.raises(ValueError, match="expected one dtype for all"):
        call()


def test_a_model_of_tokens_refuses_what_are_none() -> None:
    model = Model(5, 5, 4)
    with pytest.raises(ValueError, match=r"x is torch.float32; .* tokens=False"):
        model(ZEROS(2, 5))
    with pytest.raises(
        ValueError, match=r"Model: x has shape \(5,\); expected \(B, T\)"
    ):
        model(torch.zeros(5, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"x is on meta and the model on cpu"):
        model(torch.zeros(2, 5, dtype=torch.int64, device="meta"))
    with pytest.raises(ValueError, match=r"x has shape \(2, 1\); expected \(B,\)"):
        model.step(torch.zeros(2, 1, dtype=torch.int64), model.initial_state(2))
    with pytest.raises(IndexError, match="out of range"):
        model(torch.full((2, 5), 5))


def test_an_odd_number_of_channels_cannot_be_turned_in_pairs() -> None:
    with pytest.raises(ValueError, match=r"rotate: x has shape \(2, 3\); .* an even d"):
        rotate(ZEROS(2, 3), 0)
