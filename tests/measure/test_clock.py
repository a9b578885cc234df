"""The clock, on fake time; at the end, work of known duration in real time."""

import gc
import time
import weakref
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch

from bookfigs.measure import clock
from bookfigs.measure.clock import (
    FEWEST,
    MOST,
    WIDTH,
    compare,
    interleave,
)
from bookfigs.measure.conditions import Reason, Window, watch
from bookfigs.measure.interval import is_narrow
from bookfigs.measure.readings import Reading
from bookfigs.threads import pin_threads


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
def _quiet_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else runs here meanwhile, no round is repeated."""
    monkeypatch.setattr(clock, "Machine", Script())


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
    monkeypatch.setattr(torch.cuda, "get_allocator_backend", lambda: "native")
    arms = {"arm": lambda: events.append("run")}
    interleave(arms, rounds=1, device="cuda", block=3.0, timer=timer)
    assert events[-7:] == ["wait", "timer", "run", "run", "run", "wait", "timer"]
    assert events.count("wait") == events.count("timer") == 6


class Queue(World):
    """A device: an arm only enqueues its work, which passes while it is waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = 0.0

    def arm(self, name: str, *durations: float) -> Callable[[], None]:
        (seconds,) = durations

        def enqueue() -> None:
            self.now += 1e-6  # the launch
            self.ahead += seconds
            self.ran.append(name)

        return enqueue

    def wait(self) -> None:
        self.now += self.ahead
        self.ahead = 0.0


def test_an_arm_that_does_not_wait_for_its_device_is_measured_to_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue = Queue()
    monkeypatch.setattr(torch.cuda, "synchronize", queue.wait)
    monkeypatch.setattr(torch.cuda, "get_allocator_backend", lambda: "native")
    arms = {"long": queue.arm("long", 0.01), "short": queue.arm("short", 0.001)}
    found = interleave(arms, rounds=3, device="cuda", block=0.05, timer=queue.timer)
    assert found["long"] == pytest.approx([0.01] * 3, rel=0.02)
    assert found["short"] == pytest.approx([0.001] * 3, rel=0.02)
    hasty = interleave(arms, rounds=3, device="cpu", block=0.05, timer=queue.timer)
    assert max(hasty["long"]) < 0.001  # what a missing synchronise would say


@pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no CUDA device: nothing can be enqueued"
)
def test_on_cuda_a_missing_synchronise_would_be_noticed() -> None:
    x = torch.randn(4096, 4096, device="cuda")

    def product() -> object:
        return x @ x

    waited = interleave({"product": product}, rounds=3, device="cuda")["product"]
    torch.cuda.synchronize()
    begin = time.perf_counter()
    product()
    hasty = time.perf_counter() - begin
    torch.cuda.synchronize()
    assert hasty < 0.5 * min(waited)


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


class Script:
    """A machine that tells a prepared story: what speaks against each window."""

    def __init__(self, *reasons: list[Reason]) -> None:
        self.reasons = iter(reasons)
        self.readings = 0

    def __call__(self, device: str) -> "Script":
        assert device in {"cpu", "cuda"}
        return self

    def read(self) -> Reading:
        self.readings += 1
        return Reading(float(self.readings))

    def window(self, before: Reading, after: Reading) -> Window:
        assert after.at == before.at + 1
        return Window(next(self.reasons, []), others=0.25 * self.readings)


def steady(world: World, *names: str) -> dict[str, Callable[[], None]]:
    return {name: world.arm(name, 1.0) for name in names}


def noisy(world: World, spread: float, seed: int = 0) -> Callable[[], None]:
    """An arm whose runs vary, deterministically, by this share around a second."""
    dice = np.random.default_rng(seed).uniform(-1, 1, 999)
    return world.arm("noisy", *(1 + spread * dice).tolist())


def test_steady_arms_take_the_fewest_rounds(world: World) -> None:
    with watch() as seen:
        samples = compare(steady(world, "a", "b"), timer=world.timer)
    assert samples == {"a": [1.0] * FEWEST, "b": [1.0] * FEWEST}
    assert [(run.rounds, run.stopped) for run in seen.runs] == [(FEWEST, "narrow")]


def test_noisy_arms_take_the_most_rounds(world: World) -> None:
    arms = {"steady": world.arm("steady", 1.0), "noisy": noisy(world, 0.9)}
    with watch() as seen:
        samples = compare(arms, timer=world.timer)
    assert [len(taken or []) for taken in samples.values()] == [MOST] * 2
    assert seen.runs[0].stopped == "rounds"


