r"""How surely RMIA calls each row a member: the robust attack of Zarifzadeh, Liu and Shokri 2024.

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
from trivet.privacy.membership.signals import CLIP

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
) -> NDArray[np.float64]:
    r"""Score each row by the share of population rows that it dominates.

    Online, p(x) is the mean of the averages over the models with and without the row. Offline it is
    :math:`((1 + a)\, p_{out}(x) + 1 - a) / 2`, as the models with the row are not there to be asked
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

    Returns
    -------
    numpy.ndarray
        Shape (n,), in [0, 1]; higher is more surely a member.

    Raises
    ------
    UsageError
        If `gamma` or `offline_a` is out of range.
    DataError
        If shapes do not fit, a probability is outside [0, 1], the population is not as above, or a
        row has no model on a side.
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
    ratios = np.maximum(values.target, CLIP) / np.maximum(_average(values, online, offline_a), CLIP)
    bars = gamma * ratios[rows]
    dominated = np.searchsorted(np.sort(bars), ratios, side="right")
    compared = np.full(len(ratios), len(rows))
    dominated[rows] -= ratios[rows] >= bars
    compared[rows] -= 1
    return dominated / compared


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
