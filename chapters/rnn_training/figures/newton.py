"""Can a nonlinear recurrent network be parallelised after all?

No single associative pass computes h_t = tanh(W h_{t-1} + u_t), but Newton's method
finds all states at once, each iteration one linear recurrence. Counted is how many
scans it takes, for orthogonal weights times a scale, as the sequence grows; timed is
a training step with it, beside one that walks. Whether a network is *predictable* is
measured too: its largest Lyapunov exponent, the mean logarithm of the factor by which
a step changes a small difference of states, is negative.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING, Any

from bookfigs.claim import Claim, LargestOf, Median, Ratio, SmallestOf, Value
from bookfigs.column import Row, Scalar, key, measured, seeded
from bookfigs.record import Device, Record
from bookfigs.style import (
    BLUE,
    GREEN,
    RED,
    TEXT,
    TEXT_WIDTH,
    VIOLET,
    Arm,
    label_ends,
    plot,
)
from chapters.rnn_training.arms import ARMS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

    from bookfigs.core.newton import Method

LENGTHS = [16, 64, 256, 1024]
LONGEST, LONGEST_CHAOS = LENGTHS[-1], LENGTHS[-2]
"""Chaos takes almost as many scans as steps: its last length takes too long."""
CALM, LIVELY, CHAOTIC = 0.9, 1.5, 3.0
"""Scales of the weights: all of their singular values."""
WIDTH, INPUTS = 16, 0.5
"""Channels, and the standard deviation of what is fed into each of them."""
SEEDS, TOLERANCE = 18, 1e-6
"""In double precision, so that it is not rounding that ends, or delays, the search."""

WIDTHS = [4, 16, 64]
SECONDS = 6
"""How long the rounds of one width may take; there are at least as many as decide."""

LINES = {
    ("newton", CHAOTIC): Arm("scale 3: chaos", RED, "X", ":"),
    ("quasi", CALM): Arm("scale 0.9, quasi", GREEN, "^", "-."),
    ("newton", LIVELY): Arm("scale 1.5", VIOLET, "s", "--"),
    ("newton", CALM): Arm("scale 0.9", BLUE, "v", width=2.8),
}
TIMED = {
    "rnn": ARMS["rnn"]._replace(label="walk in Python"),
    "framework_rnn": ARMS["framework_rnn"]._replace(label="walk, framework"),
    "newton_dense": Arm("Newton", BLUE, "v", width=2.8),
    "newton_diagonal": Arm("Newton, diagonal W", GREEN, "^", "-."),
    "fused_tanh": ARMS["fused_tanh"]._replace(label="walk, diagonal W, fused"),
}

COLUMNS = {
    "arm": key(),
    "scale": key(),
    "T": key("steps"),
    "width": key("channels"),
    "scans": seeded("linear recurrences"),
    "exponent": seeded("per step"),
    "seconds": measured("s"),
}


def counted(method: str, scale: float, T: int) -> dict[str, Any]:
    """A point that counts scans."""
    return {"method": method, "scale": scale, "T": T, "width": WIDTH}


def timed(width: int) -> dict[str, Any]:
    """A point that times training steps."""
    return {"method": None, "scale": CALM, "T": LONGEST, "width": width}


POINTS = [
    *(counted("newton", CALM, T) for T in LENGTHS),
    *(counted("newton", LIVELY, T) for T in LENGTHS),
    *(counted("newton", CHAOTIC, T) for T in LENGTHS if T <= LONGEST_CHAOS),
    *(counted("quasi", CALM, T) for T in LENGTHS),
    *(timed(width) for width in WIDTHS),
]
QUICK = [
    *(counted("newton", CALM, T) for T in (LENGTHS[0], LENGTHS[-1])),
    *(counted("newton", CHAOTIC, T) for T in LENGTHS[:2]),
    timed(WIDTHS[0]),
]


def measure(
    device: Device, method: "Method | None", scale: float, T: int, width: int
) -> Iterator[Row]:
    """Count scans, or, without a method, time training steps."""
    if method is None:
        yield from times(device.kind, scale, T, width)
        return
    from bookfigs.measure.unobserved import unobserved

    problems = [problem(scale, T, width, seed) for seed in range(SEEDS)]
    exponents([(u[:, :2], W) for u, W in problems])  # short, where functions are seen
    with one_thread():
        scans(method, *problem(scale, 8, width, 0))
    with unobserved(), one_thread():
        found = [scans(method, *one, device.kind) for one in problems]
        exponent = exponents(problems)
    yield row(method, scale, T, width, scans=found, exponent=exponent)


@contextmanager
def one_thread() -> Iterator[None]:
    """Count in one thread: the steps are too small to be shared."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def problem(scale: float, T: int, width: int, seed: int) -> "tuple[Tensor, Tensor]":
    """Projected inputs (1, T, N) and orthogonal weights (N, N) times a scale."""
    import torch

    dice = torch.Generator().manual_seed(seed)
    drawn = torch.randn(width + T, width, dtype=torch.float64, generator=dice)
    W, _ = torch.linalg.qr(drawn[:width])
    return INPUTS * drawn[None, width:], scale * W


