"""Exposure of members by group."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from trivet.errors import DataError, UsageError
from trivet.privacy.membership.auroc import auroc
from trivet.privacy.membership.judgement import area_and_error, judge
from trivet.privacy.membership.rates import proportion_interval, rate_at
from trivet.privacy.membership.results import GroupExposure, RateAtFpr
from trivet.privacy.membership.roc import checked_scores
from trivet.wording import one_line, quoted

__all__ = ["FEWEST_ROWS", "group_exposures", "judge", "most_exposed"]

#: Fewer members or non-members leave DeLong's normal interval without its ground.
FEWEST_ROWS = 30


def group_exposures(
    scores: ArrayLike,
    members: ArrayLike,
    groups: Mapping[str, ArrayLike],
    *,
    rate: float = 0.01,
    level: float = 0.95,
) -> tuple[GroupExposure, ...]:
    """Measure an attack on each group of each column.

    Parameters
    ----------
    scores
        Shape (n,), finite; higher is more surely a member.
    members
        Shape (n,), boolean.
    groups
        Each column's group of every row, shape (n,), read as text.
    rate
        The false positive rate of the common threshold and of each group's own, in (0, 1).
    level
        Level of every interval, in (0, 1).

    Returns
    -------
    tuple
        By column in the order given, then by group in the order of text. The figures of a group with
        fewer than `FEWEST_ROWS` members or non-members are None, with the reason.

    Raises
    ------
    DataError
        If shapes do not fit, a score is not finite, or members or non-members are missing.
    UsageError
        If `rate` or `level` is not in (0, 1).
    """
    s, m = checked_scores(scores, members)
    for name, share in (("level", level), ("false positive rate", rate)):
        if not 0 < share < 1:
            raise UsageError(f"A {name} has to lie between 0 and 1; found {share}.")
    common = rate_at(rate, s[m], s[~m], level=level)
    found: list[GroupExposure] = []
    for column, given in groups.items():
        names = np.asarray(given).astype(str)
        if names.shape != s.shape:
            raise DataError(
                f"Column {quoted(column)} has to name the group of each of the {len(s)} rows; "
                f"found shape {names.shape}."
            )
        for name in np.unique(names):
            row = names == name
            found.append(_exposure(column, str(name), s[row & m], s[row & ~m], common, level))
    return tuple(found)


def most_exposed(
    groups: Sequence[GroupExposure], *, level: float = 0.95
) -> tuple[tuple[str, str] | None, str]:
    """Name the group that is measurably more exposed than the rest of its column.

    Each measured group's AUROC is compared with the mean of its column's other groups, weighted by
    members, by a one-sided normal test; groups of one column share no row. Holm 1979 holds the
    probability of naming a group when none is more exposed to 1 - `level`, over all groups of all
    columns. Of the groups that pass, the one with the highest AUROC is named.

    Parameters
    ----------
    groups
        From `group_exposures`.
    level
        In (0, 1).

    Returns
    -------
    tuple
        (column, group) or None, and a sentence, empty where there are no groups.
    """
    if not groups:
        return None, ""
    tests = [(p, g, rest) for g in groups if (compared := _against_rest(g, groups)) for p, rest in [compared]]
    if not tests:
        return None, "No column has two groups with rows enough to compare."
    tests.sort(key=lambda test: test[0])
    passed: list[tuple[GroupExposure, float]] = []
    for place, (p, group, rest) in enumerate(tests):
        if p > (1 - level) / (len(tests) - place):
            break
        passed.append((group, rest))
    if not passed:
        columns = " and ".join(dict.fromkeys(one_line(g.column) for _, g, _ in tests))
        return None, f"No measurable difference between the groups of {columns}."
    named, rest = max(passed, key=lambda pair: pair[0].auroc or 0.0)
    sentence = (
        f"Members with {one_line(named.column)} {quoted(named.group)} are exposed most: "
        f"AUROC {named.auroc:.3f} [{named.auroc_low:.3f}, {named.auroc_high:.3f}] "
        f"against {rest:.3f} for the rest."
    )
    return (named.column, named.group), sentence


def _exposure(
    column: str,
    group: str,
    inside: NDArray[np.float64],
    outside: NDArray[np.float64],
    common: RateAtFpr,
    level: float,
) -> GroupExposure:
    p, q = len(inside), len(outside)
    empty = RateAtFpr(common.fpr, 0, reason=f"the group has {p} members and {q} non-members")
    exposure = GroupExposure(
        column=column,
        group=group,
        members=p,
        non_members=q,
        auroc=None,
        auroc_low=None,
        auroc_high=None,
        fpr=common.fpr,
        threshold=common.threshold,
        tpr=None,
        tpr_low=None,
        tpr_high=None,
        true_positives=None,
        false_positives=None,
        realised_fpr=None,
        realised_fpr_low=None,
        realised_fpr_high=None,
        own=rate_at(common.fpr, inside, outside, level=level) if p and q else empty,
        level=level,
        rate_reason=common.reason,
    )
    if min(p, q) < FEWEST_ROWS:
        reason = (
            f"{p} members and {q} non-members are too few for figures of the group: "
            f"{FEWEST_ROWS} of each are needed"
        )
        own = RateAtFpr(common.fpr, exposure.own.allowed, reason=reason)
        return replace(exposure, own=own, reason=reason, rate_reason=reason)
    area = auroc(inside, outside, level=level)
    exposure = replace(
        exposure, auroc=area.value, auroc_low=area.low, auroc_high=area.high, reason=area.reason
    )
    if common.threshold is None:
        return exposure
    found, accused = int((inside > common.threshold).sum()), int((outside > common.threshold).sum())
    tpr_low, tpr_high = proportion_interval(found, p, level=level)
    realised_low, realised_high = proportion_interval(accused, q, level=level)
    return replace(
        exposure,
        tpr=found / p,
        tpr_low=tpr_low,
        tpr_high=tpr_high,
        true_positives=found,
        false_positives=accused,
        realised_fpr=accused / q,
        realised_fpr_low=realised_low,
        realised_fpr_high=realised_high,
    )


def _against_rest(group: GroupExposure, groups: Sequence[GroupExposure]) -> tuple[float, float] | None:
    """Return the p value of "no more exposed than the rest of its column" and the rest's AUROC."""
    others = [g for g in groups if g.column == group.column and g.group != group.group]
    here = area_and_error(group)
    rest = [(g.members, measured) for g in others if (measured := area_and_error(g))]
    if here is None or not rest:
        return None
    total = sum(weight for weight, _ in rest)
    area = sum(weight * value for weight, (value, _) in rest) / total
    variance = sum((weight * error / total) ** 2 for weight, (_, error) in rest) + here[1] ** 2
    return float(norm.sf((here[0] - area) / math.sqrt(variance))), area