def test_rounds_go_on_until_the_interval_is_narrow_and_no_further(world: World) -> None:
    arms = {"steady": world.arm("steady", 1.0), "noisy": noisy(world, 0.11)}
    samples = compare(arms, timer=world.timer, most=200)["noisy"]
    assert samples is not None
    assert FEWEST < len(samples) < 200
    assert is_narrow(samples, WIDTH)
    assert not any(is_narrow(samples[:n], WIDTH) for n in range(FEWEST, len(samples)))


def test_what_hits_all_arms_of_a_round_alike_needs_no_more_rounds(world: World) -> None:
    shared = [1.0, 1.0, *(1.0 + (i % 7) for i in range(99))]
    arms = {name: world.arm(name, *shared) for name in "ab"}
    samples = compare(arms, timer=world.timer, block=1e-3)
    assert len(samples["a"] or []) == FEWEST
    alone = compare({"a": world.arm("a", *shared)}, timer=world.timer, block=1e-3)
    assert len(alone["a"] or []) == MOST


def test_the_seconds_bound_the_rounds_beyond_the_fewest(world: World) -> None:
    arms = {"steady": world.arm("steady", 1.0), "noisy": noisy(world, 0.9)}
    with watch() as seen:
        samples = compare(arms, timer=world.timer, seconds=40)
    assert len(samples["noisy"] or []) == pytest.approx(20, abs=3)
    assert seen.runs[0].stopped == "seconds"
    short = compare(arms, timer=world.timer, seconds=0)
    assert len(short["noisy"] or []) == FEWEST


@pytest.mark.parametrize(("fewest", "most"), [(0, 5), (6, 5)])
def test_rounds_that_cannot_be_are_refused(
    world: World, fewest: int, most: int
) -> None:
    with pytest.raises(ValueError, match=f"in {fewest} to {most} rounds"):
        compare(steady(world, "a"), fewest=fewest, most=most, timer=world.timer)


def test_warm_up_is_reported_apart_and_is_in_no_sample(world: World) -> None:
    arms = {"compiled": world.arm("compiled", 60.0, 0.5, 0.25)}
    with watch() as seen:
        samples = compare(arms, timer=world.timer, block=0.5)
    assert seen.runs[0].warm_up == {"compiled": [60.0, 0.5]}
    assert samples == {"compiled": [0.25] * FEWEST}


def out_of_memory(
    world: World, name: str, after: int, error: Exception
) -> Callable[[], None]:
    """An arm that runs so many times, then fails."""
    left = after

    def run() -> None:
        nonlocal left
        world.now += 1.0
        world.ran.append(name)
        left -= 1
        if left < 0:
            raise error

    return run


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("CUDA error: out of memory"),
    MemoryError(),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
@pytest.mark.parametrize("after", [0, 1, 2, 5])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_arm_out_of_memory_is_a_gap_and_the_others_go_on(
    error: Exception, after: int, place: int
) -> None:
    world = World()
    others = list(steady(world, "a", "b").items())
    big = out_of_memory(world, "big", after, error)
    arms = dict([*others[:place], ("big", big), *others[place:]])
    with watch() as seen:
        samples = compare(arms, timer=lambda: world.now, block=0.5)
    assert list(samples) == list(arms)
    assert samples == {"a": [1.0] * FEWEST, "b": [1.0] * FEWEST, "big": None}
    assert seen.runs[0].gaps == {"big": "out of memory"}
    assert seen.runs[0].stopped == "narrow"


def test_all_arms_out_of_memory_are_gaps() -> None:
    world = World()
    arms = {n: out_of_memory(world, n, 4, MemoryError()) for n in "ab"}
    with watch() as seen:
        samples = compare(arms, timer=lambda: world.now, block=0.5)
    assert samples == {"a": None, "b": None}
    assert (seen.runs[0].rounds, seen.runs[0].stopped) == (0, "nothing left")


def test_what_an_arm_out_of_memory_held_is_free_before_the_next_runs() -> None:
    class Held:
        def __init__(self) -> None:
            self.me = self  # only the collector frees a circle

    alive: list[weakref.ref[Held]] = []
    seen: list[bool] = []

    def big() -> None:
        held = Held()
        alive.append(weakref.ref(held))
        raise MemoryError

    def small() -> None:
        seen.append(alive[-1]() is not None)

    compare({"big": big, "small": small}, fewest=1, most=1, block=1e-9)
    assert seen
    assert not any(seen)


