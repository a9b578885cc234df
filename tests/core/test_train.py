"""Training is repeatable, stops where it must, and rates are searched fairly."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

from bookfigs.core.listops import ListOps
from bookfigs.core.model import Model
from bookfigs.core.tasks import IGNORE, Adding, Batch, Copying, Labelled, Parity, Xor
from bookfigs.core.train import (
    Experiment,
    Outcome,
    Recipe,
    Run,
    fit,
    fit_each,
    score,
    seeded,
)


def model(task: Any, **options: Any) -> Model:
    return Model(task.d_input, task.d_output, 8, depth=1, tokens=task.tokens, **options)


def weights(of: nn.Module) -> list[Tensor]:
    return [w.detach().clone() for w in of.parameters()]


def experiment(task: Any, steps: int = 12) -> Experiment:
    return Experiment(lambda: model(task), task, Recipe(steps, 4))


class Watched:
    """A task that remembers what it drew."""

    d_input, d_output, tokens = 2, 2, True

    def __init__(self) -> None:
        self.drawn: list[Tensor] = []

    def draw(self, batch: int, generator: Generator) -> Batch:
        drawn = Parity(7).draw(batch, generator)
        self.drawn.append(drawn.x)
        return drawn


class Oracle(nn.Module):
    """Answers by a function of the input."""

    def __init__(self, answers: Any) -> None:
        super().__init__()
        self.answers, self.weight = answers, nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Any]]:
        return self.answers(x) + self.weight, []


def classes(answer: Tensor, count: int) -> Tensor:
    return nn.functional.one_hot(answer.clamp(min=0), count).float()


def recalled(x: Tensor) -> Tensor:
    kept = x[x >= 2].view(len(x), 10) - 2
    return classes(torch.cat([x[:, :-10] * 0, kept], dim=1), 8)


GIVEN = torch.eye(3)
PERFECT: dict[str, tuple[Any, Any]] = {
    "parity": (Parity(9), lambda x: classes(x.cumsum(1) % 2, 2)),
    "xor": (Xor(9, 2), lambda x: classes((x + x.roll(2, 1)) % 2, 2)),
    "adding": (Adding(9), lambda x: x.prod(2).sum(1).view(-1, 1, 1).expand(-1, 9, 1)),
    "copying": (Copying(25), recalled),
    "selective copying": (Copying(25, selective=True), recalled),
    "labelled": (
        Labelled(GIVEN, torch.arange(3), 3),
        lambda x: classes(x.argmax(1, keepdim=True).expand(-1, 3), 3),
    ),
}


@pytest.mark.parametrize("name", PERFECT)
def test_one_who_knows_the_answers_scores_one(name: str) -> None:
    task, answers = PERFECT[name]
    knows: Any = Oracle(answers)
    assert score(knows, task, 300, seed=0) == 1.0
    errs: Any = Oracle(lambda x: -answers(x))
    assert score(errs, task, 300, seed=0) < 0.6


def test_one_who_guesses_scores_by_chance() -> None:
    guesses: Any = Oracle(lambda x: torch.zeros(*x.shape, 10))
    assert score(guesses, ListOps(30), 2000, seed=0) < 0.25
    guesses = Oracle(lambda x: torch.zeros(*x.shape, 2))
    assert score(guesses, Parity(20), 2000, seed=0) == pytest.approx(0.5, abs=0.02)


def test_a_score_counts_every_question_once_however_they_are_batched() -> None:
    class Uneven(Watched):
        """Asks the first sequence of each batch three times, the others once."""

        def draw(self, batch: int, generator: Generator) -> Batch:
            x, target = super().draw(batch, generator)
            target = torch.full_like(target, IGNORE)
            target[:, -1], target[0, :3] = 0, 1
            return Batch(x, target)

    zeros: Any = Oracle(lambda x: classes(x * 0, 2))
    assert score(zeros, Uneven(), 5, seed=0, batch=4) == 5 / (5 + 6)


def test_a_score_without_a_question_is_not_a_number_and_without_a_size_refused() -> (
    None
):
    nothing = Labelled(GIVEN, torch.full((3,), IGNORE), 3)
    knows: Any = Oracle(lambda x: torch.zeros(*x.shape, 3))
    assert math.isnan(score(knows, nothing, 4, seed=0))
    with pytest.raises(ValueError, match=r"size=0.* needs a sequence or more"):
        score(knows, nothing, 0, seed=0)


def test_the_same_seed_gives_the_same_training_to_the_bit() -> None:
    first, again = (experiment(Parity(7)).train(1e-2, 3) for _ in range(2))
    assert first.losses == again.losses
    torch.testing.assert_close(
        weights(first.model), weights(again.model), rtol=0, atol=0
    )
    assert experiment(Parity(7)).train(1e-2, 4).losses != first.losses


def test_training_leaves_the_global_state_of_chance_alone() -> None:
    before = torch.get_rng_state()
    experiment(Parity(7)).train(1e-2, 3)
    assert torch.equal(torch.get_rng_state(), before)


def test_every_arm_of_a_seed_sees_the_same_batches() -> None:
    seen = []
    for mixer in ("lru", "rnn"):
        task = Watched()
        fit(model(task, mixer=mixer), task, Recipe(5, 4), 1e-2, seed=8)
        seen.append(task.drawn)
    torch.testing.assert_close(*seen, rtol=0, atol=0)
    assert len(seen[0]) == 5


def test_what_is_scored_was_drawn_by_no_training_of_any_seed() -> None:
    task = Watched()
    for seed in range(20):
        fit(model(task), task, Recipe(1, 4), 1e-2, seed)
    trained = {tuple(x.flatten().tolist()) for x in task.drawn}
    task.drawn.clear()
    for seed in range(20):
        score(model(task), task, 4, seed)
    scored = {tuple(x.flatten().tolist()) for x in task.drawn}
    assert len(trained) == len(scored) == 20
    assert trained.isdisjoint(scored)


def test_the_rate_rises_evenly_and_falls_as_a_cosine() -> None:
    shares = [Recipe(100, 1).share(step) for step in range(100)]
    assert shares[:10] == pytest.approx([0.1 * k for k in range(1, 11)])
    assert shares[10:] == sorted(shares[10:], reverse=True)
    assert shares[10 + 90 // 2] == pytest.approx(0.5, abs=0.01)
    assert 0 < shares[-1] < 1e-3
    assert max(shares) == shares[9] == 1


@pytest.mark.parametrize("steps", [1, 2, 5, 9, 10, 11])
@pytest.mark.parametrize("warm_up", [0.0, 0.1, 1.0])
def test_every_schedule_reaches_its_rate_and_no_more(
    steps: int, warm_up: float
) -> None:
    recipe = Recipe(steps, 1, warm_up=warm_up)
    shares = [recipe.share(step) for step in range(steps)]
    assert max(shares) == 1
    assert min(shares) > 0


def test_the_step_that_is_taken_has_the_size_of_the_schedule() -> None:
    """The first step of Adam moves every weight by the rate, up or down."""
    task = Parity(7)
    for warm_up, share in ((0.0, 1.0), (1.0, 0.2)):
        trained = model(task, mixer="rnn")
        before = weights(trained)
        recipe = Recipe(5, 4, warm_up=warm_up)

        class Once(Watched):
            def draw(self, batch: int, generator: Generator) -> Batch:
                x, target = super().draw(batch, generator)
                if len(self.drawn) > 1:
                    return Batch(x, torch.full_like(target, IGNORE))
                return Batch(x, target)

        assert len(fit(trained, Once(), recipe, 1e-3, seed=0)) == 1
        moved = torch.cat(
            [
                (a - b).abs().flatten()
                for a, b in zip(weights(trained), before, strict=True)
            ]
        )
        assert moved.max().item() == pytest.approx(share * 1e-3, rel=1e-3)
        assert moved.median().item() == pytest.approx(share * 1e-3, rel=1e-2)


def test_a_long_gradient_is_cut_to_the_length_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lengths = []

    def watch(self: torch.optim.AdamW) -> None:
        gradients = [p.grad.flatten() for g in self.param_groups for p in g["params"]]
        lengths.append(torch.cat(gradients).norm().item())

    monkeypatch.setattr(torch.optim.AdamW, "step", watch)
    for clip in (0.01, 1e9):
        task = Parity(7)
        fit(model(task), task, Recipe(1, 4, clip=clip), 1e-2, seed=0)
    assert lengths[0] == pytest.approx(0.01, rel=1e-3)
    assert lengths[1] > 0.02


def test_weight_decay_pulls_weights_towards_zero() -> None:
    task, sizes = Parity(7), []
    for decay in (0.0, 10.0):
        trained = model(task)
        fit(trained, task, Recipe(20, 4, decay=decay), 1e-2, seed=0)
        sizes.append(sum(float(w.square().sum()) for w in weights(trained)))
    assert sizes[1] < sizes[0] / 2


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_what_is_no_finite_number_stops_the_training(where: str) -> None:
    class Breaking(Oracle):
        """Becomes infinite, or its slope does, at the third step."""

        def forward(self, x: Tensor) -> tuple[Tensor, list[Any]]:
            self.calls = getattr(self, "calls", 0) + 1
            w: Tensor = self.weight
            if self.calls == 3:
                kept.append(w.item())
                w = w / 0 if where == "loss" else (w - w).sqrt()
            return torch.stack([x * w, x * 0], dim=-1), []

    kept: list[float] = []
    trained: Any = Breaking(None)
    losses = fit(trained, Parity(7), Recipe(9, 4), 1e-2, seed=0)
    assert len(losses) == 2
    assert [trained.weight.item()] == kept
    assert math.isfinite(kept[0])
    assert kept[0] != 0


def test_a_model_learns_what_it_is_trained_for() -> None:
    task = Copying(20, symbols=2, alphabet=3)
    arm = Experiment(
        lambda: Model(task.d_input, task.d_output, 24, mixer="lru", r_min=0.9),
        task,
        Recipe(150, 32),
    )
    trained = arm.train(1e-2, 0)
    assert len(trained.losses) == 150
    assert score(trained.model, task, 200, seed=0) > 0.9 > trained.losses[-1]


RUNS = [Run(1e-2, 3), Run(3e-2, 3), Run(1e-2, 4)]
WALKED: dict[str, dict[str, Any]] = {
    "rnn": {"mixer": "rnn"},
    "gru": {"mixer": "gru"},
    "lru": {"mixer": "lru", "form": "loop"},
    "mingru": {"mixer": "mingru", "form": "loop", "channel": "none"},
}


def abreast(make: Any, task: Any, steps: int = 6) -> tuple[list[Any], list[Any]]:
    """The same runs, one after another and side by side."""
    recipe = Recipe(steps, 4, clip=0.5)
    one, all_ = (Experiment(make, task, recipe, abreast=side) for side in (False, True))
    return list(one.train_each(RUNS)), list(all_.train_each(RUNS))


@pytest.mark.parametrize("arm", WALKED)
@pytest.mark.parametrize(
    "task",
    [Parity(7), Adding(6), Copying(9, symbols=2)],
    ids=lambda t: type(t).__name__,
)
def test_runs_abreast_train_as_each_does_alone(arm: str, task: Any) -> None:
    alone, together = abreast(lambda: model(task, **WALKED[arm]), task)
    for one, other in zip(alone, together, strict=True):
        assert other.losses == pytest.approx(one.losses, rel=2e-4)
        torch.testing.assert_close(
            weights(one.model), weights(other.model), rtol=2e-3, atol=2e-4
        )
    assert len({tuple(outcome.losses) for outcome in alone}) == len(RUNS)


def test_of_runs_abreast_a_weight_that_is_held_stays_as_it_was() -> None:
    def held() -> Model:
        made = model(Parity(7), mixer="rnn")
        made.head.weight.requires_grad = False
        return made

    _, together = abreast(held, Parity(7))
    for run, outcome in zip(RUNS, together, strict=True):
        with seeded(run.seed):
            start = held()
        assert torch.equal(outcome.model.head.weight, start.head.weight)
        assert not torch.equal(outcome.model.head.bias, start.head.bias)


def test_runs_abreast_of_one_seed_see_the_batch_that_it_draws_alone() -> None:
    def drawn(*runs: Run) -> set[tuple[int, ...]]:
        task = Watched()
        models = [model(task, mixer="rnn") for _ in runs]
        fit_each(models, task, Recipe(2, 4), runs)
        return {tuple(x.flatten().tolist()) for x in task.drawn}

    together = drawn(*RUNS)
    assert together == drawn(RUNS[0]) | drawn(RUNS[2])
    assert len(together) == 4


def test_a_model_without_a_run_is_refused() -> None:
    models = [model(Parity(7), mixer="rnn") for _ in RUNS]
    with pytest.raises(ValueError, match="shorter"):
        fit_each(models, Parity(7), Recipe(1, 4), RUNS[:2])


class Fragile(nn.Module):
    """Breaks by its root: a negative one has no value, zero no slope."""

    def __init__(self, root: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.5))
        self.root = nn.Parameter(torch.tensor(root))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Any]]:
        y = x * self.weight
        return torch.stack([y + self.root.sqrt(), -y], dim=-1), []


@pytest.mark.parametrize("root", [-1.0, 0.0], ids=["loss", "gradient"])
@pytest.mark.parametrize("breaking", [[0], [1, 2], [0, 1, 2]])
def test_a_run_that_ends_early_leaves_those_abreast_of_it(
    root: float, breaking: list[int]
) -> None:
    roots = [root if index in breaking else 1.0 for index in range(len(RUNS))]
    models: list[Any] = [Fragile(each) for each in roots]
    losses = fit_each(models, Parity(7), Recipe(3, 4), RUNS)
    for index, run in enumerate(RUNS):
        alone: Any = Fragile(roots[index])
        expected = fit(alone, Parity(7), Recipe(3, 4), *run)
        assert losses[index] == pytest.approx(expected)
        assert len(expected) == (0 if index in breaking else 3)
        torch.testing.assert_close(weights(models[index]), weights(alone))


def judged(planted: dict[tuple[float, int], float]) -> tuple[Any, list[Any]]:
    """An experiment whose outcome says its rate and seed, with its judge."""
    asked: list[tuple[float, int]] = []

    class Told(Experiment):
        def train_each(self, runs: Iterable[Run]) -> Iterator[Outcome]:
            for run in runs:
                asked.append((run.rate, run.seed))
                yield Outcome(model(self.task), [run.rate, run.seed])

    def judge(outcome: Outcome) -> float:
        rate, seed = outcome.losses
        return planted[rate, int(seed)]

    arm = Told(lambda: model(Parity(3)), Parity(3), Recipe(1, 1))
    return lambda rates, seeds: arm.best_rate(rates, seeds, judge), asked


def test_the_best_rate_is_best_on_average_over_the_seeds_given() -> None:
    planted = {(0.1, 7): 1.0, (0.1, 9): 0.0, (0.2, 7): 0.6, (0.2, 9): 0.6}
    search, asked = judged(planted)
    assert search(iter([0.1, 0.2]), iter([7, 9])) == 0.2
    assert sorted(asked) == sorted(planted)


def test_of_equal_rates_the_first_is_best_and_one_without_a_score_never() -> None:
    planted = {(0.1, 0): math.nan, (0.2, 0): 0.5, (0.3, 0): 0.5}
    search, _ = judged(planted)
    assert search([0.1, 0.2, 0.3], [0]) == 0.2
    with pytest.raises(ValueError, match="seeds is empty; needs one or more"):
        search([0.1], [])


def test_initialising_from_a_seed_is_repeatable_and_undone() -> None:
    before = torch.get_rng_state()
    with seeded(5):
        first = torch.rand(3)
    with seeded(5):
        assert torch.equal(torch.rand(3), first)
    assert torch.equal(torch.get_rng_state(), before)
