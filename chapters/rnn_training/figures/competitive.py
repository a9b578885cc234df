"""Are stateful models competitive again?

Six sequence mixers in the same residual stack, trained in the same way on the same
tokens: pixels of handwritten digits, in order and permuted, and selective copying.
The learning rate is searched for each arm and task among the same rates, on seeds
that are not those of the result; it is chosen on validation data, and the accuracy
is that on test data. Who is best is best within this budget.
"""

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from bookfigs.claim import (
    Claim,
    Difference,
    Largest,
    LargestOf,
    Median,
    Ratio,
    Smallest,
    SmallestOf,
    Value,
)
from bookfigs.column import Row, exact, key, seeded
from bookfigs.record import Device, Record
from bookfigs.style import GRID, TEXT, TEXT_WIDTH, Arm
from chapters.rnn_training.arms import MODELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DATA = ["data/digits.csv.gz"]

WIDTH, DEPTH, BATCH = 16, 2, 32
RATES = (3e-3, 1e-2, 3e-2, 1e-1)
SEARCH_SEEDS = range(100, 102)
SEEDS = range(20)
"""So many that one outlier does not undo a claim about two arms."""
LENGTH, SYMBOLS, ALPHABET = 32, 4, 4
"""Of selective copying."""


class Mixer(NamedTuple):
    """What an arm mixes with; sizes of states that make the arms alike in weights."""

    name: str
    options: dict[str, Any]
    times: int = 1
    """How many times the training steps of the others it gets."""


MIXERS = {
    "rnn": Mixer("fused-rnn", {}),
    "gru": Mixer("fused-gru", {}),
    "lru": Mixer("lru", {"form": "scan"}),
    "s4d": Mixer("s4d", {"d_state": 32, "form": "fft"}),
    "selective": Mixer("selective", {"d_state": 8, "form": "scan"}),
    "attention": Mixer("attention", {"heads": 2, "rotary": True}),
    "longer": Mixer("attention", {"heads": 2, "rotary": True}, times=4),
}
STEPS = {"digits": 300, "permuted": 300, "copying": 500}
TITLES = {
    "digits": "Digits, by pixels",
    "permuted": "Pixels permuted",
    "copying": "Selective copying",
}

COLUMNS = {
    "task": key(),
    "arm": key(),
    "accuracy": seeded("share of right answers"),
    "rate": seeded("learning rate"),
    "parameters": exact("weights"),
    "tokens": exact("tokens"),
    "T": exact("steps"),
    "chance": exact("share of right answers"),
}
POINTS = [
    {"task": task, "arm": arm}
    for task in STEPS
    for arm in MIXERS
    if (task, arm) not in {("permuted", "longer"), ("copying", "longer")}
]
QUICK = [
    {"task": "digits", "arm": "s4d"},
    {"task": "digits", "arm": "attention"},
]


def measure(device: Device, task: str, arm: str) -> Iterator[Row]:
    """Search a rate for one arm and task, and train it with every seed."""
    from bookfigs.core.model import Model
    from bookfigs.core.tasks import Copying
    from bookfigs.core.train import Recipe
    from bookfigs.measure.unobserved import unobserved
    from chapters.rnn_training.experiments import Protocol, digits, drawn

    images = Path(__file__).parents[1] / DATA[0]
    if task == "copying":
        copying = Copying(LENGTH, selective=True, symbols=SYMBOLS, alphabet=ALPHABET)
        trial, T = drawn(copying), LENGTH
    else:
        trial = digits(images, permuted=task == "permuted")
        T = 64
    asked, mixer = trial.task, MIXERS[arm]

    def make() -> Model:
        model = Model(
            asked.d_input,
            asked.d_output,
            WIDTH,
            depth=DEPTH,
            mixer=mixer.name,
            tokens=asked.tokens,
            **mixer.options,
        )
        return model.to(device.kind)

    recipe = Recipe(steps=STEPS[task] * mixer.times, batch=BATCH)
    protocol = Protocol(recipe, RATES, SEARCH_SEEDS, SEEDS)
    protocol.shortened(2).run(trial, make)
    with unobserved():
        rate, accuracy = protocol.run(trial, make)
    yield {
        "task": task,
        "arm": arm,
        "accuracy": accuracy,
        "rate": [rate],
        "parameters": sum(weight.numel() for weight in make().parameters()),
        "tokens": recipe.steps * recipe.batch * T,
        "T": T,
        "chance": 1 / asked.d_output,
    }


def accuracy(task: str, arm: str) -> Median:
    """Statistic: median accuracy of an arm."""
    return Median("accuracy", {"task": task, "arm": arm})


def ahead(task: str, arm: str, other: str = "attention") -> Difference:
    """Statistic: by how much an arm is more accurate than another, seed by seed."""
    return Difference(
        "accuracy", {"task": task, "arm": arm}, {"task": task, "arm": other}
    )


def heavier(arm: str, other: str) -> Ratio:
    """Statistic: weights of an arm over those of another."""
    one, two = ({"task": "digits", "arm": name} for name in (arm, other))
    return Ratio("parameters", one, two)


def percent(task: str, arm: str) -> Value:
    """Give the median accuracy of an arm, in percent."""
    return Value(accuracy(task, arm), "{:.0f}", 100)


