"""One step after another, without gradients: for use, not training.

``step`` of a mixer computes anew, at every step, what depends on the
weights alone, and copies the keys and values of the past to add one.
A decoder computes the same with neither.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from bookfigs.core.axes import Sequence, State, require
from bookfigs.core.mixers import (
    AttentionMixer,
    LRUMixer,
    RNNMixer,
    rotate,
)


class Room(NamedTuple):
    """Keys and values of the steps so far, and room for more.

    Both (B, H, C, D/H), of which the first ``used`` steps are filled.
    """

    keys: Tensor
    values: Tensor
    used: int

    @property
    def nbytes(self) -> int:
        """Bytes of the steps so far, the room for more left out."""
        filled = self.keys[:, :, : self.used]
        return 2 * filled.nbytes


class AttentionDecoder:
    """Causal attention that writes into memory reserved beforehand.

    The outputs are those of :class:`AttentionMixer` over the whole
    sequence, whose weights it shares.

    Shapes: ``prefill``: x and result (B, T, D); ``step``: x_t and
    result (B, D).
    Preconditions: a room is used for one continuation: a step writes
    into the memory of the room that it was given.
    Edge cases: T = 0 gives (B, 0, D) and an empty room.
    Raises: ValueError for a capacity below 1, for more steps than
    there is room for, or shapes that do not fit.
    Cost: a step after T others 2·B·T·D multiply-adds besides the
    projections, and reads 2·B·T·D numbers.
    """

    def __init__(self, mixer: AttentionMixer, capacity: int) -> None:
        if capacity < 1:
            message = (
                f"AttentionDecoder(capacity={capacity}): needs room "
                "for 1 step or more"
            )
            raise ValueError(message)
        self.mixer, self.capacity = mixer, capacity

    def initial_state(self, batch: int) -> Room:
        """Room for so many sequences, nothing in it."""
        keys, values = (
            torch.cat([empty, empty.new_zeros(self._shape(batch))], 2)
            for empty in self.mixer.initial_state(batch)
        )
        return Room(keys, values, 0)

    @torch.no_grad()
    def prefill(self, x: Sequence) -> tuple[Sequence, Room]:
        """The output of a whole sequence, and the room after it."""
        self._check(0, x.shape[1])
        y, (k, v) = self.mixer(x)
        room = self.initial_state(len(x))
        room.keys[:, :, : x.shape[1]] = k
        room.values[:, :, : x.shape[1]] = v
        return y, room._replace(used=x.shape[1])

    @torch.no_grad()
    def step(self, x_t: State, room: Room) -> tuple[State, Room]:
        """The output of one step, and the room after it."""
        keys, values, t = room
        self._check(t, 1)
        layer = self.mixer.layer
        require(
            "AttentionDecoder",
            W=(layer.qkv.weight, "3D D"),
            x_t=(x_t, "B D"),
        )
        qkv = layer.qkv(x_t).view(len(x_t), 3, layer.heads, 1, -1)
        q, k, v = qkv.unbind(1)
        if self.mixer.rotary:
            q, k = rotate(q, t), rotate(k, t)
        keys[:, :, t : t + 1], values[:, :, t : t + 1] = k, v
        seen = keys[:, :, : t + 1], values[:, :, : t + 1]
        y = scaled_dot_product_attention(q, *seen)
        return layer.out(y.flatten(1)), Room(keys, values, t + 1)

    def _shape(self, batch: int) -> tuple[int, int, int, int]:
        layer = self.mixer.layer
        size = len(layer.out.weight) // layer.heads
        return batch, layer.heads, self.capacity, size

    def _check(self, used: int, more: int) -> None:
        """Refuse steps that there is no room for."""
        if used + more > self.capacity:
            message = (
                f"AttentionDecoder: {more} more steps after {used} "
                f"need room for {used + more}; capacity is "
                f"{self.capacity}; make a decoder of a larger one"
            )
            raise ValueError(message)


class LRUDecoder:
    """The Linear Recurrent Unit, one step at a time.

    h ← λ ⊙ h + u, u = γ ⊙ (B x); y = Re(C h) + D ⊙ x, with λ, γ B and
    [Re C, -Im C] computed once from the weights of a mixer as they
    are when the decoder is made.

    Shapes: x_t and result (B, D); h (B, N), complex.
    Raises: ValueError for shapes that do not fit.
    Cost: 4·B·N·D multiply-adds, whatever came before.
    """

    @torch.no_grad()
    def __init__(self, mixer: LRUMixer) -> None:
        layer = mixer.layer
        self.mixer, self.D = mixer, layer.D.detach()
        self.eigenvalues = layer.eigenvalues()
        gamma = torch.exp(layer.gamma_log).unsqueeze(-1)
        into = gamma * layer.B_re, gamma * layer.B_im
        self.W_in = torch.stack(into, dim=1).flatten(0, 1)
        out = layer.C_re, -layer.C_im
        self.W_out = torch.stack(out, dim=2).flatten(1)

    def initial_state(self, batch: int) -> State:
        """Zeros (batch, N), complex."""
        return self.mixer.initial_state(batch).detach()

    @torch.no_grad()
    def step(self, x_t: State, h: State) -> tuple[State, State]:
        """The output of one step, and the next state."""
        require(
            "LRUDecoder", W_in=(self.W_in, "M D"), x_t=(x_t, "B D")
        )
        u = nn.functional.linear(x_t, self.W_in).unflatten(1, (-1, 2))
        h = torch.addcmul(
            torch.view_as_complex(u), self.eigenvalues, h
        )
        parts = torch.view_as_real(h).flatten(1)
        y = nn.functional.linear(parts, self.W_out)
        return torch.addcmul(y, self.D, x_t), h


class RNNDecoder:
    """The Elman network, one step at a time.

    h ← tanh(W_hh h + W_hx x + b), which is also the output.

    Shapes: x_t, h and result (B, D).
    Raises: ValueError for shapes that do not fit.
    Cost: 2·B·D² multiply-adds, whatever came before.
    """

    def __init__(self, mixer: RNNMixer) -> None:
        self.mixer = mixer

    def initial_state(self, batch: int) -> State:
        """Zeros (batch, D)."""
        return self.mixer.initial_state(batch)

    @torch.no_grad()
    def step(self, x_t: State, h: State) -> tuple[State, State]:
        """The next hidden state, twice: output and memory."""
        layer = self.mixer.layer
        require(
            "RNNDecoder", W_hx=(layer.W_hx, "N D"), x_t=(x_t, "B D")
        )
        u = torch.addmm(layer.b, x_t, layer.W_hx.T)
        h = torch.tanh(torch.addmm(u, h, layer.W_hh.T))
        return h, h
