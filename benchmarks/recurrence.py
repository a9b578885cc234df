"""The forms of the linear recurrence beside their peers, in one run.

    python benchmarks/recurrence.py            # all cases, some minutes
    python benchmarks/recurrence.py --case 8x8192x64

Arms are interleaved, and each ratio is the median over rounds of the ratio
within a round, so that what disturbs the machine disturbs both. Writes
recurrence.json, recurrence.md and recurrence.png beside this file; with
``--device cuda``, files named after the device.
"""

import os
import statistics
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor

from bookfigs.canonical import to_json
from bookfigs.core import convolution, recurrence, scans
from bookfigs.core.kernels import cpu
from bookfigs.measure.clock import interleave
from bookfigs.process import ALLOCATOR
from bookfigs.provenance import cores, provenance, this_device
from bookfigs.threads import pin_threads
from goals import judged
from peers import (
    Case,
    Peer,
    attention,
    floor,
    jax_scans,
    layers,
    of_torch,
    torch_associative,
)
from peers_cuda import cuda_scans

HERE = Path(__file__).parent
CASES = (
    *("8x8192x64", "8x8192x256", "1x32768x64", "1x32768x256"),
    *("8x2048x64", "8x2048x256", "1x2048x64", "1x2048x256"),
)
LARGEST, LONGEST = 2**22, 2**13
"""Elements and steps up to which layers and attention take part: beyond, they take
many seconds."""


def case_of(text: str, *, is_complex: bool, device: str = "cpu") -> Case:
    """Random inputs: real a_t that change, or complex a that do not (the LRU)."""
    B, T, N = map(int, text.split("x"))
    dtype = torch.complex64 if is_complex else torch.float32
    shape = (N,) if is_complex else (B, T, N)
    radius = 0.9 + 0.099 * torch.rand(shape)
    a = torch.polar(radius, torch.rand(shape)) if is_complex else radius
    b, g = (torch.randn(B, T, N, dtype=dtype) for _ in range(2))
    return Case(*(x.to(device) for x in (a, b, g)))


def peers_of(case: Case) -> Iterable[Peer]:
    """Everything that can compute the case, the floor first."""
    yield floor(case)
    yield of_torch("work-efficient scan", scans.work_efficient, case)
    yield of_torch("fused loop", recurrence.fused, case)
    if not case.b.is_complex():
        yield of_torch("fused tanh twin", _twin, case)
    yield of_torch("chunked scan", scans.chunked, case)
    yield of_torch("Hillis-Steele scan", scans.hillis_steele, case)
    yield of_torch("Python loop", recurrence.loop, case)
    if case.is_fixed:
        yield of_torch("FFT convolution", convolution.fft, case)
    else:
        yield of_torch("log space", recurrence.log_space, case)
    yield from torch_associative(case)
    if case.b.device.type == "cuda":
        yield from cuda_scans(case)
    else:
        yield from jax_scans(case)
    if case.b.numel() <= LARGEST and case.b.shape[1] <= LONGEST:
        yield from layers(case)
        yield from attention(case)


def _twin(a: Tensor, b: Tensor) -> Tensor:
    """h_t = tanh(w h_{t-1} + b_t): as many numbers, and nothing to scan."""
    w = a[0, 0] if a.dim() > 1 else a
    if b.is_cuda:
        from bookfigs.core.kernels import cuda

        return cuda.tanh(w, b)
    return cpu.tanh(w, b)


def measure(case: Case, rounds: int) -> dict[str, Any]:
    """Median milliseconds and ratio to the floor, for each arm and direction."""
    found: dict[str, Any] = {}
    peers = list(peers_of(case))
    for direction in ("forward", "both"):
        arms = {p.name: getattr(p, direction) for p in peers if getattr(p, direction)}
        where = case.b.device.type
        samples = interleave(arms, rounds=rounds, device=where, block=0.03)
        for name, seconds in samples.items():
            ratios = [s / f for s, f in zip(seconds, samples["floor"], strict=True)]
            found.setdefault(name, {})[direction] = {
                "milliseconds": 1e3 * statistics.median(seconds),
                "ratio": statistics.median(ratios),
                "samples": seconds,
            }
    return found


