"""Is a linear recurrence enough?

No, for two reasons. The first is proven. A stack of linear recurrences without
any other nonlinearity is affine: its logit is s(x) = c + Σ_t g_t(x_t). Let the
answer be x_t xor x_{t-4}, of fair coins. With all other coins fixed,
s(00) + s(11) = s(01) + s(10), so at most three of the four answers are right; and
a single coin says nothing about the answer, so the expected cross-entropy, which
is convex in s, is least at s = 0, where it is ln 2. Depth and width do not help.
The norms of a residual stack are nonlinear: ``linear`` goes without them.

The second is state tracking. The parity of all coins so far turns the state over
at each one. In finite precision that takes a coefficient that is not a positive
real number (Grazzi et al. 2024, arXiv:2411.12537, theorem 1; Sarrof et al. 2024,
arXiv:2405.17394), and a map at each step, however nonlinear, does not replace it.

Every arm is one block of the same width, trained on as many sequences at the best
of the same learning rates, found on other seeds.
"""

from collections.abc import Iterator
from statistics import mean, median
from typing import TYPE_CHECKING, Any, NamedTuple

from bookfigs.claim import Claim, Median, Value
from bookfigs.column import Row, key, seeded
from bookfigs.record import Device, Record
from bookfigs.style import (
    BLUE,
    BROWN,
    GREEN,
    GRID,
    ORANGE,
    TEXT,
    TEXT_WIDTH,
    VIOLET,
    Arm,
    label_ends,
    plot,
)  # fmt: skip

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

    from bookfigs.core.model import Model
    from bookfigs.core.train import Experiment, Outcome

TRAINED = 16
"""Length of the sequences that are trained on."""
LAG = 4
STEPS = [8, 16, 32, 64, 128, 256]
"""Ends of the stretches in which answers are counted; each begins at its half."""
WIDTHS = {"cpu": 32, "cuda": 128}
"""Channels, by the kind of device."""
TRAINING = {"product": 300, "parity": 500}
"""Steps for each task; the second is learnt late."""
BATCH = 32
RATES = (3e-3, 1e-2)
SEARCHED, SEEDS = range(100, 102), range(20)
TESTED = 128

LOOP = {"form": "loop"}
"""The quickest for short sequences of many models, and the same on every machine."""
RING = {"r_min": 0.9, "r_max": 0.999, **LOOP}
OPTIONS: dict[str, dict[str, Any]] = {
    "linear": {"mixer": "lru", "channel": "none", **RING},
    "norm": {"mixer": "lru", "channel": "none", **RING},
    "mlp": {"mixer": "lru", "channel": "mlp", **RING},
    "glu": {"mixer": "lru", "channel": "glu", **RING},
    "bare_rnn": {"mixer": "rnn", "channel": "none"},
    "rnn": {"mixer": "rnn", "channel": "glu"},
    "gru": {"mixer": "gru", "channel": "glu"},
    "positive": {"mixer": "lru", "channel": "glu", "max_phase": 1e-6, **RING},
    "mingru": {"mixer": "mingru", "channel": "glu", **LOOP},
    "signed": {"mixer": "mingru", "channel": "glu", **LOOP},
}
"""What each arm asks of the model."""

COMPARED = {
    "product": ("linear", "norm", "mlp", "glu", "bare_rnn"),
    "parity": ("rnn", "gru", "signed", "glu", "positive", "mingru"),
}
"""Which arms are trained for which task."""

COLUMNS = {
    "task": key(),
    "arm": key(),
    "step": key("steps"),
    "width": key("channels"),
    "right": seeded("share of answers"),
    "nats": seeded("nats"),
    "bend": seeded("share of the logit"),
    "rate": seeded("learning rate"),
}
POINTS = [{"task": task, "arm": arm} for task in COMPARED for arm in COMPARED[task]]
QUICK = [{"task": "product", "arm": "linear"}]


class Answers(NamedTuple):
    """What a model answers in one stretch of steps."""

    right: float
    nats: float
    bend: float


def measure(device: Device, task: str, arm: str) -> Iterator[Row]:
    """Train one arm on one task, and count its answers along longer sequences."""
    from bookfigs.core.train import Run
    from bookfigs.measure.unobserved import unobserved

    def judged(outcome: "Outcome") -> float:
        return -mean(outcome.losses[-20:])

    short = experiment(device, task, arm, steps=2)
    answers(short.train(RATES[0], 0).model, task)  # so that all of it is seen to run
    full = experiment(device, task, arm, steps=TRAINING[task])
    with unobserved():
        rate = full.best_rate(RATES, SEARCHED, judged)
        trained = full.train_each([Run(rate, seed) for seed in SEEDS])
        found = [answers(outcome.model, task) for outcome in trained]
    for stretch, step in enumerate(STEPS):
        yield {
            "task": task,
            "arm": arm,
            "step": step,
            "width": WIDTHS[device.kind],
            "right": [each[stretch].right for each in found],
            "nats": [each[stretch].nats for each in found],
            "bend": [each[stretch].bend for each in found],
            "rate": [rate] * len(found),
        }


