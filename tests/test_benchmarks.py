"""The benchmark of the recurrence runs, and writes what it says."""

import json
import os
import subprocess
import sys
from pathlib import Path

from smallbook import ROOT


def test_the_benchmark_writes_its_table_its_samples_and_its_picture(
    tmp_path: Path,
) -> None:
    script = ROOT / "benchmarks" / "recurrence.py"
    done = subprocess.run(
        [sys.executable, str(script), "--case", "1x16x2", "--rounds", "3", "--out",
         str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    written = json.loads((tmp_path / "recurrence.json").read_text())
    for title in ("real a_t, 1x16x2", "complex a, 1x16x2"):
        found = written["results"][title]
        assert found["floor"]["both"]["ratio"] == 1
        assert len(found["chunked scan"]["both"]["samples"]) == 3
        assert title in done.stdout
    assert (tmp_path / "recurrence.md").read_text() in done.stdout
    assert (tmp_path / "recurrence.png").read_bytes().startswith(b"\x89PNG")
