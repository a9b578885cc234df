"""Decoders: step by step what the mixer computes over the whole sequence."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from bookfigs.core.decoding import AttentionDecoder, LRUDecoder, RNNDecoder, Room
from bookfigs.core.mixers import AttentionMixer, LRUMixer, RNNMixer

CAPACITY = 40
CASES: dict[str, tuple[Any, Any]] = {
    "rnn": (lambda: RNNMixer(6), RNNDecoder),
    "lru": (lambda: LRUMixer(6, r_min=0.5), LRUDecoder),
    "lru of other width": (lambda: LRUMixer(6, 5), LRUDecoder),
    "attention": (
        lambda: AttentionMixer(6, 3),
        lambda mixer: AttentionDecoder(mixer, CAPACITY),
    ),
    "attention without positions": (
        lambda: AttentionMixer(6, 2, rotary=False),
        lambda mixer: AttentionDecoder(mixer, CAPACITY),
    ),
}
each_case = pytest.mark.parametrize("name", CASES)
each_dtype = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def made(name: str, dtype: torch.dtype = torch.float64) -> tuple[Any, Any]:
    """A mixer and its decoder."""
    mixer, decoder = CASES[name]
    layer = mixer().to(dtype)
    return layer, decoder(layer)


def walk(decoder: Any, x: Tensor, memory: Any) -> tuple[Tensor, Any]:
    """One step after another."""
    outputs = []
    for x_t in x.unbind(dim=1):
        y_t, memory = decoder.step(x_t, memory)
        outputs.append(y_t)
    return torch.stack(outputs, dim=1), memory


@each_case
@each_dtype
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("steps", [1, 2, 3, 8, CAPACITY])
def test_steps_give_what_the_whole_sequence_gives(
    name: str, dtype: torch.dtype, batch: int, steps: int
) -> None:
    layer, decoder = made(name, dtype)
    x = torch.randn(batch, steps, 6, dtype=dtype)
    y, _ = walk(decoder, x, decoder.initial_state(batch))
    torch.testing.assert_close(y, layer(x)[0].detach())


@each_case
def test_nothing_is_kept_for_a_gradient(name: str) -> None:
    _, decoder = made(name)
    y, memory = decoder.step(torch.randn(2, 6).double(), decoder.initial_state(2))
    kept = [y, *(memory[:2] if isinstance(memory, Room) else [memory])]
    assert not any(tensor.requires_grad for tensor in kept)


@each_case
def test_an_input_that_does_not_fit_is_refused(name: str) -> None:
    _, decoder = made(name)
    with pytest.raises(ValueError, match=r"Decoder: x_t has shape \(2, 5\)"):
        decoder.step(torch.zeros(2, 5).double(), decoder.initial_state(2))


@pytest.mark.parametrize("first", [0, 1, 7])
def test_a_prefilled_room_is_gone_on_from(first: int) -> None:
    layer, decoder = made("attention")
    x = torch.randn(2, 9, 6).double()
    before, room = decoder.prefill(x[:, :first])
    after, room = walk(decoder, x[:, first:], room)
    torch.testing.assert_close(torch.cat([before, after], 1), layer(x)[0].detach())
    assert room.used == 9


def test_a_room_counts_the_bytes_of_the_steps_so_far() -> None:
    _, decoder = made("attention")
    room = decoder.initial_state(2)
    for steps in range(1, 5):
        _, room = decoder.step(torch.randn(2, 6).double(), room)
        assert room.nbytes == 2 * 2 * 6 * 8 * steps  # K and V, B, D, bytes, T


def test_a_step_writes_in_place_and_touches_no_earlier_one() -> None:
    _, decoder = made("attention")
    _, room = decoder.prefill(torch.randn(2, 5, 6).double())
    before = [part.clone() for part in room[:2]]
    _, after = decoder.step(torch.randn(2, 6).double(), room)
    for old, part, then in zip(before, room[:2], after[:2], strict=True):
        assert part.data_ptr() == then.data_ptr()
        assert torch.equal(old[:, :, :5], then[:, :, :5])
        assert (then[:, :, 5] != 0).any()
        assert (then[:, :, 6:] == 0).all()


def test_more_steps_than_there_is_room_for_are_refused() -> None:
    _, decoder = made("attention")
    x = torch.zeros(1, CAPACITY + 1, 6).double()
    with pytest.raises(ValueError, match="41 more steps after 0 need room for 41"):
        decoder.prefill(x)
    _, room = decoder.prefill(x[:, :CAPACITY])
    with pytest.raises(ValueError, match=r"1 more steps after 40.*capacity is 40"):
        decoder.step(x[:, 0], room)


def test_no_room_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match=r"capacity=0\): needs room for 1"):
        AttentionDecoder(AttentionMixer(6), 0)


def test_the_maps_of_the_unit_are_computed_once() -> None:
    layer, decoder = made("lru")
    x, h = torch.randn(1, 6).double(), decoder.initial_state(1)
    before = decoder.step(x, h)
    with torch.no_grad():
        for weight in layer.parameters():
            weight.add_(1)
    torch.testing.assert_close(decoder.step(x, h)[1], before[1])
