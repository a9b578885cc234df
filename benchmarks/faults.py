"""Let every write of every command fail in every way, and print what came of it.

Run from the root of the repository: ``python benchmarks/faults.py`` (an hour), or with
``--every 10`` at every tenth point. The status is 1 if anything was wrong.
"""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / name) for name in ("tests", ".")]

from faulty import FAULTS  # noqa: E402 - found above
from injecting import COMMANDS, PROBLEMS, Bench, Trial  # noqa: E402 - the same


def line(cells: list[object]) -> str:
    """One row of the table."""
    return "| " + " | ".join(map(str, cells)) + " |"


def main() -> None:
    """Print a row for each command and fault as it is done, then what was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    head = ["command", "fault", "points", "tried", *PROBLEMS]
    print(line([*head]) + "\n" + "|---" * len(head) + "|")  # noqa: T201 - a program
    wrong: list[tuple[str, Trial]] = []
    tried = 0
    with tempfile.TemporaryDirectory() as name, Bench(Path(name)) as bench:
        for command in (c for c in COMMANDS if asked.only in c.name):
            trials = list(bench.tries(command, FAULTS, asked.every))
            tried += len(trials)
            wrong += [(command.name, trial) for trial in trials if trial.problems]
            for fault in FAULTS:
                these = [trial for trial in trials if trial.fault == fault]
                counts = Counter(kind for trial in these for kind in trial.problems)
                numbers = [len(bench.good.trace), len(these)]
                cells = [command.name, fault, *numbers, *map(counts.get, PROBLEMS)]
                print(line([cell or 0 for cell in cells]), flush=True)  # noqa: T201 - a program
    for place, trial in wrong:
        print(f"\n{place}: {trial.fault} at {trial.point}: {trial.problems}")  # noqa: T201 - a program
    print(f"\n{tried} faults tried, {len(wrong)} with something wrong")  # noqa: T201 - a program
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