def table(results: dict[str, Any]) -> str:
    """Write the ratios to the floor as Markdown, a column for each shape."""
    parts = []
    for kind in ("real a_t", "complex a"):
        for direction, title in (
            ("both", "forward + backward"),
            ("forward", "forward"),
        ):
            cases = {
                case.removeprefix(f"{kind}, "): found
                for case, found in results.items()
                if case.startswith(kind)
            }
            parts += [f"{kind}, {title}, ratio to the floor (milliseconds)", ""]
            parts += [*_rows(cases, direction), ""]
    return "\n".join(parts)


def _rows(cases: dict[str, Any], direction: str) -> Iterable[str]:
    yield f"| | {' | '.join(cases)} |"
    yield "|-|" + "-|" * len(cases)
    for name in dict.fromkeys(name for found in cases.values() for name in found):
        cells = [_cell(found.get(name, {}).get(direction)) for found in cases.values()]
        yield f"| {name} | {' | '.join(cells)} |"


def _cell(found: dict[str, Any] | None) -> str:
    if found is None:
        return ""
    return f"{found['ratio']:.2f} ({found['milliseconds']:.2f})"


DIRECTIONS = {"forward + backward": "both", "forward": "forward"}
OWN = ("floor", "fused loop", "fused tanh twin", "work-efficient scan", "chunked scan")
"""Arms that are drawn as this project's."""


def picture(results: dict[str, Any], path: Path) -> None:
    """Draw the ratios of forward and backward: a row for each arm, a dot for a case."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from bookfigs.style import BLUE, GRID, RC, TEXT, TEXT_WIDTH

    dots: dict[str, dict[str, list[float]]] = {}
    for case, found in results.items():
        for name, arm in found.items():
            if "both" in arm:
                kinds = dots.setdefault(name, {"real": [], "complex": []})
                kinds[case.partition(" ")[0]].append(arm["both"]["ratio"])
    every = {name: kinds["real"] + kinds["complex"] for name, kinds in dots.items()}
    names = sorted(dots, key=lambda name: -statistics.median(every[name]))
    with mpl.rc_context(RC):
        figure = Figure((TEXT_WIDTH * 1.5, 0.3 * len(names) + 1), layout="constrained")
        axes = figure.subplots()
        for y, name in enumerate(names):
            color = BLUE if name in OWN else TEXT
            ends = min(every[name]), max(every[name])
            axes.plot(ends, [y, y], color=GRID, zorder=1)
            for kind, face in (("real", color), ("complex", "white")):
                x = dots[name][kind]
                axes.scatter(x, [y] * len(x), 22, facecolor=face, edgecolor=color)
            middle = statistics.median(every[name])
            axes.text(1.15 * ends[1], y, f"{middle:.1f}", va="center", color=color)
        axes.set_yticks(range(len(names)), names)
        axes.set_xscale("log")
        axes.set_xlabel("time over that of moving the same bytes, forward + backward")
        axes.set_title("filled: real a_t; hollow: complex a; the number: median")
        figure.savefig(path, dpi=150, metadata={"Software": None})


@click.command()
@click.option("--case", "cases", multiple=True, default=CASES, show_default=True)
@click.option("--rounds", default=9, show_default=True, help="At least 3.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu")
@click.option("--out", type=click.Path(path_type=Path), default=HERE)
def main(cases: tuple[str, ...], rounds: int, device: str, out: Path) -> None:
    """Time every form and peer, and write the table."""
    pin_threads(cores())
    torch.manual_seed(0)
    results = {}
    for text in cases:
        for is_complex in (False, True):
            title = f"{'complex a' if is_complex else 'real a_t'}, {text}"
            click.echo(f"{title} …", err=True)
            case = case_of(text, is_complex=is_complex, device=device)
            results[title] = measure(case, rounds)
    made = provenance(HERE, {}, threads=cores(), load=os.getloadavg()[0], seconds=0)
    here = this_device(device)
    document = {"device": here, "provenance": made, "results": results}
    name = "recurrence" if device == "cpu" else here.slug
    (out / f"{name}.json").write_bytes(to_json(document))
    text = judged(results) + "\n" + table(results)
    (out / f"{name}.md").write_text(text)
    picture(results, out / f"{name}.png")
    click.echo(text)


if __name__ == "__main__":
    if os.environ.get("MALLOC_MMAP_MAX_") is None:  # read when a process starts
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | ALLOCATOR)  # noqa: S606 - ourselves
    main()
