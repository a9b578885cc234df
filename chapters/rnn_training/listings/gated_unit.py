"""A gated unit maps each step on its own; a recurrence does not."""

import torch
from torch import Tensor

from bookfigs.core.lru import LRU
from bookfigs.core.mixing import GLU


def same(one: Tensor, other: Tensor) -> bool:
    """Whether two results agree to 12 digits after the point."""
    return torch.allclose(one, other, rtol=0, atol=1e-12)


torch.manual_seed(0)
x = torch.randn(2, 9, 8, dtype=torch.float64)
order = torch.tensor([3, 1, 4, 8, 5, 0, 2, 6, 7])
glu, lru = GLU(8, 16).double(), LRU(8, 8).double()

shuffled = same(glu(x[:, order]), glu(x)[:, order])
print("GLU of shuffled steps is its output, shuffled:", shuffled)
alone = same(glu(x[:, 4:]), glu(x)[:, 4:])
print("GLU of the last steps needs no step before:", alone)
shuffled = same(lru(x[:, order]), lru(x)[:, order])
print("LRU of shuffled steps is its output, shuffled:", shuffled)
alone = same(lru(x[:, 4:]), lru(x)[:, 4:])
print("LRU of the last steps needs no step before:", alone)
