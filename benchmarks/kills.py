"""Kill builds at random moments, let them go on, and print what came of it.

Run from the root of the repository: ``python benchmarks/kills.py --kills 50``.
The status is 1 if any restart measured a kept point again, left a half-written
file, or made other bytes than a run that nobody disturbed.
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / name) for name in ("tests", ".")]

from killing import Kill, kill_and_restart, undisturbed  # noqa: E402 - found above


def line(number: int, kill: Kill) -> str:
    """One row of the table."""
    cells = [
        number,
        f"{kill.moment:.2f}",
        kill.journalled,
        kill.begun,
        len(kill.twice),
        kill.half_written,
        len(kill.left),
        "equal" if kill.same else "DIFFER",
    ]
    return "| " + " | ".join(map(str, cells)) + " |"


def main() -> None:
    """Print a row for each kill as it is done, then the sums."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    moments = random.Random(asked.seed)  # noqa: S311 - not a secret
    print(  # noqa: T201 - a program
        "| kill | moment | points kept | points begun | measured twice "
        "| half-written, killed | left, restarted | bytes |\n" + "|---" * 8 + "|"
    )
    kills = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fresh, built, seconds = undisturbed(folder)
        for number in range(1, asked.kills + 1):
            moment = moments.uniform(0.1, 0.7)
            kill = kill_and_restart(fresh, built, folder / str(number), moment, seconds)
            kills.append(kill)
            print(line(number, kill), flush=True)  # noqa: T201 - a program
    sound = sum(kill.is_sound for kill in kills)
    print(  # noqa: T201 - a program
        f"\n{sound} of {len(kills)} restarts sound; "
        f"{sum(kill.journalled for kill in kills)} points kept, "
        f"{sum(len(kill.twice) for kill in kills)} of them measured again"
    )
    sys.exit(sound < len(kills))


if __name__ == "__main__":
    main()