def experiment(device: Device, task: str, arm: str, steps: int) -> "Experiment":
    """One arm on one task, with so many steps of training."""
    from bookfigs.core.tasks import Parity, Xor
    from bookfigs.core.train import Experiment, Recipe

    trained = Parity(TRAINED) if task == "parity" else Xor(TRAINED, LAG)
    recipe = Recipe(steps, BATCH)

    def make() -> "Model":
        return build(arm, WIDTHS[device.kind]).to(device.kind)

    return Experiment(make, trained, recipe, abreast=True)


def build(arm: str, width: int, depth: int = 1) -> "Model":
    """Build blocks of an arm, between an embedding and a head."""
    from torch import nn

    from bookfigs.core.mixers import LRUMixer
    from bookfigs.core.model import Model
    from bookfigs.core.signed import SignedMinGRU

    model = Model(2, 2, width, depth=depth, **OPTIONS[arm])
    block = model.blocks[0]
    if arm == "linear":
        for part in (model, *model.blocks):
            for name, child in [*part.named_children()]:
                if isinstance(child, nn.LayerNorm):
                    setattr(part, name, nn.Identity())
    if arm == "positive" and isinstance(block.mixer, LRUMixer):
        block.mixer.layer.theta_log.requires_grad = False  # phases stay almost 0
    if arm == "signed":
        block.mixer = SignedMinGRU(width, width, form="loop")
    return model


