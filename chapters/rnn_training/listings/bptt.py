"""Gradients by hand are those that autograd finds."""

import torch

from bookfigs.core.byhand import Weights, bptt
from bookfigs.core.rnn import rnn_states

torch.manual_seed(1990)
double = torch.float64
x = torch.randn(8, 100, 3, dtype=double)  # batch, steps, channels
y = torch.rand(8, 100, 4, dtype=double)  # what the states should be
weights = Weights(
    W_hx=torch.randn(4, 3, dtype=double).requires_grad_(),
    W_hh=(torch.randn(4, 4, dtype=double) / 4).requires_grad_(),
    b=torch.randn(4, dtype=double).requires_grad_(),
)

h = rnn_states(x, *weights)
loss = (h - y).square().mean()
automatic = torch.autograd.grad(loss, weights)
with torch.no_grad():
    by_hand = bptt(x, h, 2 * (h - y) / h.numel(), weights.W_hh)

for name, mine, true in zip(Weights._fields, by_hand, automatic, strict=True):
    same = torch.allclose(mine, true, rtol=0, atol=1e-12)
    print(f"gradient of {name}: by hand = autograd, to 12 digits: {same}")
