"""Accuracy and fairness as functions of the number of swapped training labels."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trivet.fairness.counting.arrays import binary_counts
from trivet.fairness.metrics.comparisons import accuracy
from trivet.fairness.mitigation.massaged import Massaging
from trivet.fairness.mitigation.meta_estimator import unfitted
from trivet.fairness.results import SwapSweep
from trivet.fairness.study.logistic import scores_of
from trivet.fairness.study.measurement import measured_impact
from trivet.fairness.study.sample import Sample

__all__ = ["SwappedModel", "fit_swapped", "sweep_of"]


@dataclass(frozen=True)
class SwappedModel:
    """The predictions for the test rows of a model that was fitted on swapped labels."""

    promoted: int
    demoted: int
    predictions: NDArray[np.int64]


def fit_swapped(
    massaging: Massaging,
    train: Sample,
    test: Sample,
    sizes: Iterable[int],
    *,
    baseline: NDArray[np.int64],
    cut: float,
) -> dict[int, SwappedModel]:
    """Fit one model for each number of swaps."""
    models = {0: SwappedModel(promoted=0, demoted=0, predictions=baseline)}
    for size in sorted({*sizes} - {0}):
        sized: Massaging = unfitted(massaging).set_params(size=size)
        fitted = sized.fit(train.features, train.labels, sensitive_features=train.sensitive)
        (scores,) = scores_of(fitted, test)
        models[size] = SwappedModel(
            promoted=len(fitted.promoted_),
            demoted=len(fitted.demoted_),
            predictions=(scores >= cut).astype(np.int64),
        )
    return models


def sweep_of(models: Mapping[int, SwappedModel], test: Sample, *, tolerance: float) -> SwapSweep:
    """Measure each model and find the one whose disparate impact is nearest to 1."""
    counts = [binary_counts(test.labels, model.predictions, test.sensitive) for model in models.values()]
    accuracies = dict(zip(models, (float(accuracy(table)) for table in counts), strict=True))
    impacts = dict(zip(models, (measured_impact(table) for table in counts), strict=True))
    gaps = {k: abs(1 - impact) for k, impact in impacts.items()}
    best = min((k for k in models if accuracies[k] >= accuracies[0] - tolerance), key=gaps.__getitem__)
    return SwapSweep(
        k=tuple(models),
        promoted=tuple(model.promoted for model in models.values()),
        demoted=tuple(model.demoted for model in models.values()),
        accuracy=tuple(accuracies.values()),
        disparate_impact=tuple(impacts.values()),
        gap=tuple(gaps.values()),
        tolerance=tolerance,
        best_k=best,
        best_accuracy=accuracies[best],
        best_gap=gaps[best],
    )