def answers(model: "Model", task: str) -> list[Answers]:
    """Count the answers of a model in each stretch of longer sequences."""
    import torch

    from bookfigs.core.tasks import Parity, Xor, loss, right

    longer = Parity(STEPS[-1]) if task == "parity" else Xor(STEPS[-1], LAG)
    x, target = longer.draw(TESTED, torch.Generator().manual_seed(1))
    device = next(model.parameters()).device
    target, found = target.to(device), []
    with torch.no_grad():
        y = model.double()(x.to(device))[0]
        off, logit = bends(model, x.to(device))
    for step in STEPS:
        part = slice(step // 2, step)
        bend = off[:, part].square().mean() / logit[:, part].square().mean()
        asked = y[:, part], target[:, part]
        found.append(
            Answers(right(*asked).item(), loss(*asked).item(), bend.sqrt().item())
        )
    return found


def bends(model: "Model", x: "Tensor") -> tuple["Tensor", "Tensor"]:
    """How far the logit is from obeying superposition, and the logit.

    Two sequences exchange some of their steps; a sum over steps does not notice:
    s(x) + s(x') - s(z) - s(z') = 0.
    """
    import torch

    one, other = x.chunk(2)
    swap = torch.arange(x.shape[1], device=x.device) % 3 == 0
    pairs = [one, other, one.where(swap, other), other.where(swap, one)]
    logits = model(torch.cat(pairs))[0].diff(dim=-1).squeeze(-1)
    a, b, c, d = logits.chunk(4)
    return a + b - c - d, logits


PRODUCT = {
    "glu": Arm("LRU + GLU", BLUE, "v", width=2.8),
    "mlp": Arm("LRU + MLP", GREEN, "^", "-."),
    "bare_rnn": Arm("tanh RNN", ORANGE, "o"),
    "norm": Arm("LRU, norms only", VIOLET, "s", "--"),
    "linear": Arm("LRU, all linear", TEXT, "X", ":"),
}
PARITY = {
    "signed": Arm("minGRU, signed", VIOLET, "s", "--"),
    "rnn": Arm("tanh RNN", ORANGE, "o"),
    "gru": Arm("GRU", BROWN, "P", "--"),
    "glu": Arm("LRU, complex", BLUE, "v", width=2.8),
    "positive": Arm("LRU, positive", GREEN, "^", "-."),
    "mingru": Arm("minGRU", TEXT, "X", ":"),
}
ARMS = {"product": PRODUCT, "parity": PARITY}
"""How they look here, where one mixer comes with different things around it."""


def at(task: str, arm: str, step: int, column: str = "right") -> Median:
    """Statistic: one column of one arm at one stretch."""
    return Median(column, {"task": task, "arm": arm, "step": step})


LONGEST = STEPS[-1]
CHANCE = 0.6
"""A share of right answers below it is not far from guessing between two."""
SOLVED = 0.95


def solves(sentence: str, task: str, arm: str, step: int = LONGEST) -> Claim:
    """State that an arm answers rightly up to some step."""
    return Claim(sentence, at(task, arm, step), low=SOLVED)


def guesses(sentence: str, task: str, arm: str) -> Claim:
    """State that an arm ends up guessing on the longest sequences."""
    return Claim(sentence, at(task, arm, LONGEST), high=CHANCE)


VALUES = {
    "trained": Value(Median("step", {"task": "parity", "arm": "rnn", "step": TRAINED})),
    "longest": Value(Median("step", {"task": "parity", "arm": "rnn", "step": LONGEST})),
    "linear": Value(at("product", "linear", TRAINED), scale=100),
    "linear_nats": Value(at("product", "linear", TRAINED, "nats"), "{:.2f}"),
    "norm_longest": Value(at("product", "norm", LONGEST), scale=100),
    "rnn": Value(at("parity", "rnn", LONGEST), scale=100),
    "positive": Value(at("parity", "positive", LONGEST), scale=100),
}
CLAIMS = {
    "superposition": Claim(
        "Without anything nonlinear the stack is one linear map of its inputs: it "
        "obeys superposition to rounding",
        at("product", "linear", TRAINED, "bend"),
        high=1e-9,
    ),
    "linear_bound": Claim(
        "Its loss is never below that of guessing",
        at("product", "linear", TRAINED, "nats"),
        low=0.69,
    ),
    "linear_fails": Claim(
        "It gets no more than three of four answers right",
        at("product", "linear", TRAINED),
        high=0.75,
    ),
    "norms_bend": Claim(
        "The norms of a residual block are nonlinear: with them alone the loss falls "
        "below that bound",
        at("product", "norm", TRAINED, "nats"),
        high=0.6,
    ),
    "norms_fail": Claim(
        "They are not enough: on the longest sequences fewer than nine of ten answers "
        "are right",
        at("product", "norm", LONGEST),
        high=0.9,
    ),
    "mlp_solves": solves(
        "With an MLP after the recurrence it is solved", "product", "mlp", TRAINED
    ),
    "glu_solves": solves("With a GLU it is solved", "product", "glu", TRAINED),
    "rnn_solves": solves(
        "A tanh RNN needs neither: its nonlinearity is inside",
        "product",
        "bare_rnn",
        TRAINED,
    ),
    "positive_fails": guesses(
        "With positive real coefficients the LRU guesses on sequences longer than "
        "those of its training, GLU or not",
        "parity",
        "positive",
    ),
    "mingru_fails": guesses(
        "Coefficients between 0 and 1 that depend on the input do not help",
        "parity",
        "mingru",
    ),
    "complex_fails": guesses(
        "Complex coefficients that are the same at each step do not help either",
        "parity",
        "glu",
    ),
    "rnn_tracks": solves(
        "A tanh RNN keeps track of the parity on sequences sixteen times as long as "
        "those of its training",
        "parity",
        "rnn",
    ),
    "gru_tracks": solves("So does a GRU", "parity", "gru"),
    "signed_tracks": solves(
        "A linear recurrence does so too if the input may make a coefficient negative",
        "parity",
        "signed",
    ),
}

SIZE = (TEXT_WIDTH, 3.0)
PANELS = (1, 2)


def draw(record: Record, axes: "list[Axes]") -> None:
    """Share of right answers along the sequence, one panel for each task."""
    titles = ("Xor of two coins", "Parity of all coins so far")
    for panel, (task, arms), title in zip(axes, ARMS.items(), titles, strict=True):
        ends = {}
        panel.set_title(title)
        panel.set_xscale("log", base=2)
        panel.set_ylim(28, 106)
        for name, arm in arms.items():
            samples = record.cells("right", task=task, arm=name)
            percents = [100 * median(cell) for cell in samples]
            plot(panel, arm, STEPS, percents)
            for step, cell in zip(STEPS, samples, strict=True):
                seeds = [100 * share for share in cell]
                panel.scatter([step] * len(seeds), seeds, s=4, color=arm.color, lw=0)
            ends[arm] = (LONGEST, percents[-1], arm.label)
        label_ends(panel, ends)
        panel.set_xticks(STEPS[1::2], [str(step) for step in STEPS[1::2]])
        panel.minorticks_off()
        panel.set_xlabel("position (steps)")
        panel.axvline(TRAINED, color=GRID, zorder=0)
    axes[1].tick_params(labelleft=False)
    axes[0].set_ylabel("right answers (percent)")
    axes[0].annotate(" trained to here", (TRAINED, 29.5), fontsize=7)


CAPTION = (
    "**Linear Is Not Enough**: right answers along the sequence, each counted over the "
    "second half of the steps so far; lines are medians over seeds, dots single seeds. "
    "Left: whether two coins differ, an LRU tells reliably only with a nonlinear map "
    "after it. Right: such a map does not replace a state that can turn over; trained "
    "on {trained} steps, positive coefficients end at {positive} percent."
)
ALT = (
    "Right answers against position, to {longest} steps. Left: LRU with MLP or GLU and "
    "tanh RNN stay near 100 percent, norms alone fall to {norm_longest}, all linear "
    "is at {linear}. Right: GRU, tanh RNN, signed minGRU stay at 100; three fall to 50."
)
