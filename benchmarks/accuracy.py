"""How far each form of the linear recurrence is from a float64 loop.

    python benchmarks/accuracy.py              # some minutes
    python benchmarks/accuracy.py --longest 1024

Every form computes the same single-precision numbers; the definition computes them
in double precision. The error is the norm of the difference over all steps, divided
by the norm of the true values, for the states and for the gradients of a random
combination of them. Each is set beside the error of the loop in single precision:
a form is as good as the loop if the ratio stays below 2. Nothing is timed, and the
seeds are fixed. Writes accuracy.json, accuracy.md and accuracy.png beside this file.
"""

import math
import os
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import click
import torch
from torch import Tensor

from bookfigs.canonical import to_json
from bookfigs.core.recurrence import FIXED_ONLY, Form, linear_recurrence
from bookfigs.provenance import provenance, this_device
from bookfigs.style import BLUE, BROWN, GREEN, ORANGE, RED, TEXT, VIOLET

HERE = Path(__file__).parent
FORMS: tuple[Form, ...] = (
    "loop",
    "scan",
    "hillis_steele",
    "chunked",
    "fused",
    "convolution",
    "fft",
    "log",
)
GAPS = (0.9, 0.5, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
"""1 - |a|: radii from 0.1 to 1 - 10⁻⁶."""
TINY = range(-9, -3)
"""Exponents of 1 - |a| for which |a| is written as a difference."""
SEEDS, CHANNELS = 4, 4
LONGEST = 2**16
LONGEST_SUM = 2**12
"""Steps up to which the direct sum takes part: its work grows with the square."""
QUANTITIES = ("states", "gradient of a", "gradient of b")
GOAL = 2
"""Times the error of the single-precision loop."""
SHOWN = (0, 3, 7)
"""The radii in the picture: forgetting at once, within 100 steps, hardly ever."""
LOOKS: dict[str, Any] = {
    "loop": {"color": TEXT, "linewidth": 2.4},
    "scan": {"color": BLUE, "marker": "o"},
    "hillis_steele": {"color": RED, "marker": "x"},
    "chunked": {"color": GREEN, "marker": "s"},
    "fused": {"color": ORANGE, "marker": "^"},
    "convolution": {"color": BROWN, "marker": "v"},
    "fft": {"color": VIOLET, "marker": "d"},
}


class Problem(NamedTuple):
    """What every form is given: the last axis counts radii, seeds and channels."""

    a: Tensor
    b: Tensor
    weight: Tensor


CASES = tuple(
    (
        f"{'complex' if is_complex else 'real'} a{'' if fixed else '_t'}",
        is_complex,
        fixed,
    )
    for is_complex, fixed in product((False, True), (True, False))
)


def problem(T: int, *, is_complex: bool, fixed: bool) -> Problem:
    """Moduli just below each radius, phases at random; inputs normal.

    Real coefficients are positive, so that logarithms can take part.
    """
    dtype = torch.complex64 if is_complex else torch.float32
    shape = (1, 1 if fixed else T, len(GAPS), SEEDS, CHANNELS)
    dice = torch.Generator().manual_seed(T)
    gap = torch.tensor(GAPS, dtype=torch.float64).view(-1, 1, 1)
    spread = torch.rand(shape, generator=dice, dtype=torch.float64)
    a = (1 - gap) * (1 - 0.1 * gap * spread)
    if is_complex:
        turn = torch.rand(shape, generator=dice, dtype=torch.float64)
        a = torch.polar(a, 2 * math.pi * turn)
    a = a.to(dtype).flatten(2)
    b, weight = torch.randn((2, 1, T, a.shape[-1]), dtype=dtype, generator=dice)
    b = torch.where(b == 0, 1, b)  # the logarithm has no derivative there
    return Problem(a.flatten() if fixed else a, b, weight)


def outcome(form: Form, given: Problem, dtype: torch.dtype) -> dict[str, Tensor]:
    """States, and the gradients of their sum weighted at random."""
    a, b, weight = (x.to(dtype) for x in given)
    a, b = a.requires_grad_(), b.requires_grad_()
    h = linear_recurrence(a, b, form=form)
    of_a, of_b = torch.autograd.grad(h, (a, b), weight)
    values = (h.detach(), of_a, of_b)
    return dict(zip(QUANTITIES, values, strict=True))


def errors(mine: Tensor, true: Tensor) -> dict[str, list[float]]:
    """Relative error for each radius: of the norm, and the largest of any seed."""
    shape = (-1, len(GAPS), SEEDS, CHANNELS)
    off, size = ((x.reshape(shape).abs()) for x in (mine.to(true.dtype) - true, true))
    norms = off.norm(dim=(0, 3)) / size.norm(dim=(0, 3))
    peaks = off.amax(dim=(0, 3)) / size.amax(dim=(0, 3))
    found = {"norm": norms.square().mean(1).sqrt(), "largest": peaks.amax(1)}
    return {name: [float(f"{e:.3g}") for e in x] for name, x in found.items()}


def forms_for(T: int, *, is_complex: bool, fixed: bool) -> list[Form]:
    """The forms that allow such coefficients, at a length that they can afford."""
    refused: set[str] = set()
    if not fixed:
        refused |= {*FIXED_ONLY}
    if is_complex:
        refused.add("log")
    if T > LONGEST_SUM:
        refused.add("convolution")
    return [form for form in FORMS if form not in refused]


def measure(T: int, *, is_complex: bool, fixed: bool) -> dict[str, Any]:
    """Errors by form, quantity and norm, a number for each radius."""
    given = problem(T, is_complex=is_complex, fixed=fixed)
    double = torch.complex128 if is_complex else torch.float64
    true = outcome("loop", given, double)
    found: dict[str, Any] = {}
    for form in forms_for(T, is_complex=is_complex, fixed=fixed):
        mine = outcome(form, given, given.b.dtype)
        found[form] = {name: errors(mine[name], true[name]) for name in QUANTITIES}
    return found


def worst_ratio(
    lengths: dict[str, Any], form: str, quantity: str, radius: int
) -> float:
    """The error of a form over that of the loop, at the length where it is worst."""
    worst: float = max(
        found[form][quantity]["norm"][radius] / found["loop"][quantity]["norm"][radius]
        for found in lengths.values()
        if form in found
    )
    return worst


def table(results: dict[str, Any]) -> str:
    """Write the worst ratios to the loop as Markdown, a table for each case."""
    parts = []
    for title, lengths in results.items():
        longest = list(lengths)[-1]
        radii = " | ".join(_radius(gap) for gap in GAPS)
        heading = (
            f"**{title}**: error / error of the float32 loop, worst of all T up to "
            f"{int(longest):,}, states / gradient of a / gradient of b"
        )
        rule = "|-|" + "-|" * len(GAPS)
        parts += [heading, "", f"| modulus of a | {radii} |", rule]
        forms = [form for form in next(iter(lengths.values())) if form != "loop"]
        for form in forms:
            cells = " | ".join(_cell(lengths, form, i) for i in range(len(GAPS)))
            short = f", T ≤ {LONGEST_SUM:,}" if form == "convolution" else ""
            parts.append(f"| {form}{short} | {cells} |")
        parts.append("")
    return "\n".join(parts)


def _radius(gap: float) -> str:
    """The modulus as people write it."""
    exponent = round(math.log10(gap))
    superscript = str(-exponent).translate(str.maketrans("123456789", "¹²³⁴⁵⁶⁷⁸⁹"))
    return f"1 - 10⁻{superscript}" if exponent in TINY else f"{1 - gap:g}"


def _cell(lengths: dict[str, Any], form: str, radius: int) -> str:
    """Three ratios; bold where the goal is missed."""
    ratios = [worst_ratio(lengths, form, quantity, radius) for quantity in QUANTITIES]
    texts = [f"{ratio:.1f}" for ratio in ratios]
    return " / ".join(
        f"**{text}**" if ratio > GOAL else text
        for ratio, text in zip(ratios, texts, strict=True)
    )


def picture(lengths: dict[str, Any], title: str, path: Path) -> None:
    """Draw errors over length: a column for each radius, a row for each quantity."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from bookfigs.style import RC, TEXT_WIDTH

    rows = QUANTITIES[:2]
    with mpl.rc_context(RC):
        figure = Figure((TEXT_WIDTH * 1.75, 5.4), layout="constrained")
        FigureCanvasAgg(figure)
        grid = figure.subplots(len(rows), len(SHOWN), sharex=True, sharey=True)
        for axes, (quantity, radius) in zip(
            grid.flat, product(rows, SHOWN), strict=True
        ):
            _panel(axes, lengths, quantity, radius)
            if quantity == rows[0]:
                axes.set_title(f"|a| ≈ {_radius(GAPS[radius])}")
        for axes, quantity in zip(grid[:, 0], rows, strict=True):
            axes.set_ylabel(f"relative error, {quantity}")
        for axes in grid[-1]:
            axes.set_xlabel("steps T")
        figure.suptitle(
            f"{title}, single precision: error against a float64 loop. "
            "Grey: up to twice the float32 loop",
            fontsize=9,
        )
        figure.canvas.draw()
        for axes in grid[:, -1]:
            _label(axes)
        figure.savefig(path, dpi=150, metadata={"Software": None})


def _panel(axes: Any, lengths: dict[str, Any], quantity: str, radius: int) -> None:
    """One quantity at one radius: a line for each form, a band for the goal."""
    from bookfigs.style import GRID

    def line(form: str) -> tuple[list[int], list[float]]:
        with_form = {int(T): f[form] for T, f in lengths.items() if form in f}
        return list(with_form), [
            f[quantity]["norm"][radius] for f in with_form.values()
        ]

    steps, loop = line("loop")
    axes.fill_between(steps, [GOAL * e for e in loop], 1e-9, color=GRID, alpha=0.5)
    for form, look in LOOKS.items():
        if form in next(iter(lengths.values())):
            axes.plot(*line(form), label=form.replace("_", "-"), **look)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_ylim(2e-8, 1e-3)
    axes.set_xlim(steps[0], steps[-1])


def _label(axes: Any) -> None:
    """Write each line's name beside its end, moved up where names would touch."""
    at, last = axes.transData, axes.get_xlim()[1]
    points = [(x.get_xdata()[-1], x.get_ydata()[-1]) for x in axes.lines]
    heights = [at.transform(point)[1] for point in points]
    step = 9.5 * axes.get_figure().dpi / 72
    free = -math.inf
    for i in sorted(range(len(points)), key=lambda i: heights[i]):
        line, color = axes.lines[i], axes.lines[i].get_color()
        style = {"color": color, "fontsize": 8, "va": "center"}
        if points[i][0] < last:  # it ends within the panel
            x, y = points[i]
            axes.text(x, y / 1.9, line.get_label(), **style | {"va": "top"})
            continue
        free = max(heights[i], free + step)
        axes.annotate(
            line.get_label(),
            points[i],
            xytext=(1.06, axes.transAxes.inverted().transform((0, free))[1]),
            textcoords="axes fraction",
            arrowprops={"arrowstyle": "-", "color": color, "lw": 0.5},
            annotation_clip=False,
            **style,
        )


@click.command()
@click.option("--longest", default=LONGEST, show_default=True, help="Steps.")
@click.option("--out", type=click.Path(path_type=Path), default=HERE)
def main(longest: int, out: Path) -> None:
    """Compare every form with the definition, and write what was found."""
    torch.set_num_threads(1)  # sums are split the same way everywhere
    lengths = [4**k for k in range(2, 20) if 4**k <= longest]
    results: dict[str, Any] = {}
    for title, is_complex, fixed in CASES:
        click.echo(f"{title} …", err=True)
        results[title] = {
            str(T): measure(T, is_complex=is_complex, fixed=fixed) for T in lengths
        }
    made = provenance(HERE, {}, threads=1, load=os.getloadavg()[0], seconds=0)
    document = {
        "device": this_device(),
        "provenance": made,
        "one_minus_modulus": GAPS,
        "results": results,
    }
    (out / "accuracy.json").write_bytes(to_json(document))
    (out / "accuracy.md").write_text(table(results))
    picture(results["complex a"], "Complex a, fixed", out / "accuracy.png")
    click.echo(table(results))


if __name__ == "__main__":
    main()
