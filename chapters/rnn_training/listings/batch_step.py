"""A step on a batch is the mean of the steps on its sequences."""

import torch

from bookfigs.core.byhand import Weights, batch_step

torch.manual_seed(1990)
double = torch.float64
x = torch.randn(8, 100, 3, dtype=double)  # batch, steps, channels
y = torch.rand(8, 100, 4, dtype=double)  # what the states should be
weights = Weights(
    W_hx=torch.randn(4, 3, dtype=double),
    W_hh=torch.randn(4, 4, dtype=double) / 4,
    b=torch.randn(4, dtype=double),
)

batch, loss = batch_step(weights, x, y, rate=0.5)
pairs = zip(x.split(1), y.split(1), strict=True)
alone = [batch_step(weights, x_i, y_i, rate=0.5)[0] for x_i, y_i in pairs]

for name, new, *single in zip(Weights._fields, batch, *alone, strict=True):
    mean = torch.stack(single).mean(dim=0)
    same = torch.allclose(new, mean, rtol=0, atol=1e-12)
    print(f"{name}: batch of 8 = mean of 8 steps, to 12 digits: {same}")

_, after = batch_step(batch, x, y, rate=0.5)
print("the loss falls:", bool(after < loss))
