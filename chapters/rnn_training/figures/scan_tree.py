"""What does a scan do?

The diagram is drawn from a trace: the code of the chapter ran on one channel, and
every multiplication and addition in it was followed down to the single steps that
it reads and writes. A *combine* joins two neighbouring stretches of the sequence
into one: an operation b + a h whose h depends on the input. Those that one tensor
operation does at once are a *round*.
"""

from collections.abc import Iterator
from math import log2
from typing import TYPE_CHECKING, Any, NamedTuple

from bookfigs.claim import Claim, Deviation, Largest, Median, Value
from bookfigs.column import Row, exact, key
from bookfigs.record import Device, Record
from bookfigs.style import BLUE, GREEN, GRID, ORANGE, TEXT_WIDTH, ink

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bookfigs.measure.trace import ElementTrace

LENGTHS = [2**k for k in range(1, 11)]
LONGEST = LENGTHS[-1]
DRAWN = 16
"""The length whose combines are all recorded, and drawn."""

FORMS = {"loop": "loop", "scan": "scan", "doubling": "hillis_steele"}

COLUMNS = {
    "row": key(),
    "arm": key(),
    "T": key("steps"),
    # of a combine
    "round": exact("rounds"),
    "way": exact(""),
    "first": exact("step"),
    "left": exact("step"),
    "later": exact("step"),
    "right": exact("step"),
    # of all of them
    "combines": exact("combines"),
    "products": exact("products of coefficients"),
    "rounds": exact("rounds"),
    "depth": exact("combines in a row"),
    "wrong": exact("inputs missing from states, or too many"),
}
POINTS = [{"T": T} for T in LENGTHS]
QUICK = POINTS[:-2]


class Combine(NamedTuple):
    """The stretch first … left and the one later … right become one."""

    round: int
    way: str
    first: int
    left: int
    later: int
    right: int


def measure(device: Device, T: int) -> Iterator[Row]:
    """Trace each order of combining, and the backward pass of the scan."""
    import torch

    from bookfigs.core.recurrence import linear_recurrence
    from bookfigs.measure.trace import ElementTrace

    a, b, g = (torch.rand(1, T, 1, device=device.kind) for _ in range(3))
    for arm, form in FORMS.items():
        with ElementTrace(a=a, b=b) as trace:
            h = linear_recurrence(a, b, form=form)  # type: ignore[arg-type] # a name
        yield total(arm, T, trace, trace.numbers(h), range(T))
        if (arm, T) == ("scan", DRAWN):
            for combine in combined(trace):
                yield row("combine", arm, T, **combine._asdict())
    h = linear_recurrence(a, b.requires_grad_(), form="scan")
    with ElementTrace(a=a, b=g) as trace:
        (s,) = torch.autograd.grad(h, b, g)
    backward = range(T)[::-1]
    numbers = trace.numbers(s)
    yield total("backward", T, trace, [numbers[t] for t in backward], backward)


def combined(trace: "ElementTrace") -> list[Combine]:
    """Every combine of a trace, in the order in which they ran.

    It goes *up* if the coefficients of its stretch were multiplied too, so that it
    can be combined further; *down* if only a state was filled in.
    """
    inputs, coefficients = trace.sources("b"), trace.sources("a")
    numbered = list(enumerate(trace.elements))
    composed = {coefficients[n] for n, e in numbered if e.operation == "mul"}
    rounds: dict[int, int] = {}
    found = []
    for number, element in numbered:
        if element.operation != "addcmul":
            continue
        later, _, earlier = (inputs[operand] for operand in element.operands)
        if not earlier:  # the zero before the first step
            continue
        which = rounds.setdefault(element.place, len(rounds) + 1)
        way = "up" if inputs[number] in composed else "down"
        found.append(Combine(which, way, *ends(earlier), *ends(later)))
    return found


def ends(steps: int) -> tuple[int, int]:
    """First and last of a set of steps, counted from 1."""
    return (steps & -steps).bit_length(), steps.bit_length()


def total(
    arm: str, T: int, trace: "ElementTrace", states: list[int], order: range
) -> Row:
    """Count what a trace did, and check what its states depend on."""
    inputs = trace.sources("b")
    chain: list[int] = []
    for element in trace.elements:
        combines = element.operation == "addcmul" and inputs[element.operands[2]] > 0
        chain.append(combines + max((chain[o] for o in element.operands), default=0))
    expected, wrong = 0, 0
    for state, step in zip(states, order, strict=True):
        expected |= 1 << step
        wrong += (inputs[state] ^ expected).bit_count()
    found = combined(trace)
    return row(
        "total",
        arm,
        T,
        combines=len(found),
        products=sum(e.operation == "mul" for e in trace.elements),
        rounds=max(combine.round for combine in found),
        depth=max(chain),
        wrong=wrong,
    )


