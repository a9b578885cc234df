"""Sequence mixers, exchangeable: a sequence and a memory to the same.

A mixer maps a sequence and a memory to a sequence of the same size
and the memory after it; ``step`` does so for one step at a time.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from bookfigs.core.attention import CausalAttention
from bookfigs.core.axes import Sequence, State, States, require
from bookfigs.core.framework import FusedRNN
from bookfigs.core.gated import GRU, LSTM
from bookfigs.core.lru import LRU
from bookfigs.core.minimal import MinGRU, MinLSTM
from bookfigs.core.recurrence import Form, linear_recurrence
from bookfigs.core.rnn import RNN, rnn_states
from bookfigs.core.selective import SelectiveSSM
from bookfigs.core.ssm import S4D

Memory: TypeAlias = Any
"""What a mixer remembers: a tensor, or a tuple of them."""
Cache = tuple[Tensor, Tensor]
"""Keys and values of all steps so far, (B, H, T, D/H) each."""


class Mixer(Protocol):
    """What a block needs of a layer that mixes over time."""

    def __call__(
        self, x: Sequence, memory: Memory = None, /
    ) -> tuple[Sequence, Memory]:
        """The output sequence, and the memory after it."""

    def initial_state(self, batch: int, /) -> Memory:
        """The memory before the first step."""

    def step(
        self, x_t: State, memory: Memory, /
    ) -> tuple[State, Memory]:
        """The output of one step, and the memory after it."""


class RNNMixer(nn.Module):
    """The Elman network; its output is its state."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.layer = RNN(d_model, d_model)

    def initial_state(self, batch: int) -> State:
        """Zeros (batch, D)."""
        b = self.layer.b
        return b.new_zeros(batch, len(b))

    def forward(
        self, x: Sequence, h: State | None = None
    ) -> tuple[States, State]:
        """All hidden states, and the last of them."""
        h = self.initial_state(len(x)) if h is None else h
        y = self.layer(x, h)
        return y, y[:, -1] if y.shape[1] else h

    def step(self, x_t: State, h: State) -> tuple[State, State]:
        """The next hidden state, twice: output and memory."""
        W_hx, W_hh, b = self.layer.W_hx, self.layer.W_hh, self.layer.b
        h = rnn_states(x_t.unsqueeze(1), W_hx, W_hh, b, h)[:, 0]
        return h, h


class LRUMixer(nn.Module):
    """The Linear Recurrent Unit, which hands over its state."""

    def __init__(
        self,
        d_model: int,
        d_state: int | None = None,
        *,
        form: Form = "auto",
        **options: float,
    ) -> None:
        super().__init__()
        self.layer = LRU(d_model, d_state or d_model, **options)
        self.form = form

    def initial_state(self, batch: int) -> State:
        """Zeros (batch, N), complex."""
        return torch.zeros_like(self.layer.eigenvalues()).repeat(
            batch, 1
        )

    def drive(self, x: Tensor) -> Tensor:
        """γ ⊙ (B x) of each step, (..., N), complex."""
        gamma = torch.exp(self.layer.gamma_log)
        B = torch.complex(self.layer.B_re, self.layer.B_im)
        return gamma * (x.to(B.dtype) @ B.T)

    def output(self, x: Tensor, h: Tensor) -> Tensor:
        """Y = Re(C h) + D ⊙ x of each step, (..., D)."""
        y = h.real @ self.layer.C_re.T - h.imag @ self.layer.C_im.T
        return y + self.layer.D * x

    def forward(
        self, x: Sequence, h: State | None = None
    ) -> tuple[Sequence, State]:
        """The output sequence, and the last state."""
        B = self.layer.B_re
        require("LRUMixer", B=(B, "N D"), x=(x, "B T D"))
        h = self.initial_state(len(x)) if h is None else h
        a, u = self.layer.eigenvalues(), self.drive(x)
        states = linear_recurrence(a, u, h, form=self.form)
        last = states[:, -1] if x.shape[1] else h
        return self.output(x, states), last

    def step(self, x_t: State, h: State) -> tuple[State, State]:
        """The output of one step, and the next state."""
        h = self.layer.eigenvalues() * h + self.drive(x_t)
        return self.output(x_t, h), h


