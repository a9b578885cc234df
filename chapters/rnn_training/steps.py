"""Training steps of one layer: what is timed in the figures about time.

Every arm has the same width, tokens and precision; what can be hoisted out of a loop
is. The framework's recurrent layers walk in compiled code; ``fused`` is the same LRU,
its recurrence compiled into one loop over memory (on a CUDA device, of parallel
chunks).
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from bookfigs.core.attention import CausalAttention
from bookfigs.core.lru import LRU
from bookfigs.core.rnn import RNN

R_MIN, R_MAX = 0.9, 0.999
"""Between these lie the magnitudes of the LRU's coefficients at the start."""

Forward = Callable[[Tensor], Tensor]


def training_steps(x: Tensor, arms: Iterable[str]) -> dict[str, Callable[[], object]]:
    """A training step of each arm: forward, and the gradient of every weight.

    Shapes: x (B, T, N); every layer maps N channels to N.
    Raises: KeyError for an arm that is not known.
    """
    width = x.shape[-1]
    rnn, attention = RNN(width, width), CausalAttention(width)
    lru = LRU(width, width, r_min=R_MIN, r_max=R_MAX)
    known: dict[str, tuple[nn.Module, Forward]] = {
        "rnn": (rnn, rnn),
        "framework_rnn": framework(nn.RNN(width, width, batch_first=True)),
        "framework_gru": framework(nn.GRU(width, width, batch_first=True)),
        "framework_lstm": framework(nn.LSTM(width, width, batch_first=True)),
        "loop": (lru, lambda x: lru(x, form="loop")),
        "fft": (lru, lambda x: lru(x, form="fft")),
        "scan": (lru, lambda x: lru(x, form="scan")),
        "fused": (lru, lambda x: lru(x, form="fused")),
        "attention": (attention, attention),
    }
    gradient = torch.randn_like(x)
    return {arm: training_step(*known[arm], x, gradient) for arm in arms}


def training_step(
    layer: nn.Module, forward: Forward, x: Tensor, gradient: Tensor
) -> Callable[[], object]:
    """One step of one layer, the gradient of its output given."""
    weights = list(layer.to(x.device).parameters())
    return lambda: torch.autograd.grad(forward(x), weights, gradient)


def framework(layer: nn.Module) -> tuple[nn.Module, Forward]:
    """A recurrent layer of the framework, and its states."""
    return layer, lambda x: layer(x)[0]
