"""Without the gated unit a block is linear in its input; with it not."""

import torch
from torch import nn

from bookfigs.core.mixers import LRUMixer
from bookfigs.core.mixing import GLU
from bookfigs.core.model import Block


def superposes(block: Block) -> bool:
    """Whether the block of a sum is the sum of the blocks."""
    x, y = torch.randn(2, 3, 50, 8, dtype=torch.float64)
    both, parts = block(x + y)[0], block(x)[0] + block(y)[0]
    return torch.allclose(both, parts, rtol=0, atol=1e-12)


def block(channel: nn.Module | None) -> Block:
    """A block around a linear recurrence, its norms left out."""
    made = Block(8, LRUMixer(8, form="scan"), channel).double()
    for name in ("norm_mixer", "norm_channel"):
        made.register_module(name, nn.Identity())
    return made


torch.manual_seed(0)
linear, gated = block(None), block(GLU(8, 16))
print("the recurrence alone superposes:", superposes(linear))
print("with the gated unit:", superposes(gated))
