"""Results of an audit of predictions and a comparison of mitigations: frozen values, no heavy import."""

from dataclasses import dataclass
from typing import Final

from trivet.estimate import Estimate
from trivet.fairness.counting.counts import FoldedValue
from trivet.fairness.explain.results import Decomposition, ProxyStrength
from trivet.fairness.metrics.results import GroupCalibration, MetricValue
from trivet.fairness.search.results import SubgroupSearch
from trivet.result import Table

__all__ = [
    "COMPARED",
    "NAMED",
    "REFERENCE",
    "AttributeAudit",
    "Caution",
    "FairnessAudit",
    "FairnessComparison",
    "FittedThresholds",
    "GivenSetting",
    "GroupAudit",
    "GroupMeasure",
    "GroupOutcome",
    "GroupThreshold",
    "MetricAudit",
    "ModelOutcome",
    "OverallRates",
    "ScoreAudit",
    "TrainingSpread",
    "WithheldGroup",
]

#: Why a group is the reference that no count chose.
NAMED = "it was named as privileged"
REFERENCE = "reference"


@dataclass(frozen=True)
class ScoreAudit:
    """Quality of one group's scores.

    Attributes
    ----------
    auc : Area under the ROC curve within the group, in [0, 1].
    bpsn_auc, bnsp_auc : Area with the negatives of the group against the positives of all others, low where
        its negatives score too high; and with its positives against the negatives of all others, low where
        its positives score too low.
    calibration : How far the scores are from the shares of positives that they stand for.
    """

    auc: Estimate
    bpsn_auc: Estimate
    bnsp_auc: Estimate
    calibration: GroupCalibration


@dataclass(frozen=True)
class GroupAudit:
    """One group of an attribute, and how it compares with the reference group.

    Attributes
    ----------
    group : Its value, or its values with commas between.
    rows, positives, selected : Rows of the group, those with a positive label, those predicted positive.
    selection_rate, base_rate, true_positive_rate, false_positive_rate, positive_predictive_value, accuracy :
        Shares in [0, 1].
    disparate_impact : Selection rate over that of the reference group; None for the reference group.
    simultaneous_low, simultaneous_high : Ends at which all comparisons hold at once, or None.
    difference : Selection rate of the reference group minus this one's; None for the reference group.
    p_value, p_adjusted : Of equal selection rates, alone and by Holm over all comparisons; None as above.
    test : Which test.
    smallest_detectable : Largest ratio, in (0, 1), found ``disparate`` four times in five; else None.
    scores : None where only predictions were given.
    verdict : ``disparate``, ``unsettled``, ``in band`` or ``reference``.
    false_negative_rate : A share in [0, 1]; None in a record of an earlier version.
    below_four_fifths : Whether by the estimates alone one of the two selection rates is below four fifths (or
        another end of the band) of the other; None where that is unknown, and for the reference group.
    """

    group: str
    rows: int
    positives: int
    selected: int
    selection_rate: Estimate
    base_rate: Estimate
    true_positive_rate: Estimate
    false_positive_rate: Estimate
    positive_predictive_value: Estimate
    accuracy: Estimate
    disparate_impact: Estimate | None
    simultaneous_low: float | None
    simultaneous_high: float | None
    difference: Estimate | None
    p_value: float | None
    p_adjusted: float | None
    test: str | None
    smallest_detectable: float | None
    scores: ScoreAudit | None
    verdict: str
    false_negative_rate: Estimate | None = None
    below_four_fifths: bool | None = None


@dataclass(frozen=True)
class GroupMeasure:
    """One metric of one group, and how it compares with the reference.

    Attributes
    ----------
    group, rows : The group, and its rows.
    among : Rows that the metric is a share of; None where it is none.
    rate : The metric.
    ratio : Over that of the reference, or for a worst of several rates the smaller over the larger of the
        rate that is farthest from parity; None for the reference group.
    simultaneous_low, simultaneous_high : Ends at which all comparisons of the audit hold at once, or None.
    difference : Of the reference minus this one's, or for a worst of several rates the largest one without
        its sign; None for the reference group.
    difference_low, difference_high : Its ends at which all comparisons hold at once, or None.
    p_value, p_adjusted : Of equal rates, alone and by Holm over all comparisons; None where there is no test.
    test : Which test.
    smallest_detectable : Largest ratio, in (0, 1), found ``disparate`` four times in five; else None.
    below_four_fifths : Whether by the estimates alone one of the two rates is below four fifths (or another
        end of the band) of the other; None where that is unknown, and for the reference group.
    worst : The rate that is farthest from parity, of a worst of several; else None.
    verdict : ``disparate``, ``unsettled``, ``in band`` or ``reference``.
    """

    group: str
    rows: int
    among: int | None
    rate: Estimate
    ratio: Estimate | None
    simultaneous_low: float | None
    simultaneous_high: float | None
    difference: Estimate | None
    difference_low: float | None
    difference_high: float | None
    p_value: float | None
    p_adjusted: float | None
    test: str | None
    smallest_detectable: float | None
    below_four_fifths: bool | None
    worst: str | None
    verdict: str


