"""What models of this chapter are trained for, and how they are scored."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from bookfigs.core.model import Model
from bookfigs.core.tasks import IGNORE, Adding, Labelled, Task, right
from bookfigs.core.train import Experiment, Recipe, Run, score

TRAINED_ON, VALIDATED_ON = 1000, 297
"""Images of digits; on the remaining 500 the result is tested."""
DRAWN = 500
"""Sequences to validate on, and as many to test on, where they are drawn."""
VALIDATION_SEED, TEST_SEED = 0, 1
"""Of those sequences. What is drawn to be scored is drawn by no training."""
NEAR = 0.1
"""A sum is right that is off by less."""

Options = Mapping[str, Any]
"""What a model is made with, by name."""


class Trial(NamedTuple):
    """What is trained for, and the two scores of what was trained."""

    task: Task
    chance: float
    """The score of who knows nothing of the sequence and guesses as well as can be."""
    validate: Callable[[Model], float]
    """What learning rate and options are chosen by."""
    test: Callable[[Model], float]
    """What is reported."""


class Outcome(NamedTuple):
    """What an arm reached in a trial."""

    rate: float
    """The learning rate that was found for it."""
    options: Options
    """Those that were found for it, together with the rate."""
    accuracy: list[float]
    """Of each seed, on the test part."""


@dataclass(frozen=True)
class Protocol:
    """What is the same for every arm."""

    recipe: Recipe
    rates: Sequence[float]
    """Learning rates among which each arm finds its own."""
    search_seeds: Sequence[int]
    seeds: Sequence[int]
    abreast: bool = False
    """Whether an arm's trainings advance side by side; see ``Experiment``."""

    def run(
        self,
        trial: Trial,
        make: Callable[..., Model],
        options: Sequence[Options] = ({},),
    ) -> Outcome:
        """Search rate and options on the validation part, then train with every seed.

        Each rate is tried with each of the ``options``, with which ``make`` is called.

        Edge cases: the first of several that validate alike; a score that is not a
        number is the lowest.
        Cost: rates · options · search seeds + seeds trainings.
        """

        def models(
            options: Options, rates: Sequence[float], seeds: Sequence[int]
        ) -> Iterator[Model]:
            made = partial(make, **options)
            arm = Experiment(made, trial.task, self.recipe, abreast=self.abreast)
            runs = [Run(rate, seed) for rate in rates for seed in seeds]
            return (outcome.model for outcome in arm.train_each(runs))

        def judged(options: Options) -> Iterator[float]:
            trained = models(options, self.rates, self.search_seeds)
            for _ in self.rates:
                found = mean(trial.validate(next(trained)) for _ in self.search_seeds)
                yield -math.inf if math.isnan(found) else found

        scores = [score for each in options for score in judged(each)]
        candidates = list(product(options, self.rates))
        chosen, rate = candidates[scores.index(max(scores))]
        accuracy = [trial.test(model) for model in models(chosen, [rate], self.seeds)]
        return Outcome(rate, chosen, accuracy)

    def shortened(self, steps: int) -> "Protocol":
        """One rate, one seed, so many steps: what runs first, to have run."""
        recipe = replace(self.recipe, steps=steps)
        one = self.seeds[:1]
        return replace(
            self, recipe=recipe, rates=self.rates[:1], search_seeds=one, seeds=one
        )


def drawn(task: Task) -> Trial:
    """A task whose sequences are drawn anew at every step.

    Validation and test sequences are the same for every model.
    """
    return Trial(
        task,
        1 / task.d_output,
        lambda model: score(model, task, DRAWN, VALIDATION_SEED),
        lambda model: score(model, task, DRAWN, TEST_SEED),
    )


def sums(task: Adding) -> Trial:
    """Sums that are right if they are off by less than ``NEAR``; drawn as above.

    The sum s of two numbers that are uniform in [0, 1] has the density 1 - |s - 1|.
    So the best guess, s = 1, is right with probability 1 - (1 - NEAR)², 0.19.
    """
    return Trial(
        task,
        NEAR * (2 - NEAR),
        lambda model: share_near(model, task, DRAWN, VALIDATION_SEED),
        lambda model: share_near(model, task, DRAWN, TEST_SEED),
    )


def digits(path: Path, *, permuted: bool) -> Trial:
    """Handwritten digits as sequences of pixels, in order or permuted.

    Shapes, errors: those of :func:`parts`.
    """
    train, validation, test = parts(path, permuted=permuted)
    return Trial(
        train,
        1 / train.d_output,
        lambda model: share_right(model, validation),
        lambda model: share_right(model, test),
    )


def parts(path: Path, *, permuted: bool) -> list[Labelled]:
    """What is trained on, what is validated on and what is tested on.

    Pixels from 0 to 16 become inputs x_t = pixel/8 - 1. Which image is in which part,
    and the one permutation of the pixels of all images, are drawn from a fixed seed.

    Shapes: a file of n lines of 64 pixels and a label, separated by commas; inputs
    (n, 64, 1) in all.
    Raises: OSError if there is no such file; ValueError if a line is longer or
    shorter than another.
    """
    table = torch.from_numpy(np.loadtxt(path, delimiter=",", dtype=np.int64))
    pixels, labels = table[:, :-1] / 8 - 1, table[:, -1]
    fixed = torch.Generator().manual_seed(0)
    images = torch.randperm(len(table), generator=fixed)
    places = torch.randperm(pixels.shape[1], generator=fixed)
    if permuted:
        pixels = pixels[:, places]
    return [
        Labelled(pixels[rows].unsqueeze(-1), labels[rows], d_output=10)
        for rows in images.tensor_split([TRAINED_ON, TRAINED_ON + VALIDATED_ON])
    ]


@torch.no_grad()
def share_right(model: Model, part: Labelled, batch: int = 256) -> float:
    """Share of all given sequences whose label is found.

    Cost: a forward pass of them, ``batch`` at once.
    """
    device = next(model.parameters()).device
    total = 0.0
    for rows in torch.arange(len(part.x)).split(batch):
        x, target = (z.to(device) for z in part.at(rows))
        total += len(rows) * right(model(x)[0], target).item()
    return total / len(part.x)


@torch.no_grad()
def share_near(model: Model, task: Adding, size: int, seed: int) -> float:
    """Share of ``size`` sequences whose sum is found, within ``NEAR``.

    What is drawn here is drawn by no training, of any seed.

    Cost: a forward pass of them, all at once.
    """
    device = next(model.parameters()).device
    fixed = torch.Generator().manual_seed(2 * seed + 1)
    x, target = (z.to(device) for z in task.draw(size, fixed))
    return near(model(x)[0], target).item()


def near(y: Tensor, target: Tensor) -> Tensor:
    """Share of the questions whose answer is off by less than ``NEAR``.

    Shapes: y (B, T, 1), target (B, T); result ().
    """
    asked = target != IGNORE
    off = (y[asked].squeeze(-1) - target[asked]).abs()
    return (off < NEAR).double().mean()
