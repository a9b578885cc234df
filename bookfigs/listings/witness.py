"""Witnesses: which passing tests executed which lines of a file.

Runs in a process of its own, under coverage.py, which is told of the test that
is running.
"""

import os
import sys
from pathlib import Path

import msgspec
from msgspec import Struct

from bookfigs.listings.child import receive
from bookfigs.listings.confine import confine


class Hearing(Struct, frozen=True):
    """Which tests are heard about which file."""

    root: str
    source: str
    tests: list[str]


class Witness(Struct, frozen=True):
    """What one test says."""

    outcome: str
    lines: list[int]
    """Lines that were executed while it ran."""


class Heard(Struct, frozen=True):
    """What all tests say."""

    status: int
    """How pytest ended."""
    tests: dict[str, Witness]
    """In the order in which they ran."""
    imported: list[int]
    """Lines that were executed outside of every test, as modules are imported."""
    modules: list[str]
    """Modules that were loaded, in their order."""
    refused: list[str]
    """What tests were kept from doing."""


def main() -> None:
    """Hear the tests that this process was started for."""
    hearing, pipe = receive(Hearing)
    heard = hear(hearing, Path.cwd().parent)
    with os.fdopen(pipe, "wb") as answers:
        answers.write(msgspec.json.encode(heard))


def hear(hearing: Hearing, folder: Path) -> Heard:
    """Run the tests, and ask coverage.py for the lines of each."""
    from coverage import Coverage  # noqa: PLC0415 - only needed here

    from bookfigs.listings.testing import run_tests  # noqa: PLC0415 - imports pytest

    source = os.path.realpath(hearing.source)
    watch = Coverage(
        data_file=None, config_file=False, include=[source], messages=False
    )
    refused: list[str] = []
    outcomes: dict[str, str] = {}

    class Clerk:
        def begins(self, name: str) -> None:
            watch.switch_context(name)

        def ended(self, name: str, outcome: str, seconds: float) -> None:
            del seconds
            outcomes[name] = outcome

    confine(folder, lambda _, what: refused.append(what), alone=False)
    watch.start()
    try:
        status = run_tests(Path(hearing.root), folder, hearing.tests, Clerk())
    finally:
        watch.stop()
    lines: dict[str, list[int]] = {"": []}
    for line, names in sorted(watch.get_data().contexts_by_lineno(source).items()):
        for name in names:
            lines.setdefault(name, []).append(line)
    tests = {name: Witness(outcomes[name], lines.get(name, [])) for name in outcomes}
    return Heard(status, tests, lines[""], list(sys.modules), refused)
