"""What does a training step cost as the sequence grows?

Forward and backward pass of one layer, timed with all arms interleaved in the
same rounds, so that ratios are between times of the same minute. Every arm has
the same width, tokens and precision; what can be hoisted out of a loop is. The
framework's recurrent layers walk in compiled code; ``fused`` is the same LRU, its
recurrence compiled into one loop over memory (on a CUDA device, of parallel chunks).
"""

from collections.abc import Iterator
from statistics import median
from typing import TYPE_CHECKING

from bookfigs.claim import Claim, Exponent, Median, Ratio, SmallestOf, Value
from bookfigs.column import Row, key, measured
from bookfigs.record import Device, Record
from bookfigs.style import TEXT_WIDTH, label_ends, plot
from chapters.rnn_training.arms import ARMS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LENGTHS = [2**k for k in range(4, 13)]
LONGEST, SHORTEST = LENGTHS[-1], LENGTHS[0]
WIDTH = 64
SECONDS = 8
"""How long the rounds of one point may take; there are at least ``ROUNDS``."""
ROUNDS = 20
"""Of so many one may be disturbed, and a claim about three arms is still decided."""
BATCH = 8
"""The batch that is set against a batch of one at the longest length."""

FRAMEWORK = ("framework_rnn", "framework_gru", "framework_lstm")
TIMED = ("rnn", *FRAMEWORK, "loop", "fft", "attention", "scan", "fused")

COLUMNS = {
    "arm": key(),
    "T": key("steps"),
    "batch": key("sequences"),
    "width": key("channels"),
    "seconds": measured("s"),
}
POINTS = [{"T": T, "batch": 1} for T in LENGTHS] + [{"T": LONGEST, "batch": BATCH}]
QUICK = [{"T": LONGEST, "batch": 1}]


def measure(device: Device, T: int, batch: int) -> Iterator[Row]:
    """Time one training step of each arm at one length and batch."""
    import torch

    from bookfigs.measure.clock import compare
    from chapters.rnn_training.steps import training_steps

    torch.manual_seed(0)
    x = torch.randn(batch, T, WIDTH, device=device.kind)
    samples = compare(
        training_steps(x, TIMED), fewest=ROUNDS, device=device.kind, seconds=SECONDS
    )
    for arm, seconds in samples.items():
        yield {
            "arm": arm,
            "T": T,
            "batch": batch,
            "width": WIDTH,
            "seconds": seconds,
        }


def against_scan(arm: str, T: int = LONGEST, batch: int = 1) -> Ratio:
    """Statistic: time of an arm over that of the LRU by scan."""
    at = {"T": T, "batch": batch}
    return Ratio("seconds", {"arm": arm, **at}, {"arm": "scan", **at})


AT_LONGEST = {"arm": "rnn", "T": LONGEST, "batch": 1}
AT_BATCH = {"arm": "rnn", "T": LONGEST, "batch": BATCH}

