"""Results of an audit of inferred groups: frozen values, no heavy import."""

from dataclasses import dataclass

from trivet.result import Table

__all__ = ["InferredAudit", "InferredDisparity", "InferredRate", "Span"]


@dataclass(frozen=True)
class Span:
    """All values that a figure can have, given what is known of the groups, and the sampling error of these.

    Attributes
    ----------
    low, high : Ends of the identified set, as these rows estimate them; None where there is none.
    sampled_low, sampled_high : Ends that hold the whole set, with the probability of the audit, and all
        comparisons of it at once; None as above.
    reason : Why an end is missing; None where none is.
    """

    low: float | None
    high: float | None
    sampled_low: float | None
    sampled_high: float | None
    reason: str | None = None


@dataclass(frozen=True)
class InferredRate:
    """One rate of one group.

    Attributes
    ----------
    metric : ``selection_rate``, ``true_positive_rate`` or ``false_positive_rate``.
    group : The group.
    rows : Rows that it is expected to have; the rate is of those of them that it is a share of.
    span : What the rate can be, in [0, 1].
    weighted : Mean of the outcome weighted by the probability of the group; biased where outcome and group go
        together beyond what the probabilities know.
    thresholded : Rate of the rows whose likeliest group it is; biased as well. None where there is no such.
    adjusted : With error rates, the rate if errors do not depend on the outcome of a row given its group;
        None else.
    """

    metric: str
    group: str
    rows: float
    span: Span
    weighted: float | None
    thresholded: float | None
    adjusted: float | None = None


@dataclass(frozen=True)
class InferredDisparity:
    """One rate of two groups compared.

    Attributes
    ----------
    metric, group, reference : The rate, and the groups.
    difference : Of the reference minus the group, in [-1, 1].
    ratio : Of the group over the reference.
    weighted, thresholded, adjusted : The ratio by the estimators of `InferredRate`.
    weighted_difference, thresholded_difference, adjusted_difference : The difference by the same.
    verdict : ``disparate`` where all that the ratio can be lies outside the band, sampling included, ``in
        band`` where all lies within, else ``unsettled``.
    """

    metric: str
    group: str
    reference: str
    difference: Span
    ratio: Span
    weighted: float | None
    weighted_difference: float | None
    thresholded: float | None
    thresholded_difference: float | None
    adjusted: float | None
    adjusted_difference: float | None
    verdict: str


@dataclass(frozen=True, repr=False)
class InferredAudit(
    Table,
    head=("verdict", "data", "rows", "reason"),
    rows="disparities",
    columns=("metric", "group", "weighted", "verdict"),
):
    """Bounds of disparities between groups that are only inferred.

    Attributes
    ----------
    data, rows : Name of the table, and its rows.
    prediction, label : Columns; None where there are no labels.
    known : ``probabilities`` of each row, or ``error rates`` of an inferred group.
    columns : Of the probabilities, or of the inferred group.
    error_rates : Of each true group the shares that are inferred to be each group, in the order of `groups`;
        empty with probabilities.
    groups : The true groups.
    reference, reference_why : The group that the others are compared with, and why it.
    four_fifths, level : As of an audit.
    method : How sampling error is found.
    rates, disparities : Of each metric and group.
    verdict, reason : The worst of the selection rates' verdicts, and what it rests on.
    limits : What has to hold, and what is not shown.
    seed : Of everything random.
    """

    data: str
    rows: int
    prediction: str
    label: str | None
    known: str
    columns: tuple[str, ...]
    error_rates: tuple[tuple[float, ...], ...]
    groups: tuple[str, ...]
    reference: str
    reference_why: str
    four_fifths: float
    level: float
    method: str
    rates: tuple[InferredRate, ...]
    disparities: tuple[InferredDisparity, ...]
    verdict: str
    reason: str
    limits: str
    seed: int
