"""Rates that a search compares: each is rows counted among rows, by label and prediction."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trivet.errors import UsageError
from trivet.fairness.metrics.group_rates import GROUP_METRICS, Cells, GroupRate
from trivet.wording import listed, quote

__all__ = ["SEARCHED", "USUAL", "Rate", "Rates", "outcome_masks", "searched_rates"]

#: Searched where nothing else is said, those that need labels only where there are some.
USUAL: Final = ("selection_rate", "true_positive_rate", "false_positive_rate")
#: Every rate that can be searched, by name.
SEARCHED: Final = {
    metric.name: metric for metric in GROUP_METRICS if isinstance(metric, GroupRate) and metric.is_share
}


@dataclass(frozen=True, eq=False)
class Rate:
    """A rate as sums over four sets: all rows, those selected, those with a positive label, those with both.

    Attributes
    ----------
    name : Of the metric.
    selects, among : Shape (4,): how often each set counts in the numerator and in the denominator.
    """

    name: str
    selects: NDArray[np.int64]
    among: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Rates:
    """Several rates, and which of the four sets they need: shape (sets,)."""

    rates: tuple[Rate, ...]
    sets: tuple[int, ...]


def searched_rates(names: tuple[str, ...], *, labelled: bool) -> Rates:
    """Return rates by their names, the usual ones where there are no names; a UsageError for unknown ones."""
    if not names:
        names = USUAL if labelled else USUAL[:1]
    if unknown := [name for name in names if name not in SEARCHED]:
        raise UsageError(
            f"{quote(unknown[0])} is not a rate that subgroups are searched for; expected some of "
            f"{listed(tuple(SEARCHED))}."
        )
    chosen = [SEARCHED[name] for name in dict.fromkeys(names)]
    weights = [(_over_sets(each.selects), _over_sets(each.among)) for each in chosen]
    # All rows are always counted: they are what a subgroup is.
    used = np.any([pair != 0 for pairs in weights for pair in pairs], axis=0)
    sets = (0, *(place for place in range(1, 4) if used[place]))
    if not labelled and max(sets) > 1:
        needing = next(
            each.name for each, pair in zip(chosen, weights, strict=True) if np.any(pair, axis=0)[2:].any()
        )
        raise UsageError(f"{needing} needs labels, and the table has none; search for selection_rate.")
    columns = list(sets)
    return Rates(
        tuple(
            Rate(each.name, selects[columns], among[columns])
            for each, (selects, among) in zip(chosen, weights, strict=True)
        ),
        sets,
    )


def outcome_masks(
    rates: Rates, selected: NDArray[np.bool_], labels: NDArray[np.bool_] | None
) -> NDArray[np.bool_]:
    """Return the sets that the rates need, shape (sets, rows)."""
    positive = np.zeros_like(selected) if labels is None else labels
    every = (np.ones_like(selected), selected, positive, selected & positive)
    return np.stack([every[place] for place in rates.sets])


def _over_sets(cells: Cells) -> NDArray[np.int64]:
    """Return weights of the four sets that add up to weights of the cells, by inclusion and exclusion."""
    (neither, only_selected), (only_positive, both) = cells
    return np.array(
        [
            neither,
            only_selected - neither,
            only_positive - neither,
            both - only_selected - only_positive + neither,
        ]
    )
