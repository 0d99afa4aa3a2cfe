r"""How surely LiRA calls each row a member: the likelihood ratio attack of Carlini et al. 2022.

A row's confidence logits under models trained with it and without it are taken for two normal samples.
Online, the score is the logarithm of the ratio of the two densities at the audited model's logit
(Algorithm 1); offline, only the models without the row are used, and the score says how far the audited
model's logit lies above theirs (Section IV-E).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.privacy.membership.shadow_values import ShadowValues, side_means

__all__ = ["PER_ROW_FROM", "lira_scores"]

#: Shadow models from which on each row gets variances of its own (Carlini et al. 2022, Section VI-C).
PER_ROW_FROM = 64

#: No standard deviation counts as smaller: a tree that memorises gives all models one logit.
SMALLEST_DEVIATION = 1e-6


def lira_scores(
    target: ArrayLike,
    shadows: ArrayLike,
    inside: ArrayLike,
    *,
    online: bool,
    per_row_variance: bool | None = None,
) -> NDArray[np.float64]:
    r"""Score each row by the likelihood ratio attack.

    Online: :math:`\ln N(t; \mu_{in}, \sigma_{in}^2) - \ln N(t; \mu_{out}, \sigma_{out}^2)`. Offline:
    :math:`(t - \mu_{out}) / \sigma_{out}`, whose normal distribution function is the paper's
    :math:`\Pr[Z \leq t]`: the same order, but it does not round to 1 in the tail that matters.

    Parameters
    ----------
    target
        Shape (n,), the audited model's confidence logits.
    shadows
        Shape (S, n), the shadow models' confidence logits.
    inside
        Shape (S, n), boolean: whether the shadow model was trained on the row.
    online
        Whether the models trained on a row are used too.
    per_row_variance
        Whether each row has variances of its own, which need two models a side, or all rows share
        the pooled within-row variance of each side. None: its own from `PER_ROW_FROM` models on.

    Returns
    -------
    numpy.ndarray
        Shape (n,), finite; higher is more surely a member.

    Raises
    ------
    DataError
        If shapes do not fit, a value is not finite, or a row has too few models on a side.
    """
    values = ShadowValues.checked(target, shadows, inside)
    per_row = len(values.shadows) >= PER_ROW_FROM if per_row_variance is None else per_row_variance
    distance, deviation = _standardised(values, inside=False, per_row=per_row)
    if not online:
        return distance
    distance_in, deviation_in = _standardised(values, inside=True, per_row=per_row)
    return (distance**2 - distance_in**2) / 2 + np.log(deviation) - np.log(deviation_in)


def _standardised(
    values: ShadowValues, *, inside: bool, per_row: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the target's distance from one side's mean in standard deviations, and the deviations."""
    values.needs(2 if per_row else 1, inside=inside)
    side = values.inside if inside else ~values.inside
    mean = side_means(values, inside=inside)
    squares = np.where(side, (values.shadows - mean) ** 2, 0.0).sum(axis=0)
    freedom = side.sum(axis=0) - 1
    if per_row:
        variance = squares / freedom
    else:
        # One model a side leaves no spread within a row: nothing but the floor is known then.
        variance = np.full(mean.shape, squares.sum() / max(int(freedom.sum()), 1))
    deviation = np.maximum(np.sqrt(variance), SMALLEST_DEVIATION)
    return (values.target - mean) / deviation, deviation
