"""Does a bigger batch hide the sequential chain?

Forward and backward pass of one layer at a fixed length, for batches that double.
Sequences of a batch need not wait for each other: where the chain leaves the machine
idle, a larger batch costs little more, and tokens per second rise until the machine
is busy. Arms of one batch are interleaved in the same rounds.
"""

from collections.abc import Iterator
from statistics import median
from typing import TYPE_CHECKING

from bookfigs.claim import Claim, Median, Ratio, Value
from bookfigs.column import Row, key, measured
from bookfigs.record import Device, Record
from bookfigs.style import TEXT_WIDTH, label_ends, plot
from chapters.rnn_training.arms import ARMS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BATCHES = [2**k for k in range(9)]
ONE, HALF, LARGEST = BATCHES[0], BATCHES[-2], BATCHES[-1]
STEPS = 512
WIDTH = 64
SECONDS = 6
"""How long the rounds of one point may take; there are at least as many as decide."""
TIMED = ("rnn", "framework_rnn", "scan", "fused", "attention")

COLUMNS = {
    "arm": key(),
    "batch": key("sequences"),
    "T": key("steps"),
    "width": key("channels"),
    "seconds": measured("s"),
}
POINTS = [{"batch": batch} for batch in BATCHES]
QUICK = [{"batch": batch} for batch in (ONE, LARGEST)]


def measure(device: Device, batch: int) -> Iterator[Row]:
    """Time one training step of each arm at one batch."""
    import torch

    from bookfigs.measure.clock import compare
    from chapters.rnn_training.steps import training_steps

    torch.manual_seed(0)
    x = torch.randn(batch, STEPS, WIDTH, device=device.kind)
    samples = compare(training_steps(x, TIMED), device=device.kind, seconds=SECONDS)
    for arm, seconds in samples.items():
        yield {
            "arm": arm,
            "batch": batch,
            "T": STEPS,
            "width": WIDTH,
            "seconds": seconds,
        }


def against_one(arm: str) -> Ratio:
    """Statistic: time of a step at the largest batch over that of one sequence."""
    large, one = ({"arm": arm, "batch": batch} for batch in (LARGEST, ONE))
    return Ratio("seconds", large, one)


def last_doubling(arm: str) -> Ratio:
    """Statistic: time of a step at the largest batch over that at half of it."""
    large, half = ({"arm": arm, "batch": batch} for batch in (LARGEST, HALF))
    return Ratio("seconds", large, half)


def against_scan(arm: str, batch: int) -> Ratio:
    """Statistic: time of an arm over that of the LRU by scan, at one batch."""
    at = {"batch": batch}
    return Ratio("seconds", {"arm": arm, **at}, {"arm": "scan", **at})


AT_LARGEST = {"arm": "rnn", "batch": LARGEST}

VALUES = {
    "steps": Value(Median("T", AT_LARGEST)),
    "width": Value(Median("width", AT_LARGEST)),
    "batch": Value(Median("batch", AT_LARGEST)),
    "rnn_over_scan_one": Value(against_scan("rnn", ONE), "{:.1f}"),
    "rnn_over_scan_batch": Value(against_scan("rnn", LARGEST), "{:.2f}"),
    "rnn_time": Value(against_one("rnn")),
}
CLAIMS = {
    "batch_fills": Claim(
        "Tokens per second of the tanh RNN rise more than eightfold with the batch: "
        "the largest takes less than an eighth of the time of as many steps of one",
        against_one("rnn"),
        high=LARGEST / 8,
    ),
    "rnn_saturates": Claim(
        "On a CPU even the tanh RNN gains less than half from the last doubling",
        last_doubling("rnn"),
        low=2 / 1.5,
        devices=("cpu",),
    ),
    "gap_alone": Claim(
        "A single sequence takes the tanh RNN more than three times as long as the "
        "scan",
        against_scan("rnn", ONE),
        low=3,
    ),
    "gap_closes": Claim(
        "On a CPU the gap closes: in the largest batch the tanh RNN is no slower than "
        "the scan",
        against_scan("rnn", LARGEST),
        high=1,
        devices=("cpu",),
    ),
}

SIZE = (TEXT_WIDTH, 3.0)


def throughput(record: Record, arm: str) -> list[float]:
    """Tokens per second at each batch, by the median time."""
    seconds, batches, lengths = (
        record.cells(column, arm=arm) for column in ("seconds", "batch", "T")
    )
    return [
        batch * T / median(samples)
        for samples, batch, T in zip(seconds, batches, lengths, strict=True)
    ]


def draw(record: Record, axes: "Axes") -> None:
    """Tokens per second against the batch, on logarithmic axes."""
    ends = {}
    for name in TIMED:
        arm, millions = ARMS[name], [t / 1e6 for t in throughput(record, name)]
        plot(axes, arm, record.cells("batch", arm=name), millions)
        ends[arm] = (LARGEST, millions[-1], arm.label)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    label_ends(axes, ends)
    axes.set_xlabel("batch (sequences)")
    axes.set_ylabel("million tokens per second")
    axes.set_xticks(BATCHES, [str(batch) for batch in BATCHES])
    axes.minorticks_off()


CAPTION = (
    "**A Batch Hides the Chain**: tokens per second of a training step of one layer of "
    "{width} channels on sequences of {steps} steps. For a single sequence the tanh "
    "RNN takes {rnn_over_scan_one} times as long as the scan, for a batch of {batch} "
    "{rnn_over_scan_batch} times."
)
ALT = (
    "Tokens per second against batch, both logarithmic. The lines of the tanh RNNs "
    "begin far below the others, rise with the batch and end on top; scan, fused form "
    "and attention soon run flat."
)
