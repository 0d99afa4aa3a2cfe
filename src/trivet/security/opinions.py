"""Combined p-values of trigger inversion and maximum margins, with credit for agreement on the label."""

import math
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.security.detection import GAUSSIAN_MAD, lead_probability, log_scores, tail_probability
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

#: Halvings that leave nothing of an interval in double precision.
BISECTIONS = 60


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
    first, second = np.sort(scores)[:2].tolist()
    part = None if references is None else int(drawn.sum())
    null = partial(_chances, labels=classes, references=part, apart=int((~drawn).sum()))
    return Opinion(INVERSION, label, first, *null(first, second - first)), scores


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
    second, first = np.sort(scores)[-2:].tolist()
    return Opinion(MARGIN, highest, first, *_chances(-first, first - second, labels=len(values))), scores


def _chances(
    score: float, lead: float, *, labels: int, references: int | None = None, apart: int = 0
) -> tuple[float, float]:
    """Return how probable a lowest score and its lead are among clean labels."""
    return (
        tail_probability(score, labels, references=references, apart=apart),
        lead_probability(lead, labels, references=references, apart=apart),
    )


def agreement_probability(first: Opinion, second: Opinion, *, classes: int) -> float | None:
    r"""Return the chance that a clean network gives evidence as strong, agreement included.

    Under the null both p-values are uniform, the two labels are independent and agree once in K.
    Where they agree both count: the statistic is :math:`w = p_1 p_2 / K`. Where they differ, only one of
    them can be right, and its label has to stand alone: m is the smaller p-value of the two leads over
    the runner-up (Tippett 1931), and w is what has the same chance under the null as m,
    :math:`F(w) = 1 - (1 - m)^2` with :math:`F(t) = t (1 - \ln t)`, the distribution of the product of two
    uniforms (Fisher 1932); but never less than if they agreed. The p-value of w is
    :math:`F(K w) / K + (1 - 1/K) F(w)`.

    An opinion without a score adds nothing: the other one's p-value stands. None where both are
    without.
    """
    known = [opinion.p_value for opinion in (first, second) if opinion.p_value is not None]
    if len(known) < 2:  # noqa: PLR2004 - the two opinions
        return known[0] if known else None
    statistic = known[0] * known[1] / classes
    if first.label != second.label:
        leads = [each.p_value if each.lead_p_value is None else each.lead_p_value for each in (first, second)]
        smaller = min(lead for lead in leads if lead is not None)
        statistic = max(statistic, _product_with_chance(1 - (1 - smaller) ** 2))
    agreed, differed = (_chance_of_product(t) for t in (classes * statistic, statistic))
    return agreed / classes + (1 - 1 / classes) * differed


def _chance_of_product(t: float) -> float:
    """Chance that the product of two uniforms is at most `t`."""
    return 1.0 if t >= 1 else t * (1 - math.log(t))


def _product_with_chance(chance: float) -> float:
    """Return the t that `_chance_of_product` gives that chance, by bisection."""
    low, high = 0.0, chance
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if _chance_of_product(middle) < chance else (low, middle)
    return high
