"""Where does the gain come from: the scan, or that nothing waits for Python?

One linear recurrence, h_t = a_t h_{t-1} + b_t, forward, real, computed in five ways,
and its twin with a tanh, for which there is no scan. Each has to read a and b and to
write h. So has a sum of two arrays: it is timed in the same rounds, and its time, the
floor, is what moving these bytes takes. The twin has a fixed coefficient and moves
two arrays where the others move three; drawn is the bandwidth, bytes over time.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from bookfigs.claim import Claim, LargestOf, Median, Ratio, SmallestOf, Value
from bookfigs.column import Row, exact, key, measured
from bookfigs.record import Device, Record
from bookfigs.style import TEXT, TEXT_WIDTH, ink
from chapters.rnn_training.arms import ARMS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

SHAPES = {
    "cpu": {
        "few": (1, 65536, 64),
        "some": (8, 8192, 64),
        "many": (8, 32768, 64),
    },
    "cuda": {
        "few": (1, 131072, 64),
        "some": (8, 16384, 128),
        "many": (128, 2048, 1024),
    },
}
"""Sequences, steps and channels: few, some and many independent chains."""
SIZES = tuple(SHAPES["cpu"])
NUMBER = 4
"""Bytes of a number in single precision."""
SECONDS = 8
"""How long the rounds of one point may take; there are at least as many as decide."""
NAMES = {
    "fused_tanh": "tanh, fused",
    "fused": "fused",
    "chunked": "chunked scan",
    "scan": "scan",
    "loop": "Python loop",
}
TIMED = tuple(NAMES)

COLUMNS = {
    "arm": key(),
    "size": key(),
    "batch": key("sequences"),
    "T": key("steps"),
    "width": key("channels"),
    "bytes": exact("bytes that must be moved"),
    "seconds": measured("s"),
}
POINTS = [{"size": size} for size in SIZES]
QUICK = [{"size": "some"}]


def measure(device: Device, size: str) -> Iterator[Row]:
    """Time every way to compute the recurrence, and the floor, at one size."""
    import torch

    from bookfigs.measure.clock import FEWEST, compare

    torch.manual_seed(0)
    B, T, N = SHAPES[device.kind][size]
    a = 0.9 + 0.099 * torch.rand(B, T, N, device=device.kind)
    b = torch.randn(B, T, N, device=device.kind)
    samples = compare(
        programs(a, b), fewest=FEWEST + 2, device=device.kind, seconds=SECONDS
    )  # two more decide a claim about three sizes
    for arm, seconds in samples.items():
        yield {
            "arm": arm,
            "size": size,
            "batch": B,
            "T": T,
            "width": N,
            "bytes": (2 if arm == "fused_tanh" else 3) * NUMBER * B * T * N,
            "seconds": seconds,
        }


def programs(a: "Tensor", b: "Tensor") -> dict[str, Callable[[], object]]:
    """Every way to compute the states, and the floor first."""
    import torch

    from bookfigs.core.kernels import cpu, cuda
    from bookfigs.core.recurrence import linear_recurrence

    x, y, z = a.clone(), b.clone(), torch.zeros_like(b)
    w, tanh = a[0, 0].clone(), (cuda if b.is_cuda else cpu).tanh
    return {
        "floor": lambda: torch.add(x, y, out=z),
        "loop": lambda: linear_recurrence(a, b, form="loop"),
        "scan": lambda: linear_recurrence(a, b, form="scan"),
        "chunked": lambda: linear_recurrence(a, b, form="chunked"),
        "fused": lambda: linear_recurrence(a, b, form="fused"),
        "fused_tanh": lambda: tanh(w, b),
    }


def ratio(arm: str, other: str, size: str, label: str) -> Ratio:
    """Statistic: time of one arm over that of another, at one size."""
    return Ratio(
        "seconds", {"arm": arm, "size": size}, {"arm": other, "size": size}, label
    )


def over_floor(arm: str, size: str) -> Ratio:
    """Statistic: time of an arm over that of moving three arrays."""
    return ratio(arm, "floor", size, "times the floor")


def share(arm: str, size: str) -> Ratio:
    """Statistic: speed of an arm, as a share of that of moving three arrays."""
    return ratio("floor", arm, size, "share of the floor's speed")


def against_fused(arm: str, size: str) -> Ratio:
    """Statistic: time of an arm over that of the fused loop."""
    return ratio(arm, "fused", size, "times the fused loop")


def every(statistic: Callable[[str, str], Ratio], arm: str) -> tuple[Ratio, ...]:
    """One statistic at every size."""
    return tuple(statistic(arm, size) for size in SIZES)


VALUES = {
    "sequences": Value(Median("batch", {"size": "many", "arm": "fused"})),
    "fused_share": Value(share("fused", "many"), scale=100),
    "scan_share": Value(share("scan", "many"), scale=100),
    "twin_over_fused": Value(against_fused("fused_tanh", "many"), "{:.2f}"),
    "loop_over_fused": Value(against_fused("loop", "many")),
    "loop_over_fused_alone": Value(against_fused("loop", "few")),
}
CLAIMS = {
    "fused_at_memory_speed": Claim(
        "On a CPU the fused loop, which walks step by step, takes less than four "
        "times as long as moving its bytes",
        LargestOf(every(over_floor, "fused"), "largest ratio"),
        high=4,
        devices=("cpu",),
    ),
    "twin_as_fast": Claim(
        "On a CPU the tanh, which no scan can compute, is as fast, fused in the same "
        "way: with several sequences it takes at most a fifth longer",
        LargestOf(
            tuple(against_fused("fused_tanh", size) for size in ("some", "many")),
            "largest ratio",
        ),
        high=1.2,
        devices=("cpu",),
    ),
    "twin_alone": Claim(
        "With a single sequence it takes less than twice as long",
        against_fused("fused_tanh", "few"),
        high=2,
        devices=("cpu",),
    ),
    "scan_slower_than_fused": Claim(
        "On a CPU the scan takes more than twice as long as the fused loop",
        SmallestOf(every(against_fused, "scan"), "smallest ratio"),
        low=2,
        devices=("cpu",),
    ),
    "python_loop_slower": Claim(
        "On a CPU the Python loop takes more than ten times as long as the fused loop, "
        "which takes the same steps in the same order",
        SmallestOf(every(against_fused, "loop"), "smallest ratio"),
        low=10,
        devices=("cpu",),
    ),
    "chain_limits_gpu": Claim(
        "On a GPU the tanh, walked step by step with few chains, takes more than three "
        "times as long as moving the bytes",
        over_floor("fused_tanh", "few"),
        low=3,
        devices=("cuda",),
    ),
    "parallel_fills_gpu": Claim(
        "On a GPU the fused linear recurrence, split in time, is then more than twice "
        "as fast as that walk",
        against_fused("fused_tanh", "few"),
        low=2,
        devices=("cuda",),
    ),
    "many_chains_fill_gpu": Claim(
        "With many chains the fused forms take less than twice as long as moving the "
        "bytes on a GPU too",
        LargestOf(
            (over_floor("fused", "many"), over_floor("fused_tanh", "many")),
            "largest ratio",
        ),
        high=2,
        devices=("cuda",),
    ),
}

SIZE = (TEXT_WIDTH, 2.3)
PANELS = (1, 3)
INSIDE = 60
"""Percent from which on a number stands in its bar, not behind it."""


def draw(record: Record, panels: "list[Axes]") -> None:
    """Speed of every arm as a share of the floor's, a panel for each size."""
    rows = range(len(NAMES))
    for axes, size in zip(panels, SIZES, strict=True):
        percent = [bandwidth(record, arm, size) for arm in NAMES]
        colors = [ink(ARMS[arm].color) for arm in NAMES]
        axes.barh(rows, percent, color=colors, height=0.7)
        for row, value in zip(rows, percent, strict=True):
            annotate(axes, row, value)
        axes.axvline(100, color=TEXT, linewidth=1, linestyle="--")
        axes.set_xlim(0, max(150, *percent))
        axes.set_xticks([0, 50, 100])
        axes.set_yticks(rows, list(NAMES.values()) if axes is panels[0] else [])
        axes.grid(visible=False, axis="y")
        B, T, N = (
            record.cell(key, arm="floor", size=size) for key in ("batch", "T", "width")
        )
        axes.set_title(f"{B} × {T:,} × {N}", fontsize=8)
    panels[1].set_xlabel("bytes moved per second, percent of an addition")


