import numpy as np
import pytest
from scored_groups import scored_groups

from trivet.errors import DataError, UsageError
from trivet.fairness import Thresholds, apply_thresholds, binary_counts, grid_thresholds, scalarised_objective
from trivet.fairness.mitigation.thresholds.scalarised import scalarised_thresholds


def objective(columns, pair, penalty):
    labels, scores, groups = columns
    counts = binary_counts(labels, apply_thresholds(scores, groups, pair), groups)
    return float(scalarised_objective(counts, penalty=penalty))


def brute_force(columns, penalty):
    """The smallest objective over all pairs of cuts."""
    _, scores, groups = columns
    cuts = [[*np.unique(scores[groups == group]), 2.0] for group in (0, 1)]
    pairs = [Thresholds(protected, privileged) for protected in cuts[0] for privileged in cuts[1]]
    return min(objective(columns, pair, penalty) for pair in pairs)


# From 2 on, cuts away from parity can be the best: the search of the hulls is what finds them.
@pytest.mark.parametrize("penalty", [0, 0.2, 1, 2, 4, 10, 100])
@pytest.mark.parametrize("levels", [3, 8, 1000])
def test_equals_brute_force(penalty, levels):
    rng = np.random.default_rng(levels)
    for _ in range(10):
        columns = scored_groups(rng, levels=levels)
        found = objective(columns, scalarised_thresholds(*columns, penalty=penalty), penalty)
        # The sums are the same, but for the order in which pairs that tie are rounded.
        assert found == pytest.approx(brute_force(columns, penalty), abs=1e-14)


@pytest.mark.parametrize("penalty", [0.2, 5])
def test_no_grid_does_better(penalty):
    rng = np.random.default_rng(1)
    groups = rng.integers(0, 2, 2000)
    scores = np.clip(rng.normal(0.3 + 0.2 * groups, 0.2), 0, 1)
    columns = (rng.random(2000) < scores).astype(int), scores, groups
    grid = grid_thresholds(*columns, grid=np.linspace(0.1, 0.9, 33), penalty=penalty)
    exact = scalarised_thresholds(*columns, penalty=penalty)
    assert objective(columns, exact, penalty) < objective(columns, grid, penalty)


def test_a_large_penalty_gives_the_most_accurate_cuts():
    rng = np.random.default_rng(2)
    columns = scored_groups(rng, levels=5)
    labels, scores, groups = columns
    found = apply_thresholds(scores, groups, scalarised_thresholds(*columns, penalty=1e6))
    best = [
        max(((own >= cut) == truth).sum() for cut in [*own, 2])
        for own, truth in ((scores[groups == g], labels[groups == g]) for g in (0, 1))
    ]
    assert (found == labels).sum() == sum(best)


def test_selecting_nobody_is_no_parity_even_where_everybody_is_negative():
    scores, groups = np.array([0.2, 0.4, 0.3, 0.9]), np.array([0, 0, 1, 1])
    found = scalarised_thresholds([0, 0, 0, 0], scores, groups)
    assert apply_thresholds(scores, groups, found).tolist() == [0, 1, 0, 1]
    nobody = binary_counts([0, 0, 0, 0], [0, 0, 0, 0], groups)
    assert scalarised_objective(nobody) == np.inf


@pytest.mark.parametrize("penalty", [-0.1, np.inf, np.nan])
def test_a_penalty_that_cannot_be_is_refused(penalty):
    with pytest.raises(UsageError, match="finite and not negative"):
        scalarised_thresholds([0, 1], [0.2, 0.8], [0, 1], penalty=penalty)


def test_one_group_is_refused():
    with pytest.raises(DataError, match="no row of the protected"):
        scalarised_thresholds([0, 1], [0.2, 0.8], [1, 1])
