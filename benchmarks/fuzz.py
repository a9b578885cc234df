"""Spoil documents of a book at random, run the commands that read them, and count.

Run from the root of the repository: ``python benchmarks/fuzz.py --examples 5000``.
The status is 1 if anything raised, hung, or wrote outside of the project.
"""

# ruff: noqa: T201 - a program prints

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / name) for name in ("tests", ".")]

from injecting import make_box  # noqa: E402 - found above
from mutated import TARGETS, Hanging, copied, escaped, file_of, run, spoilt  # noqa: E402


def main() -> None:
    """Print a row for each kind of document, then what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    print(
        "| file | examples | commands | raised | hung | outside | seconds |\n"
        + "|---" * 7
        + "|"
    )
    wrong: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_box(folder / "box")
        (folder / "run").mkdir()
        root = copied(folder / "box", folder / "run")
        os.chdir(folder / "run")
        around = escaped(folder / "run")
        targets = [target for target in TARGETS if asked.only in target]
        for target in targets:
            wrong |= _spoil(
                root, target, asked.examples // len(targets), asked.seed, around
            )
    for said, example in wrong.items():
        print(f"\n{example}\n{said}")
    sys.exit(bool(wrong))


def _spoil(
    root: Path, target: str, examples: int, seed: int, around: set[str]
) -> dict[str, str]:
    """Spoil one file so many times; returns each way to fail with an example."""
    path = file_of(root, target)
    valid, begin = path.read_bytes(), time.monotonic()
    counts = {"commands": 0, "raised": 0, "hung": 0, "outside": 0}
    wrong: dict[str, str] = {}
    for number in range(examples):
        content = spoilt(valid, random.Random(f"{seed}:{target}:{number}"))  # noqa: S311 - not a secret
        for said in TARGETS[target]:
            path.write_bytes(content)
            counts["commands"] += 1
            example = f"{target} {number}: {said}: {content[:200]!r}"
            try:
                if found := run(said, root):
                    counts["raised"] += 1
                    wrong.setdefault(_end(found), f"{example}\n{found}")
            except Hanging:
                counts["hung"] += 1
                wrong.setdefault(f"hung {said}", example)
            if escaped(root.parent) != around:
                counts["outside"] += 1
                wrong.setdefault("outside", example)
    path.write_bytes(valid)
    cells = [target, examples, *counts.values()]
    seconds = time.monotonic() - begin
    print("| " + " | ".join(map(str, cells)) + f" | {seconds:.0f} |", flush=True)
    return wrong


def _end(found: str) -> str:
    """The innermost line and the kind of an exception, which tell ways apart."""
    lines = found.strip().splitlines()
    places = [line.strip() for line in lines if line.strip().startswith("File")]
    return f"{places[-1] if places else ''} {lines[-1][:80]}"


if __name__ == "__main__":
    main()