#: Fields of `GroupMeasure` that are None for the reference group.
COMPARED: Final = (
    "ratio", "simultaneous_low", "simultaneous_high", "difference", "difference_low", "difference_high",
    "p_value", "p_adjusted", "test", "smallest_detectable", "below_four_fifths", "worst",
)  # fmt: skip


@dataclass(frozen=True)
class MetricAudit:
    """One metric of an attribute, by group.

    Attributes
    ----------
    metric, title : Its name, and its name in words.
    attribute : Name of the attribute.
    overall : The metric of all rows, whatever their group.
    groups : All groups, in the order of their values.
    most_disparate : The group that is shown to be most unlike the reference; None where none is known.
    difference_band : Where the verdict rests on differences, the largest that counts as parity; else None.
    comparisons : Number of comparisons that the simultaneous intervals hold for at once.
    verdict, reason : The worst verdict of the groups that count, and what it rests on, in one sentence.
    """

    metric: str
    title: str
    attribute: str
    overall: Estimate
    groups: tuple[GroupMeasure, ...]
    most_disparate: str | None
    difference_band: float | None
    comparisons: int
    verdict: str
    reason: str


@dataclass(frozen=True)
class WithheldGroup:
    """A group of which figures are suppressed, so that no small count can be computed.

    Attributes
    ----------
    group : Its name.
    whole : Whether no figure of it is there; else those of errors are not.
    reason : Why.
    rows : None: suppressed.
    """

    group: str
    whole: bool
    reason: str
    rows: None = None


@dataclass(frozen=True)
class AttributeAudit:
    """One sensitive column, or several together.

    Attributes
    ----------
    columns : The sensitive columns; more than one for an intersection.
    name : Their names, joined by "x".
    reference, reference_why : The group that the others are compared with, and why it.
    groups : All groups, in the order of their values.
    metrics : Every metric of the reference table: of each group, each against the reference, and all groups.
    most_disparate : The group whose disparate impact is farthest from 1; None where none is defined.
    by_class : Where its difference comes from, by true class; None where there is no such group.
    by_feature : The same by the other columns; None where they were not looked at.
    proxies : How well the other columns tell the group; None where they were not looked at.
    verdict : The worst verdict of the groups that count, ``disparate``, ``unsettled`` or ``in band``: those
        with at least two percent of the rows, and smaller ones that are shown to be disparate. It is of the
        metrics in `measures`, and of selection rates where there are none.
    reason : What it rests on, in one sentence.
    measures : The metrics that the audit is about; none in a record of an earlier version.
    withheld : Groups of which figures are suppressed; none where nothing is.
    """

    columns: tuple[str, ...]
    name: str
    reference: str
    reference_why: str
    groups: tuple[GroupAudit, ...]
    metrics: tuple[MetricValue, ...]
    most_disparate: str | None
    by_class: Decomposition | None
    by_feature: Decomposition | None
    proxies: ProxyStrength | None
    verdict: str
    reason: str
    measures: tuple[MetricAudit, ...] = ()
    withheld: tuple[WithheldGroup, ...] = ()


#: Kind of the caution on rows that are left out for want of a label, a prediction or a score.
MISSING_OUTCOME = "missing outcome"


@dataclass(frozen=True)
class Caution:
    """Something that a reader has to know before the numbers.

    Attributes
    ----------
    kind : ``missing outcome``, ``leakage``, ``tells the prediction``, ``key``, ``reversed``,
        ``folded values``, ``spelling``, ``missing groups``, ``nobody selected``, ``everybody selected``,
        ``labels alike``, ``columns``,
        ``small group``, ``proxies``, ``rows``, ``not looked at``, ``few trainings`` or ``suppressed``.
    message : One sentence.
    amount : How much of it there is, the larger the worse: rows, a share or a distance; None of what is there
        or not, and where no figure says it.
    """

    kind: str
    message: str
    amount: float | None = None