def scans(method: "Method", u: "Tensor", W: "Tensor", device: str = "cpu") -> int:
    """How many linear recurrences lead to the states; T if more than T would."""
    from bookfigs.core.newton import NotConvergedError, newton_states

    T, (u, W) = u.shape[1], (x.to(device) for x in (u, W))
    try:
        found = newton_states(u, W, method=method, tolerance=TOLERANCE, limit=T)
    except NotConvergedError:
        return T
    return found.scans


def exponents(problems: "list[tuple[Tensor, Tensor]]") -> list[float]:
    """Largest Lyapunov exponent of each network along its own states.

    (1/T) Σ_t ln ‖J_t v_{t-1}‖ with v_t = J_t v_{t-1} / ‖J_t v_{t-1}‖ and the Jacobian
    J_t = diag(1 - h_t²) W (Benettin et al. 1980, Meccanica 15:9-20).
    """
    import torch

    u = torch.cat([u for u, _ in problems]).unsqueeze(-1)
    W = torch.stack([W for _, W in problems])
    h, v = torch.zeros_like(u[:, 0]), torch.ones_like(u[:, 0])
    total = torch.zeros(len(u), dtype=u.dtype)
    for u_t in u.unbind(dim=1):
        v = v / v.norm(dim=1, keepdim=True)
        h = torch.tanh(W @ h + u_t)
        v = (1 - h.square()) * (W @ v)
        total += v.norm(dim=1).log().flatten()
    return [float(f"{x:.4g}") for x in (total / u.shape[1]).tolist()]


def times(device: str, scale: float, T: int, width: int) -> Iterator[Row]:
    """Time forward and backward passes, the projection of the input included."""
    import torch
    from torch import Tensor, nn

    from bookfigs.core import kernels
    from bookfigs.core.newton import newton_states
    from bookfigs.core.rnn import rnn_states
    from bookfigs.measure.clock import compare

    x, W = (x.float().to(device) for x in problem(scale, T, width, 0))
    framework = nn.RNN(width, width, batch_first=True, device=device)
    with torch.no_grad():
        framework.get_parameter("weight_hh_l0").copy_(W)
    W_hx, b = map(framework.get_parameter, ("weight_ih_l0", "bias_ih_l0"))
    w = W.diagonal().clone().requires_grad_()
    W.requires_grad_()
    gradient = torch.rand_like(x)

    def step(forward: Callable[[], Tensor], *weights: Tensor) -> Callable[[], object]:
        return lambda: torch.autograd.grad(forward(), weights, gradient)

    def projected() -> Tensor:
        return x @ W_hx.T + b

    def newton(W: Tensor) -> Tensor:
        return newton_states(projected(), W).states

    arms = {
        "rnn": step(lambda: rnn_states(x, W_hx, W, b), W, W_hx, b),
        "framework_rnn": step(lambda: framework(x)[0], *framework.parameters()),
        "newton_dense": step(lambda: newton(W), W, W_hx, b),
        "newton_diagonal": step(lambda: newton(w), w, W_hx, b),
    }
    if kernels.available(device) is None:
        tanh = fused_tanh(device)
        arms["fused_tanh"] = step(lambda: tanh(w, projected()), w, W_hx, b)
    samples = compare(arms, device=device, seconds=SECONDS)
    for arm in TIMED:
        yield row(arm, scale, T, width, seconds=samples.get(arm))


