"""Whatever write fails, or is the last: a message, whole files, and a repair."""

from collections.abc import Iterator

import pytest

from faulty import FAULTS
from injecting import COMMANDS, Bench, Command

EVERY = {"figures": 499, "prove": 311, "figures --no-measure": 311}
"""Of the slow commands few points are tried here, of ``init`` a few, and with each
command half of the faults; see the benchmark ``faults.py`` for all."""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with Bench(tmp_path_factory.mktemp("faults")) as found:
        yield found


@pytest.mark.parametrize(
    ("place", "command"),
    [*enumerate(COMMANDS)],
    ids=[command.name for command in COMMANDS],
)
def test_a_write_that_fails_costs_nothing_but_the_command(
    bench: Bench, place: int, command: Command
) -> None:
    every = EVERY.get(command.name, 499 if "init," in command.name else 61)
    trials = list(bench.tries(command, FAULTS[place % 2 :: 2], every))
    assert trials
    assert {(t.point, t.fault): t.problems for t in trials if t.problems} == {}


def test_the_harness_sees_a_file_that_is_written_in_place(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.ready(COMMANDS[3])
    (target,) = set(bench.good.files) - set(bench.before)
    whole = bench.good.files[target]
    torn = {**bench.good.files, target: whole[: len(whole) // 2]}
    assert list(bench._torn(torn, killed=True)) == [target]
    assert list(bench._torn(bench.good.files, killed=False)) == []
    left = {**bench.good.files, "tmp/left": b"x"}
    assert list(bench._torn(left, "unlink tmp/left", killed=False)) == []
    assert list(bench._torn(left, "write tmp/left", killed=False)) == ["tmp/left"]
