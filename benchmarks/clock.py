"""Does the clock report work of known duration as it is?

    python benchmarks/clock.py

Each arm spins until a given time has passed, which is the same whatever the machine
does meanwhile, unless it is interrupted at the very end of a run; what the clock says
beyond that is its own doing: the call of the arm, the loop of a block, the two readings
of the timer. Writes clock.json and clock.md beside this file; the status is 1 if a
median is off by more than two percent.
"""

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import click

from bookfigs.measure.clock import FEWEST, interleave
from bookfigs.provenance import this_device
from bookfigs.threads import pin_threads

HERE = Path(__file__).parent
SECONDS = [1e-4, 1e-3, 1e-2, 1e-1]
"""Durations that are known."""

ALLOWED = 0.02
"""By how much a median may be off, relatively."""


def spin(seconds: float) -> Callable[[], object]:
    """Make an arm that takes so long."""

    def run() -> None:
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            pass

    return run


def table(samples: dict[str, list[float]], device: str) -> str:
    """Write what was reported as Markdown."""
    lines = [
        f"Medians of {FEWEST} rounds on {device}.",
        "",
        "| known | reported | off by |",
        "|-|-|-|",
    ]
    for name, found in samples.items():
        known, reported = float(name), statistics.median(found)
        lines.append(
            f"| {1e3 * known:g} ms | {1e3 * reported:.5g} ms "
            f"| {reported / known - 1:+.3%} |"
        )
    return "\n".join(lines) + "\n"


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=HERE)
def main(out: Path) -> None:
    """Time arms of known duration, and say how far off the clock is."""
    pin_threads(1)
    arms = {repr(seconds): spin(seconds) for seconds in SECONDS}
    samples = interleave(arms, rounds=FEWEST)
    title = this_device("cpu").title
    written = {"device": title, "seconds": samples}
    (out / "clock.json").write_text(json.dumps(written, indent=1) + "\n")
    (out / "clock.md").write_text(table(samples, title))
    click.echo(table(samples, title))
    off = [
        name
        for name, found in samples.items()
        if abs(statistics.median(found) / float(name) - 1) > ALLOWED
    ]
    if off:
        raise click.ClickException(f"off by more than {ALLOWED:.0%}: {', '.join(off)}")


if __name__ == "__main__":
    main()