VALUES = {
    "length": Value(Median("T", AT_LONGEST)),
    "shortest": Value(Median("T", {"arm": "rnn", "T": SHORTEST})),
    "width": Value(Median("width", AT_LONGEST)),
    "batch": Value(Median("batch", AT_BATCH)),
    "rnn_over_lru_4096": Value(against_scan("rnn")),
    "framework_over_lru_4096": Value(against_scan("framework_rnn")),
    "loop_over_scan_4096": Value(against_scan("loop")),
    "attention_over_lru_4096": Value(against_scan("attention"), "{:.1f}"),
    "rnn_over_lru_4096_batch": Value(against_scan("rnn", batch=BATCH), "{:.1f}"),
    "rnn_batch_over_one": Value(Ratio("seconds", AT_BATCH, AT_LONGEST), "{:.1f}"),
    "gru_over_lru_4096": Value(against_scan("framework_gru")),
    "lstm_over_lru_4096": Value(against_scan("framework_lstm"), "{:.1f}"),
    "fused_over_scan_4096": Value(against_scan("fused"), "{:.2f}"),
    "rnn_over_lru_16": Value(against_scan("rnn", SHORTEST), "{:.2f}"),
}
CLAIMS = {
    "rnn_slower": Claim(
        "On the longest sequence a training step of the tanh RNN, written as a loop, "
        "takes more than twice as long as one of the LRU computed as a scan",
        against_scan("rnn"),
        low=2,
    ),
    "framework_slower": Claim(
        "A training step of the framework's own tanh RNN takes more than twice as "
        "long as one of the LRU computed as a scan",
        against_scan("framework_rnn"),
        low=2,
    ),
    "loop_slower": Claim(
        "The same LRU, walked as a loop, takes more than twice as long as by the scan",
        against_scan("loop"),
        low=2,
    ),
    "every_framework_slower": Claim(
        "On the longest sequence every recurrent layer of the framework, RNN, GRU and "
        "LSTM, takes longer than the LRU computed as a scan",
        SmallestOf(tuple(map(against_scan, FRAMEWORK)), "smallest ratio"),
        low=1,
    ),
    "fused_faster": Claim(
        "On a CPU the fused loop, which walks step by step, is faster than the scan",
        against_scan("fused"),
        high=1,
        devices=("cpu",),
    ),
    "attention_superlinear": Claim(
        "On a CPU the time of attention grows faster than in proportion to the "
        "sequence",
        Exponent("seconds", "T", {"arm": "attention", "batch": 1}, above=512),
        low=1.2,
        devices=("cpu",),
    ),
    "rnn_proportional": Claim(
        "The time of the tanh RNN grows about in proportion to the sequence, or faster",
        Exponent("seconds", "T", {"arm": "rnn", "batch": 1}),
        low=0.9,
    ),
    "batch_hides": Claim(
        "A larger batch hides the chain of the tanh RNN: it takes less than half as "
        "long for each sequence",
        Ratio("seconds", AT_BATCH, AT_LONGEST),
        high=BATCH // 2,
    ),
    "short_no_gain": Claim(
        "On the shortest sequence the scan gains nothing over the tanh RNN",
        against_scan("rnn", SHORTEST),
        high=1,
    ),
}

SIZE = (TEXT_WIDTH, 3.6)
THIN = 0.9
"""Width of the lines that stand in the background."""
TWO_DIGITS = 10


def draw(record: Record, axes: "Axes") -> None:
    """Median time against length at a batch of one, on logarithmic axes."""
    ends = {}
    for name in TIMED:
        arm = ARMS[name]
        if name in FRAMEWORK:
            arm = arm._replace(width=THIN)
        samples = record.cells("seconds", arm=name, batch=1)
        milliseconds = [1e3 * median(sample) for sample in samples]
        plot(axes, arm, record.cells("T", arm=name, batch=1), milliseconds)
        factor = times(against_scan(name)(record).value)
        text = arm.label if name == "scan" else f"{arm.label}: {factor}"
        ends[arm] = (LONGEST, milliseconds[-1], text)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    label_ends(axes, ends)
    axes.set_xlabel("sequence length T (steps)")
    axes.set_ylabel("time of a training step (ms)")
    axes.set_xticks(LENGTHS, [f"{T:,}" for T in LENGTHS])
    axes.minorticks_off()


def times(factor: float) -> str:
    """A factor without digits that nobody needs."""
    return f"× {factor:.0f}" if factor >= TWO_DIGITS else f"× {factor:.1f}"


CAPTION = (
    "**The Price of a Step**: median time of a forward and backward pass of one layer "
    "of {width} channels, one sequence in the batch. At {length} steps the tanh RNN "
    "takes {rnn_over_lru_4096} times as long as the linear recurrence by scan, and "
    "the same linear recurrence walked as a loop {loop_over_scan_4096} times; the "
    "factors at the right set every arm against the scan."
)
ALT = (
    "Time of a training step against sequence length, both logarithmic. RNNs and the "
    "linear loop rise in proportion and end highest; scan and fused form end lowest, "
    "the scan {rnn_over_lru_4096} times below the tanh RNN."
)
