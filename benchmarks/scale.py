"""How long does it take to find that nothing is stale, in a book of n figures?

Books of 10, 100 and 1,000 figures are made, with evidence, pictures, tables and
manifest as a build leaves them. Timed in one run, in turns: the start of Python with
click alone, ``bookfigs figures`` and ``bookfigs check``, each with nothing to do, and
beside them ``doit``, ``snakemake -n`` and ``dvc status`` on the same files: for
each figure a task that depends on its figure file, its evidence and the shared
helpers, and makes its pictures and tables. Tools that are not found are left out.

    pip install doit dvc snakemake  # in an environment of their own
    python benchmarks/scale.py --tools that/environment/bin

*anew* is without the answer of an earlier run, but with the digests that it left;
*cold* is without anything of an earlier run, as in a fresh clone; *full* is what
``--full`` does. Snakemake knows its files by their dates alone here (``--touch``),
which is the least that it can look at.
"""

import argparse
import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from bookfigs.book import Book
from bookfigs.provenance import this_device
from scale_book import make_book

SNAKEFILE = """rule all:
    input: {targets}

"""
RULE = """rule {slug}:
    input: {inputs}
    output: {outputs}
    shell: "true"

"""


CLICK, CHECK = "python -c 'import click'", "bookfigs check"
"""What the others are compared with."""


COMPILED = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
"""The environment of what is timed: Python keeps what it compiled, for all alike."""


class Task(NamedTuple):
    """One figure, as the other tools see it."""

    slug: str
    inputs: list[str]
    outputs: list[str]


class Arm(NamedTuple):
    """A command that is timed, what it has to say, and what is taken away before."""

    command: list[str]
    where: Path
    says: str = ""
    without: tuple[str, ...] = ()


def tasks(book: Book) -> list[Task]:
    """Every figure of a book, as the other tools see it."""
    return [
        Task(
            slug,
            [
                str(path.relative_to(book.root)),
                "helpers.py",
                *(str(p.relative_to(book.root)) for p in book.evidence(slug)),
            ],
            [
                str(path.relative_to(book.root))
                for path in sorted(book.generated.glob(f"*/{slug}.*"))
            ],
        )
        for slug, path in book.figures().items()
    ]


def use_doit(root: Path, tool: str, todo: list[Task]) -> list[str]:
    """Write the tasks for doit, have them recorded, return what tells what is stale."""
    described = [
        {"name": t.slug, "actions": [], "file_dep": t.inputs, "targets": t.outputs}
        for t in todo
    ]
    text = f"TASKS = {described!r}\n\n\ndef task_figure():\n    yield from TASKS\n"
    (root / "dodo.py").write_text(text)
    quietly([tool], root)
    return [tool]


def use_snakemake(root: Path, tool: str, todo: list[Task]) -> list[str]:
    """Write the rules for snakemake; their targets are newer than their inputs."""
    targets = [out for task in todo for out in task.outputs]
    text = SNAKEFILE.format(targets=", ".join(map(repr, targets)))
    for task in todo:
        text += RULE.format(
            slug=task.slug,
            inputs=", ".join(map(repr, task.inputs)),
            outputs=", ".join(map(repr, task.outputs)),
        )
    (root / "Snakefile").write_text(text)
    for target in targets:
        (root / target).touch()
    quietly([tool, "--touch", "--cores", "1"], root)
    return [tool, "-n"]


def use_dvc(root: Path, tool: str, todo: list[Task]) -> list[str]:
    """Write the stages for dvc and have them recorded, without a copy of each file."""
    stages = {
        task.slug: {
            "cmd": "true",
            "deps": task.inputs,
            "outs": [{out: {"cache": False}} for out in task.outputs],
        }
        for task in todo
    }
    (root / "dvc.yaml").write_text(json.dumps({"stages": stages}))
    quietly([tool, "init", "--no-scm"], root)
    quietly([tool, "commit", "--force"], root)
    return [tool, "status"]


TOOLS: dict[str, Callable[[Path, str, list[Task]], list[str]]] = {
    "doit": use_doit,
    "snakemake": use_snakemake,
    "dvc": use_dvc,
}


NOTHING_TO_DO = {
    "doit": "-- figure:",  # it runs a task after another mark than this
    "snakemake": "Nothing to be done",
    "dvc": "Data and pipelines are up to date",
}
"""What each tool says if nothing is stale."""


