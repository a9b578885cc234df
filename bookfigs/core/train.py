"""Training: one protocol for every model, so that arms compare.

A learning rate is searched for every arm among the same rates, on
seeds that are not those of the result.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import mean
from typing import NamedTuple

import torch
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
    device = next(model.parameters()).device
    data = torch.Generator().manual_seed(2 * seed)
    optimiser = AdamW(
        model.parameters(), rate, weight_decay=recipe.decay
    )
    schedule = LambdaLR(optimiser, recipe.share)
    losses: list[float] = []
    for _ in range(recipe.steps):
        x, target = (
            z.to(device) for z in task.draw(recipe.batch, data)
        )
        optimiser.zero_grad()
        error = loss(model(x)[0], target)
        if not torch.isfinite(error):
            break
        error.backward()
        norm = clip_grad_norm_(model.parameters(), recipe.clip)
        if not torch.isfinite(norm):
            break
        losses.append(error.item())
        optimiser.step()
        schedule.step()
    return losses


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

    def train(self, rate: float, seed: int) -> Outcome:
        """Train a model that was initialised from the seed.

        Cost: as :func:`fit`.
        """
        with seeded(seed):
            model = self.make()
        return Outcome(
            model, fit(model, self.task, self.recipe, rate, seed)
        )

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
        seeds = list(seeds)
        if not seeds:
            message = "best_rate: seeds is empty; needs one or more"
            raise ValueError(message)

        def judged(rate: float) -> float:
            found = mean(judge(self.train(rate, s)) for s in seeds)
            return -math.inf if math.isnan(found) else found

        return max(rates, key=judged)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Initialise from a seed, and leave the global state alone."""
    # named, for of several devices it would warn
    devices = range(torch.cuda.device_count())
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield
