"""Training to a target: each run of many is what it would be alone."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.optim import Adam

from bookfigs.core.model import Model
from bookfigs.core.target import Race, Runs, Stack
from bookfigs.core.tasks import Adding, Batch, Copying, Task, loss
from bookfigs.core.train import seeded

COPYING, ADDING = Copying(4, symbols=2, alphabet=2), Adding(4)
STEPS = 4


def make(task: Task, **options: Any) -> Model:
    return Model(
        task.d_input, task.d_output, 8, depth=1, channel="none", tokens=task.tokens,
        **options,
    )  # fmt: skip


def rnn() -> Model:
    return make(COPYING, mixer="rnn")


RACE = Race(rnn, COPYING, batch=8, target=0.1, longest=2000)


def alone(maker: Callable[[], Model], seed: int) -> Model:
    with seeded(seed):
        return maker()


@pytest.mark.parametrize("task", [COPYING, ADDING])
@pytest.mark.parametrize(
    "options",
    [{"mixer": "rnn"}, {"mixer": "gru"}, {"mixer": "lru", "form": "loop"}],
)
def test_many_runs_train_as_each_does_alone_with_the_optimiser_of_the_framework(
    task: Task, options: dict[str, Any]
) -> None:
    def maker() -> Model:
        return make(task, **options)

    rates, seeds, batch = [0.01, 0.1, 0.001], [5, 6, 5], 3
    runs = Runs(Stack(maker, seeds), rates)
    data, judge = Generator().manual_seed(0), task.draw(7, Generator())
    models = [alone(maker, seed) for seed in seeds]
    optimisers = [
        Adam(m.parameters(), rate) for m, rate in zip(models, rates, strict=True)
    ]
    for _ in range(STEPS):
        x, target = task.draw(len(seeds) * batch, data)
        runs.step(x, target)
        for i, (model, optimiser) in enumerate(zip(models, optimisers, strict=True)):
            mine = slice(i * batch, (i + 1) * batch)
            optimiser.zero_grad()
            loss(model(x[mine])[0], target[mine]).backward()
            optimiser.step()
    expected = [loss(model(judge.x)[0], judge.target).item() for model in models]
    assert runs.losses(*judge).tolist() == pytest.approx(expected, rel=1e-3)
    assert expected[0] != pytest.approx(expected[2], rel=1e-2)  # the rates count


def test_a_run_that_leaves_does_not_disturb_the_others() -> None:
    pair, single = (Runs(Stack(rnn, seeds), [0.01] * len(seeds))
                    for seeds in ([1, 2], [2]))  # fmt: skip
    batches = [COPYING.draw(4, Generator().manual_seed(k)) for k in range(STEPS)]
    other = COPYING.draw(4, Generator().manual_seed(99))
    for k, (x, target) in enumerate(batches):
        single.step(x, target)
        if k < 2:
            both = (torch.cat([a, b]) for a, b in zip(other, (x, target), strict=True))
            pair.step(*both)
        else:
            if k == 2:
                pair.keep(torch.tensor([False, True]))
            pair.step(x, target)
    assert pair.index.tolist() == [1]
    judge = COPYING.draw(16, Generator())
    assert pair.losses(*judge) == pytest.approx(single.losses(*judge), rel=1e-4)


class Given:
    """A race whose losses are given: what is tested is when they cross the target."""

    def __init__(self, levels: Sequence[tuple[int, Sequence[float]]]) -> None:
        self.levels = levels

    def __call__(self, runs: Runs, _seed: int) -> Iterator[tuple[int, Tensor]]:
        for k, errors in self.levels:
            yield k, torch.tensor(errors)[runs.index]


INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("levels", "steps"),
    [
        ([(0, [1.0]), (1, [0.25])], 1),  # exactly there
        ([(0, [1.0]), (2, [0.0625])], 1),  # half of the logarithm
        ([(0, [1.0]), (3, [0.5]), (9, [0.0625])], 3 + 6 / 3),
        ([(0, [0.125])], 0),
        ([(0, [1.0]), (1, [0.5])], INF),
        ([(0, [1.0]), (1, [NAN]), (2, [0.125])], INF),
        ([(0, [1.0]), (1, [INF]), (2, [0.125])], INF),
        ([(0, [1.0]), (2, [0.0625]), (3, [5.0])], 1),  # the first time counts
    ],
)
def test_steps_are_counted_to_where_the_loss_crosses_the_target(
    levels: Sequence[tuple[int, Sequence[float]]],
    steps: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Race, "_evaluations", staticmethod(Given(levels)))
    quarter = replace(RACE, target=0.25)
    assert quarter.steps([0.1], [0]).item() == pytest.approx(steps)


def test_each_run_is_found_in_its_own_place(monkeypatch: pytest.MonkeyPatch) -> None:
    levels = [(0, [1.0] * 4), (2, [1, 0.01, 1, NAN]), (4, [1, 1, 0.01, 1])]
    monkeypatch.setattr(Race, "_evaluations", staticmethod(Given(levels)))
    assert RACE.steps([0.1] * 4, range(4)).tolist() == pytest.approx([INF, 1, 3, INF])


@pytest.mark.parametrize(
    ("second", "best"),
    [
        ([0.01, 1, 0.01, 0.01], 0.2),  # the first rate lacks a seed
        ([0.05, 0.05, 0.01, 0.01], 0.2),  # both are there, the second earlier
        ([0.01, 0.09, 0.05, 0.05], 0.2),  # the slowest seed counts
        ([0.01, 0.01, 0.01, 1], 0.1),
    ],
)
def test_the_rate_whose_slowest_seed_is_first_wins(
    second: Sequence[float], best: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels = [(0, [1.0] * 4), (2, second), (4, [0.01] * 4)]
    monkeypatch.setattr(Race, "_evaluations", staticmethod(Given(levels)))
    assert RACE.best_rate([0.1, 0.2], [7, 8]) == best


def test_a_search_that_finds_no_rate_says_what_to_do() -> None:
    hopeless = replace(RACE, longest=2, target=1e-6)
    with pytest.raises(
        ValueError, match=r"batch 8: no rate of \[0.1\].*within 2 steps"
    ):
        hopeless.best_rate([0.1], [0, 1])


def test_every_run_reaches_a_target_that_can_be_reached() -> None:
    found = RACE.steps([0.01, 0.02], [0, 1])
    assert found.isfinite().all()
    assert (found > 5).all()
    assert torch.equal(found, RACE.steps([0.01, 0.02], [0, 1]))


def test_a_larger_batch_takes_fewer_steps() -> None:
    few, many = (replace(RACE, batch=B).steps([0.02] * 4, range(4)) for B in (2, 32))
    assert many.median() < 0.7 * few.median()


class Recorder:
    """A task that remembers what it drew."""

    def __init__(self) -> None:
        self.task, self.drawn = ADDING, list[Tensor]()
        self.d_input, self.d_output, self.tokens = 2, 1, False

    def draw(self, batch: int, generator: Generator) -> Batch:
        self.drawn.append((drawn := self.task.draw(batch, generator)).x)
        return drawn


def test_no_sequence_is_seen_twice_nor_judged_on() -> None:
    task = Recorder()
    race = Race(
        lambda: make(ADDING, mixer="rnn"), task, 4, 1e-9, longest=5, judged_on=6
    )
    race.steps([0.01] * 2, [0, 1])
    sequences = torch.cat(task.drawn).flatten(1)
    assert len(sequences) == 6 + 5 * 2 * 4
    assert len(sequences.unique(dim=0)) == len(sequences)


def test_other_seeds_draw_other_data() -> None:
    first, second = Recorder(), Recorder()
    for task, seed in ((first, 0), (second, 1)):
        race = Race(lambda: make(ADDING, mixer="rnn"), task, 4, 1e-9, 1, judged_on=6)
        race.steps([0.01], [seed])
    assert torch.equal(first.drawn[0], second.drawn[0])  # judged on the same
    assert not torch.equal(first.drawn[1], second.drawn[1])


class Idle(Runs):
    """Runs that nothing happens to."""

    def __init__(self) -> None:
        self.index = torch.arange(1)

    def step(self, x: Tensor, target: Tensor) -> None:
        """Stay as they are."""

    def losses(self, x: Tensor, target: Tensor) -> Tensor:
        """Stay where they are."""
        del x, target
        return torch.ones(1)


def test_evaluations_are_as_dense_for_each_doubling_of_the_steps() -> None:
    race = replace(RACE, longest=1600, batch=1, judged_on=1)
    at = [k for k, _ in race._evaluations(Idle(), 0)]
    assert at[:12] == list(range(12))
    assert at[-1] == 1600
    doublings = [sum(n < k <= 2 * n for k in at) for n in (200, 400, 800)]
    assert max(doublings) - min(doublings) <= 1


def test_the_stack_leaves_the_global_state_alone() -> None:
    before = torch.random.get_rng_state()
    stack = Stack(lambda: make(COPYING, mixer="rnn"), [3, 4])
    assert torch.equal(torch.random.get_rng_state(), before)
    weights = nn.utils.parameters_to_vector(alone(rnn, 4).parameters())
    assert torch.equal(stack.rows[1], weights)
