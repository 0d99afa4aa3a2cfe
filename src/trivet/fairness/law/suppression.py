"""Suppression of small cells: an audit, or a bias audit, without counts below a number or ways to them."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trivet.errors import UsageError
from trivet.estimate import Estimate
from trivet.fairness.auditing.results import (
    COMPARED,
    MISSING_OUTCOME,
    NAMED,
    REFERENCE,
    AttributeAudit,
    Caution,
    FairnessAudit,
    GroupAudit,
    GroupMeasure,
    MetricAudit,
    ScoreAudit,
    WithheldGroup,
)
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.counting.naming import quoted
from trivet.fairness.law.protection import PARTLY, PUBLISHED, WITHHELD, Line, protect
from trivet.fairness.metrics.inequality import INEQUALITIES
from trivet.settings import Count, require
from trivet.wording import quote

__all__ = [
    "LEFT_OUT",
    "REFERENCE_WITHHELD",
    "WHY_WITHHELD",
    "published_cautions",
    "published_note",
    "suppressed",
    "suppression_reason",
]

#: Metrics that tell nothing of errors.
_SELECTION: Final = frozenset(
    {"selection_rate", "base_rate", "disparate_impact", "demographic_parity_difference"}
)
_OF_ALL: Final = frozenset(metric.name for metric in INEQUALITIES if not metric.between)
_OF_LABELS: Final = (
    "true_positive_rate",
    "false_positive_rate",
    "false_negative_rate",
    "positive_predictive_value",
    "accuracy",
)
#: Cautions that say nothing of single groups, where no small number stands in them.
_HARMLESS: Final = frozenset(
    {
        "leakage",
        "tells the prediction",
        "key",
        "rows",
        "not looked at",
        "weights",
        "nobody selected",
        "everybody selected",
        "labels alike",
    }
)
#: In place of a reference group that is withheld and that was chosen by its counts, and of the reason.
REFERENCE_WITHHELD, WHY_WITHHELD = "(withheld)", "it is withheld as well, and by what it was chosen"
#: Fields of an attribute that are seen to below; any other gets its default where something is withheld.
_SEEN: Final = frozenset(
    {
        "columns", "name", "reference", "reference_why", "groups", "metrics", "most_disparate", "by_class",
        "by_feature", "proxies", "verdict", "reason", "measures", "withheld",
    }
)  # fmt: skip


def suppression_reason(fewest: int) -> str:
    """Say why a figure is withheld."""
    return f"suppressed: a count below {fewest}, or one that would let such a count be computed"


def suppressed(audit: FairnessAudit, fewest: int, counts: GroupCounts | None = None) -> FairnessAudit:
    """Return an audit without counts of groups below a number, and without what would reveal them.

    A group with fewer rows, positives, negatives, selected or not selected rows is withheld: no figure of it
    is there. Where only an error is so rare, figures of errors are. Then more groups are, until no sum or
    difference of what is left, over single columns and all of them together, determines a withheld count.
    Totals and verdicts stay; a search for subgroups goes.

    Parameters
    ----------
    audit
        A finished audit.
    fewest
        Smaller counts are withheld, 1 or more.
    counts
        What was audited. Only with weights, whose rates do not tell how many rows they are of, and where
        names of groups do not tell where a value ends, are they needed.

    Returns
    -------
    FairnessAudit
        The same with `suppressed_below`, and of each attribute `withheld` groups in place of figures.

    Raises
    ------
    UsageError
        If `fewest` is below 1, or counts of rows with weights are missing.
    """
    require(Count, suppress=fewest)
    # Columns with one value are none of the audit's.
    counts = None if counts is None else counts.over(*audit.attributes[-1].columns)
    cells, lines, places = _cells(audit, counts)
    levels = protect(cells, lines, fewest=fewest)
    by_group = dict(zip(places, levels, strict=True))
    hidden = any(levels)
    bins = _small_bins(audit, fewest)
    attributes = tuple(
        _attribute(
            attribute,
            [by_group[number, place] for place in range(len(attribute.groups))],
            fewest,
            hidden=hidden,
            bins=bins,
        )
        for number, attribute in enumerate(audit.attributes)
    )
    small = any(value.rows < fewest for value in audit.folded)
    cautions = tuple(
        published_cautions(
            audit.cautions,
            fewest,
            f"Counts below {fewest}, and figures that would let them be computed, are withheld. Totals "
            "and verdicts are of all rows.",
            hidden=hidden,
            tells=lambda caution: (
                (hidden and caution.kind not in _HARMLESS)
                or (small and caution.kind in {"folded values", "spelling"})
            ),
        )
    )
    withheld = any(each.kind == MISSING_OUTCOME and each.amount is None for each in cautions)
    return replace(
        audit,
        attributes=attributes,
        cautions=cautions,
        left_out=None if withheld else audit.left_out,
        folded=() if small else audit.folded,
        reason=_reason(audit.verdict, fewest) if hidden else audit.reason,
        subgroups=None,
        suppressed_below=fewest,
    )


def _cells(
    audit: FairnessAudit, given: GroupCounts | None
) -> tuple[NDArray[np.int64], list[Line], list[tuple[int, int]]]:
    """Return the counts of the finest groups, and each group of each attribute as a sum of these."""
    whole = audit.attributes[-1]
    if audit.labelled and (audit.weight or audit.strata or audit.cluster):
        if given is None:
            raise UsageError("rates of rows with weights do not tell how many rows they are of; give counts.")
        rows = dict(zip(given.names, given.table.reshape(-1, 4), strict=True))
        counts = np.array([rows[group.group] for group in whole.groups], dtype=np.int64)
    else:
        counts = np.array([_kinds(group, audit) for group in whole.groups], dtype=np.int64)
    last = len(audit.attributes) - 1
    members = _members(audit, given)
    lines: list[Line] = []
    places: list[tuple[int, int]] = []
    for number, attribute in enumerate(audit.attributes):
        for place, group in enumerate(attribute.groups):
            cells = (place,) if number == last else members[number].get(group.group, ())
            lines.append(Line(number, cells, group.verdict == REFERENCE))
            places.append((number, place))
    return counts, lines, places


def _kinds(group: GroupAudit, audit: FairnessAudit) -> tuple[int, ...]:
    """Return the rows of each kind: by label where errors are known, and by selection."""
    if not audit.labelled:
        return group.rows - group.selected, group.selected
    hits = (
        0
        if group.true_positive_rate.value is None
        else round(group.true_positive_rate.value * group.positives)
    )
    wrong, missed = group.selected - hits, group.positives - hits
    return group.rows - group.positives - wrong, wrong, missed, hits


def _members(audit: FairnessAudit, given: GroupCounts | None) -> list[dict[str, tuple[int, ...]]]:
    """Return for each attribute but the last, by its groups, the places of the finest groups in them."""
    *singles, whole = audit.attributes
    found: list[dict[str, list[int]]] = [{group.group: [] for group in each.groups} for each in singles]
    by_column = {each.columns[0]: number for number, each in enumerate(singles)}
    known = [
        {quoted(name): name for name in found[by_column[column]]} if column in by_column else None
        for column in whole.columns
    ]
    # Names do not always tell where a value ends.
    written = {} if given is None else dict(zip(given.names, given.groups, strict=True))
    for place, group in enumerate(whole.groups):
        values = written.get(group.group) or _values(group.group, known)
        if len(values) != len(whole.columns):
            raise UsageError(f"the values of {quote(group.group)} cannot be separated; give counts.")
        for column, value in zip(whole.columns, values, strict=True):
            if column in by_column:
                found[by_column[column]][value].append(place)
    return [{name: tuple(cells) for name, cells in each.items()} for each in found]


def _values(name: str, known: Sequence[Mapping[str, str] | None]) -> tuple[str, ...]:
    """Divide the name of a group into its values; of a column that has one group alone any will do."""
    if not known:
        return ()
    options = known[0]
    if options is None:
        options = {match[0]: match[0] for match in [_FREE.match(name)] if match}
    for written, value in options.items():
        rest = name.removeprefix(written)
        if len(known) == 1:
            if name == written:
                return (value,)
        elif name.startswith(f"{written}, ") and (others := _values(rest[2:], known[1:])):
            return (value, *others)
    return ()


#: A value as it is written beside others.
_FREE: Final = re.compile(r'"(?:.*?)"(?=, |$)|[^,]*')


def _attribute(
    attribute: AttributeAudit, levels: Sequence[int], fewest: int, *, hidden: bool, bins: bool
) -> AttributeAudit:
    """Return an attribute without the figures that are withheld; `hidden` says that some are, anywhere."""
    if not hidden and not bins:
        return attribute
    level = {group.group: own for group, own in zip(attribute.groups, levels, strict=True)}
    reference = level.get(attribute.reference, PUBLISHED)
    family = max((one.comparisons for one in attribute.measures), default=len(attribute.groups) - 1)
    groups = tuple(
        _group(group, level[group.group], reference, family=family, hidden=hidden, bins=bins, fewest=fewest)
        for group in attribute.groups
        if level[group.group] != WITHHELD
    )
    # What other columns tell is of all columns together, sensitive ones among them.
    attribute = replace(attribute, by_feature=None, proxies=None) if hidden else attribute
    if not any(levels):
        return replace(
            attribute,
            groups=groups,
            measures=tuple(
                _measure(one, level, reference, fewest, hidden=hidden) for one in attribute.measures
            ),
        )
    told = [level.get(name, PUBLISHED) for name in (attribute.most_disparate, attribute.reference) if name]
    worst = max(told, default=PUBLISHED)
    chosen = attribute.reference_why != NAMED
    others = {each.name: each.default for each in fields(AttributeAudit) if each.name not in _SEEN}
    return replace(
        attribute,
        **others,
        groups=groups,
        metrics=tuple(
            value
            for value in attribute.metrics
            if _keeps(
                value.metric, [value.group, value.reference], level, any(own == WITHHELD for own in levels)
            )
        ),
        reference=REFERENCE_WITHHELD if reference == WITHHELD and chosen else attribute.reference,
        reference_why=WHY_WITHHELD if reference == WITHHELD and chosen else attribute.reference_why,
        most_disparate=attribute.most_disparate if worst != WITHHELD else None,
        by_class=attribute.by_class if worst == PUBLISHED else None,
        reason=_reason(attribute.verdict, fewest),
        measures=tuple(_measure(one, level, reference, fewest, hidden=hidden) for one in attribute.measures),
        withheld=tuple(
            WithheldGroup(name, own == WITHHELD, suppression_reason(fewest))
            for name, own in level.items()
            if own != PUBLISHED
        ),
    )


def _keeps(metric: str, names: Sequence[str | None], level: Mapping[str, int], some: bool) -> bool:  # noqa: FBT001
    """Tell whether a metric of a group, of a pair, or of all groups tells no withheld count."""
    named = [level[name] for name in names if name is not None]
    if not named:  # of all groups: a spread is of the most extreme ones, which can be withheld
        return metric in _OF_ALL or (not some and metric in _SELECTION)
    worst = max(named)
    return worst == PUBLISHED or (worst == PARTLY and metric in _SELECTION)


def _group(
    group: GroupAudit, own: int, reference: int, *, family: int, hidden: bool, bins: bool, fewest: int
) -> GroupAudit:
    """Return a group that is published, at least in part."""
    changed: dict[str, Any] = {}
    if own == PARTLY:
        changed |= {name: _unknown(getattr(group, name), fewest) for name in _OF_LABELS}
    if reference == WITHHELD:
        changed |= dict.fromkeys(_COMPARED)
    elif hidden and group.p_value is not None:
        # Holm's method would let the p-values of withheld groups be seen.
        changed["p_adjusted"] = min(1.0, family * group.p_value)
    if (bins or own == PARTLY) and group.scores is not None:
        changed["scores"] = _without_bins(group.scores, fewest)
    return replace(group, **changed)


_COMPARED: Final = (
    "disparate_impact", "simultaneous_low", "simultaneous_high", "difference", "p_value", "p_adjusted",
    "test", "smallest_detectable", "below_four_fifths",
)  # fmt: skip


def _measure(
    one: MetricAudit, level: Mapping[str, int], reference: int, fewest: int, *, hidden: bool
) -> MetricAudit:
    """Return a metric of an attribute without the groups that are withheld for it."""
    if not hidden:
        return one
    shown = PARTLY if one.metric in _SELECTION else PUBLISHED
    groups = tuple(
        _measured(group, reference > shown, one.comparisons)
        for group in one.groups
        if level[group.group] <= shown
    )
    if len(groups) == len(one.groups):
        return replace(one, groups=groups)
    known = one.most_disparate is not None and level[one.most_disparate] <= shown and reference <= shown
    return replace(
        one,
        groups=groups,
        most_disparate=one.most_disparate if known else None,
        reason=_reason(one.verdict, fewest),
    )


def _measured(group: GroupMeasure, without: bool, family: int) -> GroupMeasure:  # noqa: FBT001
    if without:
        return replace(group, **dict.fromkeys(COMPARED))
    if group.p_value is None:
        return group
    return replace(group, p_adjusted=min(1.0, family * group.p_value))


def _unknown(found: Estimate | None, fewest: int) -> Estimate | None:
    if found is None:
        return None
    return replace(found, value=None, low=None, high=None, reason=suppression_reason(fewest))


def _small_bins(audit: FairnessAudit, fewest: int) -> bool:
    """Tell whether a bin of the scores of any group has a small count."""
    return any(
        min(each.rows, each.positives, each.rows - each.positives) < fewest
        for attribute in audit.attributes
        for group in attribute.groups
        if group.scores is not None
        for each in group.scores.calibration.bins
    )


def _without_bins(scores: ScoreAudit, fewest: int) -> ScoreAudit:
    found = replace(scores.calibration, bins=(), reason=suppression_reason(fewest))
    return replace(scores, calibration=found)


def _reason(verdict: str, fewest: int) -> str:
    return (
        f"The verdict, {verdict}, is of all groups; figures of some are withheld, so that no count below "
        f"{fewest} can be computed."
    )


#: In place of sentences that have other small counts.
LEFT_OUT: Final = "Cautions that could tell a count below {fewest} are left out."
#: A number of rows in a sentence.
_ROWS: Final = re.compile(r"(\d[\d,]*) (?:drawn |more |different )?rows?\b")


def _tells_few(text: str, fewest: int) -> bool:
    """Tell whether a sentence has a number of rows below `fewest`."""
    return any(_number(found) < fewest for found in _ROWS.findall(text))


#: Sentences on rows that were left out, or made a group, and on several such sentences together.
_LEFT_OUT: Final = re.compile(r"Left out: (\d[\d,]*) rows?( with(?:out)? .*)", re.DOTALL)
_MADE: Final = re.compile(
    r"(\d[\d,]*) rows?( with(?:out)? .* are a group)(?: of their own|, with (\d[\d,]*) rows?( that hold this "
    r"word))(, '\w+'\.)",
    re.DOTALL,
)
_TOGETHER: Final = "Some are several of these"
_SOME: Final = "some rows, a number that is withheld,"


def published_note(text: str, fewest: int, *, hidden: bool) -> str | None:
    """Return a sentence without a number of rows below `fewest`; None where that is not known of it.

    Where groups are withheld, `hidden`, no size of a group is in it.
    """
    if text.startswith(f"{_TOGETHER}: "):
        # A difference of it and of the sentences before it would tell how many are several.
        return f"{_TOGETHER}; how many are left out in all is withheld."
    if (left := _LEFT_OUT.fullmatch(text)) is not None:
        return f"Left out: {_SOME}{left[2]}" if _number(left[1]) < fewest else text
    if (made := _MADE.fullmatch(text)) is not None:
        if not hidden and min(_number(each) for each in (made[1], made[3]) if each) >= fewest:
            return text
        also = " of their own" if made[3] is None else f", with some{made[4]}"
        return f"{_SOME.capitalize()}{made[2]}{also}{made[5]}"
    return None if _tells_few(text, fewest) else text


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def published_cautions(
    cautions: Sequence[Caution],
    fewest: int,
    withheld: str,
    *,
    hidden: bool,
    tells: Callable[[Caution], bool] = lambda _caution: False,
) -> Iterator[Caution]:
    """Yield the cautions that tell no small count, and say what is withheld."""
    dropped = False
    for caution in cautions:
        if caution.kind == MISSING_OUTCOME:
            # Of a group there can be a few, also where there are many of all.
            told = None if hidden or (caution.amount or 0) < fewest else caution.amount
            dropped = dropped or told is None
            which = "how many is withheld" if told is None else f"{told:,.0f} of all, by group withheld"
            yield Caution(caution.kind, f"Rows without an outcome are left out; {which}.", told)
            continue
        message = published_note(caution.message, fewest, hidden=hidden)
        if message is None or tells(caution):
            dropped = True
        else:
            yield replace(caution, message=message)
    if dropped:
        yield Caution("suppressed", LEFT_OUT.format(fewest=fewest))
    if hidden:
        yield Caution("suppressed", withheld)
