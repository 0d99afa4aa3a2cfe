r"""Scores of RMIA, the robust membership inference attack of Zarifzadeh, Liu and Shokri 2024.

A row x is compared with rows z of the population: its score is the share of z for which

.. math:: \frac{p(x | \theta)}{p(x)} \Big/ \frac{p(z | \theta)}{p(z)} \geq \gamma

where p(. | theta) is the audited model's probability of the true class and p(.) its average over
retrainings (their definitions of the score and of the pairwise likelihood ratio). Few shadow models are
enough for it.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import DataError, UsageError
from trivet.privacy.membership.shadow_values import ShadowValues, side_means
from trivet.privacy.membership.signals import resolution

__all__ = ["GAMMA", "OFFLINE_A", "rmia_scores"]

#: A model that generalises well doubles no ratio, so that 2 would score every row 0.
GAMMA = 1.0

#: How the models without a row foretell those with it; the authors choose it on shadow models.
OFFLINE_A = 0.3


def rmia_scores(
    target: ArrayLike,
    shadows: ArrayLike,
    inside: ArrayLike,
    population: ArrayLike,
    *,
    online: bool = False,
    gamma: float = GAMMA,
    offline_a: float = OFFLINE_A,
    units: ArrayLike | None = None,
) -> NDArray[np.float64]:
    r"""Score each row by the share of population rows that it dominates.

    Online, p(x) is the mean of the averages over the models with and without the row. Offline it is
    :math:`((1 + a)\, p_{out}(x) + 1 - a) / 2`, as models with the row are not available
    (the authors' linear approximation). A row is not compared with itself. The population's ratios are
    sorted once, so memory grows with n + m, not with n times m.

    Parameters
    ----------
    target
        Shape (n,), the audited model's probability of each row's true class, in [0, 1].
    shadows
        Shape (S, n), the shadow models' probabilities of the true class, in [0, 1].
    inside
        Shape (S, n), boolean: whether the shadow model was trained on the row.
    population
        Shape (m,), m >= 2 different row numbers, drawn without regard to membership: a row is not compared
        with itself, which sets the population's rows apart where scores tie.
    online
        Whether the models trained on a row are used too.
    gamma
        How much larger the row's ratio has to be, at least 1.
    offline_a
        a above, in [0, 1]; only used offline.
    units
        Shape (n,), the number of each row's unit: a row is then compared with none of its own
        unit's rows, as they are inside or outside together. None makes each row a unit of its own.

    Returns
    -------
    numpy.ndarray
        Shape (n,), in [0, 1]; higher is more surely a member.

    Raises
    ------
    UsageError
        If `gamma` or `offline_a` is out of range.
    DataError
        If shapes do not fit, a probability is outside [0, 1], the population is not as above or of one
        unit only, or a row has no model on a side.
    """
    if not 1 <= gamma < np.inf:
        raise UsageError(f"RMIA's gamma has to be a number from 1 on; found {gamma}.")
    if not 0 <= offline_a <= 1:
        raise UsageError(f"RMIA's offline a has to lie in [0, 1]; found {offline_a}.")
    values = ShadowValues.checked(target, shadows, inside)
    for probabilities in (values.target, values.shadows):
        if probabilities.size and not (probabilities.min() >= 0 and probabilities.max() <= 1):
            raise DataError("RMIA needs probabilities of the true class, in [0, 1], not logits.")
    rows = _population(population, len(values.target))
    # A model that says 0 of a row may be as sure of it as its least positive answer, not infinitely less.
    clip = resolution(values.target, values.shadows)
    ratios = np.maximum(values.target, clip) / np.maximum(_average(values, online, offline_a), clip)
    bars = gamma * ratios[rows]
    ordered = np.sort(bars)
    dominated = np.searchsorted(ordered, ratios, side="right")
    owners = _owners(units, len(ratios))
    own, dominated_own = _among_own(owners, rows, np.searchsorted(ordered, bars), dominated)
    if own.size and own.max() == len(rows):
        raise DataError("RMIA's population belongs to one unit. Give rows of two or more.")
    return (dominated - dominated_own) / (len(rows) - own)


def _owners(units: ArrayLike | None, n: int) -> NDArray[np.int64]:
    if units is None:
        return np.arange(n)
    owners = np.asarray(units)
    if owners.shape != (n,) or not np.issubdtype(owners.dtype, np.integer):
        raise DataError(
            f"RMIA's units should be one whole number for each of the {n} rows; found shape {owners.shape} "
            f"of {owners.dtype}."
        )
    return np.unique(owners, return_inverse=True)[1].astype(np.int64)


def _among_own(
    owners: NDArray[np.int64],
    rows: NDArray[np.intp],
    places: NDArray[np.intp],
    dominated: NDArray[np.intp],
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Count the population's rows of each row's unit, and those of them that the row dominates.

    A row dominates the bars at places below its own count, so numbers of unit and place in one order tell.
    """
    span = len(rows) + 1
    keys = np.sort(owners[rows] * span + places)
    first = np.searchsorted(keys, owners * span)
    return (
        np.searchsorted(keys, (owners + 1) * span) - first,
        np.searchsorted(keys, owners * span + dominated) - first,
    )


def _average(values: ShadowValues, online: bool, offline_a: float) -> NDArray[np.float64]:  # noqa: FBT001 - private
    """Return p(x), the probability of each row's class without knowledge of the audited model."""
    values.needs(1, inside=False)
    without = side_means(values, inside=False)
    if not online:
        return ((1 + offline_a) * without + 1 - offline_a) / 2
    values.needs(1, inside=True)
    return (without + side_means(values, inside=True)) / 2


def _population(population: ArrayLike, n: int) -> NDArray[np.intp]:
    rows = np.asarray(population)
    integers = np.issubdtype(rows.dtype, np.integer)
    if rows.ndim != 1 or len(rows) < 2 or not integers or rows.min() < 0 or rows.max() >= n:  # noqa: PLR2004 - one row leaves nothing to compare itself with
        raise DataError(f"RMIA's population has to be two or more row numbers from 0 to {n - 1}.")
    if len(np.unique(rows)) < len(rows):
        raise DataError("RMIA's population names a row twice. Give each row once.")
    return rows.astype(np.intp)
