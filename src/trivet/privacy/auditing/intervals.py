"""Events of size: a number of the answer above a threshold, or between two."""

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trivet.privacy.auditing.answers import Answers
from trivet.privacy.auditing.events import Event, Sample
from trivet.privacy.auditing.views import View, all_views

__all__ = ["intervals", "thresholds"]

#: Shares of the answers below a threshold: every twentieth, and ever thinner tails.
_THIN: Final = tuple(2.0**-k for k in range(5, 15))
_SHARES: Final = tuple(sorted((*(k / 20 for k in range(1, 20)), *_THIN, *(1 - share for share in _THIN))))
#: Ends of intervals; all pairs of them are proposed.
_ENDS: Final = tuple(k / 12 for k in range(13))
#: Significant digits of a threshold, in units of the spread of the answers.
_DIGITS: Final = 3


def thresholds(sample: Sample) -> Iterator[Event]:
    """Propose both tails of every view, cut at quantiles of the answers on either side."""
    for view in all_views(sample):
        for cut in _cuts(view, sample, _SHARES):
            yield _above(view, cut)


def intervals(sample: Sample) -> Iterator[Event]:
    """Propose every interval between some quantiles of the answers; the audit adds the complements."""
    for view in all_views(sample):
        cuts = _cuts(view, sample, _ENDS)
        for i, low in enumerate(cuts):
            for high in cuts[i + 1 :]:
                yield _between(view, low, high)


def _above(view: View, cut: float) -> Event:
    said = _said(cut)
    return Event(
        f"{view.name} > {said}",
        f"{view.name} is not above {said}",
        lambda answers: view.of(answers) > cut,
    )


def _between(view: View, low: float, high: float) -> Event:
    def holds(answers: Answers) -> NDArray[np.bool_]:
        numbers = view.of(answers)
        return (numbers > low) & (numbers <= high)

    said = f"{_said(low)} < {view.name} <= {_said(high)}"
    return Event(said, f"not {said}", holds)


def _cuts(view: View, sample: Sample, shares: tuple[float, ...]) -> list[float]:
    """Return round numbers near the quantiles of both sides, in order, each once."""
    sides = [view.of(answers) for answers in (sample.on_a, sample.on_b)]
    sides = [side[np.isfinite(side)] for side in sides]
    found = [np.quantile(side, shares, method="inverted_cdf") for side in sides if side.size]
    if not found:
        return []
    points = np.concatenate(found)
    with np.errstate(over="ignore"):
        spread = float(np.quantile(points, 0.9) - np.quantile(points, 0.1)) or float(np.ptp(points))
    if not (spread > 0 and math.isfinite(spread)):
        return sorted({float(point) for point in points})
    decimals = _DIGITS - 1 - math.floor(math.log10(spread))
    return sorted({round(float(point), decimals) for point in points})


def _said(cut: float) -> str:
    return repr(cut + 0.0).removesuffix(".0")
