"""How long is the longest chain of dependent operations, forward and backward?

Counted, not timed: every tensor operation of the code that ran is dispatched
through a meter that follows what depends on what. One tensor operation is one
step, however wide it is; what it does inside (a sum, a product, a transform)
is not counted, and takes at best a logarithmic number of steps itself.
"""

from collections.abc import Callable, Iterator
from math import log2
from typing import TYPE_CHECKING

from bookfigs.claim import Claim, Deviation, Median, Ratio, Value
from bookfigs.column import Row, exact, key
from bookfigs.record import Device, Record
from bookfigs.style import TEXT_WIDTH, label_ends, plot
from chapters.rnn_training.arms import ARMS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LENGTHS = [2**k for k in range(4, 13)]
CHANNELS = 4
COUNTED = ("rnn", "loop", "scan", "fft", "attention")

COLUMNS = {
    "arm": key(),
    "T": key("steps"),
    "forward": exact("operations in a row"),
    "backward": exact("operations in a row"),
    "chain": exact("operations in a row"),
    "operations": exact("operations"),
}
POINTS = [{"T": T} for T in LENGTHS]
QUICK = POINTS[:-3]


def closed_form(arm: str, T: int) -> tuple[int, int]:
    """Length of the longest chain, forward and backward, derived by hand.

    For T = 2^k, k ≥ 2, from the code of ``bookfigs.core``:

    rnn        Forward: input product, bias, then addmm and tanh at each step,
               stack: 2T + 3. Backward: at each step the derivative of tanh, and
               before each step but the last the product with W_hh and the sum
               with the gradient of that step's own output: 3T - 2; then stack
               and the product for the inputs: 3T.
    loop       Forward: zero state, addcmul at each step, stack: T + 2. Backward:
               scaling a coefficient, product and sum at each step but the first,
               product for the first coefficient, stack: 2T + 1.
    scan       The longest chain goes down k - 1 halvings (compose two steps),
               writes a state, and comes up as many (fill in): 2k - 1. Backward
               is the same scan from the end, and one product for the
               coefficients: 2k.
    fft        Forward: double precision, powers and the leading one, single
               precision, padding, transform, product, inverse transform: 8.
               Backward, whatever T is: 12, through the transforms to the
               powers, whose derivative is a product and a sum.
    attention  Scaling, scores, mask, softmax, product with the values: 5. Each
               has one derivative, and they come one after another: 5.
    """
    k = int(log2(T))
    return {
        "rnn": (2 * T + 3, 3 * T),
        "loop": (T + 2, 2 * T + 1),
        "scan": (2 * k - 1, 2 * k),
        "fft": (8, 12),
        "attention": (5, 5),
    }[arm]


def measure(device: Device, T: int) -> Iterator[Row]:
    """Count chain and operations of each arm at one length."""
    import torch
    from torch import Tensor

    from bookfigs.core.attention import causal_attention
    from bookfigs.core.recurrence import linear_recurrence
    from bookfigs.core.rnn import rnn_states
    from bookfigs.measure.span import SpanMeter

    def leaf(*shape: int) -> Tensor:
        return torch.rand(*shape, device=device.kind).requires_grad_()

    x, a = leaf(1, T, CHANNELS), leaf(1, T, CHANNELS)
    fixed, bias, W = leaf(CHANNELS), leaf(CHANNELS), leaf(CHANNELS, CHANNELS)
    gradient = torch.rand_like(x)
    programs: dict[str, tuple[Callable[..., Tensor], list[Tensor]]] = {
        "rnn": (rnn_states, [x, W, leaf(CHANNELS, CHANNELS), bias]),
        "loop": (lambda a, b: linear_recurrence(a, b, form="loop"), [a, x]),
        "scan": (lambda a, b: linear_recurrence(a, b, form="scan"), [a, x]),
        "fft": (lambda a, b: linear_recurrence(a, b, form="fft"), [fixed, x]),
        "attention": (causal_attention, [x, leaf(1, T, CHANNELS), a]),
    }
    for arm in COUNTED:
        program, inputs = programs[arm]
        with SpanMeter() as meter:
            output = program(*inputs)
            forward, work = meter.depth(output), meter.lap()
            gradients = torch.autograd.grad(output, inputs, gradient)
            backward = meter.depth(*gradients)
            work += meter.lap()
        yield {
            "arm": arm,
            "T": T,
            "forward": forward,
            "backward": backward,
            "chain": forward + backward,
            "operations": work,
        }


