"""The forms of the linear recurrence beside their peers, in one run.

    python benchmarks/recurrence.py            # all cases, some minutes
    python benchmarks/recurrence.py --case 8x8192x64

Arms are interleaved, and each ratio is the median over rounds of the ratio
within a round, so that what disturbs the machine disturbs both. Writes
recurrence.json, recurrence.md and recurrence.png beside this file.
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
from bookfigs.measure.clock import interleave, pin_threads
from bookfigs.provenance import cores, provenance, this_device
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

HERE = Path(__file__).parent
CASES = ("8x8192x64", "8x8192x256", "1x32768x64")
LARGEST, LONGEST = 2**22, 2**13
"""Elements and steps up to which layers and attention take part: beyond, they take
many seconds."""

ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**34),
    "MALLOC_TOP_PAD_": str(2**26),
}
"""Keeps glibc from returning memory between runs; page faults would be timed."""


def case_of(text: str, *, is_complex: bool) -> Case:
    """Random inputs: real a_t that change, or complex a that do not (the LRU)."""
    B, T, N = map(int, text.split("x"))
    dtype = torch.complex64 if is_complex else torch.float32
    shape = (N,) if is_complex else (B, T, N)
    radius = 0.9 + 0.099 * torch.rand(shape)
    a = torch.polar(radius, torch.rand(shape)) if is_complex else radius
    return Case(a, torch.randn(B, T, N, dtype=dtype), torch.randn(B, T, N, dtype=dtype))


def peers_of(case: Case) -> Iterable[Peer]:
    """Everything that can compute the case, the floor first."""
    yield floor(case)
    yield of_torch("work-efficient scan", scans.work_efficient, case)
    yield of_torch("fused loop", cpu.linear, case)
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
    yield from jax_scans(case)
    if case.b.numel() <= LARGEST and case.b.shape[1] <= LONGEST:
        yield from layers(case)
        yield from attention(case)


def _twin(a: Tensor, b: Tensor) -> Tensor:
    """h_t = tanh(w h_{t-1} + b_t): as many numbers, and nothing to scan."""
    return cpu.tanh(a[0, 0] if a.dim() > 1 else a, b)


def measure(case: Case, rounds: int) -> dict[str, Any]:
    """Median milliseconds and ratio to the floor, for each arm and direction."""
    found: dict[str, Any] = {}
    peers = list(peers_of(case))
    for direction in ("forward", "both"):
        arms = {p.name: getattr(p, direction) for p in peers if getattr(p, direction)}
        samples = interleave(arms, rounds=rounds, block=0.03)
        for name, seconds in samples.items():
            ratios = [s / f for s, f in zip(seconds, samples["floor"], strict=True)]
            found.setdefault(name, {})[direction] = {
                "milliseconds": 1e3 * statistics.median(seconds),
                "ratio": statistics.median(ratios),
                "samples": seconds,
            }
    return found


def table(results: dict[str, Any]) -> str:
    """Write the ratios to the floor as Markdown, a column for each case."""
    names = list(dict.fromkeys(name for case in results.values() for name in case))
    lines = [
        "| forward / forward + backward, ratio to the floor (milliseconds) | "
        + " | ".join(results)
        + " |",
        "|-|" + "-|" * len(results),
    ]
    for name in names:
        cells = [_cell(case.get(name)) for case in results.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(found: dict[str, Any] | None) -> str:
    if found is None:
        return ""
    parts = []
    for direction in ("forward", "both"):
        if direction in found:
            times, ms = found[direction]["ratio"], found[direction]["milliseconds"]
            parts.append(f"{times:.1f} ({ms:.1f})")
        else:
            parts.append("–")
    return " / ".join(parts)


def picture(results: dict[str, Any], path: Path) -> None:
    """Draw the ratios of forward and backward, a panel for each case."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from bookfigs.style import BLUE, GRID, RC, TEXT_WIDTH

    with mpl.rc_context(RC):
        figure = Figure((TEXT_WIDTH * 1.6, 2.2 * len(results)), layout="constrained")
        panels = figure.subplots(len(results), 1, squeeze=False)[:, 0]
        for axes, (title, found) in zip(panels, results.items(), strict=True):
            both = {n: v["both"]["ratio"] for n, v in found.items() if "both" in v}
            names = sorted(both, key=lambda name: -both[name])
            own = {"floor", "fused loop", "work-efficient scan", "chunked scan"}
            colors = [BLUE if name in own else GRID for name in names]
            axes.barh(names, [both[name] for name in names], color=colors)
            for y, name in enumerate(names):
                axes.text(both[name], y, f" {both[name]:.1f}", va="center", fontsize=8)
            axes.set_xscale("log")
            axes.set_title(f"{title}: forward + backward, times the floor")
        figure.savefig(path, dpi=150, metadata={"Software": None})


@click.command()
@click.option("--case", "cases", multiple=True, default=CASES, show_default=True)
@click.option("--rounds", default=9, show_default=True, help="At least 3.")
@click.option("--out", type=click.Path(path_type=Path), default=HERE)
def main(cases: tuple[str, ...], rounds: int, out: Path) -> None:
    """Time every form and peer, and write the table."""
    pin_threads(cores())
    torch.manual_seed(0)
    results = {}
    for text in cases:
        for is_complex in (False, True):
            title = f"{'complex a' if is_complex else 'real a_t'}, {text}"
            click.echo(f"{title} …", err=True)
            results[title] = measure(case_of(text, is_complex=is_complex), rounds)
    made = provenance(HERE, {}, threads=cores(), load=os.getloadavg()[0], seconds=0)
    document = {"device": this_device(), "provenance": made, "results": results}
    (out / "recurrence.json").write_bytes(to_json(document))
    (out / "recurrence.md").write_text(table(results))
    picture(results, out / "recurrence.png")
    click.echo(table(results))


if __name__ == "__main__":
    if os.environ.get("MALLOC_MMAP_MAX_") is None:  # read when a process starts
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | ALLOCATOR)  # noqa: S606 - ourselves
    main()
