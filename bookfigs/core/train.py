"""Training: one protocol for every model, so that arms compare.

A learning rate is searched for every arm among the same rates, on
seeds that are not those of the result.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import compress, product
from statistics import mean
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import functional_call, vmap
from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from bookfigs.core.model import Model
from bookfigs.core.tasks import IGNORE, Task, loss, right


@dataclass(frozen=True)
class Recipe:
    """How much is trained, and how, but for the learning rate."""

    steps: int
    batch: int
    warm_up: float = 0.1
    """Share of the steps in which the rate rises; then it falls."""
    clip: float = 1.0
    """Largest norm of a gradient."""
    decay: float = 0.0
    """Weight decay."""

    def share(self, step: int) -> float:
        """What part of the rate applies at a step, counted from 0.

        (step + 1)/w for the first w steps, w = warm_up · steps; then
        ½ + ½ cos(π u), u rising evenly to almost 1.

        Edge cases: the first step is a warm-up even if w is 0.
        """
        w = max(1, round(self.warm_up * self.steps))
        if step < w:
            return (step + 1) / w
        u = (step + 1 - w) / (self.steps + 1 - w)
        return 0.5 + 0.5 * math.cos(math.pi * u)


class Run(NamedTuple):
    """What one model is trained with."""

    rate: float
    """The learning rate."""
    seed: int
    """Of the weights to begin with, and of the batches."""


def fit(
    model: Model, task: Task, recipe: Recipe, rate: float, seed: int
) -> list[float]:
    """Train a model in place; the loss of each step.

    AdamW (Loshchilov & Hutter 2017, arXiv:1711.05101) with a linear
    warm-up to ``rate`` and a cosine down to almost zero, the norm of
    the gradient clipped; see :meth:`Recipe.share`. Step k sees the
    same batch in every arm of the same seed.

    Edge cases: a loss or a gradient that is no finite number ends the
    training; the weights before that step stay, and there are fewer
    losses than steps.
    Cost: steps · a forward and backward pass of the batch.
    """
    return fit_each([model], task, recipe, [Run(rate, seed)])[0]


def fit_each(
    models: Sequence[Model],
    task: Task,
    recipe: Recipe,
    runs: Sequence[Run],
) -> list[list[float]]:
    """Train several models in place, as :func:`fit` trains each.

    They advance side by side, so that one operation serves all of
    them: a recurrence that is walked makes T small ones, and a small
    model leaves most of the machine idle. One whose training ends
    early leaves the others.

    Shapes: a run and a list of losses for each model.
    Preconditions: a model at least; if there are several, of one
    architecture and of operations that ``torch.func.vmap`` maps:
    recurrences with ``form="loop"``; attention is mapped, slowly.
    Edge cases: those of :func:`fit`, for each model.
    Raises: ValueError unless there is a run for each model.
    Cost: that of all trainings, in as many calls as of one.
    """
    device = next(models[0].parameters()).device
    trainees = [
        Trainee(model, recipe, run)
        for model, run in zip(models, runs, strict=True)
    ]
    data = {
        run.seed: torch.Generator().manual_seed(2 * run.seed)
        for run in runs
    }
    active = trainees
    for _ in range(recipe.steps):
        drawn = {
            seed: [
                z.to(device) for z in task.draw(recipe.batch, source)
            ]
            for seed, source in data.items()
        }
        xs, targets = zip(
            *(drawn[trainee.run.seed] for trainee in active),
            strict=True,
        )
        for trainee in active:
            trainee.optimiser.zero_grad()
        ys = outputs([trainee.model for trainee in active], xs)
        errors = [
            loss(y, target)
            for y, target in zip(ys, targets, strict=True)
        ]
        sane = [bool(torch.isfinite(error)) for error in errors]
        kept = [*compress(errors, sane)]
        active = [*compress(active, sane)]
        if not active:
            break
        torch.stack(kept).sum().backward()
        active = [
            trainee
            for trainee, error in zip(active, kept, strict=True)
            if trainee.step(error.item())
        ]
        if not active:
            break
    return [trainee.losses for trainee in trainees]


class Trainee:
    """A model with what changes it."""

    def __init__(
        self, model: Model, recipe: Recipe, run: Run
    ) -> None:
        self.model, self.run, self.clip = model, run, recipe.clip
        self.optimiser = AdamW(  # fused: one call for all weights
            model.parameters(),
            run.rate,
            weight_decay=recipe.decay,
            fused=True,
        )
        self.schedule = LambdaLR(self.optimiser, recipe.share)
        self.losses: list[float] = []

    def step(self, error: float) -> bool:
        """Change the weights, unless the gradient is not finite."""
        norm = clip_grad_norm_(self.model.parameters(), self.clip)
        if not torch.isfinite(norm):
            return False
        self.losses.append(error)
        self.optimiser.step()
        self.schedule.step()
        return True


def outputs(
    models: Sequence[Model], xs: Sequence[Tensor]
) -> Sequence[Tensor]:
    """What each model answers to its own sequences.

    Shapes: each x (B, T) or (B, T, d_input); each result
    (B, T, d_output).
    Preconditions: those of :func:`fit_each`.
    Cost: a forward pass of each, in as many calls as of one.
    """
    first = models[0]
    if len(models) == 1:
        return [first(xs[0])[0]]
    each = [dict(model.named_parameters()) for model in models]
    weights = {
        name: torch.stack([one[name] for one in each])
        for name in each[0]
    }

    def answer(weights: dict[str, Tensor], x: Tensor) -> Tensor:
        y: Tensor = functional_call(first, weights, (x,))[0]
        return y

    ys: Tensor = vmap(answer)(weights, torch.stack(list(xs)))
    return ys.unbind()


@torch.no_grad()
def score(
    model: Model, task: Task, size: int, seed: int, batch: int = 256
) -> float:
    """Share of right answers, over ``size`` sequences.

    What is drawn here is drawn by no training, of any seed.

    Edge cases: not a number if nothing is asked.
    Raises: ValueError for a size below 1.
    Cost: a forward pass of them, ``batch`` at once.
    """
    if size < 1:
        message = f"score(size={size}): needs a sequence or more"
        raise ValueError(message)
    device = next(model.parameters()).device
    data = torch.Generator().manual_seed(2 * seed + 1)
    answered, asked = 0.0, 0
    for begin in range(0, size, batch):
        count = min(batch, size - begin)
        x, target = (z.to(device) for z in task.draw(count, data))
        questions = int((target != IGNORE).sum())
        share = right(model(x)[0], target).item()
        answered += questions * share
        asked += questions
    return answered / asked if asked else math.nan


class Outcome(NamedTuple):
    """A trained model, and its losses on the way."""

    model: Model
    losses: list[float]


@dataclass(frozen=True)
class Experiment:
    """One arm: what is trained for what, and how much."""

    make: Callable[[], Model]
    task: Task
    recipe: Recipe
    abreast: bool = False
    """Whether runs advance side by side; see :func:`fit_each`."""

    def train(self, rate: float, seed: int) -> Outcome:
        """Train a model that was initialised from the seed.

        Cost: as :func:`fit`.
        """
        (outcome,) = self.train_each([Run(rate, seed)])
        return outcome

    def train_each(self, runs: Iterable[Run]) -> Iterator[Outcome]:
        """Train a model for each run.

        Cost: as :func:`fit_each` if they run abreast; else as
        :func:`fit` for each, and no model is kept here.
        """
        groups = (
            [[*runs]] if self.abreast else ([run] for run in runs)
        )
        for group in groups:
            models = [self._initialised(run.seed) for run in group]
            if models:
                losses = fit_each(
                    models, self.task, self.recipe, group
                )
                yield from map(Outcome, models, losses)

    def best_rate(
        self,
        rates: Iterable[float],
        seeds: Iterable[int],
        judge: Callable[[Outcome], float],
    ) -> float:
        """The learning rate that is judged highest on average.

        Edge cases: the first of several that are equal; a judgement
        that is not a number is the lowest.
        Raises: ValueError without a rate or a seed.
        Cost: rates · seeds trainings.
        """
        rates, seeds = list(rates), list(seeds)
        if not seeds:
            message = "best_rate: seeds is empty; needs one or more"
            raise ValueError(message)
        found = self.train_each(map(Run._make, product(rates, seeds)))
        scores = [
            _comparable(mean(judge(next(found)) for _ in seeds))
            for _ in rates
        ]
        return rates[scores.index(max(scores))]

    def _initialised(self, seed: int) -> Model:
        """A model with the weights of a seed."""
        with seeded(seed):
            return self.make()


def _comparable(score: float) -> float:
    """A score; the lowest in place of what is not a number."""
    return -math.inf if math.isnan(score) else score


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Initialise from a seed, and leave the global state alone."""
    # named, for of several devices it would warn
    devices = range(torch.cuda.device_count())
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield
