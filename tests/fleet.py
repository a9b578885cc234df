"""A cluster of real processes on this machine: one scheduler, and workers."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import msgspec

from longbook import started
from smallbook import ROOT

PATIENCE = 30
"""Seconds after which a process that was started counts as failed."""


class Fleet:
    """Starts a scheduler and workers in process groups, and ends them all."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self._file = folder / "scheduler.json"
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self._start("scheduler", "--port", "0", name="scheduler")
        until = time.monotonic() + PATIENCE
        while not self._file.is_file() or not self._file.read_bytes():
            if time.monotonic() > until:
                raise RuntimeError(self.said("scheduler"))
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._started):
            self.kill(name)

    @property
    def address(self) -> str:
        """Where the scheduler listens."""
        return str(msgspec.json.decode(self._file.read_bytes())["address"])

    def worker(
        self, name: str, *options: str, resources: str = "cpu=1", **more: str
    ) -> Path:
        """Start a worker; returns the log of the points that it measures."""
        log = self.folder / f"{name}.points"
        arguments = ["--name", name, "--resources", resources, *options]
        arguments += ["--local-directory", str(self.folder / name)]
        self._start("worker", *arguments, name=name, POINTS_LOG=str(log), **more)
        return log

    def kill(self, name: str) -> None:
        """Kill a process and all that it has started in its group."""
        process = self._started.pop(name)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)

    def said(self, name: str) -> str:
        """What a process has printed."""
        return (self.folder / f"{name}.out").read_text(errors="replace")

    def wait_for_workers(self, *names: str) -> None:
        """Wait until workers have said that they are registered."""
        self._wait(lambda: all("Registered to" in self.said(n) for n in names), names)

    def wait_for_start(self, log: Path, point: tuple[str, int]) -> None:
        """Wait until a worker has begun a point."""
        self._wait(lambda: point in started(log), (log.stem,))

    def _wait(self, is_so: Any, names: tuple[str, ...]) -> None:
        until = time.monotonic() + PATIENCE
        while not is_so():
            if time.monotonic() > until:
                raise RuntimeError("\n".join(map(self.said, names)))
            time.sleep(0.02)

    def _start(self, what: str, *arguments: str, name: str, **more: str) -> None:
        common = ["--host", "127.0.0.1", "--no-dashboard"]
        common += ["--dashboard-address", "127.0.0.1:0"]  # only counters then
        file = ["--scheduler-file", str(self._file)]
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        with (self.folder / f"{name}.out").open("wb") as out:
            self._started[name] = subprocess.Popen(
                [sys.executable, "-m", "dask", what, *common, *file, *arguments],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": path, **more},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
