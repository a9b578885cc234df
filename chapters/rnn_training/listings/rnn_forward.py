"""A sequence in one piece, in two that hand over the state, and in single steps."""

import torch

from bookfigs.core.rnn import rnn_states

torch.manual_seed(1990)
double = torch.float64
x = torch.randn(2, 100, 3, dtype=double)  # batch, steps, channels
W_hx = torch.randn(4, 3, dtype=double)
W_hh = torch.randn(4, 4, dtype=double) / 4
b = torch.randn(4, dtype=double)

whole = rnn_states(x, W_hx, W_hh, b)
first = rnn_states(x[:, :60], W_hx, W_hh, b)
second = rnn_states(x[:, 60:], W_hx, W_hh, b, h_0=first[:, -1])
parts = torch.cat([first, second], dim=1)
same = torch.allclose(whole, parts, rtol=0, atol=1e-12)
print("100 steps = 60, then 40 more, to 12 digits:", same)

h = torch.zeros(2, 4, dtype=double)
for t in range(100):
    h = torch.tanh(h @ W_hh.T + x[:, t] @ W_hx.T + b)
same = torch.allclose(whole[:, -1], h, rtol=0, atol=1e-12)
print("projected at once = in each step, to 12 digits:", same)
