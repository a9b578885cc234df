"""The linear recurrent unit as the book prints it: each listing is its equations."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import layer_norm, silu

from bookfigs.core.convolution import fft
from bookfigs.core.lru import LRU, ring
from bookfigs.core.mixers import LRUMixer
from bookfigs.core.mixing import GLU
from bookfigs.core.model import Block

B, T, D, N = 2, 7, 4, 3


def close(one: Tensor, other: Tensor) -> None:
    """Assert that two results in double precision differ by rounding alone."""
    torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def walked(a: Tensor, b: Tensor, h: Tensor) -> Tensor:
    """All states of h_t = a h_{t-1} + b_t."""
    states = []
    for b_t in b.unbind(dim=1):
        h = a * h + b_t
        states.append(h)
    return torch.stack(states, dim=1)


def sequence(*, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(B, T, D, dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128], ids=str)
def test_the_convolution_by_fft_is_the_loop(dtype: torch.dtype) -> None:
    a = torch.tensor([0.5, -0.9, 1.0, 0.0], dtype=dtype)
    if dtype.is_complex:
        a = a * torch.tensor([1j, 0.6 + 0.8j, 0.8 - 0.6j, 1])
    b = sequence(dtype=dtype)
    states = fft(a, b)
    assert states.dtype == dtype
    close(states, walked(a, b, torch.zeros_like(b[:, 0])))


def test_the_unit_starts_on_its_ring_with_states_of_variance_one() -> None:
    """γ² Σ |λ|²ᵗ, the energy of the answer to an impulse, is one."""
    with torch.random.fork_rng():
        drawn = ring(500, 0.0, 1.0, 2 * math.pi)
    layer = LRU(2, 500)
    assert torch.equal(layer.nu_log, drawn[0].log())
    assert torch.equal(layer.theta_log, drawn[1].log())
    nu = layer.nu_log.detach().double().exp()
    gamma = layer.gamma_log.detach().double().exp()
    energy = gamma.square() / (1 - torch.exp(-2 * nu))
    torch.testing.assert_close(energy, torch.ones_like(nu), rtol=1e-5, atol=0)
    assert {"nu_log", "theta_log", "gamma_log"} <= dict(layer.named_parameters()).keys()


def test_the_eigenvalues_are_exponentials_of_what_is_learned() -> None:
    layer = LRU(2, 9).double()
    with torch.no_grad():
        layer.nu_log.copy_(torch.linspace(-30, 30, 9))
        layer.theta_log.copy_(torch.linspace(-3, 3, 9))
    nu, theta = layer.nu_log.exp(), layer.theta_log.exp()
    close(layer.eigenvalues(), torch.exp(torch.complex(-nu, theta)))
    assert (layer.eigenvalues().abs() < 1).all()


def test_the_gated_unit_is_its_equation_at_each_step() -> None:
    layer, x = GLU(D, N).double(), sequence()
    W, V, W_2 = (part.weight for part in (layer.W, layer.V, layer.W_2))
    expected = [(silu(x_t @ W.T) * (x_t @ V.T)) @ W_2.T for x_t in x.unbind(dim=1)]
    close(layer(x), torch.stack(expected, dim=1))


def mixed_over_time(block: Block, x: Tensor, mixer: LRUMixer) -> Tensor:
    """The first half of a block."""
    norm = block.norm_mixer
    y: Tensor = mixer(layer_norm(x, (D,), norm.weight, norm.bias))[0]
    return x + y


def made(channel: GLU | None) -> tuple[Block, LRUMixer]:
    """A block whose norms are no more as they start, and its mixer over time."""
    mixer = LRUMixer(D, N, form="scan")
    block = Block(D, mixer, channel).double()
    with torch.no_grad():
        for name, weight in block.named_parameters():
            if name.startswith("norm"):
                weight.add_(torch.randn_like(weight))
    return block, mixer


def test_a_block_adds_a_mixer_over_time_and_one_over_channels() -> None:
    channel, x = GLU(D, 5), sequence()
    block, mixer = made(channel)
    first, norm = mixed_over_time(block, x, mixer), block.norm_channel
    second = channel(layer_norm(first, (D,), norm.weight, norm.bias))
    got, memory = block(x)
    close(got, first + second)
    early, between = block(x[:, :3])
    late, after = block(x[:, 3:], between)
    close(torch.cat([early, late], dim=1), got)
    close(after, memory)


def test_a_block_without_channel_mixer_is_its_first_half() -> None:
    block, mixer = made(None)
    x = sequence()
    close(block(x)[0], mixed_over_time(block, x, mixer))


@pytest.mark.parametrize("begun", [False, True], ids=["from zero", "from a state"])
def test_steps_and_the_whole_sequence_are_the_same_equations(*, begun: bool) -> None:
    mixer, x = LRUMixer(D, N, form="scan").double(), sequence()
    layer, h = mixer.layer, torch.zeros(B, N, dtype=torch.complex128)
    assert torch.equal(mixer.initial_state(B), h)
    if begun:
        h = torch.randn_like(h)
    W_in, C = torch.complex(layer.B_re, layer.B_im), layer.C_re + 1j * layer.C_im
    driven = layer.gamma_log.exp() * (x.to(h.dtype) @ W_in.T)
    states = walked(layer.eigenvalues(), driven, h)
    expected = (states @ C.T).real + layer.D * x
    got, last = mixer(x, h) if begun else mixer(x)
    close(got, expected)
    close(last, states[:, -1])
    for t, x_t in enumerate(x.unbind(dim=1)):
        y_t, h = mixer.step(x_t, h)
        close(y_t, expected[:, t])
        close(h, states[:, t])


def test_no_steps_leave_the_state_as_it_is() -> None:
    mixer, h = LRUMixer(D, N, form="scan"), torch.randn(B, N, dtype=torch.complex64)
    nothing = torch.zeros(B, 0, D)
    y, after = mixer(nothing, h)
    assert y.shape == (B, 0, D)
    assert torch.equal(after, h)
    assert torch.equal(mixer(nothing)[1], torch.zeros_like(h))
