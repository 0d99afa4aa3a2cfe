"""What is a spread over all groups, as a value: how far apart rates are when no group is the reference."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from trivet.fairness.metrics.disparity import ratio_of_rates
from trivet.fairness.metrics.group_rate import Counts, GroupMetric, Rates

__all__ = ["Spread"]

#: Groups that must have a rate for there to be a spread.
_ENOUGH = 2


@dataclass(frozen=True)
class Spread:
    """How far apart the rates of any number of groups are.

    A group without a rate is left out of the comparison of that rate (`left_out` tells which); with
    fewer than two others there is no spread.

    Attributes
    ----------
    name, title, formula, source
        As in `GroupRate`.
    rates
        What is compared.
    kind
        A difference is largest minus smallest rate, a ratio is smallest over largest.
    undefined
        When there is no spread.
    combine
        What is taken of several rates: the worst (largest difference, smallest ratio) or the mean.
    against
        Whether groups are compared with each other, or each with the rate of all rows together; then
        the group furthest from it counts.
    """

    name: str
    title: str
    formula: str
    rates: tuple[GroupMetric, ...]
    kind: Literal["ratio", "difference"]
    undefined: str
    source: str
    combine: Literal["mean", "worst"] = "worst"
    against: Literal["each other", "overall"] = "each other"

    def __call__(self, counts: Counts) -> Rates:
        """Return how far apart the groups are."""
        spreads = np.stack([self._spread(rate, counts) for rate in self.rates])
        if self.combine == "mean":
            return spreads.mean(axis=0)
        return spreads.max(axis=0) if self.kind == "difference" else spreads.min(axis=0)

    def left_out(self, counts: Counts) -> tuple[int, ...]:
        """Return the places of the groups without one of the rates, of counts (groups, 2, 2)."""
        missing = np.any([np.isnan(rate(counts)) for rate in self.rates], axis=0)
        return tuple(np.flatnonzero(missing).tolist())

    def reason(self, counts: Counts, names: Sequence[str]) -> str | None:
        """Say why the groups have no such spread, or nothing where they have one.

        Parameters
        ----------
        counts
            Shape (groups, 2, 2).
        names
            What each group is called.
        """
        for rate in self.rates:
            values = rate(counts)
            if np.isfinite(values).sum() < _ENOUGH:
                reasons = (rate.reason(counts, group, names) for group in range(len(names)))
                first = next((reason for reason in reasons if reason), "there is no other group")
                return f"fewer than two groups have a {rate.title}: {first}"
            if self.kind == "ratio" and not np.nansum(values):
                return f"the {rate.title} is 0 in every group, and nothing can be divided by it"
        return None

    def _spread(self, rate: GroupMetric, counts: Counts) -> Rates:
        """Return the spread of one rate."""
        rates = rate(counts)
        if self.against == "overall":
            overall = rate.overall(counts)[..., np.newaxis]
            low, high = np.minimum(rates, overall), np.maximum(rates, overall)
        else:
            # Unlike minimum and maximum, fmin and fmax pass over NaN.
            low = np.fmin.reduce(rates, axis=-1, keepdims=True)
            high = np.fmax.reduce(rates, axis=-1, keepdims=True)
        if self.kind == "difference":
            spread = np.fmax.reduce(high - low, axis=-1)
        else:
            spread = np.fmin.reduce(ratio_of_rates(low, high), axis=-1)
        return np.where(np.isfinite(rates).sum(axis=-1) >= _ENOUGH, spread, np.nan)
