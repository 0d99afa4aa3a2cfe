"""AUC of scores within each group and across groups.

An AUC of 0.9 within each group says nothing of the order between them: where the negatives of one
group score as high as the positives of another, one cut for all treats them unequally. Borkan et al.
(Nuanced metrics for measuring unintended bias, WWW 2019 companion) therefore compare each group with the
background, which is all rows outside of it.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.fairness.metrics.results import GroupAuc
from trivet.fairness.metrics.scored_rows import scored_rows
from trivet.wording import one_line

__all__ = ["group_aucs"]

_Counts = NDArray[np.int64]
#: Where the positives and the negatives are, in words.
_Places = tuple[str, str]

#: Rows that a variance needs.
_ENOUGH = 2


def group_aucs(
    y_true: ArrayLike, scores: ArrayLike, groups: ArrayLike, *, names: Sequence[str]
) -> tuple[GroupAuc, ...]:
    """Return three areas under the ROC curve for each group, with their standard errors.

    Rows are sorted once and counted at each distinct score, so that ties are exact and n rows take
    O(n log n).

    Parameters
    ----------
    y_true
        Labels, 0 or 1, shape (rows,).
    scores
        Finite numbers, the larger the more likely positive, shape (rows,).
    groups
        For each row the place of its group in `names`, shape (rows,).
    names
        What each group is called.

    Returns
    -------
    tuple of GroupAuc
        For each group in turn ``auc`` (its positives against its negatives), ``bpsn_auc`` (the
        background's positives against its negatives: low where its negatives score too high) and
        ``bnsp_auc`` (its positives against the background's negatives: low where its positives score
        too low). Values are in [0, 1].

    Raises
    ------
    DataError
        If the columns differ in length or hold what they should not.

    Notes
    -----
    The value is the statistic of Mann and Whitney. The standard error is that of E. R. DeLong, D. M.
    DeLong and D. L. Clarke-Pearson (Biometrics 44, 1988); X. Sun and W. Xu (IEEE Signal Processing
    Letters 21, 2014) have the mid-ranks that make it fast. It takes the three areas one at a time, and
    scores as given: what the training of the model adds is not in it.
    """
    rows = scored_rows(y_true, scores, groups, names)
    order = np.argsort(rows.scores)
    ranked = rows.scores[order]
    place = np.zeros(len(ranked), dtype=np.int64)
    np.cumsum(ranked[1:] != ranked[:-1], out=place[1:])
    positive, group_of = rows.labels[order] == 1, rows.groups[order]
    distinct = int(place[-1]) + 1
    all_positives = np.bincount(place[positive], minlength=distinct)
    all_negatives = np.bincount(place[~positive], minlength=distinct)
    found: list[GroupAuc] = []
    for group, name in enumerate(rows.names):
        own = group_of == group
        positives = np.bincount(place[own & positive], minlength=distinct)
        negatives = np.bincount(place[own & ~positive], minlength=distinct)
        inside, outside = f"of {one_line(name)}", f"outside {one_line(name)}"
        found += [
            _area("auc", name, positives, negatives, (inside, inside)),
            _area("bpsn_auc", name, all_positives - positives, negatives, (outside, inside)),
            _area("bnsp_auc", name, positives, all_negatives - negatives, (inside, outside)),
        ]
    return tuple(found)


def _area(metric: str, group: str, positives: _Counts, negatives: _Counts, where: _Places) -> GroupAuc:
    """Return one area from the positives and the negatives at each distinct score, in ascending order."""
    m, n = int(positives.sum()), int(negatives.sum())
    value, error = None, None
    if m and n:
        # Twice the negatives below a score, ties by half: whole numbers, so that the value is exact.
        twice_below = 2 * np.cumsum(negatives) - negatives
        value = int(positives @ twice_below) / (2 * m * n)
        if min(m, n) >= _ENOUGH:
            twice_above = 2 * m - (2 * np.cumsum(positives) - positives)
            error = float(
                np.sqrt(
                    _variance(twice_below / (2 * n), positives, value) / m
                    + _variance(twice_above / (2 * m), negatives, value) / n
                )
            )
    return GroupAuc(
        metric=metric,
        group=group,
        value=value,
        standard_error=error,
        reason=next(_reasons(m, n, where), None),
        positives=m,
        negatives=n,
    )


def _variance(placements: NDArray[np.float64], rows: _Counts, mean: float) -> float:
    """Return the sample variance of values that `rows` rows have each."""
    return float(rows @ (placements - mean) ** 2) / (int(rows.sum()) - 1)


def _reasons(positives: int, negatives: int, where: _Places) -> Iterator[str]:
    """Say what an area or its standard error lacks, the graver first."""
    sides = tuple(zip((positives, negatives), ("positive", "negative"), where, strict=True))
    for rows, label, place in sides:
        if rows == 0:
            yield f"no row {place} has a {label} label"
    for rows, label, place in sides:
        if rows < _ENOUGH:
            yield f"one row {place} has a {label} label, and a standard error needs two"
