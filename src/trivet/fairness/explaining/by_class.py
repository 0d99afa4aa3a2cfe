"""How much of a difference of selection rates is base rates and how much selection, and how sure that is."""

import math

import numpy as np
from numpy.typing import NDArray

from trivet.errors import DataError, UsageError
from trivet.fairness.explaining.kitagawa import kitagawa
from trivet.fairness.explaining.results import BASE_RATES, SELECTION, WHOLE, Decomposition, Part
from trivet.fairness.explaining.shares import with_shares
from trivet.fairness.explaining.statements import class_statement
from trivet.wording import one_line

__all__ = ["decompose_counts"]

_TWO_CLASSES = ("negatives", "positives")


def decompose_counts(
    counts: NDArray[np.int64],
    *,
    positive: int | None = None,
    group: str = "protected",
    reference: str = "privileged",
    classes: tuple[str, ...] | None = None,
    level: float = 0.95,
    replicates: int = 10_000,
    seed: int = 0,
) -> Decomposition:
    """Split a difference of selection rates by true class, with an interval of each part.

    What the parts are is told by `kitagawa`. The intervals are percentiles of a bootstrap over the rows,
    which is a multinomial draw of the counts. A draw in which a part is undefined counts as beyond both
    ends, so that an interval is never too narrow for it.

    Parameters
    ----------
    counts
        Shape (2, classes, predictions), indexed [group, label, prediction]: the group, then the
        reference group.
    positive
        Place of the prediction, and of the label, that is selection; by default the second of two.
    group, reference
        What the two groups are called.
    classes
        What the labels are called; by default "negatives" and "positives" where there are two, and
        otherwise "class 0" and so on.
    level
        Confidence level, in (0, 1).
    replicates
        Number of draws.
    seed
        Of the draws.

    Returns
    -------
    Decomposition
        The part of the base rates, then that of each class, the positive one first.

    Raises
    ------
    DataError
        If the counts are not of that shape, or have no row.
    UsageError
        If `positive` is no prediction, `classes` has not a name for each label, or the level or the
        number of replicates is out of range.
    """
    if not 0 < level < 1 or replicates < 1:
        raise UsageError(
            "a bootstrap needs a level in (0, 1) and at least one replicate, found "
            f"level {level} and {replicates} replicates."
        )
    table = np.asarray(counts)
    observed = _whole_and_parts(table, positive)
    rows = int(table.sum())
    if observed.ndim != 1 or rows == 0:
        raise DataError(
            "counts should be one table of shape (2, classes, predictions) with at least one row, found "
            f"shape {table.shape} and {rows} rows."
        )
    labels = _label_names(classes, table.shape[1])
    draws = np.random.default_rng(seed).multinomial(rows, (table / rows).ravel(), size=replicates)
    drawn = _whole_and_parts(draws.reshape(replicates, *table.shape), positive)
    described = (
        (WHOLE, WHOLE),
        (BASE_RATES, BASE_RATES),
        *((f"selection among {label}", SELECTION) for label in labels),
    )
    why = _missing_class(table, labels, (one_line(group), one_line(reference)))
    measured = [
        _measured(described[i], float(observed[i]), drawn[:, i], level=level, why=why)
        for i in range(len(described))
    ]
    first = 1 if positive is None else min(positive, len(labels) - 1)
    order = [1, 2 + first, *(2 + i for i in range(len(labels)) if i != first)]
    whole, parts = with_shares(measured[0], [measured[i] for i in order])
    return Decomposition(
        method="Kitagawa",
        interval_method="multinomial bootstrap",
        outcome="selection rate",
        group=group,
        reference=reference,
        rows=rows,
        whole=whole,
        parts=parts,
        statement=class_statement(whole, parts, group=one_line(group), reference=one_line(reference)),
        reason=whole.reason if whole.value is None else None,
    )


def _whole_and_parts(counts: NDArray[np.int64], positive: int | None) -> NDArray[np.float64]:
    """Return the difference of selection rates, and its parts; shape (..., 2 + classes)."""
    parts = kitagawa(counts, positive=positive)
    # With all labels as one class nothing is base rates. It is defined also where a part is not.
    whole = kitagawa(counts.sum(axis=-2, keepdims=True), positive=positive)[..., 1:]
    return np.concatenate([whole, parts], axis=-1)


def _label_names(classes: tuple[str, ...] | None, number: int) -> tuple[str, ...]:
    if classes is None:
        return _TWO_CLASSES if number == len(_TWO_CLASSES) else tuple(f"class {i}" for i in range(number))
    if len(classes) != number:
        raise UsageError(f"classes should name each of the {number} labels, found {len(classes)} names.")
    return tuple(map(one_line, classes))


def _missing_class(table: NDArray[np.int64], labels: tuple[str, ...], groups: tuple[str, str]) -> str:
    """Say which class only one of the groups lacks, or which group has no row."""
    rows = table.sum(axis=-1)
    for group, own in zip(groups, rows, strict=True):
        if not own.any():
            return f"{group} has no row"
    lacking = [
        f"{group} has no {label}"
        for group, own in zip(groups, rows, strict=True)
        for label, here, anywhere in zip(labels, own, rows.sum(axis=0), strict=True)
        if anywhere and not here
    ]
    return " and ".join(lacking) + ", so a selection rate is unknown"


def _measured(
    described: tuple[str, str], value: float, drawn: NDArray[np.float64], *, level: float, why: str
) -> Part:
    """Return one part with its interval, without its share."""
    name, kind = described
    low = high = reason = None
    if math.isnan(value):
        return Part(name, kind, (), None, None, None, level, None, f"{why}.")
    undefined = np.isnan(drawn)
    ends = (
        np.quantile(np.where(undefined, -np.inf, drawn), (1 - level) / 2, method="inverted_cdf"),
        np.quantile(np.where(undefined, np.inf, drawn), (1 + level) / 2, method="inverted_cdf"),
    )
    if not np.isfinite(ends).all():
        reason = "too few rows for an interval: some draws leave a group without a row of some class."
    elif ends[0] == ends[1]:
        reason = "no interval: in these rows all or none are selected, so that no draw differs."
    else:
        low, high = map(float, ends)
    return Part(name, kind, (), value, low, high, level, None, reason)
