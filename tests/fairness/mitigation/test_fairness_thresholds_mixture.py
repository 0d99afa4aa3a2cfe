import numpy as np
import pytest

from trivet.errors import DataError, UsageError
from trivet.fairness.mitigation.thresholds.randomised import (
    MixedThreshold,
    apply_group_thresholds,
    selection_probability,
)

HALF = MixedThreshold(thresholds=(0.8, 0.4), shares=(0.3, 0.7))


def test_each_threshold_that_a_score_reaches_adds_its_share():
    scores = [0.9, 0.8, 0.79, 0.4, 0.39, 0.5, 0.49]
    groups = [0, 0, 0, 0, 0, 1, 1]
    found = selection_probability(scores, groups, [HALF, 0.5])
    np.testing.assert_array_equal(found, [1, 1, 0.7, 0.7, 0, 1, 0])


def test_rounding_leaves_the_highest_score_no_chance_to_be_refused():
    shares = (0.1,) * 10
    mixed = MixedThreshold(thresholds=tuple(np.linspace(0.9, 0.1, 10).tolist()), shares=shares)
    assert np.cumsum(shares)[-1] < 1
    assert selection_probability([0.95], [0], [mixed]) == 1


def test_lots_fall_as_often_as_their_share():
    rows = 40_000
    own = np.arange(rows)[:, np.newaxis]
    for scores, features in ((np.linspace(0.41, 0.79, rows), None), (np.full(rows, 0.5), own)):
        found = apply_group_thresholds(scores, np.zeros(rows, dtype=int), [HALF], features=features)
        # Five standard deviations of a share of 0.7.
        assert abs(found.mean() - 0.7) < 5 * np.sqrt(0.7 * 0.3 / rows)


def test_lots_of_neighbouring_seeds_are_independent():
    scores, groups = np.linspace(0.41, 0.79, 40_000), np.zeros(40_000, dtype=int)
    first, second = (apply_group_thresholds(scores, groups, [HALF], random_state=seed) for seed in (0, 1))
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(40_000)


def test_a_score_of_its_own_gets_the_same_lot_in_any_company():
    rng = np.random.default_rng(0)
    scores, groups = rng.permutation(np.linspace(0.3, 0.9, 500)), rng.integers(0, 2, 500)
    found = apply_group_thresholds(scores, groups, [HALF, HALF], random_state=3)
    order = rng.permutation(500)[:200]
    again = apply_group_thresholds(scores[order], groups[order], [HALF, HALF], random_state=3)
    np.testing.assert_array_equal(again, found[order])


def test_rows_that_tie_draw_by_their_features_and_otherwise_together():
    scores, groups = np.full(200, 0.5), np.zeros(200, dtype=int)
    features = np.arange(200)[:, np.newaxis] // 2
    found = apply_group_thresholds(scores, groups, [HALF], features=features)
    assert 0 < found.sum() < 200
    np.testing.assert_array_equal(found[::2], found[1::2])
    seeds = [apply_group_thresholds(scores, groups, [HALF], random_state=seed) for seed in range(400)]
    assert {drawn.sum() for drawn in seeds} == {0, 200}
    # Five standard deviations of a share of 0.7 among 400 seeds.
    assert abs(np.mean(seeds) - 0.7) < 5 * np.sqrt(0.7 * 0.3 / 400)


def test_last_bits_of_a_score_change_no_lot():
    rng = np.random.default_rng(0)
    scores, groups = rng.uniform(0.41, 0.79, 5000), rng.integers(0, 2, 5000)
    for kind, bits in ((np.float64, 2.0**-51), (np.float32, 2.0**-23)):
        clean = scores.astype(kind)
        drawn = [
            apply_group_thresholds(values.astype(kind), groups, [HALF, HALF])
            for values in (clean, clean * (1 + bits))
        ]
        # A score at the edge of what is left out may draw anew: one in 64 in single precision.
        assert (drawn[0] != drawn[1]).sum() <= (0 if kind is np.float64 else 5000 / 32)


def test_minus_zero_ties_with_zero():
    mixed = MixedThreshold(thresholds=(0.5, -0.5), shares=(0.5, 0.5))
    zeros = apply_group_thresholds(np.zeros(50), np.zeros(50, dtype=int), [mixed])
    signed = apply_group_thresholds(np.where(np.arange(50) % 2, -0.0, 0.0), np.zeros(50, dtype=int), [mixed])
    np.testing.assert_array_equal(zeros, signed)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: apply_group_thresholds([0.5], [1], [0.5]), DataError, "for 1 groups, found group 1"),
        (lambda: apply_group_thresholds([0.5, 0.6], [0], [0.5]), DataError, "scores 2, groups 1"),
        (lambda: apply_group_thresholds([0.5], [0], [0.5], random_state=-1), UsageError, "found -1"),
        (
            lambda: apply_group_thresholds([0.5], [0], [HALF], features=[[1], [2]]),
            DataError,
            "1 rows, .* found 2",
        ),
    ],
)
def test_what_cannot_be_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
