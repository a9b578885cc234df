"""A residual stack, in which every sequence mixer is exchangeable."""

from typing import Any, cast

import torch
from torch import Tensor, nn

from bookfigs.core.axes import Sequence, State, require, require_axes
from bookfigs.core.mixers import MIXERS, Memory, Mixer
from bookfigs.core.mixing import CHANNELS


class Block(nn.Module):
    """Mix over time, then over channels, each added to what was.

    x ← x + mixer(norm(x)),  x ← x + channel(norm(x))

    (He et al. 2015, arXiv:1512.03385, with the norm inside the sum:
    Xiong et al. 2020, arXiv:2002.04745.) Without a ``channel`` the
    second half is left out.

    Shapes: x and result (B, T, D).
    """

    def __init__(
        self, d_model: int, mixer: Mixer, channel: nn.Module | None
    ) -> None:
        super().__init__()
        self.mixer, self.channel = mixer, channel
        self.norm_mixer = nn.LayerNorm(d_model)
        if channel is not None:
            self.norm_channel = nn.LayerNorm(d_model)

    def forward(
        self, x: Sequence, memory: Memory = None
    ) -> tuple[Sequence, Memory]:
        """The output sequence, and the mixer's memory after it."""
        y, memory = self.mixer(self.norm_mixer(x), memory)
        return self._mix_channels(x + y), memory

    def step(
        self, x_t: State, memory: Memory
    ) -> tuple[State, Memory]:
        """One step: output (B, D), and the memory after it."""
        y_t, memory = self.mixer.step(self.norm_mixer(x_t), memory)
        return self._mix_channels(x_t + y_t), memory

    def _mix_channels(self, x: Tensor) -> Tensor:
        if self.channel is None:
            return x
        y: Tensor = self.channel(self.norm_channel(x))
        return x + y


class Model(nn.Module):
    """Embedding, a stack of blocks, norm and a linear head.

    ``mixer`` and ``channel`` are names in :data:`MIXERS` and
    :data:`CHANNELS`; further options go to every mixer. Without
    ``tokens`` the input is real numbers, embedded by a linear map.

    Shapes: x (B, T) of integers below d_input, or (B, T, d_input);
    result (B, T, d_output), and one memory for each block.
    Raises: ValueError for an unknown name, a depth below 1, or a
    shape, dtype or device that does not fit; IndexError by torch for
    a token that is not below d_input.
    """

    def __init__(
        self,
        d_input: int,
        d_output: int,
        d_model: int,
        *,
        depth: int = 2,
        mixer: str = "lru",
        channel: str = "glu",
        tokens: bool = True,
        **options: object,
    ) -> None:
        super().__init__()
        _check("mixer", mixer, MIXERS)
        _check("channel", channel, CHANNELS)
        if depth < 1:
            message = f"depth={depth}; expected 1 or more"
            raise ValueError(message)
        embed = nn.Embedding if tokens else nn.Linear
        self.embedding = embed(d_input, d_model)
        blocks = (
            Block(
                d_model,
                MIXERS[mixer](d_model, **options),
                CHANNELS[channel](d_model),
            )
            for _ in range(depth)
        )
        self.blocks = cast("list[Block]", nn.ModuleList(blocks))
        self.norm = nn.LayerNorm(d_model)
        self.head = nn.Linear(d_model, d_output)

    def initial_state(self, batch: int) -> list[Memory]:
        """The memory of each block before the first step."""
        return [b.mixer.initial_state(batch) for b in self.blocks]

    def forward(
        self, x: Tensor, memories: list[Memory] | None = None
    ) -> tuple[Sequence, list[Memory]]:
        """The output of all steps, and the memories after them."""
        self._check(x, "B T")
        before = memories or [None] * len(self.blocks)
        return self._through([*self.blocks], x, before)

    def step(
        self, x_t: Tensor, memories: list[Memory]
    ) -> tuple[State, list[Memory]]:
        """One step: output (B, d_output), and the memories."""
        self._check(x_t, "B")
        steps = [block.step for block in self.blocks]
        return self._through(steps, x_t, memories)

    def _check(self, x: Tensor, axes: str) -> None:
        """Refuse an input that cannot be embedded."""
        W: Tensor = self.embedding.weight
        if not isinstance(self.embedding, nn.Embedding):
            require("Model", W=(W, "M D"), x=(x, f"{axes} D"))
            return
        require_axes("Model", x=(x, axes))
        if x.dtype not in (torch.int32, torch.int64):
            message = (
                f"Model: x is {x.dtype}; expected torch.int64 or "
                "torch.int32 tokens; for real numbers make the model "
                "with tokens=False"
            )
            raise ValueError(message)
        if x.device != W.device:
            message = (
                f"Model: x is on {x.device} and the model on "
                f"{W.device}; move one with .to(device)"
            )
            raise ValueError(message)

    def _through(
        self, maps: list[Any], x: Tensor, before: list[Memory]
    ) -> tuple[Tensor, list[Memory]]:
        """Embedding, the map of each block, norm and head."""
        y, after = self.embedding(x), []
        for block, memory in zip(maps, before, strict=True):
            y, memory_after = block(y, memory)
            after.append(memory_after)
        return self.head(self.norm(y)), after


def _check(what: str, name: str, known: dict[str, Any]) -> None:
    """Refuse a name that is not known, saying which are."""
    if name not in known:
        names = ", ".join(known)
        message = f"{what}={name!r} is unknown; {what}s: {names}"
        raise ValueError(message)