def bandwidth(record: Record, arm: str, size: str) -> float:
    """Bytes that an arm must move over its time, percent of the floor's."""
    mine, floor = (record.cell("bytes", arm=a, size=size) for a in (arm, "floor"))
    return 100 * share(arm, size)(record).value * float(mine / floor)


def annotate(axes: "Axes", row: int, percent: float) -> None:
    """Write a number into its bar, or behind it if that is short."""
    inside = percent >= INSIDE
    axes.text(
        4 if inside else percent + 4,
        row,
        f"{percent:.0f}" if percent >= 1 else f"{percent:.1f}",
        va="center",
        color="white" if inside else TEXT,
        fontsize=8,
    )


CAPTION = (
    "**Memory Speed Without a Scan**: bytes per second of a linear recurrence, and of "
    "its twin with a tanh, as a share of those of adding two arrays (dashed); above "
    "the panels sequences, steps and channels. In the last, the fused loop reaches "
    "{fused_share} percent, the scan {scan_share} percent; the Python loop takes "
    "{loop_over_fused} times as long as the fused one."
)
ALT = (
    "Horizontal bars in three panels, for three sizes: bytes per second as a share of "
    "an addition. Fused linear and tanh have the longest bars, near the dashed line; "
    "the scans reach less; the Python loop is barely visible."
)
