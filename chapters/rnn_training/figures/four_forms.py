"""Is one linear recurrence really a loop, a convolution, an FFT and a scan?

Every form gets the same single-precision numbers and is compared with the loop in
double precision, states and gradients. Its error is the norm of the difference over
all steps and modes, divided by the norm of the true values: a sample for each seed.
A mode has the memory m if its modulus is 1 - 1/m: after m steps 1/e is left.
"""

from collections.abc import Iterator
from math import tau
from statistics import median
from typing import TYPE_CHECKING, Any

from bookfigs.claim import Claim, Largest, LargestOf, Median, Ratio, Value
from bookfigs.column import Row, close, key, seeded
from bookfigs.record import Device, Record
from bookfigs.style import ORANGE, TEXT, TEXT_WIDTH, Arm, label_ends, plot
from chapters.rnn_training.arms import ARMS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

    from bookfigs.core.recurrence import Form

FORMS: "dict[Form, Arm]" = {
    "loop": ARMS["loop"]._replace(label="loop"),
    "convolution": Arm("convolution", ORANGE, "o", ":"),
    "fft": ARMS["fft"]._replace(label="FFT"),
    "scan": ARMS["scan"]._replace(label="scan"),
}
LENGTHS = [4**k for k in range(2, 9)]
LONGEST = LENGTHS[-1]
LONGEST_SUM = 1024
"""Steps up to which the convolution takes part: its work grows with the square."""
SHORT, LONG = 2, 10_000
MEMORIES = (SHORT, LONG)
SEEDS, MODES = 24, 2
AT_ONCE = 6
"""Seeds whose states are held in memory at a time; they know nothing of each other."""
QUANTITIES = ("states", "gradient of a", "gradient of b")
MILLIONTH = 1e-6
CHANGING = 100_000
"""Memory of the real coefficients that change with every step, at the end."""

SHOWN, MEMORY, TURN = 40, 16, 10
"""Steps of the example, its memory, and the steps of one turn of its phase."""
KICKS = {1: 1.0, 24: -1.0}
"""Step → input of the example, which is zero elsewhere."""

COLUMNS = {
    "arm": key(),
    "T": key("steps"),
    "memory": key("steps"),
    "of": key(),
    "step": key("steps"),
    "value": close("", tolerance=1e-3),
    "error": seeded("millionths of the true norm"),
    "double": seeded("10⁻¹² of the loop's norm"),
}
POINTS = [{"T": T} for T in [SHOWN, *LENGTHS]]
QUICK = [{"T": T} for T in (SHOWN, *LENGTHS[::2][:2], LONGEST)]


def measure(device: Device, T: int) -> Iterator[Row]:
    """Compare the forms at one length; at the length SHOWN, show them."""
    if T == SHOWN:
        yield from example(device.kind)
        return
    yield from compared(device.kind, T)
    if T == LONGEST:
        yield from changing(device.kind)


def example(device: str) -> Iterator[Row]:
    """Real parts of the powers of one coefficient, and of the states of each form."""
    import torch

    from bookfigs.core.convolution import powers
    from bookfigs.core.recurrence import linear_recurrence

    turn = torch.tensor([tau / TURN], device=device)
    a = torch.polar(torch.full_like(turn, 1 - 1 / MEMORY), turn)
    b = torch.zeros(1, SHOWN, 1, dtype=a.dtype, device=device)
    for step, kick in KICKS.items():
        b[:, step - 1] = kick
    curves = {form: linear_recurrence(a, b, form=form).flatten() for form in FORMS}
    for arm, curve in (curves | {"kernel": powers(a, SHOWN).flatten()}).items():
        for step, value in enumerate(curve.real.tolist(), 1):
            yield row(arm, SHOWN, MEMORY, of="example", step=step, value=value)


def compared(device: str, T: int) -> Iterator[Row]:
    """Errors of each form that can be afforded, in single and double precision."""
    import torch

    from bookfigs.measure.unobserved import unobserved

    forms = [form for form in FORMS if form != "convolution" or T <= LONGEST_SUM]
    for form in FORMS:  # short, where functions are seen; then fast
        outcome(form, problem(device, 2, range(1)), torch.complex128)
    found: dict[tuple[str, str, int], tuple[list[float], list[float]]] = {}
    with unobserved():
        for first in range(0, SEEDS, AT_ONCE):
            given = problem(device, T, range(first, first + AT_ONCE))
            true = outcome("loop", given, torch.complex128)
            for form in forms:
                for dtype, unit, at in (
                    (torch.complex64, MILLIONTH, 0),
                    (torch.complex128, MILLIONTH**2, 1),
                ):
                    mine = outcome(form, given, dtype)
                    for of, here, there in zip(QUANTITIES, mine, true, strict=True):
                        for memory, shares in errors(here, there, unit).items():
                            both = found.setdefault((form, of, memory), ([], []))
                            both[at].extend(shares)
    for (arm, of, memory), (error, double) in found.items():
        # the loop is what the others are held to
        held = None if arm == "loop" else double
        yield row(arm, T, memory, of=of, error=error, double=held)


