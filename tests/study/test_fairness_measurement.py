import numpy as np
import pytest

from trivet.datasets import Sample
from trivet.errors import DataError
from trivet.study.fairness import Clusters, measure
from trivet.study.fairness_results import ConfusionCounts, FairnessSettings, ModelChange


@pytest.fixture
def rows():
    """Ten protected rows of which 4 are selected, and ten privileged of which 8 are; all in one cluster."""
    sensitive = np.repeat([0, 1], 10)
    predictions = np.array([1] * 4 + [0] * 6 + [1] * 8 + [0] * 2)
    labels = np.array([1] * 3 + [0] * 6 + [1] + [1] * 6 + [0] * 4)
    sample = Sample(np.zeros((20, 1)), ("x",), labels, sensitive)
    return sample, predictions, Clusters(np.arange(20), np.zeros(20, dtype=np.int64))


def test_every_figure_follows_from_the_counts(rows):
    found = measure(*rows, baseline=rows[1], settings=FairnessSettings())
    assert found.counts.protected == ConfusionCounts(
        true_positive=3, false_positive=1, true_negative=5, false_negative=1
    )
    assert found.counts.privileged == ConfusionCounts(
        true_positive=6, false_positive=2, true_negative=2, false_negative=0
    )
    assert found.accuracy == pytest.approx(16 / 20)
    assert found.disparate_impact.value == pytest.approx(0.5)
    assert found.gap == pytest.approx(0.5)
    assert found.demographic_parity_difference.value == pytest.approx(0.4)
    assert found.zemel_proxy == pytest.approx(0.2)
    assert (found.rates.protected, found.rates.privileged) == (0.4, 0.8)
    assert (found.true_positive_rates.protected, found.true_positive_rates.privileged) == (0.75, 1)
    assert found.false_positive_rates.privileged == 0.5


def test_intervals_have_the_level_asked_for(rows):
    found = measure(*rows, baseline=rows[1], settings=FairnessSettings(level=0.8))
    intervals = found.disparate_impact, found.demographic_parity_difference
    assert {interval.level for interval in intervals} == {0.8}
    assert all(interval.low < interval.value < interval.high for interval in intervals)


def test_a_model_that_selects_no_privileged_row_is_refused(rows):
    sample, predictions, clusters = rows
    none_privileged = predictions * (1 - sample.sensitive)
    with pytest.raises(DataError, match="selects no row of the privileged group"):
        measure(sample, none_privileged, clusters, baseline=predictions, settings=FairnessSettings())


def test_change_is_against_the_baseline(rows):
    sample, predictions, clusters = rows
    everybody = np.ones(20, dtype=np.int64)
    itself = measure(*rows, baseline=predictions, settings=FairnessSettings())
    assert itself.change == ModelChange(0, 0, 0, 0, 0)
    assert itself.verdict == "unsettled"
    found = measure(sample, everybody, clusters, baseline=predictions, settings=FairnessSettings())
    change = found.change
    assert (change.protected, change.privileged) == pytest.approx((0.6, 0.2))
    assert (change.disparate_impact, change.gap) == pytest.approx((0.5, -0.5))
    assert change.accuracy == pytest.approx(10 / 20 - 16 / 20)
    assert found.verdict == "unsettled"  # ten rows of each group show nothing
