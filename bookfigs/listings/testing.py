"""Running tests by pytest inside of this process, and listening to them.

Whatever the project's own options are, tests run one after another, here, and
leave no cache behind. A module that is named as tests is tested by its doctests.
"""

import os
import re
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import pytest

from bookfigs.listings.verdict import FAILED, OTHER, PASSED

OPTIONS = (
    "-o", "addopts=", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:randomly",
    "-p", "no:pytest_cov", "-q", "--no-header", "--no-summary",
    "--continue-on-collection-errors",
    "--assert=plain", "-W", "ignore::pytest.PytestAssertRewriteWarning",
)  # fmt: skip
"""Plain assertions: pytest rewrites all of a project that is a plugin of it, and would
import its modules otherwise than their users do, and without the change of a mutant."""

OF_TESTS = re.compile(r"test_.*\.py|.*_test\.py")
"""Names of files with tests; of another Python file the doctests are meant."""


class Listener(Protocol):
    """Told of each test."""

    def begins(self, name: str) -> None:
        """Before the test and its fixtures; empty after a test."""

    def ended(self, name: str, outcome: str, seconds: float) -> None:
        """After the test, with the seconds of processor time that it took."""


def run_tests(
    root: Path,
    folder: Path,
    tests: Iterable[str],
    listener: Listener,
    chosen: Sequence[str] | None = None,
    *,
    stop: bool = False,
) -> int:
    """Run tests and return pytest's exit status.

    ``chosen`` are the only ones to be run, in this order; ``stop`` ends at the
    first that fails.
    """
    os.chdir(root)
    arguments = [*OPTIONS, "--rootdir", str(root), "--basetemp", str(folder / "tests")]
    if find_spec("hypothesis") is not None:
        arguments.append("--hypothesis-seed=0")
    if stop:
        arguments.append("-x")
    named = list(tests)
    if any(_is_module(name) for name in named):
        arguments.append("--doctest-modules")
    plugin = _Plugin(listener, None if chosen is None else list(chosen))
    return int(pytest.main([*arguments, *named], plugins=[plugin]))


def _is_module(name: str) -> bool:
    """Whether what is named is a Python file without tests of its own."""
    file = Path(name.partition("::")[0])
    return file.suffix == ".py" and not OF_TESTS.fullmatch(file.name)


class _Plugin:
    """Passes on what pytest tells."""

    def __init__(self, listener: Listener, chosen: list[str] | None) -> None:
        self._listener = listener
        self._chosen = chosen
        self._phases: dict[str, list[tuple[str, str]]] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the tests that were chosen, in their order."""
        if self._chosen is not None:
            known: Mapping[str, pytest.Item] = {item.nodeid: item for item in items}
            items[:] = [known[name] for name in self._chosen if name in known]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item
    ) -> Generator[None, object, object]:
        """Stand around a test."""
        self._listener.begins(item.nodeid)
        begin = time.process_time()
        try:
            return (yield)
        finally:
            seconds = time.process_time() - begin
            self._listener.begins("")
            phases = self._phases.pop(item.nodeid, [])
            self._listener.ended(item.nodeid, _outcome(phases), seconds)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how each phase of a test, or a part of it, ended."""
        expected = hasattr(report, "wasxfail")
        outcome = OTHER if expected else str(report.outcome)
        phase = str(report.when), outcome
        self._phases.setdefault(report.nodeid, []).append(phase)


def _outcome(phases: list[tuple[str, str]]) -> str:
    """How a test ended, all of its phases and parts taken together."""
    outcomes = {outcome for _, outcome in phases}
    if FAILED in outcomes:
        return FAILED
    whole = {when for when, _ in phases} == {"setup", "call", "teardown"}
    return PASSED if whole and outcomes == {PASSED} else OTHER