def problem(device: str, T: int, seeds: range) -> "list[Tensor]":
    """Coefficients, inputs, and weights of the states in what is differentiated.

    Shapes: (2·S·2,) and twice (1, T, 2·S·2); channels by memory, seed and mode.
    Each of the S seeds draws its own.
    """
    import torch

    drawn = []
    for memory in MEMORIES:
        for seed in seeds:
            dice = torch.Generator().manual_seed(seed)
            turns = tau * torch.rand(MODES, dtype=torch.float64, generator=dice)
            a = torch.polar(torch.full_like(turns, 1 - 1 / memory), turns)
            shape = (2, 1, T, MODES)
            b, weight = torch.randn(shape, dtype=torch.complex64, generator=dice)
            drawn.append((a.to(b.dtype), b, weight))
    return [torch.cat(parts, -1).to(device) for parts in zip(*drawn, strict=True)]


def outcome(form: "Form", given: "list[Tensor]", dtype: Any) -> "list[Tensor]":  # noqa: ANN401 - torch's
    """States, and the gradients of their weighted sum."""
    import torch

    from bookfigs.core.recurrence import linear_recurrence

    a, b, weight = (x.to(dtype) for x in given)
    a, b = a.requires_grad_(), b.requires_grad_()
    h = linear_recurrence(a, b, form=form)
    return [h.detach(), *torch.autograd.grad(h, (a, b), weight)]


