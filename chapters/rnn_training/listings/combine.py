"""The operator is associative, and the scan with it is the loop."""

import torch

from bookfigs.core.combine import Step, combine, scan
from bookfigs.core.recurrence import loop

torch.manual_seed(1990)
a = torch.rand(2, 50, 3, dtype=torch.float64)
b = torch.randn(2, 50, 3, dtype=torch.float64)
h = loop(a, b)
one, two, three = (Step(a[:, t], b[:, t]) for t in range(3))

left = combine(combine(three, two), one)
right = combine(three, combine(two, one))
same = all(
    torch.allclose(mine, other, rtol=0, atol=1e-12)
    for mine, other in zip(left, right, strict=True)
)
print("(3 o 2) o 1 = 3 o (2 o 1), to 12 digits:", same)
same = torch.allclose(left.b, h[:, 2], rtol=0, atol=1e-12)
print("three steps in one = the loop, to 12 digits:", same)
same = torch.allclose(scan(a, b), h, rtol=0, atol=1e-12)
print("scan of 50 steps = the loop, to 12 digits:", same)