def row(kind: str, arm: str, T: int, **cells: Any) -> Row:  # noqa: ANN401 - cells
    """A row of the record, with nothing in the columns of the other kind."""
    return dict.fromkeys(COLUMNS) | {"row": kind, "arm": arm, "T": T} | cells


def closed_form(arm: str, T: int) -> dict[str, int]:
    """Counts derived by hand, for T = 2^k, k ≥ 1, from ``bookfigs.core.sweeps``.

    loop      One step after another; the first has nothing before it: T - 1.
    scan      Combines T/2 pairs, scans them, and fills in T/2 - 1 states:
              C(T) = T/2 + C(T/2) + T/2 - 1, so C(T) = 2T - 2 - k. Rounds:
              R(T) = 2 + R(T/2), R(2) = 1, so R(T) = 2k - 1. The first state to be
              filled in needs no more than the last pair does, so that one round
              less is a chain: 2k - 2, but 1 for k = 1. A product for each pair:
              T/2 + T/4 + … = T - 1.
    backward  The same from the end.
    doubling  In round r all but 2^r steps are combined with an earlier one:
              Σ_{r<k} (T - 2^r) = kT - T + 1 in k rounds.
    """
    k = int(log2(T))
    scan = {"combines": 2 * T - 2 - k, "rounds": 2 * k - 1, "depth": max(1, 2 * k - 2)}
    return {
        "loop": {"combines": T - 1, "rounds": T - 1, "depth": T - 1, "products": 0},
        "scan": {**scan, "products": T - 1},
        "backward": scan,
        "doubling": {"combines": k * T - T + 1, "rounds": k, "depth": k},
    }[arm]


def counted(sentence: str, arm: str, column: str) -> Claim:
    """State a claim that holds if a count is the closed form at every length."""
    deviation = Deviation(
        column,
        lambda T: closed_form(arm, T)[column],
        {"row": "total", "arm": arm},
        keys=("T",),
        label="largest deviation from the closed form",
    )
    return Claim(sentence, deviation, low=0, high=0)


def of_all(column: str, arm: str, T: int = LONGEST) -> Median:
    """Statistic: a count of one arm at one length."""
    return Median(column, {"row": "total", "arm": arm, "T": T})


VALUES = {
    "drawn": Value(of_all("T", "scan", DRAWN)),
    "drawn_combines": Value(of_all("combines", "scan", DRAWN)),
    "drawn_rounds": Value(of_all("rounds", "scan", DRAWN)),
    "drawn_loop": Value(of_all("rounds", "loop", DRAWN)),
    "length": Value(of_all("T", "scan")),
    "combines": Value(of_all("combines", "scan")),
    "rounds": Value(of_all("rounds", "scan")),
    "loop": Value(of_all("rounds", "loop")),
    "doubling": Value(of_all("combines", "doubling")),
    "doubling_rounds": Value(of_all("rounds", "doubling")),
}
CLAIMS = {
    "scan_work": counted(
        "A scan combines less than twice for each step, 2 T - 2 - log2 T times",
        "scan",
        "combines",
    ),
    "scan_rounds": counted(
        "The combines of a scan run in 2 log2 T - 1 rounds", "scan", "rounds"
    ),
    "scan_depth": counted(
        "No chain of combines in a scan is longer than 2 log2 T", "scan", "depth"
    ),
    "scan_products": counted(
        "Composing the coefficients takes one product for each step but the first",
        "scan",
        "products",
    ),
    "backward_work": counted(
        "The backward pass of a scan combines exactly as often as the forward pass",
        "backward",
        "combines",
    ),
    "loop_work": counted(
        "The loop combines once for each step but the first, one after another",
        "loop",
        "rounds",
    ),
    "doubling_work": counted(
        "Hillis and Steele's scan combines T log2 T - T + 1 times",
        "doubling",
        "combines",
    ),
    "doubling_rounds": counted(
        "Hillis and Steele's scan takes only log2 T rounds", "doubling", "rounds"
    ),
    "neighbours": Claim(
        "Every combine joins two neighbouring stretches of the sequence",
        Deviation("later", lambda left: left + 1, {"row": "combine"}, keys=("left",)),
        low=0,
        high=0,
    ),
    "complete": Claim(
        "Every state depends on every input up to its own step, and on no later one",
        Largest("wrong", {"row": "total"}),
        low=0,
        high=0,
    ),
}

