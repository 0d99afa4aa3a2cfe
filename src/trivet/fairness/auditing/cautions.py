"""Cautions of an audit: all that the counts and the rows give reason to say before its figures."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trivet.fairness.auditing.features import LEAKING_AUC, LEAKING_SHARE, TellingColumns
from trivet.fairness.auditing.group_names import AS_MISSING, SHOWN, caution_groups, listed
from trivet.fairness.auditing.groups import area_bounds
from trivet.fairness.auditing.results import AttributeAudit, Caution
from trivet.fairness.auditing.rows import Predicted
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.counting.tabulate import nearest
from trivet.fairness.intervals.shares import LARGE, share_interval
from trivet.fairness.metrics.scores import group_aucs
from trivet.wording import one_line, quote, row_count

__all__ = ["caution_counts", "caution_proxies", "caution_rows"]

#: From here on it is said that the other columns tell the group.
TELLING_AUC: Final = 0.7
#: Share of test rows with a twin among the training rows from which on it is said.
MANY_TWINS: Final = 0.01


def caution_counts(
    counts: GroupCounts, attributes: Sequence[AttributeAudit], *, cut: float | None = None
) -> tuple[Caution, ...]:
    """Say what the counts give reason to say: nobody selected, odd labels and groups, small groups."""
    found = [*_folded(counts), *_all_alike(counts, cut)]
    blind = any(each.kind in {"nobody selected", "everybody selected"} for each in found)
    found += [
        *_labels_alike(counts),
        *caution_groups(counts.columns, counts.groups),
        *_reversed_predictions(counts),
    ]
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
                    f"{one_line(attribute.name)}: {listed(small)} with no more than {LARGE} rows selected, "
                    "or not selected; their rates rest on these few rows, so that intervals can be wide.",
                )
            )
    return tuple(found)


def _folded(counts: GroupCounts) -> Iterator[Caution]:
    """Name the values that count as negative together, and those that may be meant as positive or missing."""
    positive = counts.classes[1]
    if counts.also:
        named = ", ".join(map(quote, (positive, *counts.also)))
        yield Caution("folded values", f"Counted as {quote(positive)} are {named}.")
    doubtful, rows, told = False, 0, []
    for side in ("label", "prediction"):
        values = [each for each in counts.folded if each.side == side]
        marks = {
            each.value: f", nearly {quote(positive)}"
            if nearest(positive, [each.value])
            else ", as a missing value is often written"
            if each.value.casefold() in AS_MISSING
            else ""
            for each in values
        }
        doubtful = doubtful or any(marks.values())
        rows += sum(each.rows for each in values if marks[each.value])
        # Doubtful ones are always among those shown.
        values.sort(key=lambda each: (not marks[each.value], -each.rows))
        named = [
            f"{quote(each.value)} ({row_count(each.rows)}{marks[each.value]})" for each in values[:SHOWN]
        ]
        if more := values[SHOWN:]:
            named.append(f"{len(more)} more ({row_count(sum(each.rows for each in more))})")
        if named:
            told.append(f"of the {side} {', '.join(named)}")
    if told:
        ask = " Check that these are meant as negative." if doubtful else ""
        message = f"Counted as not {quote(positive)} are {'; '.join(told)}.{ask}"
        yield Caution("spelling" if doubtful else "folded values", message, rows if doubtful else None)


def _labels_alike(counts: GroupCounts) -> Iterator[Caution]:
    """Say that no label is positive, or that all are."""
    positives = int(counts.table[:, 1].sum())
    if counts.labelled and counts.rows and positives in {0, counts.rows}:
        which = f"All {counts.rows:,} labels are" if positives else f"None of {counts.rows:,} labels is"
        yield Caution(
            "labels alike",
            f"{which} {quote(counts.classes[1])}, so that nothing is known of errors among the others. Check "
            "the column of the label, and which value is positive.",
        )


def _reversed_predictions(counts: GroupCounts) -> Iterator[Caution]:
    """Say that rows with a negative label are selected more often than those with a positive one."""
    (true_negatives, false_positives), (misses, hits) = counts.table.sum(axis=0).tolist()
    found = share_interval(hits, hits + misses)
    false = share_interval(false_positives, false_positives + true_negatives)
    if found.high is None or false.low is None or found.high >= false.low:
        return
    yield Caution(
        "reversed",
        f"The predictions run the other way: {found.value:.3f} of the rows with a positive label are "
        f"selected, and {false.value:.3f} of those with a negative one. Check which value is positive.",
        false.number - found.number,
    )


def _all_alike(counts: GroupCounts, cut: float | None) -> Iterator[Caution]:
    """Say that nobody is selected, or everybody."""
    by_label = counts.table.sum(axis=0)
    chosen, rows, positives = int(by_label[:, 1].sum()), counts.rows, int(by_label[1].sum())
    base = f", while {positives:,} of {rows:,} rows ({positives / max(rows, 1):.1%}) have a positive label"
    base = base if counts.labelled else ""
    if rows and chosen == 0:
        what = "The predictions select nobody" if cut is None else f"No score reaches the cut of {_cut(cut)}"
        yield Caution(
            "nobody selected",
            f"{what}{base}. A ratio of selection rates is then unknown, and a difference of 0 says "
            "nothing. Where positives are rare take a lower cut, and audit that.",
        )
    elif rows and chosen == rows:
        what = (
            "The predictions select everybody"
            if cut is None
            else f"Every score reaches the cut of {_cut(cut)}"
        )
        yield Caution(
            "everybody selected",
            f"{what}{base}. Groups are then treated alike whatever the model knows.",
        )


def _cut(cut: float) -> str:
    """Write a cut; one just above a score, where a quantile is the highest of them, with all its digits."""
    return f"{cut:g}" if float(f"{cut:g}") == cut else repr(float(cut))


def caution_proxies(attributes: Sequence[AttributeAudit]) -> tuple[Caution, ...]:
    """Say of each attribute whether the other columns tell the group."""
    return tuple(
        Caution("proxies", f"{one_line(attribute.name)}: {attribute.proxies.statement}")
        for attribute in attributes
        if attribute.proxies is not None
        and attribute.proxies.auc is not None
        and attribute.proxies.auc >= TELLING_AUC
    )


def caution_rows(
    predicted: Predicted, telling: TellingColumns, *, level: float, clustered: bool = False
) -> tuple[Caution, ...]:
    """Say what the rows give reason to say: columns that tell too much, scores turned round, twins.

    Where rows are `clustered` the intervals allow for those that go together.
    """
    rows = predicted.rows
    fitted = len(predicted.fitted) > 0
    found = [*_telling(telling, fitted=fitted), *_reversed_scores(predicted, level=level)]
    if not clustered:
        found += [_several_rows(*owner, fitted=fitted) for owner in telling.owners]
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
                    twins,
                )
            )
    return tuple(found)


def _telling(telling: TellingColumns, *, fitted: bool) -> Iterator[Caution]:
    """Say which columns tell the label or the prediction, or are a number of each row."""
    where = "among the features of the models" if fitted else "left out of what columns explain"

    def left(names: Sequence[str]) -> str:
        return f"It is {where}; --ignore it." if len(names) == 1 else f"They are {where}; --ignore them."

    if telling.label:
        yield Caution(
            "leakage",
            f"{_alone(telling.label)} the label almost always (an area under the ROC curve of {LEAKING_AUC} "
            f"or more, or {LEAKING_SHARE:.0%} fewer errors than always guessing the more frequent label): "
            f"check whether that is known before the decision. {left(telling.label)}",
        )
    if telling.prediction:
        is_it = "is it" if len(telling.prediction) == 1 else "are they"
        yield Caution(
            "tells the prediction",
            f"{_alone(telling.prediction)} the prediction almost always (an area under the ROC curve of "
            f"{LEAKING_AUC} or more, over all rows or within groups): {is_it} this model's score, or made "
            f"from it? {left(telling.prediction)}",
        )
    if telling.keys:
        yield Caution("key", f"{listed(telling.keys)}: a value of its own in every row. {left(telling.keys)}")


def _several_rows(name: str, rows: float, *, fitted: bool) -> Caution:
    """Say that a column may say whose row each is, so that rows go together."""
    so = (
        "rows of the same one stand among the training and the test rows, and the figures flatter the models"
        if fitted
        else "rows of one go together, and the intervals are too narrow; give --cluster with its name"
    )
    return Caution(
        "several rows",
        f"{quote(name)} may say whose row each is, with about {rows:.1f} rows a value. Where it does, {so}.",
    )


def _reversed_scores(predicted: Predicted, *, level: float) -> Iterator[Caution]:
    """Say that a positive label comes with lower scores, over all rows or within groups."""
    if predicted.scores is None:
        return
    labels = predicted.rows.labels[predicted.places]
    everyone = np.zeros(len(labels), dtype=np.int64)
    groups = predicted.rows.groups[predicted.places]
    names = tuple(", ".join(values) for values in predicted.rows.values)
    for codes, called in ((everyone, ("all rows",)), (groups, names)):
        below = [
            (area.group, bounds)
            for area in group_aucs(labels, predicted.scores, codes, names=called)
            if area.metric == "auc"
            and (bounds := area_bounds(area, level)).high is not None
            and (bounds.high or 0.0) < 0.5  # noqa: PLR2004 - chance
        ]
        if below:
            told = ", ".join(
                f"{one_line(name)} {bounds.value:.3f} ({bounds.low:.3f} to {bounds.high:.3f})"
                for name, bounds in below[:SHOWN]
            )
            more = f" and {len(below) - SHOWN} more" if len(below) > SHOWN else ""
            yield Caution(
                "reversed",
                f"The scores run the other way: rows with a positive label have the lower ones. Areas under "
                f"the ROC curve: {told}{more}. If low scores are the good ones, say so (favourable: low).",
                max(0.5 - bounds.number for _, bounds in below),
            )
            return


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


def _alone(names: Sequence[str]) -> str:
    return f"{'' if len(names) == 1 else 'Each of '}{listed(names)} alone tells"
