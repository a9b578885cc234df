"""Tamper with a copy of the real book, one thing at a time, and print who finds it.

Run from the root of the repository: ``python benchmarks/tamper.py``; ``--every 20``
tries one in twenty of each kind. The status is 1 if anything that has to be found was
not, or was not named with a remedy.
"""

import argparse
import sys
import tempfile
from collections import Counter
from itertools import groupby
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / name) for name in ("tests", ".")]

from forged import lies  # noqa: E402 - found above
from tampering import COMMANDS, Desk, outcome  # noqa: E402 - found above


def main() -> None:
    """Print a row for each kind as it is done, then the sums, then what failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, metavar="N")
    parser.add_argument("--kind", default="", help="only kinds whose name has this")
    asked = parser.parse_args()
    print(  # noqa: T201 - a program
        f"| what is changed | tried | {' | '.join(COMMANDS)} | not found |\n"
        + "|---" * (len(COMMANDS) + 3)
        + "|",
        flush=True,
    )
    total: Counter[str] = Counter()
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        desk = Desk(Path(name) / "book")
        every = sorted(lies(desk), key=lambda lie: lie.kind)
        for kind, group in groupby(every, key=lambda lie: lie.kind):
            chosen = list(group)[:: asked.every] if asked.kind in kind else []
            found: Counter[str] = Counter()
            for lie in chosen:
                came = outcome(desk, lie)
                found[came.partition(",")[0]] += 1
                if came != lie.found_by:
                    failed.append(f"{kind}: {lie.what}: {came}, not {lie.found_by}")
            total += found
            if chosen:
                print(_row(kind, found), flush=True)  # noqa: T201 - a program
        desk.close()
    print(_row("**all**", total))  # noqa: T201 - a program
    for line in failed:
        print(f"- {line}")  # noqa: T201 - a program
    sys.exit(1 if failed else 0)


def _row(kind: str, found: Counter[str]) -> str:
    cells = [kind, str(sum(found.values()))]
    cells += [str(found[command] or "") for command in (*COMMANDS, "nothing")]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
