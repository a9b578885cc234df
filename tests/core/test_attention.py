"""Causal attention: one definition, one fused kernel, no look ahead."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args
from unittest.mock import Mock

import pytest
import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional

from bookfigs.core.attention import CausalAttention, causal_attention

if TYPE_CHECKING:
    from core.conftest import Agree, Program

Form: TypeAlias = Literal["definition", "fused"]
each_form = pytest.mark.parametrize("form", get_args(Form))
each_dtype = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def one_by_one(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Each step's weights over itself and the steps before, by exp and sum."""
    outputs = []
    for t in range(q.shape[-2]):
        scores = (k[..., : t + 1, :] * q[..., t : t + 1, :]).sum(-1)
        weights = (scores / math.sqrt(q.shape[-1])).exp()
        weights = weights / weights.sum(-1, keepdim=True)
        outputs.append((weights.unsqueeze(-1) * v[..., : t + 1, :]).sum(-2))
    return torch.stack(outputs, dim=-2)


def head_by_head(layer: CausalAttention) -> Program:
    """The layer's equations for given weights, one head after the other."""

    def program(x: Tensor, qkv: Tensor, out: Tensor) -> Tensor:
        W_q, W_k, W_v = (W.chunk(layer.heads) for W in qkv.chunk(3))
        heads = [
            one_by_one(x @ q.T, x @ k.T, x @ v.T)
            for q, k, v in zip(W_q, W_k, W_v, strict=True)
        ]
        return torch.cat(heads, dim=-1) @ out.T

    return program


def by(layer: CausalAttention, form: Form) -> Program:
    def program(x: Tensor, qkv: Tensor, out: Tensor) -> Tensor:
        weights = {"qkv.weight": qkv, "out.weight": out}
        y: Tensor = functional_call(layer, weights, (x,), {"form": form})
        return y

    return program


@each_dtype
def test_the_definition_is_a_softmax_over_the_past(
    agree: Agree, length: int, dtype: torch.dtype
) -> None:
    steps = min(length, 100)
    agree(causal_attention, one_by_one, *torch.randn(3, 2, 3, steps, 5, dtype=dtype))


@each_form
@each_dtype
@pytest.mark.parametrize("heads", [1, 2, 3])
def test_every_form_is_its_definition_head_by_head(
    agree: Agree, form: Form, heads: int, dtype: torch.dtype
) -> None:
    layer = CausalAttention(6, heads).to(dtype)
    for steps in (1, 2, 3, 9, 33):
        x = torch.randn(2, steps, 6, dtype=dtype)
        agree(by(layer, form), head_by_head(layer), x, *layer.parameters())


@each_dtype
def test_the_fused_kernel_is_the_definition(
    agree: Agree, length: int, dtype: torch.dtype
) -> None:
    layer = CausalAttention(8, 2).to(dtype)
    x = torch.randn(1, length, 8, dtype=dtype)
    agree(by(layer, "fused"), by(layer, "definition"), x, *layer.parameters())


@pytest.mark.parametrize(("form", "calls"), [("fused", 1), ("definition", 0)])
def test_only_the_fused_form_calls_the_kernel_of_the_framework(
    monkeypatch: pytest.MonkeyPatch, form: Form, calls: int
) -> None:
    kernel = Mock(wraps=functional.scaled_dot_product_attention)
    monkeypatch.setattr(functional, "scaled_dot_product_attention", kernel)
    CausalAttention(6, 2)(torch.randn(1, 4, 6), form=form)
    assert kernel.call_count == calls


@each_form
def test_changing_the_future_does_not_change_the_past(form: Form) -> None:
    layer, x = CausalAttention(6, 2), torch.randn(2, 9, 6)
    before = layer(x, form=form)
    for step in range(9):
        changed = x.clone()
        changed[:, step] += 10
        after = layer(changed, form=form)
        torch.testing.assert_close(after[:, :step], before[:, :step])
        assert not torch.isclose(after[:, step:], before[:, step:]).all(-1).any()


@each_form
def test_no_gradient_flows_from_the_past_to_the_future(form: Form) -> None:
    layer, x = CausalAttention(6, 2), torch.randn(1, 9, 6, requires_grad=True)
    for step in range(9):
        y = layer(x, form=form)
        (gradient,) = torch.autograd.grad(y[:, step].sum(), x)
        reached = gradient.abs().amax(-1).flatten()
        assert (reached[: step + 1] > 0).all()
        assert (reached[step + 1 :] == 0).all()


@each_form
def test_gradients_are_those_of_finite_differences(form: Form) -> None:
    layer = CausalAttention(4, 2).double()
    x = torch.randn(1, 3, 4, dtype=torch.float64, requires_grad=True)
    inputs = (x, *layer.parameters())
    assert torch.autograd.gradcheck(by(layer, form), inputs)


@each_form
def test_no_steps_give_no_outputs(form: Form) -> None:
    assert CausalAttention(6, 2)(torch.zeros(2, 0, 6), form=form).shape == (2, 0, 6)


def test_large_scores_do_not_overflow() -> None:
    q = torch.full((1, 4, 2), 1e4)
    assert causal_attention(q, q, q).isfinite().all()


def test_heads_that_do_not_divide_the_model_are_refused() -> None:
    message = r"CausalAttention\(d_model=6, heads=4\): heads must divide d_model"
    with pytest.raises(ValueError, match=message):
        CausalAttention(6, 4)


@pytest.mark.parametrize("heads", [0, -2])
def test_fewer_than_one_head_is_refused(heads: int) -> None:
    with pytest.raises(ValueError, match="heads"):
        CausalAttention(6, heads)


def test_an_unknown_form_is_refused_saying_which_there_are() -> None:
    layer, x = CausalAttention(6), torch.zeros(1, 2, 6)
    with pytest.raises(ValueError, match=r"'quick'.*definition, fused"):
        layer(x, form="quick")
