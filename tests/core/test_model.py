"""Every mixer fits into the stack, and streams what it computes in parallel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from bookfigs.core.lru import LRU
from bookfigs.core.mixers import MIXERS, AttentionMixer, LRUMixer, RNNMixer, rotate
from bookfigs.core.mixing import CHANNELS, GLU
from bookfigs.core.model import Block, Model

if TYPE_CHECKING:
    from core.conftest import Agree, Program

each_mixer = pytest.mark.parametrize("name", MIXERS)
each_channel = pytest.mark.parametrize("channel", CHANNELS)
each_dtype = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def parts(memory: Any) -> list[Tensor]:
    """The tensors that a memory consists of."""
    if isinstance(memory, Tensor):
        return [memory]
    return [tensor for part in memory for tensor in parts(part)]


def walk(layer: Any, x: Tensor, memory: Any) -> tuple[Tensor, Any]:
    """One step after another."""
    outputs = []
    for x_t in x.unbind(dim=1):
        y_t, memory = layer.step(x_t, memory)
        outputs.append(y_t)
    return torch.stack(outputs, dim=1), memory


def by(layer: Any, *, stepwise: bool) -> Program:
    """A mixer after three steps, for given weights; then its memory, in a row."""
    names = [name for name, _ in layer.named_parameters()]

    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: Tensor) -> tuple[Tensor, Any]:
            _, memory = layer(x[:, :3])
            if stepwise:
                _, memory = walk(layer, x[:, :3], layer.initial_state(len(x)))
                return walk(layer, x[:, 3:], memory)
            y, memory = layer(x[:, 3:], memory)
            return y, memory

    def program(x: Tensor, *weights: Tensor) -> Tensor:
        given = {f"layer.{n}": w for n, w in zip(names, weights, strict=True)}
        y, memory = functional_call(Whole(), given, x)
        memory = [m.real + m.imag if m.is_complex() else m for m in parts(memory)]
        return torch.cat([y.flatten(), *(m.flatten() for m in memory)]).unsqueeze(-1)

    return program


@each_mixer
@each_dtype
def test_steps_give_what_the_sequence_gives_with_its_gradients(
    agree: Agree, name: str, dtype: torch.dtype
) -> None:
    layer: Any = MIXERS[name](4)
    layer.to(dtype)
    parallel, steps = by(layer, stepwise=False), by(layer, stepwise=True)
    x = torch.randn(2, 9, 4, dtype=dtype)
    agree(parallel, steps, x, *(weight.detach() for weight in layer.parameters()))


@each_mixer
def test_a_mixer_may_be_cut_anywhere(name: str) -> None:
    layer: Any = MIXERS[name](4)
    x = torch.randn(2, 6, 4).double()
    y, last = layer.double()(x)
    for cut in range(7):
        first, memory = layer(x[:, :cut])
        second, end = layer(x[:, cut:], memory)
        torch.testing.assert_close(torch.cat([first, second], dim=1), y)
        torch.testing.assert_close(parts(end), parts(last))


@each_mixer
def test_a_mixer_does_not_see_the_future(name: str) -> None:
    layer: Any = MIXERS[name](4)
    x = torch.randn(2, 7, 4).double()
    before, _ = layer.double()(x)
    x[:, 4] += 1
    after, _ = layer(x)
    torch.testing.assert_close(after[:, :4], before[:, :4], rtol=0, atol=1e-12)
    assert (after[:, 4:] != before[:, 4:]).any(dim=-1).all()


def test_the_unit_hands_over_its_state_and_is_the_layer(agree: Agree) -> None:
    mixer, x = LRUMixer(3, 5, r_min=0.5), torch.randn(2, 9, 3).double()
    mixer.double()
    h_0 = torch.randn(2, 5, dtype=torch.complex128)
    y, _ = mixer(x, h_0)
    torch.testing.assert_close(y, mixer.layer(x, h_0))
    names = [name for name, _ in mixer.layer.named_parameters()]

    def program(layer: nn.Module, prefix: str) -> Program:
        def outputs(x: Tensor, *weights: Tensor) -> Tensor:
            keys = [prefix + name for name in names]
            y: Any = functional_call(layer, dict(zip(keys, weights, strict=True)), x)
            output: Tensor = y[0] if isinstance(y, tuple) else y
            return output

        return outputs

    weights = [weight.detach() for weight in mixer.layer.parameters()]
    agree(program(mixer, "layer."), program(mixer.layer, ""), x, *weights)
    assert isinstance(mixer.layer, LRU)


@pytest.mark.parametrize("form", ["loop", "scan", "fft"])
def test_the_form_of_a_recurrence_is_an_option(form: str) -> None:
    x = torch.randint(5, (2, 9))
    for mixer in ("lru", "s4d"):
        torch.manual_seed(3)
        scanned = Model(5, 5, 8, mixer=mixer)
        torch.manual_seed(3)
        model = Model(5, 5, 8, mixer=mixer, form=form)
        torch.testing.assert_close(model(x)[0], scanned(x)[0], rtol=1e-4, atol=1e-5)
        layer: Any = model.blocks[0].mixer
        assert layer.form == form


@pytest.mark.parametrize("name", ["lru", "s4d", "selective", "mingru", "minlstm"])
def test_a_recurrence_computes_by_the_form_that_was_asked_for(name: str) -> None:
    layer = MIXERS[name](4, form="walk")
    with pytest.raises(ValueError, match="form='walk' is unknown"):
        layer(torch.zeros(2, 5, 4))


def test_the_elman_mixer_is_its_layer() -> None:
    mixer, x, h_0 = RNNMixer(3), torch.randn(2, 9, 3), torch.randn(2, 3)
    y, h = mixer(x, h_0)
    torch.testing.assert_close(y, mixer.layer(x, h_0))
    torch.testing.assert_close(h, y[:, -1])


@pytest.mark.parametrize("heads", [1, 2])
def test_attention_that_is_not_rotated_is_its_layer(heads: int) -> None:
    mixer, x = AttentionMixer(4, heads, rotary=False), torch.randn(2, 9, 4)
    torch.testing.assert_close(mixer(x)[0], mixer.layer(x, form="definition"))


def test_attention_that_is_not_rotated_streams_too() -> None:
    mixer, x = AttentionMixer(4, 2, rotary=False), torch.randn(2, 9, 4)
    torch.testing.assert_close(walk(mixer, x, mixer.initial_state(2)), mixer(x))


def test_rotated_products_depend_on_distance_alone() -> None:
    q, k = torch.randn(2, 1, 6).double()
    products = [(rotate(q, t + 5) @ rotate(k, t).T).item() for t in (0, 1, 7, 100_000)]
    assert products == pytest.approx([products[0]] * 4, rel=1e-9)
    assert (rotate(q, 6) @ rotate(k, 0).T).item() != pytest.approx(products[0])


def test_the_first_step_is_not_turned_and_the_second_by_the_rates() -> None:
    x = torch.tensor([[1.0, 0.0, 1.0, 0.0]]).repeat(2, 1).double()
    slow = 10000.0**-0.5
    angles = torch.tensor([0.0, 0.0, 1.0, slow]).double()
    expected = torch.stack([angles.cos(), angles.sin()], dim=-1).view(2, 4)
    torch.testing.assert_close(rotate(x, 0), expected)


def test_a_memory_keeps_its_size_except_that_of_attention() -> None:
    x = torch.randn(2, 10, 4)
    grown = {}
    for name, make in MIXERS.items():
        layer: Any = make(4)
        sizes = [
            sum(tensor.numel() for tensor in parts(layer(x[:, :T])[1])) for T in (5, 10)
        ]
        grown[name] = sizes[1] - sizes[0]
    assert grown.pop("attention") == 2 * 2 * 4 * 5
    assert set(grown.values()) == {0}


def test_a_block_is_two_residual_halves() -> None:
    mixer, channel = RNNMixer(4), GLU(4, 8)
    block, x = Block(4, mixer, channel), torch.randn(2, 7, 4)

    def norm(x: Tensor) -> Tensor:
        """Of new weights: ones and zeros."""
        centred = x - x.mean(-1, keepdim=True)
        return centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()

    halfway = x + mixer(norm(x))[0]
    torch.testing.assert_close(block(x)[0], halfway + channel(norm(halfway)))
    torch.testing.assert_close(Block(4, mixer, None)(x)[0], halfway)


@each_mixer
@each_channel
def test_any_mixer_goes_with_any_channel_mixer(name: str, channel: str) -> None:
    model = Model(5, 3, 8, depth=3, mixer=name, channel=channel)
    tokens = torch.randint(5, (2, 6))
    expected, memories = model(tokens)
    assert expected.shape == (2, 6, 3)
    assert len(memories) == 3
    y, last = walk(model, tokens, model.initial_state(2))
    torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(parts(last), parts(memories), rtol=1e-4, atol=1e-5)
    expected.square().sum().backward()
    for parameter_name, weight in model.named_parameters():
        assert weight.grad is not None, parameter_name
        assert weight.grad.isfinite().all(), parameter_name


@each_mixer
def test_a_model_goes_on_from_its_memories(name: str) -> None:
    model = Model(5, 3, 8, mixer=name).double()
    tokens = torch.randint(5, (2, 6))
    whole, _ = model(tokens)
    first, memories = model(tokens[:, :4])
    second, _ = model(tokens[:, 4:], memories)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)


@each_mixer
def test_no_steps_give_no_outputs(name: str) -> None:
    model = Model(5, 3, 8, mixer=name)
    y, memories = model(torch.zeros(2, 0, dtype=torch.long))
    assert y.shape == (2, 0, 3)
    torch.testing.assert_close(parts(memories), parts(model.initial_state(2)))


def test_real_numbers_are_embedded_by_a_linear_map() -> None:
    model, x = Model(5, 3, 8, tokens=False), torch.randn(2, 6, 5)
    y, _ = model(x)
    torch.testing.assert_close(walk(model, x, model.initial_state(2))[0], y)


def test_a_model_learns_to_repeat_what_it_saw_two_steps_ago() -> None:
    model = Model(4, 4, 16, depth=1, mixer="lru")
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    dice = torch.Generator().manual_seed(7)
    for _ in range(60):
        tokens = torch.randint(4, (16, 16), generator=dice)
        y, _ = model(tokens)
        loss = nn.functional.cross_entropy(
            y[:, 2:].flatten(0, 1), tokens[:, :-2].flatten()
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.5  # by chance ln 4 = 1.39


def test_what_does_not_fit_is_refused_saying_what_would() -> None:
    with pytest.raises(ValueError, match="mixer='cnn' is unknown; mixers: rnn, gru"):
        Model(5, 5, 8, mixer="cnn")
    with pytest.raises(ValueError, match="channel='cnn' is unknown; channels: mlp, g"):
        Model(5, 5, 8, channel="cnn")
    with pytest.raises(ValueError, match="depth=0; expected 1 or more"):
        Model(5, 5, 8, depth=0)
    with pytest.raises(ValueError, match="needs heads of even size"):
        AttentionMixer(6, 2)
    with pytest.raises(ValueError, match="heads must divide d_model"):
        AttentionMixer(6, 4)
    with pytest.raises(ValueError, match="heads must divide d_model"):
        AttentionMixer(6, 0)
