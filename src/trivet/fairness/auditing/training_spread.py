"""Spread of a metric over models trained on resampled rows."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from trivet.fairness.auditing.results import TrainingSpread

__all__ = ["KEPT", "subsample", "training_spread"]

#: Share of the training rows that each repeat keeps.
KEPT: Final = 0.8


def subsample(rows: int, *, seed: int, repeat: int) -> NDArray[np.int64]:
    """Return the training rows that a repeat keeps, drawn without replacement; all of them in repeat 0."""
    if repeat == 0:
        return np.arange(rows)
    chosen = np.random.default_rng((seed, repeat)).permutation(rows)[: round(KEPT * rows)]
    return np.sort(chosen)


def training_spread(
    estimate: float | None, values: Sequence[float | None], *, level: float, lowest: float, highest: float
) -> TrainingSpread:
    """Turn the figure of each repeat into the spread that training samples of full size would have.

    With d of n rows left out, the variance over repeats times (n - d) / d estimates the variance of the
    figure at n rows (the delete-d jackknife; J. Shao, C. F. J. Wu, Annals of Statistics 17, 1989).
    """
    known = tuple(value for value in values if value is not None)
    if len(known) < 2 or estimate is None:  # noqa: PLR2004 - a variance takes two
        return TrainingSpread(known, None, None, None)
    deviation = float(np.std(known, ddof=1)) * math.sqrt(KEPT / (1 - KEPT))
    reach = float(student.ppf((1 + level) / 2, len(known) - 1)) * deviation
    return TrainingSpread(known, deviation, max(lowest, estimate - reach), min(highest, estimate + reach))
