"""The interval that is shown is the one that scipy draws, without importing scipy."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from bookfigs.estimate import CONFIDENCE, RESAMPLES, SEED, Row, estimate
from smallbook import python


@pytest.mark.parametrize("rounds", [2, 5, 15, 16, 31, 64])
def test_the_shown_interval_is_the_percentile_bootstrap_of_the_median(
    rounds: int,
) -> None:
    samples = np.random.default_rng(rounds).lognormal(size=rounds)
    found = estimate([Row(samples, is_sampled=True, tolerance=0.0)], lambda r: r[0])
    expected = bootstrap(
        (samples,),
        np.median,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.Generator(np.random.PCG64(SEED)),
    ).confidence_interval
    shown = (found.low, found.high)
    assert shown == pytest.approx((expected.low, expected.high), rel=1e-13, abs=0)


def test_claims_are_judged_without_importing_scipy_or_matplotlib() -> None:
    script = (
        "import sys, bookfigs.claim, bookfigs.check\n"
        "print(sorted({'scipy', 'matplotlib'} & sys.modules.keys()))"
    )
    assert python(script).strip() == "[]"