SIZE = (TEXT_WIDTH, 4.0)
LOOKS: dict[str, dict[str, Any]] = {
    "up": {"color": ORANGE, "marker": "o", "linestyle": "-"},
    "down": {"color": BLUE, "marker": "s", "linestyle": (0, (4, 1.5))},
}
TABLE = {
    "loop": ("one by one, as a loop", "T − 1 in T − 1"),
    "scan": ("as drawn, by a scan", "< 2 T in < 2 log₂ T"),
    "doubling": ("Hillis and Steele's scan", "< T log₂ T in log₂ T"),
}
"""What the table calls each order, and what its closed forms stay below."""
COUNTS = ("combines", "rounds")
MARGIN = DRAWN + 1.3
"""Where the text right of the diagram begins."""


def draw(record: Record, axes: "Axes") -> None:
    """Wires of the steps, top down; each combine draws two of them together."""
    names = ("round", "way", "first", "left", "right")
    cells = [record.cells(name, row="combine") for name in names]
    combines = list(zip(*cells, strict=True))
    depth = max(combine[0] for combine in combines)
    known = {right: which for which, _, first, _, right in combines if first == 1}
    for step in range(1, DRAWN + 1):
        top, bottom = -known.get(step, 0), -depth - 0.5
        axes.plot([step, step], [0.35, top], color=GRID, lw=1.2, zorder=1)
        axes.plot([step, step], [top, bottom], color=GREEN, lw=2.6, zorder=1)
        axes.text(step, 0.5, f"$b_{{{step}}}$", ha="center", va="bottom", fontsize=8)
        axes.text(step, bottom - 0.15, f"$h_{{{step}}}$", ha="center", va="top",
                  fontsize=8, color=ink(GREEN))  # fmt: skip
    for which, way, _, left, right in combines:
        axes.plot(
            [left, right], [1 - which, -which], lw=1.3, **LOOKS[way], markevery=[1]
        )
    _count(axes, combines)
    _compare(axes, record, -depth - 2.0)
    axes.set_xlim(0.4, MARGIN + 4.4)
    axes.set_ylim(-depth - 4.3, 1.2)
    axes.axis("off")


def _count(axes: "Axes", combines: list[tuple[int, str, int, int, int]]) -> None:
    """Write how many combines each round has right of it, and what they are for."""
    for way, what in (("up", "up: join"), ("down", "down: fill in")):
        rounds = [combine[0] for combine in combines if combine[1] == way]
        color = ink(LOOKS[way]["color"])
        for which in dict.fromkeys(rounds):
            count = rounds.count(which)
            text = f"{count} combine{'s' if count > 1 else ''}"
            axes.text(MARGIN, -which, text, va="center", fontsize=8, color=color)
        middle = -(min(rounds) + max(rounds)) / 2
        axes.text(
            *(MARGIN + 4.3, middle, what),
            color=color,
            fontsize=8,
            weight="bold",
            va="center",
            ha="center",
            rotation=-90,
        )


def _compare(axes: "Axes", record: Record, top: float) -> None:
    """Write a small table: combines and rounds of each order, at two lengths."""
    lengths = [f"{T:,} steps" for T in (DRAWN, LONGEST)]
    rows: list[tuple[str, ...]] = [("combines in rounds", "T steps", *lengths)]
    for arm, words in TABLE.items():
        counts = [
            " in ".join(f"{of_all(c, arm, T)(record).value:,.0f}" for c in COUNTS)
            for T in (DRAWN, LONGEST)
        ]
        rows.append((*words, *counts))
    for place, cells in enumerate(rows):
        weight = "bold" if place in {0, list(TABLE).index("scan") + 1} else "normal"
        for x, cell in zip((0.6, 7.4, 13.2, 17), cells, strict=True):
            y = top - 0.72 * place
            axes.text(x, y, cell, va="center", fontsize=8, weight=weight)


CAPTION = (
    "**Up and Down a Tree**: the combines of a scan over {drawn} steps, drawn from a "
    "trace of the code that ran. On the way up, neighbouring stretches are joined "
    "(solid); on the way down, the states in between are filled in (dashed); a "
    "wire is thick from where its state is known. {drawn_combines} combines take "
    "{drawn_rounds} rounds, where the loop takes {drawn_loop}; at {length} steps, "
    "{combines} take {rounds}."
)
ALT = (
    "Sixteen vertical wires, one for each step. In four rounds pairs, then fours, "
    "eights and all are joined; in three more the rest is filled in: {drawn_combines} "
    "combines in {drawn_rounds} rounds. A table compares loop and scans."
)
