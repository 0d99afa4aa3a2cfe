"""Audit of predictions, from counts, and from rows where they are given."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from threadpoolctl import threadpool_limits

from trivet.errors import UsageError
from trivet.fairness.auditing.attributes import audit_attribute, farthest
from trivet.fairness.auditing.band import worst_verdict
from trivet.fairness.auditing.cautions import caution_counts, caution_proxies, caution_rows
from trivet.fairness.auditing.columns_told import told_by_columns
from trivet.fairness.auditing.law import LAW
from trivet.fairness.auditing.overall import overall_rates
from trivet.fairness.auditing.parts import Part, adjusted, family_size, parts_of
from trivet.fairness.auditing.reference_group import named_values
from trivet.fairness.auditing.results import AttributeAudit, Caution, FairnessAudit
from trivet.fairness.auditing.rows import Predicted
from trivet.fairness.auditing.scores import audit_scores
from trivet.fairness.auditing.telling import TellingColumns, telling_columns
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.counting.group_counts import group_counts

__all__ = ["audit_counts", "audit_predictions"]

#: A band that begins lower holds everything.
LOWEST_BAND: Final = 0.01
LIMITS: Final = (
    "The figures are of the rows audited: who is missing from them, whether the labels are themselves fair, "
    "and what a decision does to people are not in a table. Intervals are of sampling. Metrics of groups can "
    "contradict each other, and no value of one is a legal finding."
)


def audit_predictions(
    table: Any,
    y_true: Any,
    y_pred: Any,
    sensitive: Any,
    *,
    positive: object = None,
    cut: float | None = None,
    privileged: str | Mapping[str, str] | None = None,
    four_fifths: float = 0.8,
    level: float = 0.95,
    seed: int = 0,
    data: str = "the table",
) -> FairnessAudit:
    """Audit the predictions in a table of any size, from its counts alone.

    Parameters
    ----------
    table, y_true, y_pred, sensitive, positive, cut
        As for `group_counts`.
    privileged
        Value of the sensitive column that is privileged, with commas between for several, or a mapping of
        each column to its value; by default the reference is the group with the largest share of positive
        labels among those with at least two percent of the rows.
    four_fifths
        Lower end t of the band [t, 1/t], in (0, 1].
    level
        Confidence level of every interval, in (0, 1).
    seed
        Of the bootstrap of the decomposition.
    data
        What the table is called.

    Returns
    -------
    FairnessAudit
        The same for the same counts.

    Raises
    ------
    UsageError
        As `group_counts`, if no row has the privileged value, or a number is out of range.
    DataError
        As `group_counts`.
    """
    counts = group_counts(table, y_true, y_pred, sensitive, positive=positive, cut=cut)
    return audit_counts(
        counts,
        privileged=privileged,
        data=data,
        label=y_true if isinstance(y_true, str) else "the label",
        prediction=y_pred if isinstance(y_pred, str) else "the prediction",
        cut=cut,
        four_fifths=four_fifths,
        level=level,
        seed=seed,
    )


def audit_counts(
    counts: GroupCounts,
    *,
    privileged: str | Mapping[str, str] | None = None,
    data: str = "the table",
    label: str = "the label",
    prediction: str = "the prediction",
    cut: float | None = None,
    four_fifths: float = 0.8,
    level: float = 0.95,
    seed: int = 0,
    predicted: Predicted | None = None,
    cautions: tuple[Caution, ...] = (),
    references: GroupCounts | None = None,
) -> FairnessAudit:
    """Audit counts of group x label x prediction; see `audit_predictions`.

    Parameters
    ----------
    counts
        With two classes.
    privileged, cut, four_fifths, level, seed, data
        As for `audit_predictions`.
    label, prediction
        What these are called.
    predicted
        Rows for the measurements of columns and scores: those counted or a sample of them.
    cautions
        What is to be known first, beside what is found here.
    references
        Counts of the same groups by which the reference groups are found; by default `counts`.
    """
    if not LOWEST_BAND <= four_fifths <= 1 or not 0 < level < 1:
        raise UsageError(
            f"the band begins in [{LOWEST_BAND}, 1] and the level lies in (0, 1), found {four_fifths:g} and "
            f"{level:g}."
        )
    if not 0 <= seed < 2**32:
        raise UsageError(f"the seed is {seed}; expected 0 to {2**32 - 1}.")
    if len(counts.classes) != 2:  # noqa: PLR2004 - positive and negative
        raise UsageError(
            f"an audit needs a positive and a negative class, found {len(counts.classes)}. Take one against "
            "the rest."
        )
    named = privileged if isinstance(privileged, Mapping) else named_values(counts.columns, privileged)
    # More threads only get in each other's way on so few rows, and sum in another order.
    parts = parts_of(counts, named, references=references)
    comparisons = family_size(parts)
    with threadpool_limits(1):
        telling = None if predicted is None else telling_columns(predicted, seed=seed)
        attributes = tuple(
            _attribute(
                part,
                predicted,
                telling,
                four_fifths=four_fifths,
                level=level,
                seed=seed,
                comparisons=comparisons,
            )
            for part in parts
        )
        attributes = adjusted(attributes, parts)
        of_rows = ()
        if predicted is not None and telling is not None:
            of_rows = caution_rows(predicted, telling, level=level)
    worst = worst_verdict(attribute.verdict for attribute in attributes)
    shown = next(attribute for attribute in attributes if attribute.verdict == worst)
    negative, positive = counts.classes
    return FairnessAudit(
        data=data,
        rows=counts.rows,
        label=label,
        positive=positive,
        negative=negative,
        prediction=prediction,
        cut=cut,
        four_fifths=four_fifths,
        level=level,
        attributes=attributes,
        cautions=(
            *cautions,
            *of_rows,
            *caution_proxies(attributes),
            *caution_counts(counts, attributes, cut=cut),
        ),
        law=LAW,
        verdict=worst,
        reason=shown.reason,
        limits=LIMITS,
        overall=overall_rates(counts, level=level),
        folded=counts.folded,
    )


def _attribute(
    part: Part,
    predicted: Predicted | None,
    telling: TellingColumns | None,
    *,
    four_fifths: float,
    level: float,
    seed: int,
    comparisons: int,
) -> AttributeAudit:
    counts, reference = part.counts, part.reference
    scores = None
    if predicted is not None and predicted.scores is not None:
        scores = audit_scores(predicted, counts, level=level)
    audit = audit_attribute(
        counts,
        reference,
        part.why,
        four_fifths=four_fifths,
        level=level,
        seed=seed,
        scores=scores,
        comparisons=comparisons,
    )
    worst = farthest(audit.groups)
    # Several columns combined are predicted by the same columns as each of them.
    if predicted is None or worst is None or len(counts.columns) > 1:
        return audit
    # What the models of a comparison were fitted on belongs to what their predictions go with.
    known = telling is not None and not len(predicted.fitted)
    by_feature, proxies = told_by_columns(
        predicted,
        counts,
        worst,
        reference,
        left_out=telling.names if known and telling is not None else frozenset(),
        level=level,
        seed=seed,
    )
    return replace(audit, by_feature=by_feature, proxies=proxies)
