"""Fits: constants of a law that several rows follow, with intervals.

============  ================================================================
``Tradeoff``  fewest steps, fewest samples and critical batch size of training
============  ================================================================

A law is fitted within each round, so that its constants have the intervals of every
other statistic.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bookfigs.errors import InputError
from bookfigs.estimate import Estimate, Samples, estimate, rows
from bookfigs.record import Record
from bookfigs.statistics import Single, Where

Constant = Literal["fewest_steps", "fewest_samples", "critical_batch", "misfit"]

FEWEST_BATCHES = 3
"""Batch sizes that a law of two constants takes, so that it could also be wrong."""


class Law(NamedTuple):
    """Constants of the trade-off, one of each for every round."""

    fewest_steps: Samples
    fewest_samples: Samples
    critical_batch: Samples
    misfit: Samples
    """Largest relative error of the law at any batch size."""


@dataclass(frozen=True)
class Tradeoff(Single):
    """Median over rounds of a constant of the trade-off of steps S and samples E = B S.

    (S / S_min - 1)(E / E_min - 1) = 1,  B_crit = E_min / S_min
    (McCandlish et al. 2018, arXiv:1812.06162, section 2.3). ``column`` is S, ``batch``
    a key column, B; ``where`` selects the rows; ``constant`` is a name of :class:`Law`.

    Preconditions: positive S, at three different B at least; interleaved rounds, or
    independent ones.
    """

    column: str
    batch: str
    where: Where
    constant: Constant = "critical_batch"
    label: str = "critical batch size"

    def at(self, record: Record, error: float) -> Estimate:
        """Value and intervals; in steps or samples, the misfit dimensionless."""
        found = rows(record, self.column, dict(self.where))  # refuses gaps
        sizes = record.cells(self.batch, **self.where)
        if len(set(sizes)) < FEWEST_BATCHES:
            what = (
                f"{self.batch} is {', '.join(map(str, sizes))}; a trade-off takes "
                f"{FEWEST_BATCHES} different batch sizes"
            )
            raise InputError(f"record of {record.figure}", what)
        batch = np.asarray(sizes, dtype=np.float64)

        def constant(steps: Samples) -> Samples:
            fitted: Samples = getattr(law(batch, steps), self.constant)
            return fitted

        return estimate(found, constant, error)


def law(batch: NDArray[np.float64], steps: Samples) -> Law:
    """Fit the trade-off to each round.

    Its equation is S_min / S + E_min / E = 1, linear in both constants: least squares
    of S_min / S + E_min / (B S) - 1, the relative error of the law at a batch size.

    Shapes: batch (rows,), steps (rows, rounds); each constant (rounds,).
    Preconditions: positive numbers, two different batch sizes at least.
    Edge cases: a critical batch beyond all batches is limited to the nearest of them,
    as nothing was seen there; the other constants fit to that.
    """
    u, v = 1 / steps, 1 / (batch[:, None] * steps)
    uu, uv, vv = (u * u).sum(0), (u * v).sum(0), (v * v).sum(0)
    # Cramer's rule, without the determinant that both have in common
    fewest_steps = u.sum(0) * vv - v.sum(0) * uv
    fewest_samples = v.sum(0) * uu - u.sum(0) * uv
    bends = fewest_steps > 0
    critical = np.where(
        bends, fewest_samples / np.where(bends, fewest_steps, 1), np.inf
    )
    critical = critical.clip(batch.min(), batch.max())
    share = u + critical * v
    fewest_steps = share.sum(0) / (share * share).sum(0)
    misfit = np.abs(fewest_steps * share - 1).max(0)
    return Law(fewest_steps, fewest_steps * critical, critical, misfit)
