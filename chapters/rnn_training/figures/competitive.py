"""Are stateful models competitive again?

Six sequence mixers in the same residual stack, trained in the same way on the same
tokens: pixels of handwritten digits, in order and permuted, selective copying, and
adding two marked numbers. The learning rate is searched for each arm and task among
the same rates, on seeds that are not those of the result; it is chosen on validation
data, and the accuracy is that on test data. The transformer alone has a further
choice, its number of heads, and is searched for every pair of rate and heads: more
than the others, which is in its favour. All else is as the layers come. Lengths and
steps were set beforehand, on other seeds, so that the best arms learn their task at
all. Who is best is best within this budget; a CUDA device is given a larger one.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
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
from bookfigs.style import GRID, TEXT, TEXT_WIDTH, Arm, ink
from chapters.rnn_training.arms import MODELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bookfigs.core.model import Model
    from bookfigs.core.tasks import Task
    from chapters.rnn_training.experiments import Trial

DATA = ["data/digits.csv.gz"]

RATES = (3e-3, 1e-2, 3e-2, 1e-1)
SEARCH_SEEDS = range(100, 102)
SEEDS = range(20)
"""So many that one outlier does not undo a claim about two arms."""
SYMBOLS, ALPHABET = 4, 4
"""Of selective copying."""


class Scale(NamedTuple):
    """How large an experiment a device is given."""

    width: int
    depth: int
    batch: dict[str, int]
    """Sequences of a training step, for each task."""
    steps: dict[str, int]
    """Of training."""
    length: dict[str, int]
    """Of a sequence; images have the pixels that they have."""
    heads: tuple[int, ...]
    """Numbers of heads among which the transformer finds its own."""


IMAGE = 64
"""Pixels of an image, whatever the scale."""
SCALES = {
    "cpu": Scale(
        width=16,
        depth=2,
        batch={"digits": 32, "permuted": 32, "copying": 32, "adding": 16},
        steps={"digits": 200, "permuted": 200, "copying": 400, "adding": 400},
        length={"digits": IMAGE, "permuted": IMAGE, "copying": 32, "adding": 50},
        heads=(1, 2),
    ),
    "cuda": Scale(
        width=64,
        depth=4,
        batch={"digits": 64, "permuted": 64, "copying": 64, "adding": 64},
        steps={"digits": 2000, "permuted": 2000, "copying": 5000, "adding": 5000},
        length={"digits": IMAGE, "permuted": IMAGE, "copying": 256, "adding": 512},
        heads=(1, 4, 8),
    ),
}


class Mixer(NamedTuple):
    """What an arm mixes with."""

    name: str
    options: dict[str, Any]
    states: Fraction | None = None
    """For each channel of the model, so many that arms are alike in weights."""
    times: int = 1
    """How many times the training steps of the others it gets."""
    abreast: bool = False
    """Whether its trainings advance side by side, as pays where steps are walked."""


TRANSFORMER = Mixer("attention", {"rotary": True})
MIXERS = {
    "rnn": Mixer("rnn", {}, abreast=True),
    "gru": Mixer("gru", {}, abreast=True),
    "lru": Mixer("lru", {"form": "loop"}, abreast=True),
    "s4d": Mixer("s4d", {"form": "fft"}, states=Fraction(1)),
    "selective": Mixer("selective", {"form": "scan"}, states=Fraction(1, 2)),
    "attention": TRANSFORMER,
    "longer": TRANSFORMER._replace(times=2),
}
TASKS = ("digits", "permuted", "copying", "adding")

COLUMNS = {
    "task": key(),
    "arm": key(),
    "width": key("channels"),
    "accuracy": seeded("share of right answers"),
    "rate": seeded("learning rate"),
    "heads": seeded("heads, of the arm that has any"),
    "parameters": exact("weights"),
    "tokens": exact("tokens"),
    "T": exact("steps"),
    "chance": exact("share of right answers"),
}
POINTS = [
    {"task": task, "arm": arm}
    for task in TASKS
    for arm in MIXERS
    if arm != "longer" or task == "digits"
]
QUICK = [{"task": "digits", "arm": "s4d", "rates": [3e-2]}]
"""The rate that the evidence found, for to search it takes a third of the time."""


def measure(
    device: Device, task: str, arm: str, rates: Sequence[float] = ()
) -> Iterator[Row]:
    """Search a rate for one arm and task, and train it with every seed.

    The search is among ``RATES``, or among the ``rates`` that are given.
    """
    from bookfigs.core.train import Recipe
    from bookfigs.measure.unobserved import unobserved
    from chapters.rnn_training.experiments import Protocol

    scale, mixer = SCALES[device.kind], MIXERS[arm]
    trial = trial_of(task, scale.length[task])

    def make(**searched: int) -> "Model":
        return build(mixer, scale, trial.task, **searched).to(device.kind)

    recipe = Recipe(scale.steps[task] * mixer.times, scale.batch[task])
    protocol = Protocol(recipe, rates or RATES, SEARCH_SEEDS, SEEDS, mixer.abreast)
    searched = searched_of(mixer, scale)
    protocol.shortened(2).run(trial, make, searched)
    with unobserved():
        found = protocol.run(trial, make, searched)
    model = make(**found.options)
    yield {
        "task": task,
        "arm": arm,
        "width": scale.width,
        "accuracy": found.accuracy,
        "rate": [found.rate],
        "heads": [*found.options.values()] or None,
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "tokens": recipe.steps * recipe.batch * scale.length[task],
        "T": scale.length[task],
        "chance": trial.chance,
    }


def build(mixer: Mixer, scale: Scale, task: "Task", **searched: int) -> "Model":
    """A stack of blocks with this mixer, its weights drawn anew."""
    from bookfigs.core.model import Model

    options = mixer.options | searched
    if mixer.states:
        options["d_state"] = int(mixer.states * scale.width)
    return Model(
        task.d_input,
        task.d_output,
        scale.width,
        depth=scale.depth,
        mixer=mixer.name,
        tokens=task.tokens,
        **options,
    )


def searched_of(mixer: Mixer, scale: Scale) -> list[dict[str, int]]:
    """Options of which the best are found together with the rate."""
    if mixer.name != "attention":
        return [{}]
    return [{"heads": heads} for heads in scale.heads]


def trial_of(task: str, length: int) -> "Trial":
    """What is trained for."""
    from bookfigs.core.tasks import Adding, Copying
    from chapters.rnn_training.experiments import digits, drawn, sums

    if task == "adding":
        return sums(Adding(length))
    if task == "copying":
        copying = Copying(length, selective=True, symbols=SYMBOLS, alphabet=ALPHABET)
        return drawn(copying)
    images = Path(__file__).parents[1] / DATA[0]
    return digits(images, permuted=task == "permuted")


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


def heads(task: str) -> Median:
    """Statistic: number of heads that was found for the transformer."""
    return Median("heads", {"task": task, "arm": "attention"})


ARMS = ("rnn", "gru", "lru", "s4d", "selective", "attention")
LINEAR = ("lru", "s4d")
FIXED = ("rnn", *LINEAR)
"""Arms whose weights are the same at every step, whatever the input."""
PIXELS = ("digits", "permuted")
DIGITS, ADDING = ({"task": task, "arm": "s4d"} for task in ("digits", "adding"))
VALUES = {
    **{f"{arm}_{task}": percent(task, arm) for task in TASKS for arm in ARMS},
    "longer_digits": percent("digits", "longer"),
    **{f"heads_{task}": Value(heads(task)) for task in TASKS},
    "guessed_adding": Value(Median("chance", ADDING), "{:.0f}", 100),
    "numbers": Value(Median("T", ADDING)),
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
    "s4d_reads": Claim(
        "On pixels in order the diagonal SSM is right four times in five and more",
        accuracy("digits", "s4d"),
        low=0.8,
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
        "On pixels in order the LRU is at most a fifth behind the transformer",
        ahead("digits", "lru"),
        low=-0.2,
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
    "attention_adds": Claim(
        "Of marked numbers the transformer finds the sum more often than the tanh RNN "
        "and both linear recurrences",
        SmallestOf(tuple(ahead("adding", "attention", arm) for arm in FIXED)),
        low=0,
    ),
    "only_guessed": Claim(
        "Neither the tanh RNN nor one of the fixed linear recurrences finds two thirds "
        "of the sums",
        LargestOf(tuple(accuracy("adding", arm) for arm in FIXED)),
        high=2 / 3,
    ),
    "more_steps": Claim(
        "With twice the steps the transformer becomes more accurate",
        ahead("digits", "longer"),
        low=0,
    ),
}

SIZE = (TEXT_WIDTH, 4.5)
PANELS = (2, 2)
LOOKS = MODELS | {
    "longer": MODELS["attention"]._replace(label="transformer, 2×", marker="*")
}
ROWS = 7
"""Places for arms in a panel, from the top."""


def draw(record: Record, panels: "list[Axes]") -> None:
    """One panel for each task, in it the arms from the best to the worst."""
    titles = {
        "digits": "Digits, by pixels",
        "permuted": "Pixels permuted",
        "copying": "Selective copying",
        "adding": f"Adding over {VALUES['numbers'].text(record)} steps",
    }
    for axes, (task, title) in zip(panels, titles.items(), strict=True):
        draw_task(record, axes, task)
        axes.set_title(title)
    for axes in panels[2:]:
        axes.set_xlabel("right on test data (percent)")


def draw_task(record: Record, axes: "Axes", task: str) -> None:
    """Every arm of a task, the transformer's row shaded, chance as a dotted line."""
    arms = record.cells("arm", task=task)
    order = sorted(arms, key=lambda arm: -accuracy(task, arm)(record).value)
    chance = 100 * record.cell("chance", task=task, arm=order[0])
    for row, name in enumerate(order):
        y = ROWS - 1 - row
        if name == "attention":
            axes.axhspan(y - 0.45, y + 0.45, color=GRID, alpha=0.5, linewidth=0)
        marks = [100 * a for a in record.cell("accuracy", task=task, arm=name)]
        draw_arm(axes, y, LOOKS[name], marks, percent(task, name).text(record))
    last = ROWS - len(order)
    axes.vlines(chance, last - 0.45, ROWS - 0.55, TEXT, ":", linewidth=0.8)
    axes.text(chance, last - 0.8, "chance", fontsize=7, ha="center", va="center")
    axes.set_xlim(0, 130)
    axes.set_ylim(-1.1, ROWS - 0.5)
    axes.set_xticks([0, 50, 100])
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def draw_arm(axes: "Axes", y: float, arm: Arm, marks: list[float], said: str) -> None:
    """A mark for each seed, a bar at the median; name to the left, what is said right.

    That is the median as the prose has it: rounded anew it may differ.
    """
    style: Any = {"color": arm.color, "markersize": 4, "markeredgewidth": 0}
    axes.plot(marks, [y] * len(marks), arm.marker, alpha=0.35, **style)
    axes.plot(median(marks), y, "|", color=TEXT, markersize=9, markeredgewidth=1.6)
    text: Any = {"color": ink(arm.color), "va": "center", "ha": "right"}
    axes.text(-3, y, arm.label, fontsize=7.5, **text)
    axes.text(120, y, said, fontsize=7.5, **text)


CAPTION = (
    "**To Each Task Its State**: accuracy on test data of six mixers in the same "
    "stack, trained alike, a mark for each seed and a bar at the median (2×: with "
    "twice the steps). Fixed linear recurrences lead on the pixels of digits: the "
    "diagonal SSM reaches {s4d_digits} percent, the transformer {attention_digits}. "
    "On selective copying the GRU reaches {gru_copying} percent, the LRU "
    "{lru_copying}. Two marked numbers among {numbers} are added by the transformer, "
    "right within a tenth in {attention_adding} percent; fixed recurrences mostly "
    "guess."
)
ALT = (
    "Accuracy of six models in four panels. Digits: diagonal SSM {s4d_digits}, "
    "transformer {attention_digits}; permuted: {s4d_permuted}, {attention_permuted}; "
    "selective copying: GRU {gru_copying}, LRU {lru_copying}; adding: transformer "
    "{attention_adding}, LRU {lru_adding}, tanh RNN {rnn_adding} percent."
)