def errors(mine: "Tensor", true: "Tensor", unit: float) -> dict[int, list[float]]:
    """Norm of the difference over that of the true values: memory → seeds."""
    shape = (-1, len(MEMORIES), mine.shape[-1] // len(MEMORIES) // MODES, MODES)
    off, size = (x.reshape(shape).abs() for x in (mine - true, true))
    shares = off.norm(dim=(0, 3)) / size.norm(dim=(0, 3)) / unit
    return {m: rounded(x) for m, x in zip(MEMORIES, shares, strict=True)}


def rounded(shares: "Tensor") -> list[float]:
    """To three digits: no more of a rounding error is worth keeping."""
    return [float(f"{share:.3g}") for share in shares.tolist()]


def changing(device: str) -> Iterator[Row]:
    """Errors with real coefficients that change, all of them next to 1."""
    import torch

    from bookfigs.core.recurrence import linear_recurrence
    from bookfigs.measure.unobserved import unobserved

    drawn = []
    for seed in range(SEEDS):
        dice = torch.Generator().manual_seed(seed)
        gap = 1 + 0.1 * torch.rand(LONGEST, dtype=torch.float64, generator=dice)
        drawn.append((1 - gap / CHANGING, torch.randn(LONGEST, generator=dice)))
    a, b = (
        torch.stack(x, -1).float().to(device)[None] for x in zip(*drawn, strict=True)
    )
    forms: tuple[Form, ...] = ("loop", "scan", "chunked")
    for form in forms:  # short, where functions are seen
        linear_recurrence(a[:, :64], b[:, :64], form=form)
    with unobserved():
        true = linear_recurrence(a.double(), b.double(), form="loop")
        for form in forms:
            mine = linear_recurrence(a, b, form=form)
            shares = (mine - true).norm(dim=1) / true.norm(dim=1)
            of = "states, changing a"
            yield row(
                form, LONGEST, CHANGING, of=of, error=rounded(shares[0] / MILLIONTH)
            )


def row(arm: str, T: int, memory: int, **cells: Any) -> Row:  # noqa: ANN401 - cells
    """A row of the record, with nothing in the columns that it is not about."""
    keys = {"arm": arm, "T": T, "memory": memory}
    return dict.fromkeys(COLUMNS) | keys | cells


def over(one: str, other: str, memory: int, of: str = "states") -> Ratio:
    """Statistic: error of one form over that of another, at the longest length."""
    at = {"T": LONGEST, "memory": memory, "of": of}
    return Ratio("error", {"arm": one, **at}, {"arm": other, **at})


def growth(arm: str) -> Ratio:
    """Statistic: error at the longest length over that at the shortest."""
    first, last = (
        {"arm": arm, "T": T, "memory": LONG, "of": "states"}
        for T in (LENGTHS[0], LONGEST)
    )
    return Ratio("error", last, first)


OTHERS = [form for form in FORMS if form != "loop"]
AT_LONGEST = {"arm": "loop", "T": LONGEST, "memory": LONG, "of": "states"}
VALUES = {
    "length": Value(Median("T", AT_LONGEST)),
    "long": Value(Median("memory", AT_LONGEST)),
    "loop_over_scan": Value(over("loop", "scan", LONG)),
    "loop_over_fft": Value(over("loop", "fft", LONG)),
    "fft_over_loop": Value(over("fft", "loop", SHORT)),
    "scan_over_loop_changing": Value(
        over("scan", "loop", CHANGING, "states, changing a")
    ),
}
CLAIMS = {
    "equal": Claim(
        "In double precision, states and gradients of all forms agree to eleven digits",
        LargestOf(
            tuple(
                Largest("double", {"arm": arm, "of": of})
                for arm in OTHERS
                for of in QUANTITIES
            ),
            label="largest difference in 10⁻¹²",
        ),
        high=10,
    ),
    "equal_single": Claim(
        "In single precision, all forms are right to four digits, gradients too, up "
        "to the longest sequence",
        LargestOf(
            tuple(Largest("error", {"of": of}) for of in QUANTITIES),
            label="largest error in millionths",
        ),
        high=100,
    ),
    "scan_bounded": Claim(
        "The error of the scan is at most twice that of the loop, for states and "
        "gradients, with a short memory and with a long one",
        LargestOf(
            tuple(
                over("scan", "loop", memory, of)
                for memory in MEMORIES
                for of in QUANTITIES
            )
        ),
        high=2,
    ),
    "loop_drifts": Claim(
        "Where the memory is long, the error of the loop grows with the sequence",
        growth("loop"),
        low=8,
    ),
    "scan_steady": Claim(
        "That of the scan hardly grows", growth("scan"), low=1 / 5, high=5
    ),
    "scan_better": Claim(
        "Where the memory is long, the scan has less than half the error of the loop",
        over("scan", "loop", LONG),
        high=0.5,
    ),
    "fft_worse": Claim(
        "Where the memory is short, the FFT has more than three times the error of "
        "the loop",
        over("fft", "loop", SHORT),
        low=3,
    ),
    "fft_better": Claim(
        "Where it is long, the FFT has less than half the error of the loop",
        over("fft", "loop", LONG),
        high=0.5,
    ),
    "changing_worse": Claim(
        "With real coefficients that change and stay next to one, the scan has more "
        "than twice the error of the loop",
        over("scan", "loop", CHANGING, "states, changing a"),
        low=2,
    ),
    "changing_chunked": Claim(
        "The chunked scan, which multiplies them in double precision, has less than "
        "that of the loop",
        over("chunked", "loop", CHANGING, "states, changing a"),
        high=1,
    ),
}

ALIKE = [FORMS[name].label for name in ("loop", "convolution", "scan")]
"""Labels of the lines that lie on each other where the memory is short."""

SIZE = (TEXT_WIDTH, 4.3)
PANELS = (2, 2)


def draw(record: Record, axes: "list[Axes]") -> None:
    """Above, an example: kernel and states; below, errors for two memories."""
    _example(record, *axes[:2])
    short, long = axes[2:]
    _errors(record, short, SHORT)
    _errors(record, long, LONG)
    short.set_ylabel("float32 error,\nrelative to float64")
    short.set_title(f"forgets in {SHORT} steps")
    long.set_title(f"remembers {LONG:,} steps")


def _example(record: Record, kernel: "Axes", states: "Axes") -> None:
    """The kernel, and the outputs of all forms, each marked at its own steps."""
    steps = record.cells("step", arm="kernel")
    powers = record.cells("value", arm="kernel")
    kernel.vlines(steps, 0, powers, color=TEXT, lw=1)
    kernel.plot(steps, powers, "o", color=TEXT, markersize=2.5)
    kernel.set_title("kernel: powers of a")
    kernel.set_ylabel("real part")
    for turn, (name, arm) in enumerate(FORMS.items()):
        values = record.cells("value", arm=name, T=SHOWN)
        own = (turn, len(FORMS))
        states.plot(
            *(steps, values, arm.marker), c=arm.color, label=arm.label, markevery=own
        )
    states.plot(steps, values, color=TEXT, lw=0.8, zorder=1)
    states.set_title("one output, four ways")
    states.legend(frameon=False, fontsize=7.5, ncols=2, loc="upper right")
    for axes in (kernel, states):
        axes.set_xlabel("step")
        axes.set_ylim(-1.2, 1.9)


def _errors(record: Record, axes: "Axes", memory: int) -> None:
    """Median error of the states against length, a line for each form."""
    ends = {}
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_ylim(1.3e-8, 6e-6)
    for name, arm in FORMS.items():
        lengths, samples = (
            record.cells(column, arm=name, memory=memory, of="states")
            for column in ("T", "error")
        )
        rounding = [median(sample) * MILLIONTH for sample in samples]
        plot(axes, arm, lengths, rounding)
        if memory == LONG or name == "fft":
            ends[arm] = (lengths[-1], rounding[-1], arm.label)
    label_ends(axes, ends)
    if memory == SHORT:
        axes.text(LENGTHS[0], 2.1e-8, ", ".join(ALIKE), fontsize=8, va="center")
    axes.set_xlabel("sequence length T (steps)")
    axes.set_xticks(LENGTHS[::3], [f"{T:,}" for T in LENGTHS[::3]])
    axes.minorticks_off()


CAPTION = (
    "**One Function, Four Programs**: above, the powers of one complex coefficient and "
    "the states that loop, convolution, FFT and scan compute with it from two "
    "impulses. Below, the rounding error of each, for coefficients that "
    "forget within two steps and for some that remember {long}; the convolution "
    "ends where its quadratic work does."
)
ALT = (
    "Four panels: a decaying oscillation; four sets of markers on one curve; error "
    "against length for a short memory, all flat but the FFT; and for a long one, "
    "where the loop rises to {loop_over_scan} times the scan."
)
