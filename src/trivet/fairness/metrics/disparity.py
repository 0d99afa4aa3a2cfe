"""What is a disparity of two groups, as a value: which rates it compares, and how.

A ratio is the protected group's rate over the privileged group's; a difference is the privileged
group's rate minus the protected group's. Of several rates the worst or the mean is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from trivet.fairness.columns import PRIVILEGED, PROTECTED
from trivet.fairness.metrics.group_rate import Counts, GroupMetric, Rates
from trivet.wording import one_line

__all__ = ["Disparity", "ratio_of_rates"]


@dataclass(frozen=True)
class Disparity:
    """A comparison of two groups, the protected one first.

    Attributes
    ----------
    name, title, formula, source
        As in `GroupRate`.
    rates
        What is compared.
    kind
        Ratio or difference.
    directional
        Whether the order of the groups tells; if not, a ratio is the smaller rate over the larger and a
        difference is absolute.
    combine
        What is taken of several rates: their mean, or the worst, which is the largest difference or the
        smallest ratio. The worst is not directional.
    undefined
        When the comparison says nothing.
    """

    name: str
    title: str
    formula: str
    rates: tuple[GroupMetric, ...]
    kind: Literal["ratio", "difference"]
    undefined: str
    source: str
    directional: bool = True
    combine: Literal["mean", "worst"] = "mean"

    def __call__(self, counts: Counts) -> Rates:
        """Compare the two groups."""
        compared = np.stack([self._compare(rate(counts)) for rate in self.rates])
        if self.combine == "mean":
            return compared.mean(axis=0)
        return compared.max(axis=0) if self.kind == "difference" else compared.min(axis=0)

    def reason(self, counts: Counts, names: Sequence[str]) -> str | None:
        """Say why two groups have no such disparity, or nothing where they have one.

        Parameters
        ----------
        counts
            Shape (2, 2, 2).
        names
            What the two groups are called.
        """
        for rate in self.rates:
            for group in (PROTECTED, PRIVILEGED):
                if reason := rate.reason(counts, group, names):
                    return reason
            protected, privileged = rate(counts).tolist()
            if self.kind == "ratio" and privileged == 0 and (self.directional or protected == 0):
                who = (
                    f"{one_line(names[PROTECTED])} and of {one_line(names[PRIVILEGED])}"
                    if protected == 0
                    else one_line(names[PRIVILEGED])
                )
                return f"the {rate.title} of {who} is 0, and nothing can be divided by it"
        return None

    def _compare(self, rates: Rates) -> Rates:
        """Compare one rate of the two groups; shape (..., 2) to (...)."""
        protected, privileged = rates[..., PROTECTED], rates[..., PRIVILEGED]
        if self.kind == "difference":
            difference = privileged - protected
            return difference if self.directional else np.abs(difference)
        if self.directional:
            return ratio_of_rates(protected, privileged)
        return ratio_of_rates(np.minimum(protected, privileged), np.maximum(protected, privileged))


def ratio_of_rates(numerator: Rates, denominator: Rates) -> Rates:
    """Divide rates: NaN for 0/0, which is unknown; infinite for anything else over 0; NaN for NaN."""
    by_zero = np.where(numerator > 0, np.inf, np.nan)
    return np.divide(numerator, denominator, out=by_zero, where=denominator != 0)