def quietly(command: list[str], where: Path) -> str:
    """Run a command and return what it says. Raises: SystemExit if it fails."""
    done = subprocess.run(  # noqa: S603 - commands are those of this file
        command, cwd=where, env=COMPILED, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def arms(book: Book, tools: Mapping[str, str]) -> dict[str, Arm]:
    """Everything that is timed on a book."""
    own = [sys.executable, "-m", "bookfigs"]
    root = book.root
    figures, check = [*own, "figures"], [*own, "check"]
    idle, right = "0 measured, 0 drawn", "every claim holds"
    found = {
        CLICK: Arm([sys.executable, "-c", "import click"], root),
        "bookfigs figures": Arm(figures, root, idle),
        "bookfigs figures, anew": Arm(figures, root, idle, ("settled",)),
        CHECK: Arm(check, root, "nothing has changed"),
        "bookfigs check, anew": Arm(check, root, right, ("checked",)),
        "bookfigs check, cold": Arm(check, root, right, ("checked", "cache.json")),
        "bookfigs check --full": Arm([*check, "--full"], root, right),
    }
    for name, tool in tools.items():
        copy = root.with_name(f"{root.name}-{name}")
        shutil.copytree(root, copy)
        command = TOOLS[name](copy, tool, tasks(Book(copy / "chapters")))
        title = " ".join([name, *command[1:]])
        found[title] = Arm(command, copy, NOTHING_TO_DO[name])
    return found


def seconds(arm: Arm) -> float:
    """Seconds that a command takes."""
    for name in arm.without:
        (arm.where / ".bookfigs" / name).unlink(missing_ok=True)
    start = time.perf_counter()
    said = quietly(arm.command, arm.where)
    took = time.perf_counter() - start
    if arm.says not in said or "\n.  " in f"\n{said}":  # doit marks what it runs so
        sys.exit(f"{' '.join(arm.command)} should say {arm.says!r}: {said}")
    return took


def measure(n: int, rounds: int, tools: Mapping[str, str]) -> dict[str, list[float]]:
    """Time every arm on a book of n figures, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        book = make_book(Path(folder) / "book", n)
        found = arms(book, tools)
        time.sleep(2.5)  # a file that is too young is looked at again
        for arm in found.values():  # each leaves behind what it takes away before
            quietly(arm.command, arm.where)
        samples: dict[str, list[float]] = {name: [] for name in found}
        for _ in range(rounds):
            for name, arm in found.items():
                samples[name].append(round(seconds(arm), 4))
        return samples


def table(results: Mapping[int, Mapping[str, list[float]]]) -> str:
    """Medians, how they grow, and ratios within the same rounds at the largest size."""
    sizes = sorted(results)
    last = results[sizes[-1]]
    compared = {"import click": CLICK, "check": CHECK}
    head = [
        "",
        *(f"{n:,} figures" for n in sizes),
        "power of n",
        *(f"of `{name}`" for name in compared),
    ]
    lines = [f"| {' | '.join(head)} |", "| --- |" + " ---: |" * (len(head) - 1)]
    for name in last:
        medians = {n: statistics.median(results[n][name]) for n in sizes}
        cells = [f"`{name}`", *(f"{medians[n]:.3f} s" for n in sizes), growth(medians)]
        cells += [f"{ratio(last[name], last[of]):.2f}" for of in compared.values()]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def growth(medians: Mapping[int, float]) -> str:
    """Power p of seconds = c nᵖ between the two largest sizes; 1 is linear."""
    if len(medians) < 2:  # noqa: PLR2004 - a line has two points
        return ""
    few, many = sorted(medians)[-2:]
    return f"{math.log(medians[many] / medians[few]) / math.log(many / few):.2f}"


def ratio(samples: list[float], others: list[float]) -> float:
    """Median ratio of two arms over rounds."""
    return statistics.median(a / b for a, b in zip(samples, others, strict=True))


def found_tools(folder: Path | None) -> dict[str, str]:
    """Where each tool lies; a line for each that is not there."""
    path = os.pathsep.join([*([str(folder)] if folder else []), os.environ["PATH"]])
    found = {name: shutil.which(name, path=path) for name in TOOLS}
    for name, tool in found.items():
        if tool is None:
            sys.stdout.write(f"{name} is left out; run: pip install {name}\n")
    return {name: str(Path(tool).absolute()) for name, tool in found.items() if tool}


def version(tool: str) -> str:
    """The first line of what a tool says of its version."""
    return quietly([tool, "--version"], Path()).partition("\n")[0]


def main() -> None:
    """Measure, and write scale.json and scale.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tools", type=Path, help="folder with doit, snakemake, dvc")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    asked = parser.parse_args()
    tools = found_tools(asked.tools)
    results = {n: measure(n, asked.rounds, tools) for n in asked.sizes}
    written = {
        "machine": this_device("cpu").title,
        "python": platform.python_version(),
        "rounds": asked.rounds,
        "tools": {name: version(tool) for name, tool in tools.items()},
        "seconds": {str(n): samples for n, samples in results.items()},
    }
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "scale.json").write_text(json.dumps(written, indent=1) + "\n")
    (asked.out / "scale.md").write_text(table(results))
    sys.stdout.write(table(results))


if __name__ == "__main__":
    main()
