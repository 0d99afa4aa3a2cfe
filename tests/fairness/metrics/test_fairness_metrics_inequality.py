import numpy as np
import pytest

from trivet.errors import DataError, UsageError
from trivet.fairness.metrics.inequality import INEQUALITIES, Inequality, consistency

theil_index, between_group_theil_index, generalised_entropy, between_group_generalised_entropy = INEQUALITIES


def test_an_entropy_is_what_lies_within_groups_and_between_them():
    # Speicher et al. (2018): the entropy is a weighted mean of those within groups plus that between.
    rng = np.random.default_rng(0)
    for groups in range(2, 6):
        table = rng.integers(1, 30, (groups, 2, 2))
        rows = table.sum(axis=(1, 2))
        means = (rows + table[:, 0, 1] - table[:, 1, 0]) / rows
        share, relative = rows / rows.sum(), means / np.average(means, weights=rows)
        for whole, between in (
            (theil_index, between_group_theil_index),
            (generalised_entropy, between_group_generalised_entropy),
        ):
            within = share @ (relative**whole.alpha * whole(table[:, np.newaxis]))
            assert whole(table) == pytest.approx(within + between(table), abs=1e-12)


def test_right_predictions_are_equal_benefits():
    table = np.array([[[5, 0], [0, 3]], [[8, 0], [0, 1]]])
    for metric in (theil_index, generalised_entropy, between_group_theil_index):
        assert metric(table) == pytest.approx(0, abs=1e-15)


def test_nobody_with_a_benefit_has_nothing_to_share():
    table = np.array([[[0, 0], [5, 0]], [[0, 0], [3, 0]]])
    assert np.isnan(theil_index(table))
    assert np.isnan(between_group_theil_index(table))
    assert theil_index.reason(table, "AB") == (
        "every row is a false negative, so that there is no benefit to share"
    )


def test_an_entropy_needs_a_positive_alpha():
    with pytest.raises(UsageError, match="alpha of a generalised entropy should be above 0, found 0"):
        Inequality(title="log", formula="", undefined="", source="", alpha=0, between=False)


@pytest.mark.parametrize("neighbours", [1, 2, 5, 11])
def test_consistency_is_of_the_nearest_others(neighbours):
    rng = np.random.default_rng(neighbours)
    features, predictions = rng.normal(size=(12, 2)), rng.integers(0, 2, 12)
    distances = np.linalg.norm(features[:, np.newaxis] - features, axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1)[:, :neighbours]
    expected = np.mean(
        [1 - abs(p - predictions[row].mean()) for p, row in zip(predictions, nearest, strict=True)]
    )
    assert consistency(features, predictions, neighbours=neighbours) == pytest.approx(expected, abs=1e-12)


def test_predictions_by_cloud_are_consistent():
    rng = np.random.default_rng(0)
    cloud = np.repeat([0, 1], 30)
    features = rng.normal(size=(60, 2)) + 100 * cloud[:, np.newaxis]
    assert consistency(features, cloud) == 1
    assert consistency(features, np.ones(60)) == 1
    alternating = np.arange(60) % 2
    assert consistency(features, alternating) < 0.7


@pytest.mark.parametrize(
    ("features", "predictions", "settings", "error", "message"),
    [
        (np.zeros((3, 2)), [0, 1], {}, DataError, r"a table of 2 rows, .* found shape \(3, 2\)"),
        (np.zeros(3), [0, 1, 0], {}, DataError, r"found shape \(3,\)"),
        (np.full((3, 1), np.nan), [0, 1, 0], {"neighbours": 1}, DataError, "finite numbers"),
        ([["a"], ["b"], ["c"]], [0, 1, 0], {"neighbours": 1}, DataError, r"found others \(dtype <U1\)"),
        (np.zeros((3, 1)), [0, 1, 0], {"neighbours": 3}, UsageError, "found 3 neighbours and 3 rows"),
        (np.zeros((3, 1)), [0, 1, 0], {"neighbours": 0}, UsageError, "found 0 neighbours"),
        (np.zeros((3, 1)), [0, 2, 0], {}, DataError, "y_pred should hold 0 and 1 only"),
    ],
)
def test_consistency_refuses_what_it_cannot_use(features, predictions, settings, error, message):
    with pytest.raises(error, match=message):
        consistency(features, predictions, **settings)
