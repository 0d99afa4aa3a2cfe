"""Results of audits of other outcomes than two classes: frozen values, no heavy import."""

from dataclasses import dataclass

from trivet.estimate import Estimate
from trivet.fairness.auditing.results import Caution, WithheldGroup
from trivet.result import Table

__all__ = [
    "AmountAttribute",
    "AmountAudit",
    "ByGroup",
    "ClassRate",
    "GroupAmounts",
    "GroupMetric",
    "GroupRanking",
    "MacroRate",
    "MetricGap",
    "MulticlassAttribute",
    "MulticlassAudit",
    "Quantile",
    "RankingAttribute",
    "RankingAudit",
]


@dataclass(frozen=True)
class Quantile:
    """One quantile of a group, and how it compares.

    Attributes
    ----------
    share : Share of the rows below it, in (0, 1).
    value : The quantile.
    difference, ratio : Quantile of the reference group minus this one's, and this one's over it; None for the
        reference group.
    """

    share: float
    value: Estimate
    difference: Estimate | None
    ratio: Estimate | None


@dataclass(frozen=True)
class GroupAmounts:
    """Amounts of one group, and how they compare with the reference group's.

    Attributes
    ----------
    group : Its value, or its values with commas between.
    rows : Rows of the group with an amount.
    mean : Mean, in the unit of the amounts.
    quantiles : The 10, 25, 50, 75 and 90 % quantiles.
    mean_difference, mean_ratio : Mean of the reference group minus this one's, and this one's over it; None
        for the reference group.
    simultaneous_low, simultaneous_high : Ends of the ratio, at which all comparisons hold at once, or None.
    kolmogorov_smirnov : Largest distance of the distribution functions, in [0, 1].
    wasserstein : Area between them, in the unit of the amounts.
    p_value, p_adjusted, test : Of equal distributions (of equal means, with weights), alone and by Holm over
        the whole audit.
    verdict : ``disparate``, ``unsettled``, ``in band`` or ``reference``.
    """

    group: str
    rows: int
    mean: Estimate
    quantiles: tuple[Quantile, ...]
    mean_difference: Estimate | None
    mean_ratio: Estimate | None
    simultaneous_low: float | None
    simultaneous_high: float | None
    kolmogorov_smirnov: Estimate | None
    wasserstein: Estimate | None
    p_value: float | None
    p_adjusted: float | None
    test: str | None
    verdict: str


@dataclass(frozen=True)
class AmountAttribute:
    """One sensitive column, or several together.

    Attributes
    ----------
    columns, name : The sensitive columns, and their names joined by "x".
    reference, reference_why : The group that the others are compared with, and why it.
    groups : All groups, in the order of their values.
    verdict, reason : The worst verdict of the groups that count, and what it rests on.
    withheld : Groups of which figures are suppressed; none where nothing is.
    """

    columns: tuple[str, ...]
    name: str
    reference: str
    reference_why: str
    groups: tuple[GroupAmounts, ...]
    verdict: str
    reason: str
    withheld: tuple[WithheldGroup, ...] = ()


@dataclass(frozen=True, repr=False)
class AmountAudit(
    Table,
    head=("verdict", "data", "outcome", "rows", "reason"),
    rows="attributes.groups",
    columns=("group", "rows", "mean", "mean_ratio", "mean_difference", "verdict"),
):
    """Amounts, such as credit limits, prices or wages, by group.

    Attributes
    ----------
    data, outcome : Names of the table and of the column of amounts.
    rows : Rows with an amount.
    weight : Column of weights, or None.
    four_fifths, level : Lower end of the band of the ratio of means, and level of every interval.
    attributes : Each sensitive column, and last all of them together where there is more than one.
    cautions : What to know first.
    verdict, reason : The worst of the attributes' verdicts, and what it rests on.
    limits : What the audit does not show.
    suppressed_below : Groups of fewer rows are suppressed; None where none are.
    """

    data: str
    outcome: str
    rows: int
    weight: str | None
    four_fifths: float
    level: float
    attributes: tuple[AmountAttribute, ...]
    cautions: tuple[Caution, ...]
    verdict: str
    reason: str
    limits: str
    suppressed_below: int | None = None


@dataclass(frozen=True)
class GroupRanking:
    """Places of one group in rankings.

    Attributes
    ----------
    group : Its value, or its values with commas between.
    rows : Its rows in all rankings.
    exposure : Mean of 1 / log2(1 + rank) over its rows.
    top_share : Share of its rows that are among the first k.
    exposure_ratio, top_ratio : Over those of the reference group; None for that.
    simultaneous_low, simultaneous_high : Ends of the ratio of exposures at which all comparisons hold.
    p_value, p_adjusted, test : Of equal exposure, alone and by Holm over the whole audit.
    verdict : ``disparate``, ``unsettled``, ``in band`` or ``reference``.
    """

    group: str
    rows: int
    exposure: Estimate
    top_share: Estimate
    exposure_ratio: Estimate | None
    top_ratio: Estimate | None
    simultaneous_low: float | None
    simultaneous_high: float | None
    p_value: float | None
    p_adjusted: float | None
    test: str | None
    verdict: str


