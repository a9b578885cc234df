"""The benchmark of the recurrence runs, and writes what it says."""

import json
import os
import subprocess
import sys
from pathlib import Path

from smallbook import ROOT

PATIENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_WAIT_POLICY": "passive"}
"""Threads do not spin while they wait: other tests run on the same cores."""


def test_the_benchmark_of_accuracy_writes_the_same_whenever_it_runs(
    tmp_path: Path,
) -> None:
    script = ROOT / "benchmarks" / "accuracy.py"
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        subprocess.run(
            [sys.executable, str(script), "--longest", "64", "--out",
             str(tmp_path / name)],
            cwd=ROOT,
            env=PATIENT,
            capture_output=True,
            check=True,
        )  # fmt: skip
    written, again = (
        json.loads((tmp_path / name / "accuracy.json").read_text())["results"]
        for name in ("first", "second")
    )
    assert written == again
    assert set(written) == {"real a", "real a_t", "complex a", "complex a_t"}
    assert set(written["complex a"]) == {"16", "64"}
    for lengths in written.values():
        for found in lengths.values():
            assert {"loop", "scan", "fused"} <= set(found)
            for quantities in found.values():
                errors = [e for norms in quantities.values() for e in norms["norm"]]
                assert len(errors) == 3 * 8
                assert all(1e-9 < error < 1e-5 for error in errors)
    table = (tmp_path / "first" / "accuracy.md").read_text()
    assert table.count("| scan |") == 4
    picture = (tmp_path / "first" / "accuracy.png").read_bytes()
    assert picture.startswith(b"\x89PNG")


def test_the_benchmark_writes_its_table_its_samples_and_its_picture(
    tmp_path: Path,
) -> None:
    script = ROOT / "benchmarks" / "recurrence.py"
    done = subprocess.run(
        [sys.executable, str(script), "--case", "1x16x2", "--rounds", "3", "--out",
         str(tmp_path)],
        cwd=ROOT,
        env=PATIENT,
        capture_output=True,
        text=True,
        check=True,
    )  # fmt: skip
    written = json.loads((tmp_path / "recurrence.json").read_text())
    for title in ("real a_t, 1x16x2", "complex a, 1x16x2"):
        found = written["results"][title]
        assert found["floor"]["both"]["ratio"] == 1
        assert len(found["chunked scan"]["both"]["samples"]) == 3
        kind, _, shape = title.partition(", ")
        assert f"{kind}, forward + backward" in done.stdout
        assert f"| | {shape} |" in done.stdout
    assert (tmp_path / "recurrence.md").read_text() in done.stdout
    assert (tmp_path / "recurrence.png").read_bytes().startswith(b"\x89PNG")
