"""Whatever training does to nu and theta, |lambda| stays below one."""

import torch

from bookfigs.core.lru import LRU
from bookfigs.core.recurrence import loop

torch.manual_seed(0)
layer = LRU(d_model=4, d_state=100, r_max=0.99).double()

impulse = torch.zeros(1, 4000, 100, dtype=torch.complex128)
impulse[:, 0] = layer.gamma_log.exp()
energy = loop(layer.eigenvalues(), impulse).abs().square().sum(dim=1)
one = torch.allclose(energy, torch.ones_like(energy), rtol=1e-5)
print("gamma brings the energy of an impulse to one:", one)

with torch.no_grad():
    for nu in (-6, -4, -2, 0, 2):
        layer.nu_log.fill_(nu)
        modulus = layer.eigenvalues()[0].abs().item()
        print(f"nu = {nu:2}: |lambda| = {modulus:.4f}")
    layer.nu_log.uniform_(-30, 30)
    layer.theta_log.uniform_(-30, 30)
inside = bool((layer.eigenvalues().abs() < 1).all())
print("all nu, theta from -30 to 30: |lambda| < 1:", inside)
