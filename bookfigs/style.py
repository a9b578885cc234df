"""The book's look, and pictures that are the same bytes on every run.

Colours and sizes are those of the book (its blue, red, green, orange, violet,
brown; text width 5.375 in; 300 dpi). Text is drawn as outlines of the font
that matplotlib brings along, so no picture depends on the fonts of a machine.
Never by colour alone: each arm has a marker and a line style of its own too.
On dark pages a twin is shown, in counterparts of the same hue (``bookfigs.dark``).
"""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
from cycler import cycler
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bookfigs.book import DARK, FORMATS, Format
from bookfigs.dark import darkened
from bookfigs.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TEXT_WIDTH = 5.375
"""Width of the printed text block, inches."""

BLUE, RED, GREEN = "#006395", "#CB202D", "#008F45"
ORANGE, VIOLET, BROWN = "#E67817", "#7E317B", "#78492A"
GRID, TEXT = "#CCCCCC", "#333333"

INK = {GREEN: "#007F3D", ORANGE: "#AD570A"}
"""What words are written in, of colours too light to be read on white."""

ON_DARK = {
    BLUE: "#5AB4E6",
    RED: "#FF7B7B",
    GREEN: "#45C47E",
    INK[GREEN]: "#45C47E",
    ORANGE: "#F7A14B",
    INK[ORANGE]: "#F7A14B",
    VIOLET: "#D592D2",
    BROWN: "#C49A7C",
}
"""Counterparts on dark pages; those of greys follow from their contrast."""

RC: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": TEXT,
    "axes.grid": True,
    "axes.labelcolor": TEXT,
    "axes.labelsize": 9,
    "axes.prop_cycle": cycler(color=[BLUE, ORANGE, GREEN, VIOLET, BROWN]),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "lines.markersize": 4.5,
    "pdf.compression": 0,
    "pdf.fonttype": 42,
    "savefig.dpi": 300,
    "svg.fonttype": "path",
    "text.color": TEXT,
    "xtick.color": TEXT,
    "xtick.labelsize": 8,
    "ytick.color": TEXT,
    "ytick.labelsize": 8,
}
METADATA: dict[Format, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}
"""What the writers would add of the day and of their version."""


LABEL_POINTS = 10.5
"""Distance between the lines of labels, points."""

PANEL_SHARE = 0.8
"""Share of a figure's height that its panel takes, about."""


class Arm(NamedTuple):
    """How one arm looks in every figure."""

    label: str
    color: str
    marker: str
    line: str = "-"
    width: float = 1.6


def ink(color: str) -> str:
    """The colour of words about what has a colour: its own, or a darker one.

    Its contrast with white is at least 4.5, as WCAG 2.2 asks of text (1.4.3).
    """
    return INK.get(color, color)


def paint(
    slug: str,
    size: tuple[float, float],
    draw: Callable[[Record, Any], None],
    records: Sequence[Record],
    panels: tuple[int, int] | tuple[()] = (),
) -> dict[str, bytes]:
    """Draw records, and return the files by how their names end.

    Records that are drawn into a single panel stand side by side; those that need
    several panels stand below each other.

    The same records give the same bytes with the same matplotlib: no date, no
    version, a hash salt of the figure's own (so that the ids of two figures
    inlined in one page differ), nothing compressed that a library could
    compress another way.
    Raises: InputError for a colour that has no counterpart on dark pages.
    """
    with mpl.rc_context(RC | {"svg.hashsalt": f"bookfigs {slug}"}):
        rows = len(records) if panels else 1
        figure = Figure(figsize=(size[0], size[1] * rows), layout="constrained")
        FigureCanvasAgg(figure)
        if panels:
            _below(figure, draw, records, panels)
        else:
            _beside(figure, draw, records)
        files = {str(name): _encode(figure, name) for name in FORMATS}
        return files | {DARK: darkened(files["svg"], ON_DARK, slug)}


def _beside(
    figure: Figure, draw: Callable[[Record, Any], None], records: Sequence[Record]
) -> None:
    """Draw each record into a panel of its own, side by side."""
    panels = figure.subplots(1, len(records), sharey=True, squeeze=False)[0]
    for record, axes in zip(records, panels, strict=True):
        draw(record, axes)
        if len(records) > 1:
            axes.set_title(record.device.title)


def _below(
    figure: Figure,
    draw: Callable[[Record, Any], None],
    records: Sequence[Record],
    panels: tuple[int, int],
) -> None:
    """Draw each record into panels of its own, one record below the other."""
    parts = figure.subfigures(len(records), 1, squeeze=False)[:, 0]
    for record, part in zip(records, parts, strict=True):
        draw(record, list(part.subplots(*panels, squeeze=False).flat))
        if len(records) > 1:
            part.suptitle(record.device.title)


def plot(
    axes: "Axes",
    arm: Arm,
    x: Sequence[float],
    y: Sequence[float],
    **style: Any,  # noqa: ANN401 - matplotlib's
) -> None:
    """Draw one arm in its colour, marker and line style."""
    axes.plot(
        x,
        y,
        color=arm.color,
        marker=arm.marker,
        linestyle=arm.line,
        linewidth=arm.width,
        label=arm.label,
        **style,
    )


def label_ends(axes: "Axes", ends: Mapping[Arm, tuple[float, float, str]]) -> None:
    """Write each arm's text right of the end of its line, in its colour.

    Labels that would run into each other are moved apart, and a thin line leads
    to those that moved. Precondition: the scales of the axes are set.
    """
    order = sorted(ends, key=lambda arm: ends[arm][1])
    heights = [_height(axes, ends[arm][1]) for arm in order]
    for arm, height, moved in zip(order, heights, _apart(heights), strict=True):
        x, y, text = ends[arm]
        axes.annotate(
            text,
            (x, y),
            xytext=(14, (moved - height) * LABEL_POINTS),
            textcoords="offset points",
            va="center",
            color=ink(arm.color),
            fontsize=8,
            arrowprops={
                "arrowstyle": "-",
                "color": arm.color,
                "lw": 0.5,
                "relpos": (0, 0.5),
            },
        )


def _height(axes: "Axes", y: float) -> float:
    """How high a value lies in its panel, counted in lines of labels."""
    low, high = (axes.transData.transform((1, limit))[1] for limit in axes.get_ylim())
    share = (axes.transData.transform((1, y))[1] - low) / (high - low)
    figure, place = axes.get_figure(root=True), axes.get_subplotspec()
    rows = place.get_gridspec().nrows if place else 1
    inches = (figure.get_figheight() if figure else 1) / rows * PANEL_SHARE
    return float(share * inches * 72 / LABEL_POINTS)


def _apart(heights: Sequence[float]) -> list[float]:
    """Rising heights moved as little as it takes to be at least 1 apart.

    Neighbours that touch become one group, centred on where its members wanted
    to be (isotonic regression of heights minus rank, by pooling).
    """
    groups: list[tuple[float, int]] = []  # mean of heights minus rank, members
    for rank, height in enumerate(heights):
        mean, members = height - rank, 1
        while groups and groups[-1][0] >= mean:
            other, count = groups.pop()
            mean = (mean * members + other * count) / (members + count)
            members += count
        groups.append((mean, members))
    level = [mean for mean, members in groups for _ in range(members)]
    return [mean + rank for rank, mean in enumerate(level)]


def _encode(figure: Figure, name: Format) -> bytes:
    """Write a picture into memory."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=name, metadata=METADATA[name])
    return buffer.getvalue()
