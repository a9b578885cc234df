"""A bigger batch fills the machine; then why not just do that?

A tanh RNN is trained until it reaches a loss, at each batch size with a learning
rate of its own, searched on other seeds. Counted are the steps, which take the same
time for any batch on a machine that is wide enough, and the sequences that they
consume, of which none is seen twice.
"""

from collections.abc import Iterator
from math import nan
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from bookfigs.claim import Claim, Median, Ratio, Share, Smallest, Value
from bookfigs.column import Row, exact, key, seeded
from bookfigs.fits import Constant, Tradeoff
from bookfigs.record import Device, Record
from bookfigs.style import BLUE, TEXT, TEXT_WIDTH
from chapters.rnn_training.arms import MODELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bookfigs.core.target import Race


class Scale(NamedTuple):
    """How large an experiment a device is given."""

    width: int
    judged_on: int


SCALES = {"cpu": Scale(32, 256), "cuda": Scale(128, 4096)}
LENGTH, SYMBOLS = 8, 4
TARGET = 0.05
"""Nats per symbol; a guess costs ln 8 = 2.08."""
LONGEST = 20_000
"""Steps after which a run is given up: it counts as so many."""
BATCHES = [2**k for k in range(11)]
RATES = [2.0**-k for k in range(12, 3, -1)]
SEEDS = range(20)
SEARCH_SEEDS = range(100, 104)

COLUMNS = {
    "batch": key("sequences"),
    "width": key("channels"),
    "target": key("nats"),
    "chain": exact("operations in a row"),
    "rate": seeded(""),
    "reached": seeded(""),
    "steps": seeded("steps"),
    "samples": seeded("sequences"),
}
POINTS = [{"batch": batch} for batch in BATCHES]
QUICK = [{"batch": batch} for batch in (1, 4, 256, 1024)]


def race(device: str, batch: int) -> "Race":
    """The training whose steps are counted, at one batch size."""
    from bookfigs.core.model import Model
    from bookfigs.core.target import Race
    from bookfigs.core.tasks import Copying

    task, scale = Copying(LENGTH, symbols=SYMBOLS), SCALES[device]

    def make() -> Model:
        return Model(
            task.d_input,
            task.d_output,
            scale.width,
            depth=1,
            mixer="rnn",
            channel="none",
        )

    return Race(make, task, batch, TARGET, LONGEST, scale.judged_on, device)


def chain(run: "Race") -> int:
    """Longest chain of dependent operations in the gradient of one batch."""
    import torch

    from bookfigs.core.tasks import loss
    from bookfigs.measure.span import SpanMeter

    model = run.make().to(run.device)
    x, target = (z.to(run.device) for z in run.task.draw(run.batch, torch.Generator()))
    with SpanMeter() as meter:
        error = loss(model(x)[0], target)
        gradients = torch.autograd.grad(error, list(model.parameters()))
        return meter.depth(*gradients)


def measure(device: Device, batch: int) -> Iterator[Row]:
    """Search the learning rate of one batch size, then train all seeds with it."""
    from dataclasses import replace

    from bookfigs.measure.unobserved import unobserved

    run, first = race(device.kind, batch), SEARCH_SEEDS[:1]
    replace(run, longest=2).steps(RATES[:1], first)
    replace(run, target=1e9).best_rate(RATES[:1], first)
    with unobserved():
        rate = run.best_rate(RATES, SEARCH_SEEDS)
        found = run.steps([rate] * len(SEEDS), SEEDS)
    steps = found.clamp(max=LONGEST)
    yield {
        "batch": batch,
        "width": SCALES[device.kind].width,
        "target": TARGET,
        "chain": chain(run),
        "rate": [rate] * len(SEEDS),
        "reached": found.isfinite().double().tolist(),
        "steps": steps.tolist(),
        "samples": (batch * steps).tolist(),
    }


SMALLEST, SMALL, LARGE, LARGEST = 1, 4, 256, 1024
"""Batch sizes that are compared: four times as large, on either side."""


def ratio(column: str, of: int, to: int) -> Ratio:
    """Statistic: a column at one batch size over that at another, seed by seed."""
    return Ratio(column, {"batch": of}, {"batch": to})


def constant(name: Constant, label: str) -> Tradeoff:
    """Statistic: a constant of the trade-off that all batch sizes follow."""
    return Tradeoff("steps", "batch", {}, name, label)


CRITICAL = constant("critical_batch", "critical batch size")
FEWEST_STEPS = constant("fewest_steps", "fewest steps")
FEWEST_SAMPLES = constant("fewest_samples", "fewest samples")

