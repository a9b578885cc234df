"""The clock, on fake time: nothing here waits for a real second."""

import gc
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
import torch

from bookfigs.measure.clock import interleave, pin_threads


class World:
    """Time that passes only when an arm runs, and who ran when."""

    def __init__(self) -> None:
        self.now = 0.0
        self.ran: list[str] = []
        self.blocks: list[list[str]] = []
        self._open = False

    def timer(self) -> float:
        """Every second reading closes a block."""
        if self._open:
            self.blocks.append(self.ran)
        self.ran, self._open = [], not self._open
        return self.now

    def arm(self, name: str, *durations: float) -> Callable[[], None]:
        """Take these durations in turn, then the last one for ever."""
        ahead = iter(durations)
        seconds = 0.0

        def run() -> None:
            nonlocal seconds
            seconds = next(ahead, seconds)
            self.now += seconds
            self.ran.append(name)

        return run

    def rounds(self, arms: int) -> list[list[list[str]]]:
        """The blocks after the warm-up, which is two for each arm."""
        timed = self.blocks[2 * arms :]
        return [timed[i : i + arms] for i in range(0, len(timed), arms)]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(autouse=True)
def _quick_collections() -> Iterator[None]:
    """Keep the collector from going through all that torch has made."""
    gc.freeze()
    yield
    gc.unfreeze()


def names(blocks: list[list[str]]) -> list[str]:
    return [block[0] for block in blocks]


@pytest.mark.parametrize("duration", [1e-6, 0.0003, 0.003, 0.5, 7.0])
def test_an_arm_of_known_duration_is_measured_exactly(
    world: World, duration: float
) -> None:
    arms = {"known": world.arm("known", duration)}
    samples = interleave(arms, rounds=4, block=0.001, timer=world.timer)
    assert samples == {"known": [duration] * 4}


def test_arms_do_not_take_each_others_time(world: World) -> None:
    arms = {"slow": world.arm("slow", 0.5), "fast": world.arm("fast", 0.002)}
    samples = interleave(arms, rounds=3, timer=world.timer)
    assert samples == {"slow": [0.5] * 3, "fast": [0.002] * 3}


def test_every_sample_is_kept_in_the_order_of_the_rounds(world: World) -> None:
    arms = {"drifting": world.arm("drifting", 1.0, 1.0, 3.0, 1.0, 2.0)}
    samples = interleave(arms, rounds=3, timer=world.timer)
    assert samples == {"drifting": [3.0, 1.0, 2.0]}


def test_a_sample_is_the_mean_of_its_block(world: World) -> None:
    arms = {"uneven": world.arm("uneven", 1.0, 1.0, 1.0, 3.0)}
    samples = interleave(arms, rounds=1, block=2.0, timer=world.timer)
    assert samples == {"uneven": [2.0]}


def test_the_order_rotates_from_round_to_round(world: World) -> None:
    arms = {name: world.arm(name, 1.0) for name in "abc"}
    interleave(arms, rounds=5, timer=world.timer)
    orders = ["".join(names(blocks)) for blocks in world.rounds(3)]
    assert orders == ["abc", "bca", "cab", "abc", "bca"]


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("rounds", [1, 2, 7])
def test_every_round_runs_every_arm_once(world: World, count: int, rounds: int) -> None:
    arms = {name: world.arm(name, 1.0) for name in "abcde"[:count]}
    samples = interleave(arms, rounds=rounds, timer=world.timer)
    assert [sorted(names(blocks)) for blocks in world.rounds(count)] == [
        sorted(arms)
    ] * rounds
    assert {name: len(values) for name, values in samples.items()} == dict.fromkeys(
        arms, rounds
    )


@pytest.mark.parametrize(
    ("duration", "runs"), [(0.004, 5), (0.0085, 3), (0.02, 1), (0.021, 1), (9.0, 1)]
)
def test_a_block_is_as_many_runs_as_its_length_needs(
    world: World, duration: float, runs: int
) -> None:
    arms = {"arm": world.arm("arm", duration)}
    interleave(arms, rounds=2, block=0.02, timer=world.timer)
    assert world.rounds(1) == [[["arm"] * runs]] * 2


def test_each_arm_has_a_block_of_its_own_length(world: World) -> None:
    arms = {"slow": world.arm("slow", 0.5), "fast": world.arm("fast", 0.125)}
    interleave(arms, rounds=2, block=1.0, timer=world.timer)
    assert [[len(block) for block in blocks] for blocks in world.rounds(2)] == [
        [2, 8],
        [8, 2],
    ]