def fused_tanh(device: str) -> "Callable[[Tensor, Tensor], Tensor]":
    """The compiled walk of a diagonal tanh recurrence for a device."""
    if device == "cuda":
        from bookfigs.core.kernels import cuda

        return cuda.tanh
    from bookfigs.core.kernels import cpu

    return cpu.tanh


def row(arm: str, scale: float, T: int, width: int, **cells: Any) -> Row:  # noqa: ANN401 - cells
    """A row of the record, with nothing in the columns that it is not about."""
    keys = {"arm": arm, "scale": scale, "T": T, "width": width}
    return dict.fromkeys(COLUMNS) | keys | cells


def at(arm: str, scale: float, T: int) -> dict[str, Scalar]:
    """Keys of the row where scans are counted."""
    return {"arm": arm, "scale": scale, "T": T, "width": WIDTH}


def needed(scale: float, T: int = LONGEST, method: str = "newton") -> Median:
    """Statistic: scans that it takes."""
    return Median("scans", at(method, scale, T))


def growth(scale: float, T: int) -> Ratio:
    """Statistic: scans at a length over those at the shortest."""
    return Ratio("scans", at("newton", scale, T), at("newton", scale, LENGTHS[0]))


def exponent(scale: float, T: int = LONGEST) -> Median:
    """Statistic: Lyapunov exponent."""
    return Median("exponent", at("newton", scale, T))


def time(arm: str, other: str, width: int) -> Ratio:
    """Statistic: time of a training step over that of another arm."""
    one, two = (at(name, CALM, LONGEST) | {"width": width} for name in (arm, other))
    return Ratio("seconds", one, two)


NARROW, WIDE = WIDTHS[0], WIDTHS[-1]
VALUES = {
    "length": Value(Median("T", at("newton", LIVELY, LONGEST))),
    "width": Value(Median("width", at("newton", LIVELY, LONGEST))),
    "calm": Value(needed(CALM)),
    "lively": Value(needed(LIVELY)),
    "quasi": Value(needed(CALM, method="quasi")),
    "narrow": Value(Median("width", {"arm": "rnn", "width": NARROW})),
    "wide": Value(Median("width", {"arm": "rnn", "width": WIDE})),
    "walk_over_narrow": Value(time("framework_rnn", "newton_dense", NARROW), "{:.1f}"),
    "wide_over_walk": Value(time("newton_dense", "framework_rnn", WIDE), "{:.1f}"),
    "diagonal_over_fused": Value(time("newton_diagonal", "fused_tanh", WIDE), "{:.1f}"),
}
CLAIMS = {
    "few": Claim(
        "Where the weights contract, ten linear scans are enough for the longest "
        "sequence",
        needed(CALM),
        high=10,
    ),
    "few_steady": Claim(
        "Where the weights contract, a longer sequence takes hardly more scans",
        growth(CALM, LONGEST),
        high=1.5,
    ),
    "predictable": Claim(
        "Weights that expand, but whose network stays predictable, take fewer than "
        "one scan for every twenty steps",
        needed(LIVELY),
        high=LONGEST / 20,
    ),
    "exponents": Claim(
        "The Lyapunov exponents of both networks are negative",
        LargestOf((exponent(CALM), exponent(LIVELY))),
        high=0,
    ),
    "chaos_exponent": Claim(
        "That of the network called chaotic is positive",
        exponent(CHAOTIC, LONGEST_CHAOS),
        low=0,
    ),
    "chaos": Claim(
        "A chaotic network takes more than one scan for every two steps",
        needed(CHAOTIC, LONGEST_CHAOS),
        low=LONGEST_CHAOS / 2,
    ),
    "chaos_proportional": Claim(
        "The scans that a chaotic network takes grow in proportion to the sequence",
        growth(CHAOTIC, LONGEST_CHAOS),
        low=LONGEST_CHAOS / LENGTHS[0] / 2,
    ),
    "quasi": Claim(
        "With nothing but the diagonal of the Jacobian it takes more than five times "
        "as many scans",
        Ratio("scans", at("quasi", CALM, LONGEST), at("newton", CALM, LONGEST)),
        low=5,
    ),
    "pays": Claim(
        "With few channels a training step by Newton's method takes less than half "
        "the time of the walk",
        LargestOf(
            (
                time("newton_dense", "rnn", NARROW),
                time("newton_dense", "framework_rnn", NARROW),
            )
        ),
        high=0.5,
        devices=("cpu",),
    ),
    "costs": Claim(
        "With many channels it takes longer than the walk",
        SmallestOf(
            (
                time("newton_dense", "rnn", WIDE),
                time("newton_dense", "framework_rnn", WIDE),
            )
        ),
        low=1,
        devices=("cpu",),
    ),
    "diagonal": Claim(
        "If each channel sees only itself, it takes less than half the time of the "
        "walk in Python",
        time("newton_diagonal", "rnn", WIDE),
        high=0.5,
        devices=("cpu",),
    ),
    "fused": Claim(
        "Even then it takes longer than a walk that is compiled",
        time("newton_diagonal", "fused_tanh", WIDE),
        low=1,
        devices=("cpu",),
    ),
}

