"""One token at a time gives what the whole sequence gives."""

import torch
from torch import Tensor

from bookfigs.core.mixers import LRUMixer


def same(one: Tensor, other: Tensor) -> bool:
    """Whether two results agree to 12 digits after the point."""
    return torch.allclose(one, other, rtol=0, atol=1e-12)


torch.manual_seed(0)
layer = LRUMixer(8, 16, form="scan").double()
x = torch.randn(1, 500, 8, dtype=torch.float64)
y, last = layer(x)  # all steps at once

h = layer.initial_state(batch=1)
outputs, sizes = [], {h.nbytes}
for x_t in x.unbind(dim=1):  # one step after another
    y_t, h = layer.step(x_t, h)
    outputs.append(y_t)
    sizes.add(h.nbytes)

print("same outputs:", same(torch.stack(outputs, dim=1), y))
print("same last state:", same(h, last))
print("bytes of the state, at every step:", *sizes)
_, middle = layer(x[:, :200])
rest, _ = layer(x[:, 200:], middle)
print("interrupted and gone on with:", same(rest, y[:, 200:]))
