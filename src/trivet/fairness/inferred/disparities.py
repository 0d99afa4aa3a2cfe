"""Disparities of inferred groups with all that they can be, and what these come to."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trivet.errors import UsageError
from trivet.estimate import Estimate
from trivet.fairness.auditing.band import judged
from trivet.fairness.inferred.results import InferredAudit, InferredDisparity, InferredRate, Span
from trivet.verdict import DISPARATE, IN_BAND, rank
from trivet.wording import one_line, quote

__all__ = ["RATES", "chosen_reference", "disparity_of", "quotient", "summed_up"]

SELECTION: Final = "selection_rate"
#: Each rate, and the label of the rows that it is a share of; None for all rows.
RATES: Final[Mapping[str, int | None]] = {SELECTION: None, "true_positive_rate": 1, "false_positive_rate": 0}
LIMITS: Final = (
    "The bounds take the probabilities, or the error rates, as right for these rows: where they were fitted "
    "on other people they may not be. Within the bounds nothing is known. The weighted and the thresholded "
    "estimator are biased where outcome and group go together beyond what the probabilities know (J. Chen "
    "and others, FAT* 2019), and can lie on either side of the truth. No figure is a legal finding."
)


def chosen_reference(
    groups: Sequence[str], expected: NDArray[np.float64], privileged: str | None
) -> tuple[int, str]:
    """Return the place of the group that the others are compared with, and why it."""
    if privileged is not None:
        if privileged not in groups:
            raise UsageError(
                f"no group is {quote(privileged)}; there are {one_line(', '.join(groups), limit=200)}."
            )
        return list(groups).index(privileged), "it was named"
    return int(expected.argmax()), "it is the group that most rows are expected to be of"


def quotient(part: float, whole: float) -> float | None:
    """Divide; None where there is nothing to divide by."""
    return part / whole if whole > 0 else None


def disparity_of(
    metric: str,
    group: str,
    reference: str,
    difference: Span,
    ratio: Span,
    *,
    weighted: tuple[float | None, float | None],
    thresholded: tuple[float | None, float | None],
    adjusted: tuple[float | None, float | None],
    four_fifths: float,
    level: float,
) -> InferredDisparity:
    """Compare two groups; of each estimator the rate of the group and that of the reference are given."""
    wide = Estimate(ratio.low, ratio.sampled_low, ratio.sampled_high, level, "")
    return InferredDisparity(
        metric=metric,
        group=group,
        reference=reference,
        difference=difference,
        ratio=ratio,
        weighted=_over(*weighted),
        weighted_difference=_apart(*weighted),
        thresholded=_over(*thresholded),
        thresholded_difference=_apart(*thresholded),
        adjusted=_over(*adjusted),
        adjusted_difference=_apart(*adjusted),
        verdict=judged(wide, four_fifths=four_fifths),
    )


def _over(own: float | None, other: float | None) -> float | None:
    return None if own is None or not other else own / other


def _apart(own: float | None, other: float | None) -> float | None:
    return None if own is None or other is None else other - own


def summed_up(
    rates: Sequence[InferredRate],
    disparities: Sequence[InferredDisparity],
    *,
    why: str,
    four_fifths: float,
    level: float,
    **stated: Any,
) -> InferredAudit:
    """Put an audit together, with the worst verdict on selection rates and what it rests on."""
    selections = [each for each in disparities if each.metric == SELECTION]
    worst = max(selections, key=lambda each: rank(each.verdict) or 0)
    return InferredAudit(
        reference_why=why,
        four_fifths=four_fifths,
        level=level,
        rates=tuple(rates),
        disparities=tuple(disparities),
        verdict=worst.verdict,
        reason=_reason(worst, four_fifths, level),
        limits=LIMITS,
        **stated,
    )


def _reason(worst: InferredDisparity, four_fifths: float, level: float) -> str:
    ratio = worst.ratio
    name, other = one_line(worst.group), one_line(worst.reference)
    if ratio.low is None and ratio.sampled_low is None:
        return f"How often {name} is selected against {other} is not known: {ratio.reason}."
    high = "or more" if ratio.high is None else f"to {ratio.high:.3f}"
    sampled = "or more" if ratio.sampled_high is None else f"to {ratio.sampled_high:.3f}"
    band = f"the band from {four_fifths:g} to {1 / four_fifths:g}"
    told = {
        DISPARATE: f"all of it lies outside {band}",
        IN_BAND: f"all of it lies within {band}",
    }.get(
        worst.verdict, f"that reaches across an end of {band}: what is known of the groups does not settle it"
    )
    return (
        f"{name} is selected {ratio.low or 0:.3f} {high} times as often as {other}, whatever the true groups "
        f"are ({ratio.sampled_low or 0:.3f} {sampled} with sampling error at {100 * level:g}%); {told}."
    )
