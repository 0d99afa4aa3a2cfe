import numpy as np
import pytest

from trivet.errors import UsageError
from trivet.fairness.metrics.inequality import (
    Inequality,
    between_group_generalised_entropy,
    between_group_theil_index,
    generalised_entropy,
    theil_index,
)


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
        Inequality("log", "", "", alpha=0, between=False, undefined="", source="")
