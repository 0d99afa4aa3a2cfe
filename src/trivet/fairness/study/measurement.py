"""Metrics of one model's predictions: every figure of the comparison, from one table of counts."""

import numpy as np
from numpy.typing import NDArray

from trivet.errors import DataError
from trivet.fairness.columns import PRIVILEGED, PROTECTED
from trivet.fairness.counting.arrays import binary_counts
from trivet.fairness.intervals.bootstrap import bootstrap_interval
from trivet.fairness.intervals.differences import newcombe_interval
from trivet.fairness.intervals.ratios import katz_interval
from trivet.fairness.metrics.clusters import Clusters, cluster_disparity
from trivet.fairness.metrics.comparisons import (
    accuracy,
    demographic_parity_difference,
    disparate_impact,
    within_band,
)
from trivet.fairness.metrics.group_rates import false_positive_rates, selection_rates, true_positive_rates
from trivet.fairness.results import ConfusionCounts, GroupConfusion, GroupRates, ModelChange, ModelFairness
from trivet.fairness.settings import FairnessSettings
from trivet.fairness.study.sample import Sample

__all__ = ["group_rates", "measure", "measured_impact"]


def measure(
    test: Sample,
    predictions: NDArray[np.int64],
    clusters: Clusters,
    *,
    baseline: NDArray[np.int64],
    settings: FairnessSettings,
) -> ModelFairness:
    """Measure a model's accuracy and disparities on the test rows."""
    counts = binary_counts(test.labels, predictions, test.sensitive)
    impact = measured_impact(counts)
    return ModelFairness(
        accuracy=float(accuracy(counts)),
        disparate_impact=impact,
        gap=abs(1 - impact),
        in_band=bool(within_band(impact, four_fifths=settings.four_fifths)),
        demographic_parity_difference=float(demographic_parity_difference(counts)),
        zemel_proxy=cluster_disparity(clusters, predictions, test.sensitive),
        counts=GroupConfusion(_confusion(counts[PROTECTED]), _confusion(counts[PRIVILEGED])),
        rates=group_rates(selection_rates(counts)),
        true_positive_rates=group_rates(true_positive_rates(counts)),
        false_positive_rates=group_rates(false_positive_rates(counts)),
        disparate_impact_interval=katz_interval(counts, level=settings.level),
        disparate_impact_bootstrap=bootstrap_interval(
            counts, disparate_impact, replicates=settings.replicates, level=settings.level, seed=settings.seed
        ),
        demographic_parity_interval=newcombe_interval(counts, level=settings.level),
        change=_change(counts, binary_counts(test.labels, baseline, test.sensitive)),
    )


def measured_impact(counts: NDArray[np.int64]) -> float:
    """Return the disparate impact of one table, or say that it is not a number that can be recorded."""
    impact = float(disparate_impact(counts))
    if counts[PRIVILEGED, :, 1].sum() == 0:
        raise DataError(
            "a model selects no row of the privileged group, so its disparate impact is undefined. Ask for "
            "fewer swaps or a lower cut."
        )
    return impact


def group_rates(rates: NDArray[np.float64]) -> GroupRates:
    """Name the two entries of an array of rates."""
    return GroupRates(protected=float(rates[PROTECTED]), privileged=float(rates[PRIVILEGED]))


def _change(counts: NDArray[np.int64], baseline: NDArray[np.int64]) -> ModelChange:
    """Subtract the baseline's figures from a model's."""
    impact, impact_before = measured_impact(counts), measured_impact(baseline)
    rates = selection_rates(counts) - selection_rates(baseline)
    return ModelChange(
        accuracy=float(accuracy(counts) - accuracy(baseline)),
        disparate_impact=impact - impact_before,
        gap=abs(1 - impact) - abs(1 - impact_before),
        protected=float(rates[PROTECTED]),
        privileged=float(rates[PRIVILEGED]),
    )


def _confusion(table: NDArray[np.int64]) -> ConfusionCounts:
    """Name the four cells of one group's table, indexed [label, prediction]."""
    (true_negative, false_positive), (false_negative, true_positive) = table.tolist()
    return ConfusionCounts(
        true_positive=true_positive,
        false_positive=false_positive,
        true_negative=true_negative,
        false_negative=false_negative,
    )
