import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trivet.fairness import METRICS, accuracy, demographic_parity_difference, disparate_impact, within_band

#: [group, label, prediction]: 10 protected rows of which 4 are selected, 20 privileged of which 10 are.
TABLE = np.array([[[5, 1], [1, 3]], [[8, 4], [2, 6]]])
tables = arrays(np.int64, (2, 2, 2), elements=st.integers(1, 1000))


def test_closed_forms():
    assert accuracy(TABLE) == pytest.approx(22 / 30)
    assert METRICS["selection_rate"](TABLE).tolist() == [0.4, 0.5]
    assert METRICS["base_rate"](TABLE).tolist() == [0.4, 0.4]
    assert METRICS["true_positive_rate"](TABLE).tolist() == [3 / 4, 6 / 8]
    assert METRICS["false_positive_rate"](TABLE) == pytest.approx([1 / 6, 4 / 12])
    assert disparate_impact(TABLE) == pytest.approx(0.8)
    assert demographic_parity_difference(TABLE) == pytest.approx(0.1)


@given(tables)
def test_disparate_impact_of_swapped_groups_is_the_reciprocal(table):
    swapped = table[::-1]
    assert disparate_impact(swapped) == pytest.approx(1 / disparate_impact(table))
    assert demographic_parity_difference(swapped) == pytest.approx(-demographic_parity_difference(table))


@given(tables)
def test_swapping_the_groups_leaves_accuracy(table):
    assert accuracy(table[::-1]) == accuracy(table)


@given(tables)
def test_selection_is_the_mixture_of_the_conditional_rates(table):
    base = METRICS["base_rate"](table)
    mixture = base * METRICS["true_positive_rate"](table) + (1 - base) * METRICS["false_positive_rate"](table)
    np.testing.assert_allclose(METRICS["selection_rate"](table), mixture, rtol=1e-12)


@given(arrays(np.int64, (3, 4, 2, 2, 2), elements=st.integers(1, 50)))
def test_metrics_work_on_leading_axes(tables_of):
    for metric in (accuracy, demographic_parity_difference, disparate_impact, METRICS["selection_rate"]):
        together = metric(tables_of)
        one_by_one = [[metric(table) for table in row] for row in tables_of]
        np.testing.assert_array_equal(together, one_by_one)


@pytest.mark.parametrize(
    ("protected", "privileged", "expected"), [(0, 0, math.nan), (0, 3, 0.0), (3, 0, math.inf), (2, 2, 1.0)]
)
def test_disparate_impact_of_nobody_to_nobody_is_unknown(protected, privileged, expected):
    table = np.array([[[5, protected], [2, 0]], [[5, privileged], [2, 0]]])
    np.testing.assert_equal(disparate_impact(table), expected)


def test_shares_of_nobody_are_nan():
    no_privileged = np.array([[[5, 1], [1, 3]], [[0, 0], [0, 0]]])
    no_positives = np.array([[[5, 1], [0, 0]], [[8, 4], [2, 6]]])
    assert np.isnan(disparate_impact(no_privileged))
    assert np.isnan(disparate_impact(no_privileged[::-1]))
    assert np.isnan(METRICS["true_positive_rate"](no_positives)).tolist() == [True, False]


@pytest.mark.parametrize(
    ("ratio", "inside"), [(0.8, True), (0.7999, False), (1.25, True), (1.2501, False), (1.0, True)]
)
def test_four_fifths_band_is_closed(ratio, inside):
    assert within_band(ratio) == inside


def test_rounding_does_not_decide_four_fifths():
    for rows in range(5, 300):
        chosen = np.arange(5, rows + 1, 5)
        table = np.zeros((len(chosen), 2, 2, 2), dtype=np.int64)
        table[:, 0, 0, 1], table[:, 1, 0, 1] = 4 * chosen // 5, chosen
        table[:, :, 0, 0] = rows - table[:, :, 0, 1]
        assert within_band(disparate_impact(table)).all()
        assert within_band(disparate_impact(table[:, ::-1])).all()
