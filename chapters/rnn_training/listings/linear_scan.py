"""The scan gives the states of the loop, whatever the length."""

import torch

from bookfigs.core.recurrence import loop
from bookfigs.core.sweeps import forward_scan

torch.manual_seed(1990)
for T in (1, 2, 3, 8, 1000):
    a = torch.rand(2, T, 3, dtype=torch.float64)
    b = torch.randn(2, T, 3, dtype=torch.float64)
    same = torch.allclose(forward_scan(a, b), loop(a, b), rtol=0, atol=1e-12)
    print(f"T = {T}: scan = loop, to 12 digits: {same}")
