"""How often do intervals contain the truth, with their choice of method by the counts?"""

import itertools

import numpy as np
import pytest
from scipy.stats import binom

from trivet.fairness.intervals.comparisons import difference_limits, ratio_limits
from trivet.fairness.intervals.shares import share_limits

RATES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
RATIOS = (0.5, 0.8, 1.0)
TRUTHS = [(ratio * rate, rate) for rate in RATES for ratio in RATIOS]
#: A difference of rates is exact but for rounding, and so are the ends.
ROUNDING = 1e-12


def contain(limits, truth):
    return (limits.low <= truth + ROUNDING) & (truth - ROUNDING <= limits.high)


def smallest_cell(n0, n1, p0, p1):
    """Rows that are expected in the smallest of the four cells."""
    return min(n0 * p0, n0 * (1 - p0), n1 * p1, n1 * (1 - p1))


# The exact coverage: the probability of every table whose interval contains the truth.
@pytest.mark.parametrize(("n0", "n1"), list(itertools.product([15, 25, 40, 80, 150], repeat=2)))
def test_ratios_and_differences_are_covered(n0, n1):
    x0, x1 = np.arange(n0 + 1)[:, None], np.arange(n1 + 1)
    found = {"ratio": ratio_limits(x0, n0, x1, n1), "difference": difference_limits(x0, n0, x1, n1)}
    for p0, p1 in TRUTHS:
        weights = binom.pmf(x0, n0, p0) * binom.pmf(x1, n1, p1)
        for name, truth in (("ratio", p0 / p1), ("difference", p1 - p0)):
            coverage = weights[contain(found[name], truth)].sum()
            assert coverage >= 0.94, (name, p0, p1)
            if smallest_cell(n0, n1, p0, p1) > 30:
                assert coverage <= 0.97, (name, p0, p1)


def test_the_score_interval_alone_would_miss_a_small_share_too_often():
    """What the exact interval is there for."""
    x, n, truth = np.arange(16), 15, 0.01
    weights = binom.pmf(x, n, truth)
    score = share_limits(x, n, large=np.full(16, fill_value=True))
    assert weights[contain(score, truth)].sum() < 0.87
    assert weights[contain(share_limits(x, n), truth)].sum() >= 0.95


# 2,000 tables leave a standard error of half a point, so that 95 % in truth is within [93 %, 97 %].
@pytest.mark.parametrize(("n0", "n1"), list(itertools.product([15, 200, 2000, 20_000], repeat=2)))
def test_simulated_tables_are_covered(n0, n1):
    rng = np.random.default_rng([n0, n1])
    for p0, p1 in TRUTHS:
        drawn = np.stack([rng.binomial(n0, p0, 2000), rng.binomial(n1, p1, 2000)], axis=1)
        tables, times = np.unique(drawn, axis=0, return_counts=True)
        x0, x1 = tables.T
        covered = {
            "protected": contain(share_limits(x0, n0), p0),
            "privileged": contain(share_limits(x1, n1), p1),
            "ratio": contain(ratio_limits(x0, n0, x1, n1), p0 / p1),
            "difference": contain(difference_limits(x0, n0, x1, n1), p1 - p0),
        }
        for name, inside in covered.items():
            coverage = times[inside].sum() / 2000
            assert coverage >= 0.93, (name, p0, p1)
            if smallest_cell(n0, n1, p0, p1) > 60:
                assert coverage <= 0.97, (name, p0, p1)