@dataclass(frozen=True)
class SameRows:
    """Decisions of a baseline and of an audit on the same rows.

    Attributes
    ----------
    baseline : SHA-256 of the baseline's ``metrics.json``.
    rows : Rows of both.
    changed : Rows that are decided otherwise.
    columns : The sensitive columns.
    groups : For each group its value in each of them.
    counts : For each group its rows by label, decision in the baseline and decision here, the last fastest.
    """

    baseline: str
    rows: int
    changed: int
    columns: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    counts: tuple[tuple[int, int, int, int, int, int, int, int], ...]


@dataclass(frozen=True)
class OverallRates:
    """Figures of all rows together, whatever their group.

    Attributes
    ----------
    rows, positives, selected : All rows; those whose label is positive; those that are predicted positive.
    accuracy, base_rate, selection_rate, true_positive_rate, false_positive_rate : Shares in [0, 1].
    """

    rows: int
    positives: int
    selected: int
    accuracy: Estimate
    base_rate: Estimate
    selection_rate: Estimate
    true_positive_rate: Estimate
    false_positive_rate: Estimate


@dataclass(frozen=True)
class GivenSetting:
    """A setting of a table that was given, and its value as text, of several with commas between."""

    name: str
    value: str


@dataclass(frozen=True, repr=False)
class FairnessAudit(
    Table,
    head=("verdict", "data", "rows", "reason"),
    rows="attributes.groups",
    columns=("group", "rows", "selection_rate", "disparate_impact", "verdict"),
):
    """Disparities of predictions between groups.

    Attributes
    ----------
    data : Name of the table.
    rows : Rows audited.
    label, positive, negative : The label's column, its positive value, and what the others are called.
    prediction : Column of the predictions or scores, or the name of the model that made them.
    cut : Score from which a row is predicted positive; None where predictions were given.
    four_fifths : Lower end t of the band [t, 1/t].
    level : Confidence level of every interval.
    attributes : Each sensitive column, and last all of them together where there is more than one.
    cautions, law : Cautions, and what the law says of group cut-offs, a sentence each.
    verdict, reason : The worst of the attributes' verdicts, and what it rests on.
    limits : What the audit does not show.
    overall : Accuracy and rates of all rows; None in a record of an earlier version.
    folded : Where several values count as negative, each of them with its rows; else nothing.
    labelled : Whether the table has labels; without them `label` is empty, and only selection is known.
    score_range : Where scores lie; None where predictions were given.
    favourable : Which scores are selected, ``high`` or ``low``.
    weight, strata, cluster : Columns of the survey that the intervals are of, or None.
    count : Column that says how many rows a row of the table is, or None.
    other_metrics : What the verdict is about beside ratios of selection rates, in words.
    subgroups : What a search for subgroups found; None where none was made. The verdict is not about it.
    suppressed_below : Counts of groups below this number are suppressed; None where none are.
    left_out : Rows left out for want of a label, a prediction or a score; None where that is withheld.
    constant : Sensitive columns with one value in every row, by which there are no groups.
    settings : Those of the table that bear on figures, were given other than by default, and stand nowhere
        else as they were given; none of arrays, and in a record of an earlier version.
    """

    data: str
    rows: int
    label: str
    positive: str
    negative: str
    prediction: str
    cut: float | None
    four_fifths: float
    level: float
    attributes: tuple[AttributeAudit, ...]
    cautions: tuple[Caution, ...]
    law: tuple[str, ...]
    verdict: str
    reason: str
    limits: str
    overall: OverallRates | None = None
    folded: tuple[FoldedValue, ...] = ()
    labelled: bool = True
    score_range: tuple[float, float] | None = None
    favourable: str = "high"
    weight: str | None = None
    strata: str | None = None
    cluster: str | None = None
    count: str | None = None
    other_metrics: tuple[str, ...] = ()
    subgroups: SubgroupSearch | None = None
    suppressed_below: int | None = None
    left_out: int | None = 0
    constant: tuple[str, ...] = ()
    settings: tuple[GivenSetting, ...] = ()


@dataclass(frozen=True)
class TrainingSpread(Estimate):
    """A metric with the interval of training: over models trained on other rows, on the same test rows.

    Attributes
    ----------
    value, low, high, level, method, reason : As of every estimate; no ends where `deviation` is None.
    values : The figure in each repeat; those in which it is undefined are left out.
    deviation : Standard deviation over full training samples (delete-d jackknife); None below two values, or
        where all are equal.
    """

    values: tuple[float, ...] = ()
    deviation: float | None = None


