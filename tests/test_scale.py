"""The benchmark of planning runs, leaves out what is missing, and writes its table."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from smallbook import ROOT


def test_the_benchmark_of_planning_writes_its_table_and_its_samples(
    tmp_path: Path,
) -> None:
    script = ROOT / "benchmarks" / "scale.py"
    done = subprocess.run(
        [
            sys.executable,
            script,
            "--sizes",
            "1",
            "3",
            "--rounds",
            "1",
            "--out",
            tmp_path,
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    for tool in ("doit", "snakemake", "dvc"):
        assert f"{tool} is left out; run: pip install {tool}" in done.stdout
    written = json.loads((tmp_path / "scale.json").read_text())
    assert list(written["seconds"]) == ["1", "3"]
    assert len(written["seconds"]["3"]["bookfigs check, cold"]) == 1
    assert (tmp_path / "scale.md").read_text() in done.stdout
    head, _, *rows = (tmp_path / "scale.md").read_text().splitlines()
    assert "| 1 figures | 3 figures | power of n | of `import click` |" in head
    assert [row.split("`")[1] for row in rows] == list(written["seconds"]["3"])


@pytest.mark.parametrize(
    ("medians", "power"),
    [({10: 1.0, 100: 2.0, 1000: 20.0}, "1.00"), ({1: 3.0, 4: 6.0}, "0.50"), ({}, "")],
)
def test_growth_is_the_power_between_the_two_largest_sizes(
    medians: dict[int, float], power: str
) -> None:
    script = f"import scale; print(scale.growth({medians!r}))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT / "benchmarks",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == power
