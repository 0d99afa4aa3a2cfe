"""What do trigger inversion and maximum margins say together, and does it matter that they agree?"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.security.detection import GAUSSIAN_MAD, log_scores, tail_probability
from trivet.security.scan_results import Opinion

__all__ = [
    "INVERSION",
    "MARGIN",
    "agreement_probability",
    "inversion_opinion",
    "margin_opinion",
    "margin_scores",
]

INVERSION = "trigger inversion"
MARGIN = "maximum margin"


def margin_scores(margins: ArrayLike) -> NDArray[np.float64] | None:
    """Return (margin - median) / (1.4826 MAD) for each class, or None where the MAD is zero.

    Margins can be negative, so they are scored as they are. Fewer than three classes have no
    score, as in `trivet.security.log_scores`.
    """
    values = np.asarray(margins, dtype=np.float64)
    deviation = values - np.median(values)
    mad = np.median(np.abs(deviation))
    if len(values) < 3 or mad <= 1e-12 * max(1.0, float(np.abs(values).max())):  # noqa: PLR2004 - as there
        return None
    return deviation / (GAUSSIAN_MAD * mad)


def inversion_opinion(
    norms: ArrayLike, *, labels: ArrayLike, classes: int, references: ArrayLike | None = None
) -> tuple[Opinion, NDArray[np.float64] | None]:
    """Return the label whose trigger is improbably small, and the scores of all that were compared.

    Parameters
    ----------
    norms
        Mask norms after equal numbers of steps, shape (compared,).
    labels
        Which labels they belong to, shape (compared,).
    classes
        Number of classes that were looked at in all.
    references
        Where only some are left: which of them were drawn at random, shape (compared,), boolean;
        median and MAD are theirs. The rest are the smallest of all classes at an earlier look.
    """
    compared = np.asarray(norms, dtype=np.float64)
    drawn = np.ones(len(compared), dtype=bool) if references is None else np.asarray(references, dtype=bool)
    lowest = int(np.argmin(compared))
    label = int(np.asarray(labels)[lowest])
    scores = log_scores(compared, references=drawn)
    if scores is None:
        return Opinion(INVERSION, None, None, None), None
    score = float(scores[lowest])
    chance = (
        tail_probability(score, classes)
        if references is None
        else tail_probability(score, classes, references=int(drawn.sum()), apart=int((~drawn).sum()))
    )
    return Opinion(INVERSION, label, score, chance), scores


def margin_opinion(margins: ArrayLike) -> tuple[Opinion, NDArray[np.float64] | None]:
    """Return the class that reaches an improbably large margin, and the scores of all classes.

    Parameters
    ----------
    margins
        The maximum margin of each class, shape (classes,).
    """
    values = np.asarray(margins, dtype=np.float64)
    highest = int(np.argmax(values))
    scores = margin_scores(values)
    if scores is None:
        return Opinion(MARGIN, None, None, None), None
    score = float(scores[highest])
    return Opinion(MARGIN, highest, score, tail_probability(-score, len(values))), scores


def agreement_probability(first: Opinion, second: Opinion, *, classes: int) -> float | None:
    r"""Return the chance that a clean network gives evidence as strong, agreement included.

    Under the null both p-values are uniform, the two labels are independent and agree once in K.
    The statistic is :math:`w = p_1 p_2`, divided by K where the labels agree. With
    :math:`F(t) = t (1 - \ln t)`, the distribution of the product of two uniforms (Fisher 1932),
    its p-value is :math:`F(K w) / K + (1 - 1/K) F(w)`.

    An opinion without a score adds nothing: the other one's p-value stands. None where both are
    without.
    """
    known = [opinion.p_value for opinion in (first, second) if opinion.p_value is not None]
    if len(known) < 2:  # noqa: PLR2004 - the two opinions
        return known[0] if known else None
    statistic = known[0] * known[1] / (classes if first.label == second.label else 1)
    return _product_of_uniforms(classes * statistic) / classes + (1 - 1 / classes) * _product_of_uniforms(
        statistic
    )


def _product_of_uniforms(t: float) -> float:
    return 1.0 if t >= 1 else t * (1 - math.log(t))