class AttentionMixer(nn.Module):
    """Causal attention whose memory is every key and value so far.

    ``rotary`` turns queries and keys by their positions, which
    attention alone does not see.

    Raises: ValueError if heads does not divide d_model, or a head to
    be rotated is of odd size.
    Cost: a step after T others 2·B·T·D multiply-adds besides the
    projections; the memory grows by 2·B·D numbers per step.
    """

    def __init__(
        self, d_model: int, heads: int = 1, *, rotary: bool = True
    ) -> None:
        super().__init__()
        self.layer = CausalAttention(d_model, heads)
        self.rotary = rotary
        if rotary and d_model // heads % 2:
            message = (
                f"d_model={d_model}, heads={heads}: rotary=True "
                "needs heads of even size"
            )
            raise ValueError(message)

    def initial_state(self, batch: int) -> Cache:
        """No keys and no values."""
        W, H = self.layer.out.weight, self.layer.heads
        empty = W.new_zeros(batch, H, 0, len(W) // H)
        return empty, empty

    def forward(
        self, x: Sequence, cache: Cache | None = None
    ) -> tuple[Sequence, Cache]:
        """The output sequence, and the cache with its steps."""
        W = self.layer.qkv.weight
        require("AttentionMixer", W=(W, "3D D"), x=(x, "B T D"))
        keys, values = cache or self.initial_state(len(x))
        past, T = keys.shape[2], x.shape[1]
        qkv = self.layer.qkv(x).unflatten(
            2, (3, self.layer.heads, -1)
        )
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        if self.rotary:
            q, k = rotate(q, past), rotate(k, past)
        keys = torch.cat([keys, k], dim=2)
        values = torch.cat([values, v], dim=2)
        seen = x.new_ones(T, past + T, dtype=torch.bool).tril(past)
        y = scaled_dot_product_attention(
            q, keys, values, attn_mask=seen if past else None,
            is_causal=not past,
        )  # fmt: skip
        out = self.layer.out(y.transpose(1, 2).flatten(2))
        return out, (keys, values)

    def step(self, x_t: State, cache: Cache) -> tuple[State, Cache]:
        """A sequence of one step, which looks at the whole cache."""
        y, cache = self(x_t.unsqueeze(1), cache)
        return y[:, 0], cache


def rotate(x: Tensor, first: int) -> Tensor:
    """Turn each pair of channels by an angle that grows with time.

    Pair i of step t turns by t · 10000^(-2i/d), i = 0 … d/2 - 1, so
    that a product of query and key depends on their distance alone
    (Su et al. 2021, arXiv:2104.09864, section 3.2.2).

    Shapes: x and result (..., T, d), d even; the first step is
    number ``first``.
    Raises: ValueError if d is odd.
    Cost: four multiplications for each pair.
    """
    if x.shape[-1] % 2:
        message = (
            f"rotate: x has shape {tuple(x.shape)}; expected "
            "(..., T, d) with an even d, for pairs are turned"
        )
        raise ValueError(message)
    T, d = x.shape[-2:]
    t = torch.arange(
        first, first + T, dtype=torch.float64, device=x.device
    )
    i = torch.arange(d // 2, dtype=torch.float64, device=x.device)
    angle = torch.outer(t, 10000.0 ** (-2 * i / d))
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    even, odd = x[..., ::2], x[..., 1::2]
    turned = even * cos - odd * sin, even * sin + odd * cos
    return torch.stack(turned, dim=-1).flatten(-2)


def _square(layer: Callable[..., Mixer]) -> Callable[..., Mixer]:
    """A layer of as many states as channels."""
    return lambda d_model, **options: layer(
        d_model, d_model, **options
    )


MIXERS: dict[str, Callable[..., Mixer]] = {
    "rnn": RNNMixer,
    "gru": _square(GRU),
    "lstm": _square(LSTM),
    "fused-rnn": _square(partial(FusedRNN, "RNN")),
    "fused-gru": _square(partial(FusedRNN, "GRU")),
    "fused-lstm": _square(partial(FusedRNN, "LSTM")),
    "mingru": _square(MinGRU),
    "minlstm": _square(MinLSTM),
    "lru": LRUMixer,
    "s4d": S4D,
    "selective": SelectiveSSM,
    "attention": AttentionMixer,
}