def counted(sentence: str, arm: str, direction: str) -> Claim:
    """State a claim that holds if the count is the closed form at every length."""
    part = ("forward", "backward").index(direction)
    deviation = Deviation(
        direction,
        lambda T: closed_form(arm, T)[part],
        {"arm": arm},
        keys=("T",),
        label="largest deviation from the closed form",
    )
    return Claim(sentence, deviation, low=0, high=0)


def chain(arm: str, T: int) -> Median:
    """Statistic: the whole chain of one arm at one length."""
    return Median("chain", {"arm": arm, "T": T})


LONGEST = LENGTHS[-1]
VALUES = {
    "length": Value(Median("T", {"arm": "rnn", "T": LONGEST})),
    "rnn": Value(chain("rnn", LONGEST)),
    "loop": Value(chain("loop", LONGEST)),
    "scan": Value(chain("scan", LONGEST)),
    "fft": Value(chain("fft", LONGEST)),
    "attention": Value(chain("attention", LONGEST)),
    "rnn_over_scan": Value(
        Ratio("chain", {"arm": "rnn", "T": LONGEST}, {"arm": "scan", "T": LONGEST})
    ),
}
CLAIMS = {
    "rnn_linear": counted(
        "A tanh RNN's longest dependency chain grows in proportion to the sequence",
        "rnn",
        "forward",
    ),
    "rnn_backward_linear": counted(
        "Backpropagation through time is as sequential as the forward pass",
        "rnn",
        "backward",
    ),
    "loop_linear": counted(
        "A linear recurrence walked as a loop has a chain as long as its sequence",
        "loop",
        "forward",
    ),
    "scan_logarithmic": counted(
        "Computed as a scan, its chain grows with the logarithm of the sequence",
        "scan",
        "forward",
    ),
    "scan_backward_logarithmic": counted(
        "The backward pass of the scan is a scan too, as short as the forward one",
        "scan",
        "backward",
    ),
    "fft_constant": counted(
        "As an FFT convolution it has a chain of constant length", "fft", "forward"
    ),
    "attention_constant": counted(
        "The chain of causal attention does not depend on the length",
        "attention",
        "forward",
    ),
}

SIZE = (TEXT_WIDTH, 3.1)


def draw(record: Record, axes: "Axes") -> None:
    """Whole chain against length, one line for each arm, on logarithmic axes."""
    ends = {}
    for name in COUNTED:
        arm, chains = ARMS[name], record.cells("chain", arm=name)
        plot(axes, arm, record.cells("T", arm=name), chains)
        ends[arm] = (LONGEST, chains[-1], f"{arm.label}: {chains[-1]:,}")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    label_ends(axes, ends)
    axes.set_xlabel("sequence length T (steps)")
    axes.set_ylabel("longest chain of dependent\noperations, forward + backward")
    axes.set_xticks(LENGTHS, [f"{T:,}" for T in LENGTHS])
    axes.minorticks_off()


CAPTION = (
    "**What Has to Wait**: longest chain of dependent tensor operations in one "
    "training step, counted in the code that ran. At {length} steps a tanh RNN has "
    "to do {rnn} operations one after another, the same linear recurrence {loop} as "
    "a loop and {scan} as a scan; attention needs {attention} at any length."
)
ALT = (
    "Chain length against sequence length, both logarithmic. Lines of the tanh RNN "
    "and of the linear loop rise in proportion, up to {rnn} and {loop}; the scan "
    "rises slowly to {scan}; the convolution and attention stay flat."
)