@dataclass(frozen=True)
class GroupOutcome:
    """Change in one group's test rows caused by a model.

    Attributes
    ----------
    group, rows : The group, and its test rows.
    selection_rate, disparate_impact : As in an audit; the latter is None for the reference group.
    difference : As in an audit; None for the reference group.
    training : How far `disparate_impact` moves with other training rows; None for the reference group.
    simultaneous_low, simultaneous_high : Ends that the verdict uses; None where an end is unbounded.
    verdict : ``disparate``, ``unsettled``, ``in band`` or ``reference``.
    counts : Whether parity and verdict of the model are about this group: see `AttributeAudit`.
    """

    group: str
    rows: int
    selection_rate: Estimate
    disparate_impact: Estimate | None
    training: TrainingSpread | None
    simultaneous_low: float | None = None
    simultaneous_high: float | None = None
    verdict: str | None = None
    counts: bool = True
    difference: Estimate | None = None


@dataclass(frozen=True)
class GroupThreshold:
    """Scores from which the rows of a group are predicted positive.

    Attributes
    ----------
    cuts : One score in [0, 1], or several to draw from; None where nobody is selected, 0 where everybody is.
    """

    group: str
    cuts: tuple[float | None, ...]


@dataclass(frozen=True)
class FittedThresholds:
    """Thresholds of the groups, and what they achieve on the `rows` validation rows they were fitted on.

    Attributes
    ----------
    accuracy : Share of those rows that are predicted right.
    disparate_impact : The ratio to the reference's selection rate farthest from 1; None where it is unknown.
    """

    rows: int
    accuracy: float
    disparate_impact: float | None
    groups: tuple[GroupThreshold, ...]


@dataclass(frozen=True)
class ModelOutcome:
    """One model of a comparison, on the test rows.

    Attributes
    ----------
    name, title : As typed, and in words.
    kind : ``baseline``, ``before``, ``while`` or ``after`` training.
    source : The paper; empty for the baseline.
    needs_group : Whether predictions need the sensitive columns.
    note : What the mitigation did, in one sentence, or why there is no model.
    failed : Whether there is none; then all that follows is None or empty.
    accuracy, accuracy_training : With intervals of sampling and of training.
    accuracy_change : Accuracy minus the baseline's on the same rows, paired; None for the baseline.
    group : The group farthest from parity, of those that count: see `GroupOutcome`.
    disparate_impact, disparate_impact_training : Of that group.
    parity : The smaller of its disparate impact and the inverse, in [0, 1]; None where it is unknown.
    difference, equalized_odds : Range of selection rates; the larger one of true and of false positive rates.
    groups : All groups.
    on_frontier : Whether no other model is better in accuracy or parity without being worse in the other.
    verdict : ``disparate``, ``unsettled`` or ``in band``: the worst of the groups that count.
    selection_rate : Share of all test rows that are selected.
    thresholds : Of a mitigation that sets them; None without.
    """

    name: str
    title: str
    kind: str
    source: str
    needs_group: bool
    note: str
    failed: bool
    accuracy: Estimate | None = None
    accuracy_training: TrainingSpread | None = None
    accuracy_change: Estimate | None = None
    group: str | None = None
    disparate_impact: Estimate | None = None
    disparate_impact_training: TrainingSpread | None = None
    parity: float | None = None
    difference: float | None = None
    equalized_odds: float | None = None
    groups: tuple[GroupOutcome, ...] = ()
    on_frontier: bool = False
    verdict: str | None = None
    selection_rate: Estimate | None = None
    thresholds: FittedThresholds | None = None


@dataclass(frozen=True, repr=False)
class FairnessComparison(
    Table,
    head=("estimator", "statement"),
    rows="models",
    columns=("title", "accuracy", "disparate_impact", "verdict"),
):
    """A model with each mitigation, and without, on the same test rows.

    Attributes
    ----------
    baseline : Audit of the model without mitigation, on the test rows.
    estimator : ``logistic``, ``boosting``, or the name of the user's code.
    features : Columns that the model sees.
    columns : Sensitive columns.
    reference : The reference group, in all columns together.
    train_rows, test_rows : Rows of the two parts; a share `validation` of the training rows sets thresholds.
    validation : A share, in (0, 1).
    repeats : Trainings anew on a share `kept` of the training rows.
    kept : A share, in (0, 1).
    seed : Of the split, the repeats and whatever a mitigation draws.
    models : The baseline first.
    statement : The result in one or two sentences.
    classifier : The classifier that the user's code returned; None without such code.
    weight : Column of the rows' weights, by which models are fitted and all figures weighted; None without.
    """

    baseline: FairnessAudit
    estimator: str
    features: tuple[str, ...]
    columns: tuple[str, ...]
    reference: str
    train_rows: int
    test_rows: int
    validation: float
    repeats: int
    kept: float
    seed: int
    models: tuple[ModelOutcome, ...]
    statement: str
    classifier: str | None = None
    weight: str | None = None
