"""The loop gives the closed form: each input times all coefficients after it."""

import torch

from bookfigs.core.recurrence import loop

torch.manual_seed(1990)
T = 50
a = torch.rand(2, T, 3, dtype=torch.float64)
b = torch.randn(2, T, 3, dtype=torch.float64)

closed = torch.zeros_like(b)
for t in range(T):
    for s in range(t + 1):
        closed[:, t] += a[:, s + 1 : t + 1].prod(dim=1) * b[:, s]
same = torch.allclose(loop(a, b), closed, rtol=0, atol=1e-12)
print("loop = closed form, to 12 digits:", same)

fixed = a[0, 0]
same = torch.equal(loop(fixed, b), loop(fixed.expand_as(b), b))
print("fixed coefficients = the same at each step:", same)