def test_a_slow_first_run_does_not_shorten_the_blocks(world: World) -> None:
    arms = {"compiled": world.arm("compiled", 60.0, 0.25)}
    samples = interleave(arms, rounds=1, block=1.0, timer=world.timer)
    assert world.rounds(1) == [[["compiled"] * 4]]
    assert samples == {"compiled": [0.25]}


def test_every_arm_runs_at_least_twice_before_the_first_round(world: World) -> None:
    arms = {name: world.arm(name, 1.0) for name in "ab"}
    interleave(arms, rounds=1, timer=world.timer)
    warm_up = [name for block in world.blocks[:-2] for name in block]
    assert all(warm_up.count(name) >= 2 for name in "ab")
    assert names(world.blocks[-2:]) == ["a", "b"]


def test_a_timer_that_stands_still_gives_no_zero_and_no_endless_block(
    world: World,
) -> None:
    arms = {"instant": world.arm("instant", 0.0)}
    samples = interleave(arms, rounds=2, block=1e-6, timer=world.timer)
    assert samples == {"instant": [1e-9, 1e-9]}
    assert [len(block) for (block,) in world.rounds(1)] == [1000, 1000]


@pytest.mark.parametrize("rounds", [0, -1])
def test_fewer_than_one_round_is_refused(world: World, rounds: int) -> None:
    with pytest.raises(ValueError, match=f"1 arms in {rounds} rounds"):
        interleave({"a": world.arm("a", 1.0)}, rounds=rounds, timer=world.timer)
    assert world.blocks == []


def test_no_arms_are_refused(world: World) -> None:
    with pytest.raises(ValueError, match="0 arms in 3 rounds"):
        interleave({}, rounds=3, timer=world.timer)


@pytest.fixture
def _collector() -> Iterator[None]:
    """Leave the garbage collector as it was, whatever a test does."""
    enabled = gc.isenabled()
    yield
    (gc.enable if enabled else gc.disable)()


@pytest.mark.usefixtures("_collector")
@pytest.mark.parametrize("before", [True, False])
def test_the_garbage_collector_rests_while_blocks_run(
    world: World, *, before: bool
) -> None:
    resting: list[bool] = []

    def arm() -> None:
        world.now += 1.0
        resting.append(not gc.isenabled())

    (gc.enable if before else gc.disable)()
    interleave({"arm": arm}, rounds=3, timer=world.timer)
    assert resting[-3:] == [True] * 3
    assert gc.isenabled() == before


@pytest.mark.usefixtures("_collector")
@pytest.mark.parametrize("run", [1, 2, 3, 4])
def test_the_garbage_collector_comes_back_after_an_exception(
    world: World, run: int
) -> None:
    left = run

    def arm() -> None:
        nonlocal left
        world.now += 1.0
        left -= 1
        if left == 0:
            raise ZeroDivisionError

    gc.enable()
    with pytest.raises(ZeroDivisionError):
        interleave({"arm": arm}, rounds=3, timer=world.timer)
    assert gc.isenabled()


@pytest.mark.usefixtures("_collector")
def test_garbage_is_collected_between_rounds(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks_done: list[int] = []
    monkeypatch.setattr(gc, "collect", lambda: blocks_done.append(len(world.blocks)))
    arms = {name: world.arm(name, 1.0) for name in "ab"}
    interleave(arms, rounds=3, timer=world.timer)
    assert [later - earlier for earlier, later in pairwise(blocks_done)] == [2, 2]


def test_a_device_is_waited_for_at_the_ends_of_a_block_and_not_inside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events: list[str] = []
    seconds = iter(range(100))

    def timer() -> float:
        events.append("timer")
        return float(next(seconds))

    monkeypatch.setattr(torch.cuda, "synchronize", lambda: events.append("wait"))
    arms = {"arm": lambda: events.append("run")}
    interleave(arms, rounds=1, device="cuda", block=3.0, timer=timer)
    assert events[-7:] == ["wait", "timer", "run", "run", "run", "wait", "timer"]
    assert events.count("wait") == events.count("timer") == 6


def test_the_processor_is_not_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(torch.cuda, "synchronize")
    interleave({"arm": world.arm("arm", 1.0)}, rounds=1, timer=world.timer)


@pytest.fixture
def _threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.set_flush_denormal(False)


@pytest.mark.usefixtures("_threads")
def test_pinning_sets_the_threads_and_flushes_denormals() -> None:
    tiny = torch.tensor([torch.finfo(torch.float64).tiny], dtype=torch.float64)
    assert (tiny / 2).item() > 0
    for threads in (1, 2):
        pin_threads(threads)
        assert torch.get_num_threads() == threads
    if torch.set_flush_denormal(True):
        torch.set_flush_denormal(False)
        pin_threads(1)
        assert (tiny / 2).item() == 0
