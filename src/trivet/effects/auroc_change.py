"""How much better or worse are members told from others after a remedy, on the same rows?"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata, t

from trivet.effects.change import Change, unmeasured
from trivet.errors import DataError
from trivet.privacy.membership.auroc import auroc

__all__ = ["auroc_change", "auroc_influence", "mean_auroc_change"]

FEWEST_PAIRS = 3


def auroc_influence(
    scores: NDArray[np.float64], inside: NDArray[np.bool_]
) -> tuple[float, NDArray[np.float64]]:
    """Return the AUROC of scores, and what each row adds to its error.

    The mean of the products of two scores' influences, divided by the number of rows, is near the
    covariance of their AUROCs that DeLong, DeLong and Clarke-Pearson 1988 give for the same rows.

    Parameters
    ----------
    scores
        Shape (n,), higher is more surely a member.
    inside
        Shape (n,), who is a member; there are members and others.

    Returns
    -------
    tuple
        The AUROC, ties counted half, and shape (n,), with mean 0 among members and among others.
    """
    members, others = scores[inside], scores[~inside]
    p, q = len(members), len(others)
    if not p or not q:
        raise DataError("an AUROC compares members with others, and there are none of one kind.")
    both = rankdata(np.concatenate([members, others]))
    beaten = (both[:p] - rankdata(members)) / q
    beating = 1 - (both[p:] - rankdata(others)) / p
    value = float(beaten.mean())
    influence = np.empty(p + q)
    influence[inside] = (beaten - value) * (p + q) / p
    influence[~inside] = (beating - value) * (p + q) / q
    return value, influence


def auroc_change(
    before: NDArray[np.float64], after: NDArray[np.float64], inside: NDArray[np.bool_], *, level: float
) -> Change:
    """Return the change of an AUROC when the same rows are scored anew.

    The interval is the normal one of DeLong, DeLong and Clarke-Pearson 1988 for two correlated AUROCs. Where
    one of them is 0 or 1 its variance is 0, which so many rows do not prove: there the intervals of the two
    are joined as those of independent figures (Zou and Donner 2008).

    Parameters
    ----------
    before, after
        Shape (n,), scores without and with the remedy.
    inside
        Shape (n,), who is a member.
    level
        Of the interval, in (0, 1).
    """
    first, one = auroc_influence(before, inside)
    second, other = auroc_influence(after, inside)
    if np.array_equal(rankdata(before), rankdata(after)):
        return Change(first, second, 0.0, 0.0, 0.0)
    difference = other - one
    variance = sum(
        float(np.var(difference[side], ddof=1)) * int(side.sum()) / len(side) ** 2
        for side in (inside, ~inside)
        if side.sum() > 1
    )
    change = second - first
    if {first, second} & {0.0, 1.0} or variance == 0:
        return _joined(before, after, inside, level)
    reach = float(norm.ppf((1 + level) / 2)) * math.sqrt(variance)
    return _cut(first, second, change, reach)


def mean_auroc_change(
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    inside: NDArray[np.bool_],
    *,
    level: float,
    rows: NDArray[np.bool_] | None = None,
) -> Change:
    """Return the change of the mean AUROC over several attacked models.

    Two errors are added: that of the rows, as in `auroc_change` of what each row adds on average over the
    models, and that of the training, from the spread of the change over pairs of models. Which rows train a
    model is part of both, so the interval is somewhat too wide rather than too narrow. Its quantile is
    Student's.

    Parameters
    ----------
    before, after
        Shape (models, n): scores of the rows under each model, without and with the remedy. Models
        2k and 2k + 1 were trained on the two halves of the rows.
    inside
        Shape (models, n), who is a member of which model's training rows.
    level
        Of the interval, in (0, 1).
    rows
        Shape (n,), the rows that count; by default all.

    Raises
    ------
    DataError
        If there are fewer than three pairs, or a model without members or others among the rows.
    """
    chosen = np.ones(before.shape[1], dtype=np.bool_) if rows is None else rows
    models = len(before)
    if models % 2 or models < 2 * FEWEST_PAIRS:
        raise DataError(f"expected {FEWEST_PAIRS} pairs of models or more, found {models} models.")
    values = np.empty((2, models))
    added = np.zeros(int(chosen.sum()))
    for model in range(models):
        members = inside[model, chosen]
        values[0, model], one = auroc_influence(before[model, chosen], members)
        values[1, model], other = auroc_influence(after[model, chosen], members)
        added += (other - one) / models
    by_pair = (values[1] - values[0]).reshape(-1, 2).mean(axis=1)
    first, second = (float(side.mean()) for side in values)
    if not added.any() and not by_pair.any():
        return Change(first, second, 0.0, 0.0, 0.0)
    variance = float(np.var(added, ddof=1)) / len(added) + float(np.var(by_pair, ddof=1)) / len(by_pair)
    reach = float(t.ppf((1 + level) / 2, len(by_pair) - 1)) * math.sqrt(variance)
    return _cut(first, second, second - first, reach)


def _joined(
    before: NDArray[np.float64], after: NDArray[np.float64], inside: NDArray[np.bool_], level: float
) -> Change:
    one, other = (auroc(scores[inside], scores[~inside], level=level) for scores in (before, after))
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return unmeasured(one.reason or other.reason or "the AUROC has no interval")
    change = other.value - one.value
    down = math.hypot(other.value - other.low, one.high - one.value)
    up = math.hypot(other.high - other.value, one.value - one.low)
    return Change(one.value, other.value, change, max(change - down, -1.0), min(change + up, 1.0))


def _cut(first: float, second: float, change: float, reach: float) -> Change:
    return Change(first, second, change, max(change - reach, -1.0), min(change + reach, 1.0))
