"""Offsets of the classes' probabilities for each group, so that groups get each class alike."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from trivet.fairness.mitigation.mixtures import Limits, Rule, cheapest_mixture
from trivet.fairness.mitigation.thresholds.constraints import Scored, Search, farthest_ratio
from trivet.fairness.mitigation.thresholds.limits import ratio_limits, spread_limits

__all__ = ["MixedOffsets", "achieved_rates", "best_offsets", "class_rates", "drawn_classes", "offset_limits"]

Floats = NDArray[np.float64]

#: Cost of a unit beyond the limits, in errors.
DEAREST: Final = 1000.0
#: The expected error may be that much above the best there is.
GAP: Final = 1e-7
MOST_RULES: Final = 2000


@dataclass(frozen=True)
class MixedOffsets:
    """Offsets that are added to the probabilities of the classes, drawn by lot for each row.

    Attributes
    ----------
    offsets : For each draw one offset a class; the class with the largest sum is predicted.
    shares : How often each is drawn, the same for all groups: positive, with the sum 1.
    """

    offsets: tuple[tuple[float, ...], ...]
    shares: tuple[float, ...]


def best_offsets(
    probabilities: Floats, groups: NDArray[np.int64], weights: Floats, limits: Limits
) -> tuple[MixedOffsets, ...]:
    """Return for each group the offsets with the fewest expected errors whose class rates are within limits.

    The limits are on the share of each group that gets each class, in the order of (group, class).
    """
    # R. Xian, L. Yin, H. Zhao, Fair and optimal classification via post-processing, ICML 2023: the best
    # randomised predictor is a linear programme whose dual prices the class rates of each group, and at given
    # prices the best class of a row is that with the largest probability less its price. The programme over
    # such rules, to which new ones are added at its own prices, ends at that of all predictors. No rate hangs
    # on how scores tie.
    number, classes = int(groups.max()) + 1, probabilities.shape[1]
    total = np.bincount(groups, weights=weights, minlength=number)
    shares = total / total.sum()

    def respond(prices: Floats) -> Rule:
        # A price is of a rate, and the rate counts rows of the group alone.
        offsets = -prices.reshape(number, classes) / shares[:, np.newaxis]
        chosen = np.argmax(probabilities + offsets[groups], axis=1)
        right = probabilities[np.arange(len(chosen)), chosen]
        return Rule(
            float(1 - np.average(right, weights=weights)),
            class_rates(chosen, groups, weights, (number, classes)).ravel(),
            offsets,
        )

    found = cheapest_mixture(respond, limits, dearest=DEAREST, gap=GAP, most_rules=MOST_RULES, exact=True)
    return tuple(
        MixedOffsets(tuple(tuple(rule.made[group].tolist()) for rule in found.rules), found.shares)
        for group in range(number)
    )


def class_rates(
    chosen: NDArray[np.int64], groups: NDArray[np.int64], weights: Floats, shape: tuple[int, int]
) -> Floats:
    """Return the share of each group that gets each class, shape (groups, classes)."""
    cells = np.bincount(chosen + shape[1] * groups, weights=weights, minlength=shape[0] * shape[1])
    table = cells.reshape(shape)
    return table / table.sum(axis=1, keepdims=True)


def drawn_classes(
    probabilities: Floats, groups: NDArray[np.int64], thresholds: Sequence[MixedOffsets], lots: Floats
) -> NDArray[np.int64]:
    """Return the class of each row, with the rule that its lot in [0, 1) falls on."""
    ends = np.cumsum(thresholds[0].shares)
    ends[-1] = 1  # whatever the sum is rounded to
    offsets = np.array([each.offsets for each in thresholds])
    rule = np.searchsorted(ends, lots, side="right")
    return np.argmax(probabilities + offsets[groups, rule], axis=1)


def offset_limits(
    kind: Literal["ratio", "difference"], search: Search, sizes: NDArray[Any], classes: int
) -> Limits:
    """Return the limits of a constraint on the share of each group that gets each class."""
    found: list[tuple[Floats, int]] = []
    for attribute in search.attributes:
        means = attribute.means(sizes)
        for place in range(classes):
            rates = np.zeros((*means.shape, classes))
            rates[:, :, place] = means
            found.append((rates.reshape(len(means), -1), attribute.reference))
    if kind == "ratio":
        return ratio_limits(found, search.bound)
    return spread_limits([rates for rates, _ in found], search.bound)


def achieved_rates(
    kind: Literal["ratio", "difference"], search: Search, scored: Scored, thresholds: Sequence[MixedOffsets]
) -> float:
    """Return how near a constraint is met in expectation: the worst ratio or difference of any class."""
    number, classes = len(thresholds), scored.scores.shape[1]
    rates = np.zeros((number, classes))
    for share, offsets in zip(
        thresholds[0].shares, np.stack([each.offsets for each in thresholds], axis=1), strict=True
    ):
        chosen = np.argmax(scored.scores + offsets[scored.groups], axis=1)
        rates += share * class_rates(chosen, scored.groups, scored.weights, (number, classes))
    sizes = np.bincount(scored.groups, weights=scored.weights)
    divided = [(each.means(sizes) @ rates, each.reference) for each in search.attributes]
    if kind == "difference":
        return max(float(np.ptp(table, axis=0).max()) for table, _ in divided)
    ratios = [farthest_ratio(column, reference) for table, reference in divided for column in table.T]
    return min(
        ratios, key=lambda ratio: -math.inf if math.isnan(ratio) else min(ratio, 1 / max(ratio, 1e-300))
    )
