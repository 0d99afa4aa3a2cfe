"""Results of the metrics: frozen values only, readable without any heavy import."""

from dataclasses import dataclass

from trivet.estimate import Estimate

__all__ = ["CalibrationBin", "GroupAuc", "GroupCalibration", "MetricValue"]


@dataclass(frozen=True)
class MetricValue:
    """One metric of one group, of a pair of groups, or of all groups.

    Attributes
    ----------
    metric : Its name, as in the reference table.
    group : The group; None where it is of all groups together.
    reference : The group that `group` is compared with (the privileged one); None where there is no such.
    value : None where it is undefined.
    reason : Why it is undefined; None where it is not.
    numerator, denominator : Rows, where the metric is a share of rows.
    left_out : Groups whose rate is undefined and that a spread over all groups therefore passes over.
    """

    metric: str
    group: str | None
    reference: str | None
    value: float | None
    reason: str | None
    numerator: int | None = None
    denominator: int | None = None
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class GroupAuc:
    """Ranking of positives above negatives by the scores, where a group is one or both of the two.

    Attributes
    ----------
    metric : ``auc``, ``bpsn_auc`` or ``bnsp_auc``.
    group : The group.
    value : Chance that a positive scores above a negative, ties by half; None where one of them has no row.
    standard_error : After DeLong; None where one of the two has fewer than two rows.
    reason : Why value or standard error is missing; None where neither is.
    positives, negatives : Rows of each.
    """

    metric: str
    group: str
    value: float | None
    standard_error: float | None
    reason: str | None
    positives: int
    negatives: int


@dataclass(frozen=True)
class CalibrationBin:
    """Rows of one group whose scores lie between two bounds: [low, high), and the last [low, high].

    Attributes
    ----------
    low, high : The bounds.
    rows, positives : Rows, and those with a positive label.
    mean_score : Of the rows.
    observed : Share of positive labels with its Wilson interval.
    """

    low: float
    high: float
    rows: int
    positives: int
    mean_score: float
    observed: Estimate


@dataclass(frozen=True)
class GroupCalibration:
    """Calibration error of one group's scores.

    Attributes
    ----------
    group, rows : The group and its rows.
    bins : Those that hold a row, from low to high scores.
    expected_error : Expected calibration error: mean over rows of |observed share - mean score| of the bin.
    in_the_large : Share of positive labels minus mean score: above 0 the scores are too low.
    reason : Why the two are missing; None where they are not.
    """

    group: str
    rows: int
    bins: tuple[CalibrationBin, ...]
    expected_error: float | None
    in_the_large: float | None
    reason: str | None