VALUES = {
    "smallest": Value(Median("batch", {"batch": SMALLEST})),
    "small": Value(Median("batch", {"batch": SMALL})),
    "large": Value(Median("batch", {"batch": LARGE})),
    "largest": Value(Median("batch", {"batch": LARGEST})),
    "width": Value(Median("width", {"batch": SMALLEST})),
    "target": Value(Median("target", {"batch": SMALLEST}), "{:.2f}"),
    "chain": Value(Median("chain", {"batch": SMALLEST})),
    "critical": Value(CRITICAL),
    "steps_small": Value(ratio("steps", SMALLEST, SMALL), "{:.1f}"),
    "steps_large": Value(ratio("steps", LARGE, LARGEST), "{:.1f}"),
    "samples_largest": Value(ratio("samples", LARGEST, SMALLEST)),
}
CLAIMS = {
    "chain_constant": Claim(
        "The longest dependency chain of a training step is the same at every batch "
        "size, so that on a machine that is wide enough steps are time",
        ratio("chain", LARGEST, SMALLEST),
        low=1,
        high=1,
    ),
    "all_reached": Claim(
        "At every batch size nearly all training runs reach the target",
        Smallest("reached", {}, "median, at the worst batch size"),
        low=1,
    ),
    "rates_inside": Claim(
        "No batch size found its learning rate at an end of the range of the search",
        Share("rate", {}, 2 * min(RATES), max(RATES) / 2, "share of batch sizes"),
        low=1,
    ),
    "small_halves": Claim(
        "Among small batches, four times the batch takes less than half the steps",
        ratio("steps", SMALL, SMALLEST),
        high=0.5,
    ),
    "large_flat": Claim(
        "Among large batches, four times the batch takes more than half the steps",
        ratio("steps", LARGEST, LARGE),
        low=0.5,
    ),
    "small_as_good": Claim(
        "Among small batches, four times the batch takes less than twice the samples",
        ratio("samples", SMALL, SMALLEST),
        high=2,
    ),
    "large_costs": Claim(
        "The largest batch takes more than ten times the samples of the smallest for "
        "the same loss",
        ratio("samples", LARGEST, SMALLEST),
        low=10,
    ),
    "one_law": Claim(
        "One law with two constants is less than half off at every batch size",
        constant("misfit", "largest relative error of the law"),
        high=0.5,
    ),
    "critical": Claim(
        "The critical batch size lies between 8 and 128 sequences",
        CRITICAL,
        low=8,
        high=128,
    ),
}

SIZE = (TEXT_WIDTH, 2.9)
PANELS = (1, 2)


def draw(record: Record, axes: "list[Axes]") -> None:
    """Samples and steps against the batch size, with the law that both follow."""
    steps, samples = (found(record).value for found in (FEWEST_STEPS, FEWEST_SAMPLES))
    cost, time = axes
    for panel in axes:
        panel.set_xscale("log", base=2)
        panel.set_yscale("log")
        panel.set_xlabel("batch size (sequences)")
        panel.set_xticks(BATCHES[::2], [f"{B:,}" for B in BATCHES[::2]])
        panel.minorticks_off()
    _draw_law(cost, samples, [steps * B for B in BATCHES])
    _draw_law(time, steps, [samples / B for B in BATCHES])
    _draw_seeds(record, cost, "samples")
    _draw_seeds(record, time, "steps")
    critical = CRITICAL(record)
    for panel in axes:
        panel.axvspan(critical.low, critical.high, color=BLUE, alpha=0.3, linewidth=0)
    time.annotate(
        f"critical batch:\n{critical.value:.0f} sequences",
        (critical.high, 0.88),
        xytext=(4, 0),
        textcoords="offset points",
        xycoords=("data", "axes fraction"),
        color=BLUE,
        fontsize=8,
    )
    cost.set_title("Cost: flat, then rising")
    cost.set_ylabel("sequences to the target")
    time.set_title("Time: falling, then flat")
    time.set_ylabel("steps to the target")


def _draw_law(panel: "Axes", flat: float, steep: list[float]) -> None:
    """The law is a sum: the sum as a line, and dotted its two parts."""
    seen = [y if y > flat / 2 else nan for y in steep]
    panel.plot(BATCHES, [flat + y for y in steep], color=TEXT, lw=1)
    panel.plot(BATCHES, seen, color=TEXT, lw=1, ls=":")
    panel.axhline(flat, color=TEXT, lw=1, ls=":")


def _draw_seeds(record: Record, panel: "Axes", column: str) -> None:
    """Median over seeds, and a line from the least to the most."""
    arm, cells = MODELS["rnn"], record.cells(column)
    batches, medians = record.cells("batch"), list(map(median, cells))
    panel.vlines(batches, list(map(min, cells)), list(map(max, cells)), color=arm.color)
    panel.plot(batches, medians, arm.marker, color=arm.color, zorder=3)


CAPTION = (
    "**Why Not Just a Bigger Batch**: sequences and steps that a tanh RNN of {width} "
    "channels takes to a loss of {target} nats, each batch size at the best of its "
    "learning rates. Marks are medians over seeds, vertical lines reach from the least "
    "to the most, the curve is the law of the text and dotted are its two parts, which "
    "meet at the critical batch (band: 95 percent interval over seeds). Far beyond its "
    "{critical} sequences the steps hardly fall: the largest batch takes "
    "{samples_largest} times the sequences of the smallest for the same loss."
)
ALT = (
    "Two panels against batch size, all logarithmic. Sequences to the target: flat, "
    "then rising, {samples_largest} times higher at the largest batch. Steps to the "
    "target: falling, then flat. They bend at a critical batch of about {critical}."
)