SIZE = (TEXT_WIDTH, 4.8)
PANELS = (2, 1)


def draw(record: Record, axes: "list[Axes]") -> None:
    """Above, scans against length; below, time against width."""
    above, below = axes
    _scans(record, above)
    _times(record, below)


def _scans(record: Record, axes: "Axes") -> None:
    """Median scans of each network, beside as many as there are steps."""
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_ylim(2.5, 1300)
    axes.plot(LENGTHS, LENGTHS, color=TEXT, lw=0.8, ls="--")
    axes.text(70, 110, "one for each step", fontsize=8, ha="right")
    ends = {}
    for (method, scale), arm in LINES.items():
        lengths, counts = (
            record.cells(column, arm=method, scale=scale, width=WIDTH)
            for column in ("T", "scans")
        )
        counted = [(T, median(c)) for T, c in zip(lengths, counts, strict=True) if c]
        plot(axes, arm, *zip(*counted, strict=True))
        T, last = counted[-1]
        ends[arm] = (T, last, f"{arm.label}: {last:,.0f}")
    label_ends(axes, ends)
    axes.set_title("linear scans until all states are found")
    axes.set_xlabel("sequence length T (steps)")
    axes.set_ylabel("scans")
    axes.set_xticks(LENGTHS, [f"{T:,}" for T in LENGTHS])
    axes.minorticks_off()


def _times(record: Record, axes: "Axes") -> None:
    """Median time of a training step of each arm against the number of channels."""
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    ends = {}
    for name, arm in TIMED.items():
        cells = [record.cell("seconds", arm=name, T=LONGEST, width=w) for w in WIDTHS]
        shown = [(w, 1e3 * median(c)) for w, c in zip(WIDTHS, cells, strict=True) if c]
        if shown:
            plot(axes, arm, *zip(*shown, strict=True))
            ends[arm] = (*shown[-1], arm.label)
    label_ends(axes, ends)
    axes.set_title(f"a training step over {LONGEST:,} steps, scale {CALM}")
    axes.set_xlabel("channels")
    axes.set_ylabel("time (ms)")
    axes.set_xticks(WIDTHS, [str(width) for width in WIDTHS])
    axes.minorticks_off()


CAPTION = (
    "**Solving Instead of Walking**: above, how many linear scans Newton's method "
    "takes to find all states of a tanh RNN of {width} channels, whose weights are "
    "orthogonal times a scale; one for each step always suffices but for rounding. "
    "Where the weights contract, {calm} do at {length} steps, and {quasi} with "
    "nothing but the diagonal of the Jacobian. Below, the time of a training step, "
    "beside networks that are walked."
)
ALT = (
    "Above, scans against length: flat near {calm} for contracting weights, rising "
    "slowly for larger ones, almost one for each step in chaos. Below, time against "
    "channels: Newton's method starts below the walk and ends above it."
)