@dataclass(frozen=True)
class RankingAttribute:
    """One sensitive column, or several together; as `AmountAttribute`."""

    columns: tuple[str, ...]
    name: str
    reference: str
    reference_why: str
    groups: tuple[GroupRanking, ...]
    verdict: str
    reason: str


@dataclass(frozen=True, repr=False)
class RankingAudit(
    Table,
    head=("verdict", "data", "rank", "rows", "reason"),
    rows="attributes.groups",
    columns=("group", "rows", "exposure", "exposure_ratio", "top_share", "verdict"),
):
    """Exposure of groups in one ranking or in one a query.

    Attributes
    ----------
    data, rank, query : Names of the table, of the column of ranks and of that of queries, or None.
    rows, queries : Ranked rows, and rankings.
    top : The k of the first k.
    four_fifths, level : Lower end of the band of the ratio of exposures, and level of every interval.
    attributes, cautions, verdict, reason, limits : As of `AmountAudit`.
    """

    data: str
    rank: str
    query: str | None
    rows: int
    queries: int
    top: int
    four_fifths: float
    level: float
    attributes: tuple[RankingAttribute, ...]
    cautions: tuple[Caution, ...]
    verdict: str
    reason: str
    limits: str


@dataclass(frozen=True)
class ClassRate:
    """One rate of one class against all others, in one group.

    Attributes
    ----------
    label : The class.
    metric : ``selection_rate``, ``true_positive_rate``, ``false_positive_rate`` or
        ``positive_predictive_value``.
    group : Its value, or its values with commas between.
    rate : The rate, in [0, 1].
    difference, ratio : Rate of the reference group minus this one's, and this one's over it; None for it.
    simultaneous_low, simultaneous_high : Ends of the ratio at which all classes and groups hold at once.
    verdict : On the ratio: ``disparate``, ``unsettled``, ``in band`` or ``reference``.
    """

    label: str
    metric: str
    group: str
    rate: Estimate
    difference: Estimate | None
    ratio: Estimate | None
    simultaneous_low: float | None
    simultaneous_high: float | None
    verdict: str


@dataclass(frozen=True)
class MacroRate:
    """Mean of a rate over the classes, or accuracy, in one group.

    Attributes
    ----------
    metric : ``accuracy``, ``macro_recall`` or ``macro_precision``.
    group : Its value, or its values with commas between.
    rate : The mean, in [0, 1].
    difference, ratio : As of `ClassRate`.
    """

    metric: str
    group: str
    rate: Estimate
    difference: Estimate | None
    ratio: Estimate | None


@dataclass(frozen=True)
class MulticlassAttribute:
    """One sensitive column, or several together, with every class.

    Attributes
    ----------
    columns, name, reference, reference_why, verdict, reason : As of `AmountAttribute`.
    groups : Rates of each class in each group.
    macro : Means over the classes, in each group.
    """

    columns: tuple[str, ...]
    name: str
    reference: str
    reference_why: str
    groups: tuple[ClassRate, ...]
    macro: tuple[MacroRate, ...]
    verdict: str
    reason: str


@dataclass(frozen=True, repr=False)
class MulticlassAudit(
    Table,
    head=("verdict", "data", "prediction", "rows", "reason"),
    rows="attributes.groups",
    columns=("label", "metric", "group", "rate", "ratio", "verdict"),
):
    """Predictions of several classes by group, each class against all others.

    Attributes
    ----------
    data, label, prediction : Names of the table and of its columns.
    rows, classes : Rows, and the classes.
    four_fifths, level, attributes, cautions, verdict, reason, limits : As of `AmountAudit`.
    """

    data: str
    label: str
    prediction: str
    rows: int
    classes: tuple[str, ...]
    four_fifths: float
    level: float
    attributes: tuple[MulticlassAttribute, ...]
    cautions: tuple[Caution, ...]
    verdict: str
    reason: str
    limits: str


@dataclass(frozen=True)
class GroupMetric:
    """One metric of one group.

    Attributes
    ----------
    metric, group : Name of the metric, and the group.
    rows : Rows of the group.
    value : The metric, with its bootstrap interval.
    """

    metric: str
    group: str
    rows: int
    value: Estimate


@dataclass(frozen=True)
class MetricGap:
    """Distance of the groups in one metric.

    Attributes
    ----------
    metric : Its name.
    overall : The metric of all rows.
    difference : Largest minus smallest of the groups.
    ratio : Smallest over largest of the groups.
    """

    metric: str
    overall: Estimate
    difference: Estimate
    ratio: Estimate


@dataclass(frozen=True, repr=False)
class ByGroup(Table, head=("columns", "rows"), rows="by_group", columns=("metric", "group", "rows", "value")):
    """Any metrics by group, with bootstrap intervals.

    Attributes
    ----------
    columns : The sensitive columns.
    rows : Rows.
    by_group : Each metric of each group.
    gaps : Each metric of all rows, and its largest difference and smallest ratio between groups.
    replicates, seed, level : Of the bootstrap, and level of every interval.
    """

    columns: tuple[str, ...]
    rows: int
    by_group: tuple[GroupMetric, ...]
    gaps: tuple[MetricGap, ...]
    replicates: int
    seed: int
    level: float
