"""Training to a target: how many steps it takes to reach a loss.

Steps are the time on a machine that computes any batch at once.
Runs of one batch size train side by side, each on its own data, as
rows of one tensor: small batches would leave a machine idle.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.utils import parameters_to_vector

from bookfigs.core.tasks import Task, loss
from bookfigs.core.train import seeded

BETAS = 0.9, 0.999
EPSILON = 1e-8
"""Constants of Adam."""

PACE = 1.05
"""Factor from one evaluation to the next: as many of them for each
doubling of the steps, whatever the batch is."""


class Stack:
    """Models of one architecture, each a row of parameters.

    Shapes: rows (R, P); x (R, B, T) or (R, B, T, d_input), without
    R where every model sees the same; result (R, B, T, d_output).
    Preconditions: a seed at least; models of operations that
    ``torch.func.vmap`` maps, so recurrences with ``form="loop"``.
    Cost: as of R models, in as many calls as of one.
    """

    def __init__(
        self,
        make: Callable[[], nn.Module],
        seeds: Sequence[int],
        device: str = "cpu",
    ) -> None:
        models = [_initialised(make, seed) for seed in seeds]
        self.model = models[0].to(device)
        rows = [parameters_to_vector(m.parameters()) for m in models]
        self.rows = torch.stack([r.to(device) for r in rows]).detach()

    def __call__(
        self, rows: Tensor, x: Tensor, *, shared: bool
    ) -> Tensor:
        """The outputs of all models."""
        axes = (0, None if shared else 0)
        y: Tensor = vmap(self._one, in_dims=axes)(rows, x)
        return y

    def _one(self, row: Tensor, x: Tensor) -> Tensor:
        """The output of the model with these parameters."""
        named = list(self.model.named_parameters())
        parts = row.split([p.numel() for _, p in named])
        weights = {
            name: part.view(p.shape)
            for (name, p), part in zip(named, parts, strict=True)
        }
        y: Tensor = functional_call(self.model, weights, (x,))[0]
        return y


class Runs:
    """Models that train side by side, by Adam.

    m ← β_1 m + (1 - β_1) g,  v ← β_2 v + (1 - β_2) g²,
    θ ← θ - ε · m̂ / (√v̂ + 10⁻⁸)
    (Kingma & Ba 2014, arXiv:1412.6980, algorithm 1), at a constant
    rate ε of the run's own.

    Shapes: rates (R,).
    Cost: a step is R forward and backward passes of one batch.
    """

    def __init__(self, stack: Stack, rates: Sequence[float]) -> None:
        rows = stack.rows
        self.stack, self.k = stack, 0
        self.index = torch.arange(len(rows))
        self._state = torch.stack([rows, 0 * rows, 0 * rows], dim=1)
        self._rates = rows.new_tensor(rates).unsqueeze(1)

    def losses(self, x: Tensor, target: Tensor) -> Tensor:
        """Loss of each run on the same batch; (R,)."""
        with torch.no_grad():
            y = self.stack(self._state[:, 0], x, shared=True)
            return torch.stack([loss(one, target) for one in y])

    def step(self, x: Tensor, target: Tensor) -> None:
        """Train each run on its own share of a batch.

        Precondition: each share asks as many questions.
        """
        theta, m, v = self._state.unbind(1)
        theta = theta.detach().requires_grad_()
        y = self.stack(
            theta, x.unflatten(0, (len(theta), -1)), shared=False
        )
        mean = loss(y.flatten(0, 1), target)
        (g,) = torch.autograd.grad(mean * len(theta), theta)
        self.k += 1
        with torch.no_grad():
            m.lerp_(g, 1 - BETAS[0])
            v.lerp_(g * g, 1 - BETAS[1])
            size = (v / (1 - BETAS[1] ** self.k)).sqrt() + EPSILON
            change = m / (1 - BETAS[0] ** self.k) / size
            self._state[:, 0] -= self._rates * change

    def keep(self, kept: Tensor) -> None:
        """Go on with these runs only; kept (R,) of booleans."""
        self.index = self.index[kept.cpu()]
        self._state, self._rates = (
            self._state[kept],
            self._rates[kept],
        )


@dataclass(frozen=True)
class Race:
    """Training with one batch size until a target loss is reached."""

    make: Callable[[], nn.Module]
    task: Task
    batch: int
    target: float
    longest: int
    """Steps after which a run is given up."""
    judged_on: int = 256
    """Sequences that the loss is judged on, the same for all."""
    device: str = "cpu"

    def steps(
        self,
        rates: Sequence[float],
        seeds: Sequence[int],
        *,
        enough: Callable[[Tensor], bool] = lambda _: False,
    ) -> Tensor:
        """Steps to the target, of a run for each rate and seed.

        No sequence is seen twice. The logarithm of the loss is taken
        as linear between two evaluations, of which there is one at
        each factor :data:`PACE` of the steps.

        Shapes: rates and seeds (R,); result (R,), double precision.
        Edge cases: infinity for a run that is given up, is not
        finite, or is not there yet once those that are there are
        ``enough``; 0 where a run begins below the target.
        Cost: R trainings of at most ``longest`` steps.
        """
        stack = Stack(self.make, seeds, self.device)
        runs = Runs(stack, rates)
        found = torch.full((len(seeds),), math.inf).double()
        goal, last, before = math.log(self.target), 0, None
        for k, errors in self._evaluations(runs, seeds[0]):
            level = errors.double().log().cpu()
            there = level <= goal
            since = level if before is None else before
            share = (since - goal) / (since - level).clamp(min=1e-12)
            steps = last + (k - last) * share
            found[runs.index[there]] = steps[there]
            kept = level.isfinite() & ~there
            last, before = k, level[kept]
            runs.keep(kept)
            if not len(runs.index) or enough(found):
                break
        return found

    def best_rate(
        self, rates: Sequence[float], seeds: Sequence[int]
    ) -> float:
        """The learning rate whose slowest seed is there first.

        Raises: ValueError if no rate takes all seeds there.
        Cost: rates · seeds trainings, all of them as long as that of
        the slowest seed of the best rate.
        """

        def slowest(found: Tensor) -> Tensor:
            return found.view(len(rates), len(seeds)).amax(1)

        found = self.steps(
            [rate for rate in rates for _ in seeds],
            [*seeds] * len(rates),
            enough=lambda found: bool(
                slowest(found).isfinite().any()
            ),
        )
        best = int(slowest(found).argmin())
        if not slowest(found)[best].isfinite():
            message = (
                f"batch {self.batch}: no rate of {list(rates)} takes "
                f"all seeds to a loss of {self.target} within "
                f"{self.longest} steps; allow more, or other rates"
            )
            raise ValueError(message)
        return rates[best]

    def _evaluations(
        self, runs: Runs, seed: int
    ) -> Iterator[tuple[int, Tensor]]:
        """Losses before the first step, and while training."""
        judge = Generator().manual_seed(
            1
        )  # training draws by even ones
        data = Generator().manual_seed(2 * seed)
        held_out = self._draw(self.judged_on, judge)
        yield 0, runs.losses(*held_out)
        evaluated = 0
        for k in range(1, self.longest + 1):
            size = len(runs.index) * self.batch
            runs.step(*self._draw(size, data))
            if k >= evaluated * PACE or k == self.longest:
                evaluated = k
                yield k, runs.losses(*held_out)

    def _draw(
        self, size: int, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        """So many sequences with their targets, on the device."""
        x, target = self.task.draw(size, generator)
        return x.to(self.device), target.to(self.device)


def _initialised(
    make: Callable[[], nn.Module], seed: int
) -> nn.Module:
    with seeded(seed):
        return make()
