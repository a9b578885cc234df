"""The benchmark of embeds renders its books and writes its table."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import embeds as benchmark

from .book import EXTENSION

SCRIPT = EXTENSION.parents[2] / "benchmarks" / "embeds.py"


def test_the_benchmark_of_embeds_writes_its_table_and_its_samples(
    tmp_path: Path,
) -> None:
    command = [sys.executable, str(SCRIPT), "--sizes", "0", "8", "--rounds", "1"]
    done = subprocess.run(
        [*command, "--chapters", "2", "--out", str(tmp_path)],
        cwd=SCRIPT.parents[1],
        env={"PYTHONPATH": str(SCRIPT.parents[1]), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    written = json.loads((tmp_path / "embeds.json").read_text())
    assert list(written["seconds"]) == ["0", "8"]
    assert all(len(written["seconds"]["8"][arm]) == 1 for arm in ("with", "without"))
    table = (tmp_path / "embeds.md").read_text()
    assert table == done.stdout
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:]] == ["0", "8"]


def test_what_is_added_is_the_difference_within_rounds() -> None:
    samples = {"with": [3.0, 5.0, 9.0], "without": [2.0, 3.0, 8.5], "quarto": [10.0]}
    assert benchmark.added(samples) == pytest.approx(1)
    table = benchmark.table({0: {"with": [2.0], "without": [1.5]}, 500: samples})
    assert "| 500 | 3.00 s | 5.00 s | 1.00 s | 1.00 ms | 10.0% |" in table
