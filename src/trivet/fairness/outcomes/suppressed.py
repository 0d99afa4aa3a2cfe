"""Suppression of small groups in an audit of amounts."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from trivet.estimate import Estimate
from trivet.fairness.auditing.results import NAMED, REFERENCE, WithheldGroup
from trivet.fairness.law.protection import WITHHELD, Line, protect
from trivet.fairness.law.suppression import (
    REFERENCE_WITHHELD,
    WHY_WITHHELD,
    published_cautions,
    suppression_reason,
)
from trivet.fairness.outcomes.comparing import farthest, leading, reason_of
from trivet.fairness.outcomes.reading import NumberRows
from trivet.fairness.outcomes.results import AmountAttribute, AmountAudit, GroupAmounts
from trivet.settings import Count, require

__all__ = ["suppressed_amounts"]


def suppressed_amounts(audit: AmountAudit, rows: NumberRows, fewest: int) -> AmountAudit:
    """Return an audit of amounts without groups of fewer rows, and without what would tell their number.

    A group with fewer rows is withheld: no figure of it is there. Then more groups are, until no sum or
    difference of rows, over single columns and all of them together, determines a withheld number; sums of
    amounts follow from each other in the same way. Where a reference group is withheld, all groups of its
    attribute are, for their ratios and differences would tell its mean. Verdicts are of all groups.
    """
    require(Count, suppress=fewest)
    sizes = np.bincount(rows.groups, minlength=len(rows.values))
    # Of each cell only how many rows it has.
    counts = np.stack([sizes, np.zeros_like(sizes)], axis=1)
    lines = [line for number, each in enumerate(audit.attributes) for line in _lines(number, each, rows)]
    levels = iter(protect(counts, lines, fewest=fewest))
    hidden = [[next(levels) == WITHHELD for _ in each.groups] for each in audit.attributes]
    comparisons = sum(len(each.groups) - 1 for each in audit.attributes)
    some = any(map(any, hidden))
    attributes = tuple(
        _attribute(each, own, fewest, comparisons) if some else each
        for each, own in zip(audit.attributes, hidden, strict=True)
    )
    first = leading(audit.attributes, audit.verdict, _ratio)
    shown = attributes[audit.attributes.index(first)]
    return replace(
        audit,
        attributes=attributes,
        cautions=tuple(
            published_cautions(
                audit.cautions,
                fewest,
                f"Groups of fewer than {fewest} rows, and others that would let their rows be computed, are "
                "withheld. The verdict is of all rows.",
                hidden=some,
            )
        ),
        reason=reason_of(shown, len(attributes)),
        suppressed_below=fewest,
    )


def _lines(number: int, attribute: AmountAttribute, rows: NumberRows) -> Iterator[Line]:
    """Yield each group of an attribute as a sum of the finest groups."""
    _, names, known = rows.over(*attribute.columns)
    places = [rows.columns.index(name) for name in attribute.columns]
    for name, values in zip(names, known, strict=True):
        cells = [
            cell for cell, own in enumerate(rows.values) if tuple(own[place] for place in places) == values
        ]
        yield Line(number, tuple(cells), kept=name == attribute.reference, rows_only=True)


def _attribute(
    attribute: AmountAttribute, hidden: Sequence[bool], fewest: int, comparisons: int
) -> AmountAttribute:
    groups = attribute.groups
    if not any(hidden):
        return replace(attribute, groups=tuple(_adjusted(each, comparisons) for each in groups))
    if any(own and each.verdict == REFERENCE for each, own in zip(groups, hidden, strict=True)):
        hidden = [True] * len(groups)
        if attribute.reference_why != NAMED:
            # That it is the largest group would bound the others.
            attribute = replace(attribute, reference=REFERENCE_WITHHELD, reference_why=WHY_WITHHELD)
    reason = suppression_reason(fewest)
    kept = tuple(each for each, own in zip(groups, hidden, strict=True) if not own)
    far = farthest(groups, attribute.verdict, _ratio)
    generic = (
        f"The verdict, {attribute.verdict}, is of all groups; figures of some are withheld, so that no "
        f"number of rows below {fewest} can be computed."
    )
    return replace(
        attribute,
        groups=tuple(_adjusted(each, comparisons) for each in kept),
        reason=attribute.reason if far in kept else generic,
        withheld=tuple(
            WithheldGroup(each.group, whole=True, reason=reason)
            for each, own in zip(groups, hidden, strict=True)
            if own
        ),
    )


def _ratio(group: GroupAmounts) -> Estimate | None:
    return group.mean_ratio


def _adjusted(group: GroupAmounts, comparisons: int) -> GroupAmounts:
    # Holm's method would tell p-values of withheld groups.
    return (
        group if group.p_value is None else replace(group, p_adjusted=min(1.0, comparisons * group.p_value))
    )