ARMS = ("rnn", "gru", "lru", "s4d", "selective", "attention")
LINEAR = ("lru", "s4d")
PIXELS = ("digits", "permuted")
DIGITS = {"task": "digits", "arm": "s4d"}
VALUES = {
    **{f"{arm}_{task}": percent(task, arm) for task in STEPS for arm in ARMS},
    "longer_digits": percent("digits", "longer"),
    "pixels": Value(Median("T", DIGITS)),
    "tokens": Value(Median("tokens", DIGITS)),
    "fewest": Value(Smallest("parameters", {"task": "digits"})),
    "most": Value(Largest("parameters", {"task": "digits"})),
}
CLAIMS = {
    "alike": Claim(
        "No arm has more than one and a half times the weights of another",
        LargestOf(tuple(heavier(*pair) for pair in permutations(ARMS, 2))),
        high=1.5,
    ),
    "all_learn": Claim(
        "On pixels, in order or permuted, every arm is right at least twice as often "
        "as chance",
        SmallestOf(tuple(accuracy(task, arm) for task in PIXELS for arm in ARMS)),
        low=0.2,
    ),
    "s4d_digits": Claim(
        "On pixels in order the diagonal SSM is more accurate than the transformer",
        ahead("digits", "s4d"),
        low=0,
    ),
    "s4d_permuted": Claim(
        "On permuted pixels the diagonal SSM is more accurate than the transformer",
        ahead("permuted", "s4d"),
        low=0,
    ),
    "lru_digits": Claim(
        "On pixels in order the LRU is at most a tenth behind the transformer",
        ahead("digits", "lru"),
        low=-0.1,
    ),
    "lru_permuted": Claim(
        "On permuted pixels the LRU is more accurate than the transformer",
        ahead("permuted", "lru"),
        low=0,
    ),
    "linear_over_tanh": Claim(
        "On pixels both linear recurrences are more accurate than the tanh RNN",
        SmallestOf(tuple(ahead(task, arm, "rnn") for task in PIXELS for arm in LINEAR)),
        low=0,
    ),
    "fixed_fall_short": Claim(
        "Neither of them copies as much as nineteen in twenty symbols",
        LargestOf(tuple(accuracy("copying", arm) for arm in LINEAR)),
        high=0.95,
    ),
    "selection_helps": Claim(
        "Coefficients that the input selects copy more than the fixed ones of the LRU",
        ahead("copying", "selective", "lru"),
        low=0,
    ),
    "gru_copies": Claim(
        "The GRU, a nonlinear network with gates, copies nineteen in twenty symbols "
        "and more",
        accuracy("copying", "gru"),
        low=0.95,
    ),
    "selection_costs": Claim(
        "On pixels the selective SSM is less accurate than the diagonal one, by a "
        "tenth and more",
        SmallestOf(tuple(ahead(task, "s4d", "selective") for task in PIXELS)),
        low=0.1,
    ),
    "more_steps": Claim(
        "With four times the steps the transformer becomes more accurate",
        ahead("digits", "longer"),
        low=0,
    ),
}

SIZE = (TEXT_WIDTH, 3.7)
PANELS = (1, 3)
LOOKS = MODELS | {
    "longer": MODELS["attention"]._replace(label="transformer, 4 × steps", marker="*")
}
ROWS = 7
"""Places for arms in a panel, from the top."""


def draw(record: Record, panels: "list[Axes]") -> None:
    """One panel for each task, in it the arms from the best to the worst."""
    for axes, (task, title) in zip(panels, TITLES.items(), strict=True):
        draw_task(record, axes, task)
        axes.set_title(title)
    panels[1].set_xlabel("accuracy on test data (percent)")


def draw_task(record: Record, axes: "Axes", task: str) -> None:
    """Every arm of a task, the transformer's row shaded, chance as a dotted line."""
    arms = record.cells("arm", task=task)
    order = sorted(arms, key=lambda arm: -accuracy(task, arm)(record).value)
    chance = 100 * record.cell("chance", task=task, arm=order[0])
    for row, name in enumerate(order):
        y = ROWS - 1 - row
        if name == "attention":
            axes.axhspan(y - 0.35, y + 0.65, color=GRID, alpha=0.5, linewidth=0)
        axes.vlines(chance, y - 0.25, y + 0.25, TEXT, ":", linewidth=0.8)
        marks = [100 * a for a in record.cell("accuracy", task=task, arm=name)]
        draw_arm(axes, y, LOOKS[name], marks)
    axes.text(chance, y - 0.5, "chance", fontsize=7, ha="center", va="center")
    axes.set_xlim(0, 104)
    axes.set_ylim(-0.75, ROWS - 0.3)
    axes.set_xticks([0, 50, 100])
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def draw_arm(axes: "Axes", y: float, arm: Arm, marks: list[float]) -> None:
    """A mark for each seed, a bar at the median, name and median above."""
    middle = median(marks)
    style: Any = {"color": arm.color, "markersize": 4, "markeredgewidth": 0}
    axes.plot(marks, [y] * len(marks), arm.marker, alpha=0.35, **style)
    axes.plot(middle, y, "|", color=TEXT, markersize=10, markeredgewidth=1.6)
    text = f"{arm.label}: {middle:.0f}"
    axes.text(1, y + 0.23, text, color=arm.color, fontsize=7.5, va="bottom")


CAPTION = (
    "**To Each Task Its State**: accuracy on test data of six mixers in the same "
    "stack, trained alike, a mark for each seed and a bar at the median. Fixed linear "
    "recurrences lead on the pixels of digits: the diagonal SSM reaches {s4d_digits} "
    "percent, the transformer {attention_digits}. Selective copying takes gates: the "
    "GRU reaches {gru_copying} percent, the LRU {lru_copying}."
)
ALT = (
    "Accuracy of six models in three panels. On digits, diagonal SSM {s4d_digits}, LRU "
    "{lru_digits}, transformer {attention_digits}; on selective copying, GRU "
    "{gru_copying}, selective SSM {selective_copying}, transformer "
    "{attention_copying}, tanh RNN {rnn_copying} percent."
)
