"""Accuracy that equal error rates cost, from exactly equal ones to none, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import UsageError
from trivet.estimate import Estimate
from trivet.fairness.columns import binary_column, require_same_length, score_column
from trivet.fairness.mitigation.classifier import SensitiveFeatures, sensitive_codes
from trivet.fairness.mitigation.thresholds.classifier import draw_rows, require_rows, require_share_and_seed
from trivet.fairness.mitigation.thresholds.cuts import Objective
from trivet.fairness.mitigation.thresholds.odds import equal_opportunity_thresholds, equalized_odds_thresholds
from trivet.fairness.mitigation.thresholds.randomised import MixedThreshold, selection_probability
from trivet.paired import wilson_limits
from trivet.result import Table
from trivet.settings import Share, require
from trivet.wording import one_line

__all__ = ["OddsFrontier", "OddsPoint", "odds_frontier"]

#: Bounds on the difference of error rates.
BOUNDS: Final = (0.0, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
_SEARCHES: Final = {
    "equalized_odds": (equalized_odds_thresholds, (0, 1)),
    "equal_opportunity": (equal_opportunity_thresholds, (1,)),
}


@dataclass(frozen=True)
class OddsPoint:
    """The best thresholds at one bound.

    Attributes
    ----------
    bound : How far error rates of groups may be apart on the rows that thresholds are fitted on.
    accuracy : Expected share of the other rows that are predicted right.
    gap : Largest difference of an error rate between groups, on the other rows.
    fitted_accuracy, fitted_gap : The same on the rows that thresholds are fitted on.
    thresholds : Of each group.
    """

    bound: float
    accuracy: Estimate
    gap: Estimate
    fitted_accuracy: float
    fitted_gap: float
    thresholds: tuple[MixedThreshold, ...]


@dataclass(frozen=True, repr=False)
class OddsFrontier(
    Table,
    head=("constraint", "fitted_rows", "rows"),
    rows="points",
    columns=("bound", "accuracy", "gap", "fitted_accuracy"),
):
    """Accuracy at each bound on the difference of error rates.

    Attributes
    ----------
    constraint : ``equalized_odds`` or ``equal_opportunity``.
    groups : Values of the groups.
    fitted_rows, rows : Rows that thresholds are fitted on, and those that they are measured on.
    points : By bound, the smallest first.
    """

    constraint: str
    groups: tuple[str, ...]
    fitted_rows: int
    rows: int
    points: tuple[OddsPoint, ...]


def odds_frontier(
    y_true: ArrayLike,
    scores: ArrayLike,
    sensitive_features: SensitiveFeatures,
    *,
    bounds: Sequence[float] = BOUNDS,
    constraint: Literal["equalized_odds", "equal_opportunity"] = "equalized_odds",
    objective: Objective = "accuracy",
    share: float = 0.5,
    level: float = 0.95,
    random_state: int = 0,
) -> OddsFrontier:
    """Find the best randomised thresholds at each bound on a part of the rows, and measure them on the rest.

    Each is the optimum of the linear programme over the hulls of the groups' ROC curves (A. F. Cruz, M.
    Hardt, Unprocessing seven years of algorithmic fairness, ICLR 2024).

    Parameters
    ----------
    y_true, scores, sensitive_features
        Label (0 or 1), score and group of each row, that the scoring model was not fitted on.
    bounds
        Largest differences of error rates between groups, each in [0, 1].
    constraint
        Whether both error rates are held together or true positive rates alone.
    objective
        What is maximised: see `GroupThresholds`.
    share
        Of the rows that thresholds are fitted on, in (0, 1), drawn from every group and label.
    level
        Confidence level of the intervals, in (0, 1). They are of these thresholds on other rows: Wilson's at
        the expected share for accuracy; for the gap they follow from simultaneous intervals of all rates.
    random_state
        Seed of the draw of rows.

    Returns
    -------
    OddsFrontier
        One point a bound.

    Raises
    ------
    UsageError
        If a parameter is out of its range.
    DataError
        If columns differ in length or hold what they should not, or a group lacks rows of a label.
    """
    if constraint not in _SEARCHES:
        raise UsageError(
            f"the constraint should be one of {', '.join(_SEARCHES)}, found {one_line(repr(constraint))}."
        )
    require(Share, level=level)
    require_share_and_seed(share, random_state)
    if not len(bounds):
        raise UsageError("a frontier needs a bound, found none; leave bounds out for the usual ones.")
    labels, values = binary_column(y_true, "y_true"), score_column(scores, "scores")
    require_same_length(y_true=labels, scores=values)
    codes, groups = sensitive_codes(sensitive_features, len(labels))
    fitted = draw_rows(codes, labels, share=share, seed=random_state)
    for part in (fitted, ~fitted):
        require_rows(codes[part], labels[part], groups, both_labels=True)
    search, of_labels = _SEARCHES[constraint]
    points: list[OddsPoint] = []
    for bound in sorted(map(float, bounds)):
        found = search(
            labels[fitted], np.asarray(scores)[fitted], codes[fitted], bound=bound, objective=objective
        )
        chance = selection_probability(values, codes, found)
        right = np.where(labels == 1, chance, 1 - chance)
        rates = [_rates(labels[part], codes[part], chance[part], of_labels) for part in (fitted, ~fitted)]
        points.append(
            OddsPoint(
                bound=bound,
                accuracy=_expected_share(right[~fitted], level=level),
                gap=_gap(*rates[1], level=level),
                fitted_accuracy=float(right[fitted].mean()),
                fitted_gap=float(np.ptp(rates[0][0] / rates[0][1], axis=1).max()),
                thresholds=found,
            )
        )
    return OddsFrontier(
        constraint=constraint,
        groups=tuple(one_line(group) for group in groups),
        fitted_rows=int(fitted.sum()),
        rows=int((~fitted).sum()),
        points=tuple(points),
    )


Floats = NDArray[np.float64]


def _rates(
    labels: NDArray[np.int64], codes: NDArray[np.int64], chance: Floats, of_labels: tuple[int, ...]
) -> tuple[Floats, Floats]:
    """Return expected selected rows and all rows, each of shape (labels, groups)."""
    kinds = [labels == label for label in of_labels]
    selected = np.array([np.bincount(codes[own], weights=chance[own]) for own in kinds], dtype=np.float64)
    return selected, np.array([np.bincount(codes[own]) for own in kinds], dtype=np.float64)


def _expected_share(right: Floats, *, level: float) -> Estimate:
    # A lot that is drawn spreads a row's prediction no more than a row of another label does.
    x, n = np.array([right.sum()]), np.array([len(right)])
    share, (low, high) = float(right.mean()), wilson_limits(x, n, level=level)
    return Estimate(share, float(low[0]), float(high[0]), level, "Wilson score, expected share")


def _gap(selected: Floats, rows: Floats, *, level: float) -> Estimate:
    """Return the largest difference of a rate, between ends that all rates' intervals allow at once."""
    each = 1 - (1 - level) / selected.size
    low, high = wilson_limits(selected, rows, level=each)
    spread = float(np.ptp(selected / rows, axis=1).max())
    least = max(0.0, float((low.max(axis=1) - high.min(axis=1)).max()))
    most = float((high.max(axis=1) - low.min(axis=1)).max())
    return Estimate(spread, least, most, level, "Wilson score, all groups at once (Bonferroni)")
