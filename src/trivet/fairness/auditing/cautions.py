"""What has to be known before the numbers: leaks, groups too small, columns that tell the group."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trivet.fairness.auditing.results import AttributeAudit, Caution
from trivet.fairness.auditing.rows import Predicted
from trivet.fairness.counting.assembling import nearest
from trivet.fairness.counting.counted import GroupCounts
from trivet.fairness.explaining.proxies import proxy_strength
from trivet.fairness.intervals.shares import LARGE
from trivet.tables.encoding import encode_columns
from trivet.tables.features import choose_rows
from trivet.wording import one_line, quoted

__all__ = ["caution_counts", "caution_proxies", "caution_rows"]

#: One column that tells the label so well is likely to have been made from it.
LEAKING_AUC: Final = 0.99
#: From here on it is said that the other columns tell the group.
TELLING_AUC: Final = 0.7
#: Share of test rows with a twin among the training rows from which on it is said.
MANY_TWINS: Final = 0.01
SHOWN: Final = 5
#: How missing values are often written, in lower case.
_AS_MISSING: Final = frozenset(
    {
        "na",
        "n/a",
        "#n/a",
        "nan",
        "null",
        "none",
        "nil",
        "?",
        "-",
        "-1",
        "unknown",
        "missing",
    }
)


def caution_counts(
    counts: GroupCounts, attributes: Sequence[AttributeAudit], *, cut: float | None = None
) -> tuple[Caution, ...]:
    """Say what the counts give reason to say: nobody selected, predictions that are labels, small groups.

    Parameters
    ----------
    counts
        By all sensitive columns, with two classes.
    attributes
        What was found.
    cut
        Score from which a row is predicted positive, or nothing.
    """
    found = [*_folded(counts), *_all_alike(counts, cut)]
    blind = len(found) > bool(counts.folded)
    if not blind and counts.table[:, 0, 1].sum() == counts.table[:, 1, 0].sum() == 0:
        found.append(
            Caution("leakage", "Every prediction is the label: check that the prediction's column is not it.")
        )
    for attribute in () if blind else attributes:
        small = [
            group.group
            for group in attribute.groups
            if min(group.selected, group.rows - group.selected) <= LARGE
        ]
        if small:
            found.append(
                Caution(
                    "small group",
                    f"{one_line(attribute.name)}: {_listed(small)} with no more than {LARGE} rows selected, "
                    "or not selected; what is said of them is of few rows, and its intervals are wide.",
                )
            )
    return tuple(found)


def _folded(counts: GroupCounts) -> Iterator[Caution]:
    """Name the values that count as negative together, and those that may be meant as positive or missing."""
    positive = counts.classes[1]
    doubtful, told = False, []
    for side in ("label", "prediction"):
        values = [each for each in counts.folded if each.side == side]
        marks = {
            each.value: f", nearly {quoted(positive)}"
            if nearest(positive, [each.value])
            else ", as a missing value is often written"
            if each.value.casefold() in _AS_MISSING
            else ""
            for each in values
        }
        doubtful = doubtful or any(marks.values())
        # Doubtful ones are always among those shown.
        values.sort(key=lambda each: (not marks[each.value], -each.rows))
        named = [f"{quoted(each.value)} ({each.rows:,} rows{marks[each.value]})" for each in values[:SHOWN]]
        if more := values[SHOWN:]:
            named.append(f"{len(more)} more ({sum(each.rows for each in more):,} rows)")
        if named:
            told.append(f"of the {side} {', '.join(named)}")
    if told:
        ask = " Check that these are meant as negative." if doubtful else ""
        message = f"Counted as not {quoted(positive)} are {'; '.join(told)}.{ask}"
        yield Caution("spelling" if doubtful else "folded values", message)


def _all_alike(counts: GroupCounts, cut: float | None) -> Iterator[Caution]:
    """Say that nobody is selected, or everybody."""
    by_label = counts.table.sum(axis=0)
    chosen, rows, positives = int(by_label[:, 1].sum()), counts.rows, int(by_label[1].sum())
    base = f"{positives:,} of {rows:,} rows ({positives / max(rows, 1):.1%}) have a positive label"
    if rows and chosen == 0:
        what = "The predictions select nobody" if cut is None else f"No score reaches the cut of {cut:g}"
        yield Caution(
            "nobody selected",
            f"{what}, while {base}. A ratio of selection rates is then unknown, and a difference of 0 says "
            "nothing. Where positives are rare take a lower cut, and audit that.",
        )
    elif rows and chosen == rows:
        what = (
            "The predictions select everybody" if cut is None else f"Every score reaches the cut of {cut:g}"
        )
        yield Caution(
            "everybody selected",
            f"{what}, while {base}. Groups are then treated alike whatever the model knows.",
        )


def caution_proxies(attributes: Sequence[AttributeAudit]) -> tuple[Caution, ...]:
    """Say of each attribute whether the other columns tell the group."""
    return tuple(
        Caution(
            "proxies",
            f"{one_line(attribute.name)}: {attribute.proxies.statement}",
        )
        for attribute in attributes
        if attribute.proxies is not None
        and attribute.proxies.auc is not None
        and attribute.proxies.auc >= TELLING_AUC
    )


def caution_rows(predicted: Predicted, *, seed: int = 0) -> tuple[Caution, ...]:
    """Say what the rows give reason to say: columns that are the label, and test rows seen in training.

    Parameters
    ----------
    predicted
        Rows with features.
    seed
        Of the rows drawn to look at columns.
    """
    rows = predicted.rows
    found: list[Caution] = []
    labels = rows.labels[predicted.places]
    others = [place for place, name in enumerate(rows.features.names) if name not in rows.columns]
    if others and 0 < labels.sum() < len(labels):
        drawn = choose_rows(len(labels), 20_000, seed=seed)
        features, names = encode_columns(rows.features.only(others).take(predicted.places[drawn]))
        told = proxy_strength(features, labels[drawn], names, group=rows.negative, reference=rows.positive)
        leaking = [column.name for column in told.columns if column.auc >= LEAKING_AUC]
        if leaking:
            found.append(
                Caution(
                    "leakage",
                    f"{_listed(leaking)} alone tell the label almost always (area under the ROC curve of "
                    f"{LEAKING_AUC} or more): check whether what they say is known before the decision.",
                )
            )
    if len(predicted.fitted):
        filled = np.nan_to_num(rows.features.values, nan=-np.inf)
        values = np.column_stack([filled, rows.labels.astype(np.float64)])
        twins = _twins(values, predicted.places, predicted.fitted)
        if twins >= MANY_TWINS and twins > 2 * _twins_by_chance(values[predicted.fitted]):
            found.append(
                Caution(
                    "leakage",
                    f"{twins:.1%} of the test rows are equal to a training row in every column and in the "
                    "label, more than such columns would bring by chance: if these are the same people, the "
                    "figures flatter the model.",
                )
            )
    if rows.label in rows.columns:
        found.append(Caution("leakage", f"The label, {quoted(rows.label)}, is a sensitive column as well."))
    return tuple(found)


def _twins(values: NDArray[np.float64], places: NDArray[np.int64], fitted: NDArray[np.int64]) -> float:
    """Return the share of some rows that are equal to one of others in all columns."""
    _, codes = np.unique(values, axis=0, return_inverse=True)
    return float(np.isin(codes.ravel()[places], codes.ravel()[fitted]).mean())


def _twins_by_chance(values: NDArray[np.float64]) -> float:
    """Return the share of rows that would have a twin if columns were independent of each other."""
    equal = 1.0
    for column in values.T:
        _, counts = np.unique(column, return_counts=True)
        equal *= float(((counts / len(column)) ** 2).sum())
    return 1 - (1 - equal) ** len(values)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(quoted(name) for name in names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"
