"""The range of Brownian motion, tails of unequal coins, and scores out of calibration."""

import numpy as np
import pytest
from scipy.stats import binom, norm
from subgroup_tables import coded, correlated

from trivet.fairness.search.calibration import range_tail, signed_root
from trivet.fairness.search.search import search_rows


def test_the_range_has_the_mean_and_the_variance_that_feller_gives():
    grid = np.linspace(0, 10, 20_001)
    tail = np.array([range_tail(r) for r in grid])
    mean = np.trapezoid(tail, grid)
    square = np.trapezoid(2 * grid * tail, grid)
    assert mean == pytest.approx(2 * np.sqrt(2 / np.pi), abs=1e-5)
    assert square == pytest.approx(4 * np.log(2), abs=1e-4)
    assert (np.diff(tail) <= 1e-12).all()
    assert range_tail(12.0) == pytest.approx(8 * norm.sf(12.0), rel=1e-9)


def test_the_range_of_random_walks_has_this_tail():
    generator = np.random.default_rng(0)
    steps = generator.standard_normal((4_000, 2_000), dtype=np.float32)
    paths = np.cumsum(steps, axis=1) / np.sqrt(2_000)
    ranges = np.maximum(paths.max(axis=1), 0) - np.minimum(paths.min(axis=1), 0)
    for r in (1.2, 1.8, 2.4):
        # A walk in steps turns a little short of where the motion does.
        assert (ranges >= r).mean() == pytest.approx(range_tail(r), abs=0.035)


@pytest.mark.parametrize(("rows", "share"), [(1000, 0.02), (400, 0.3), (2000, 0.6)])
def test_the_signed_root_is_near_the_binomial_quantile(rows, share):
    deviation = np.sqrt(rows * share * (1 - share))
    x = round(rows * share + 4.5 * deviation)
    exact = norm.isf(binom.sf(x - 1, rows, share))
    found = signed_root(x - rows * share, np.array([float(rows)]), np.array([share]))
    assert found == pytest.approx(exact, abs=0.12)


def scored_table(rows, seed, *, shift=0.0):
    generator = np.random.default_rng(seed)
    table = correlated(rows, 4, seed)
    scores = generator.beta(2, 3, rows)
    wrong = (table[:, 0] == 1) & (table[:, 1] == 1)
    labels = (generator.random(rows) < np.clip(scores + shift * wrong, 0, 1)).astype(int)
    return coded(*table.T), (scores >= 0.5).astype(int), labels, scores, wrong


@pytest.mark.parametrize("rows", [3_000, 12_000, 60_000])
def test_scores_that_are_too_low_in_a_subgroup_are_found(rows):
    features, predictions, labels, scores, wrong = scored_table(rows, 1, shift=0.25)
    found = search_rows(features, predictions, labels, scores=scores, seed=0, workers=1).calibration
    named = {each.description: each for each in found.found}
    assert "x0 = 1 and x1 = 1" in named
    own = named["x0 = 1 and x1 = 1"]
    assert own.rows == wrong.sum()
    assert own.mean_score == pytest.approx(scores[wrong].mean())
    assert own.base_rate == pytest.approx(labels[wrong].mean())
    order = np.argsort(scores[wrong])
    path = np.append(0, np.cumsum((labels - scores)[wrong][order]))
    assert own.kuiper == pytest.approx(np.ptp(path) / wrong.sum())
    assert own.z <= np.ptp(path) / np.sqrt((scores * (1 - scores))[wrong].sum()) + 1e-9
    assert found.statement


def test_scores_that_are_right_are_seldom_found_wrong():
    wrong = 0
    for seed in range(12):
        features, predictions, labels, scores, _ = scored_table(2_000, 100 + seed)
        found = search_rows(
            features, predictions, labels, scores=scores, seed=seed, draws=50, workers=1
        ).calibration
        wrong += found.beyond > 0
    assert wrong <= 2


def test_the_order_of_rows_with_equal_scores_makes_no_difference():
    rows = 4_000
    table = correlated(rows, 3, 5)
    labels = np.arange(rows) % 2
    scores = np.full(rows, 0.5)
    order = np.argsort(labels, kind="stable")
    features = coded(*table[order].T)
    found = search_rows(
        features, labels[order], labels[order], scores=scores, metrics=("selection_rate",), draws=50
    ).calibration
    assert found.beyond == 0