def test_another_error_than_memory_is_raised(world: World) -> None:
    arms = {"wrong": out_of_memory(world, "wrong", 3, RuntimeError("shapes differ"))}
    with pytest.raises(RuntimeError, match="shapes differ"):
        compare(arms, timer=world.timer)


def test_interleave_has_no_gaps_and_raises_instead(world: World) -> None:
    arms = {"big": out_of_memory(world, "big", 3, MemoryError("too big"))}
    with pytest.raises(MemoryError, match="too big"):
        interleave(arms, rounds=3, timer=world.timer)


def test_a_disturbed_round_is_repeated_and_its_samples_are_not_used(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "Machine", Script([], ["loaded"], ["loaded", "stolen"]))
    arms = {"a": world.arm("a", 1.0, 1.0, 2.0, 98.0, 99.0, 3.0, 4.0)}
    with watch() as seen:
        samples = interleave(arms, rounds=3, timer=world.timer)
    assert samples == {"a": [2.0, 3.0, 4.0]}
    assert (seen.windows, seen.refused_windows, seen.disturbed_windows) == (3, 2, 0)
    assert seen.refused == {"loaded": 2, "stolen": 1}
    assert seen.others == 1.5


def test_repeating_a_round_does_not_turn_the_order(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "Machine", Script([], ["unsteady"], []))
    interleave(steady(world, "a", "b", "c"), rounds=3, timer=world.timer)
    orders = ["".join(names(blocks)) for blocks in world.rounds(3)]
    assert orders == ["abc", "bca", "bca", "cab"]


def test_patience_ends_and_the_disturbed_windows_are_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    always: list[list[Reason]] = [["throttled"]] * 99
    monkeypatch.setattr(clock, "Machine", Script(*always))
    with watch() as seen:
        samples = interleave(steady(world, "a"), rounds=4, timer=world.timer)
    assert samples == {"a": [1.0] * 4}
    assert (seen.windows, seen.refused_windows, seen.disturbed_windows) == (4, 4, 4)
    assert seen.disturbed == {"throttled": 4}


def test_the_settings_of_the_process_are_written_down(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    monkeypatch.setenv("LD_PRELOAD", "")
    with watch() as seen:
        interleave(steady(world, "a"), rounds=1, timer=world.timer)
    assert seen.settings["threads"] == str(torch.get_num_threads())
    assert seen.settings["denormals"] in {"flushed", "kept"}
    assert "MALLOC_ARENA_MAX=2" in seen.settings["environment"]


def test_a_gpu_out_of_memory_gives_its_cache_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events: list[str] = []
    world = World()
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: events.append("wait"))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: events.append("free"))
    monkeypatch.setattr(torch.cuda, "get_allocator_backend", lambda: "native")
    big = out_of_memory(world, "big", 2, OUT_OF_MEMORY[0])
    arms = {"big": big, "small": world.arm("small", 1.0)}
    with watch() as seen:
        samples = compare(arms, device="cuda", timer=lambda: world.now, block=0.5)
    assert samples == {"big": None, "small": [1.0] * FEWEST}
    assert events.count("free") == 1
    assert seen.settings["cuda allocator"] == "native"


def test_real_time_is_measured_by_the_real_clock() -> None:
    """Sleeping never takes less than asked; a busy machine may make it take more."""
    arms = {
        "long": lambda: time.sleep(0.02),
        "short": lambda: time.sleep(0.002),
    }
    samples = interleave(arms, rounds=3, block=0.01)
    assert min(samples["long"]) >= 0.02
    assert min(samples["short"]) >= 0.002
    assert min(samples["long"]) / min(samples["short"]) == pytest.approx(10, rel=0.9)


def test_ten_times_the_work_takes_about_ten_times_the_time() -> None:
    """In time of this process, and the quickest of several rounds, within wide
    bounds: other programs may run."""
    arms = {
        "once": lambda: sum(range(20_000)),
        "ten times": lambda: sum(range(200_000)),
    }
    samples = interleave(arms, rounds=7, block=0.02, timer=time.process_time)
    assert 4 < min(samples["ten times"]) / min(samples["once"]) < 25
