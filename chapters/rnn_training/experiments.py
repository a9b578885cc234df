"""What models of this chapter are trained for, and how they are scored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from bookfigs.core.model import Model
from bookfigs.core.tasks import Labelled, Task, right
from bookfigs.core.train import Experiment, Recipe, score

TRAINED_ON, VALIDATED_ON = 1000, 297
"""Images of digits; on the remaining 500 the result is tested."""
DRAWN = 500
"""Sequences to validate on, and as many to test on, where they are drawn."""
VALIDATION_SEED, TEST_SEED = 0, 1
"""Of those sequences. What is drawn to be scored is drawn by no training."""


class Trial(NamedTuple):
    """What is trained for, and the two scores of what was trained."""

    task: Task
    validate: Callable[[Model], float]
    """What a learning rate is chosen by."""
    test: Callable[[Model], float]
    """What is reported."""


class Outcome(NamedTuple):
    """What an arm reached in a trial."""

    rate: float
    """The learning rate that was found for it."""
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

    def run(self, trial: Trial, make: Callable[[], Model]) -> Outcome:
        """Search the rate on the validation part, then train with every seed.

        Cost: rates · search seeds + seeds trainings.
        """
        experiment = Experiment(make, trial.task, self.recipe)
        rate = experiment.best_rate(
            self.rates, self.search_seeds, lambda done: trial.validate(done.model)
        )
        trained = (experiment.train(rate, seed).model for seed in self.seeds)
        return Outcome(rate, [trial.test(model) for model in trained])

    def shortened(self, steps: int) -> "Protocol":
        """One rate, one seed, so many steps: what runs first, to have run."""
        recipe = replace(self.recipe, steps=steps)
        return Protocol(recipe, self.rates[:1], self.seeds[:1], self.seeds[:1])


def drawn(task: Task) -> Trial:
    """A task whose sequences are drawn anew at every step.

    Validation and test sequences are the same for every model.
    """
    return Trial(
        task,
        lambda model: score(model, task, DRAWN, VALIDATION_SEED),
        lambda model: score(model, task, DRAWN, TEST_SEED),
    )


def digits(path: Path, *, permuted: bool) -> Trial:
    """Handwritten digits as sequences of pixels, in order or permuted.

    Shapes, errors: those of :func:`parts`.
    """
    train, validation, test = parts(path, permuted=permuted)
    return Trial(
        train,
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
