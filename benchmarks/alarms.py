"""Does ``bookfigs replicate --quick`` raise false alarms, and does it find lies?

    python benchmarks/alarms.py --runs 30          # about ten minutes

A small book takes times of work whose ratio and exponent are known. It is replicated
again and again while another process keeps a core busy, now and then, as other jobs on
a build machine do: none of these runs may raise an alarm (exit status 7). Then lies are
planted in the code, one at a time (a loop slowed, an exponent changed, a count, a
float): each has to be found. Writes alarms.json and alarms.md beside this file. The
status is 1 if there was a false alarm, or a lie that passed.
"""

import json
import multiprocessing
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / name) for name in ("tests", ".")]

from timedbook import (  # noqa: E402 - found above
    LIES,
    lie,
    make_timed_book,
    measure_evidence,
    replicate,
)

ALARM = 7
"""Exit status of a claim that does not hold, or of a contradiction."""

CLAIM = 3
"""Columns of the table of a replication: claim, in the evidence, here."""


def burn(seed: int) -> None:
    """Use a core for a while, rest for a while, for ever."""
    dice = random.Random(seed)  # noqa: S311 - not a secret
    while True:
        until = time.monotonic() + dice.uniform(0.5, 4)
        while time.monotonic() < until:
            sum(range(10_000))
        time.sleep(dice.uniform(0, 0.5))


@contextmanager
def busy() -> Iterator[None]:
    """Keep another core busy."""
    other = multiprocessing.get_context("spawn").Process(target=burn, args=(1,))
    other.start()
    try:
        yield
    finally:
        other.kill()
        other.join()


def one(book: Any, name: str) -> dict[str, Any]:
    """Replicate once; what came of it."""
    begin = time.monotonic()
    done = replicate(book)
    verdicts = {}
    for line in done.stdout.splitlines():
        cells = [cell for cell in line.split("  ") if cell]
        if line.startswith("loops.") and len(cells) >= CLAIM:
            verdicts[cells[0].strip()] = cells[2].strip()
    return {
        "lie": name,
        "status": done.returncode,
        "again": done.stdout.count("measured again"),
        "seconds": round(time.monotonic() - begin, 1),
        "verdicts": verdicts,
        "message": done.stderr.partition("\n")[0].removeprefix("bookfigs: "),
    }


def table(runs: list[dict[str, Any]]) -> str:
    """Write what came of the runs as Markdown."""
    lines = [
        (
            "`bookfigs replicate --quick` on a small timed book while another process "
            "kept a core busy. An alarm is exit status 7; *again* counts measurements "
            "that were repeated because a claim was not decided yet."
        ),
        "",
        "| what is planted | runs | alarms | other failures | again | undecided |",
        "|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(run["lie"] for run in runs):
        of = [run for run in runs if run["lie"] == name]
        alarms = sum(run["status"] == ALARM for run in of)
        others = sum(run["status"] not in {0, ALARM} for run in of)
        verdicts = [v for run in of for v in run["verdicts"].values()]
        lines.append(
            f"| {name or 'nothing'} | {len(of)} | {alarms} | {others} | "
            f"{sum(run['again'] for run in of)} | {verdicts.count('inconclusive')} |"
        )
    return "\n".join(lines) + "\n"


def is_sound(run: dict[str, Any]) -> bool:
    """Whether a run raised an alarm if there was a lie, and only then."""
    return bool(run["status"] == (ALARM if run["lie"] else 0))


@click.command()
@click.option("--runs", default=30, show_default=True, help="Without a lie.")
@click.option("--each", default=1, show_default=True, help="For each lie.")
@click.option("--out", type=click.Path(path_type=Path), default=HERE)
def main(runs: int, each: int, out: Path) -> None:
    """Replicate, plant lies, replicate; write what came of it."""
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        book = make_timed_book(Path(folder) / "book")
        measure_evidence(book)
        with busy():
            for name in [""] * runs + [name for name in LIES for _ in range(each)]:
                lie(book, name)
                found.append(one(book, name))
                shown = {key: found[-1][key] for key in ("lie", "status", "again")}
                click.echo(f"{len(found)}: {shown}", err=True)
    (out / "alarms.json").write_text(json.dumps({"runs": found}, indent=1) + "\n")
    (out / "alarms.md").write_text(table(found))
    click.echo(table(found))
    wrong = [run for run in found if not is_sound(run)]
    if wrong:
        raise click.ClickException(f"{len(wrong)} of {len(found)} runs went wrong")


if __name__ == "__main__":
    main()
