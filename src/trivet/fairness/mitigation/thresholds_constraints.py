"""Constraints on group thresholds: how each is satisfied, and how it is measured."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import UsageError
from trivet.fairness.columns import PRIVILEGED, PROTECTED
from trivet.fairness.counting.arrays import binary_counts
from trivet.fairness.mitigation.group_thresholds import difference_thresholds, ratio_thresholds
from trivet.fairness.mitigation.roc_thresholds import equal_opportunity_thresholds, equalized_odds_thresholds
from trivet.fairness.mitigation.scalarisation import grid_thresholds, scalarised_objective
from trivet.fairness.mitigation.thresholds_cuts import Objective
from trivet.fairness.mitigation.thresholds_mixture import MixedThreshold
from trivet.fairness.mitigation.thresholds_scalarised import scalarised_thresholds
from trivet.wording import one_line

__all__ = ["CONSTRAINTS", "Constraint", "ConstraintName", "Scored", "Search", "chosen_constraint"]

ConstraintName = Literal["ratio", "difference", "equalized_odds", "equal_opportunity", "scalarised"]


@dataclass(frozen=True, eq=False)
class Scored:
    """Rows that thresholds are fitted on: label (0 or 1), score and group of each, shape (rows,)."""

    labels: NDArray[np.int64]
    scores: NDArray[np.float64]
    groups: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Search:
    """Settings of a search; `reference` is the place of the privileged group."""

    bound: float
    objective: Objective
    penalty: float
    grid: ArrayLike | None
    reference: int


Found = tuple[float | MixedThreshold, ...]
Selection = NDArray[np.float64]


@dataclass(frozen=True)
class Constraint:
    """One row of the table of constraints."""

    find: Callable[[Scored, Search], Found]
    achieved: Callable[[Scored, Selection, Search], float]
    usual_bound: float = 0
    needs_both_labels: bool = False


def _rates(groups: NDArray[np.int64], selection: Selection) -> NDArray[np.float64]:
    """Return the mean selection of each group."""
    return np.bincount(groups, weights=selection) / np.bincount(groups)


def _farthest_ratio(rows: Scored, selection: Selection, search: Search) -> float:
    """Return the ratio to the reference's selection rate that is farthest from 1, of all groups.

    NaN where the reference selects nobody: then no group that holds to a ratio does, and 0/0 is unknown.
    """
    rates = _rates(rows.groups, selection)
    if rates[search.reference] == 0:
        return math.nan
    ratios = rates / rates[search.reference]
    nearness = np.minimum(ratios, np.divide(1, ratios, out=np.zeros_like(ratios), where=ratios > 0))
    return float(ratios[np.argmin(nearness)])


def _rate_difference(rows: Scored, selection: Selection, _search: Search) -> float:
    return float(np.ptp(_rates(rows.groups, selection)))


def _error_rate_difference(rows: Scored, selection: Selection, *labels: int) -> float:
    """Return the largest difference between groups of the selection rate among rows of one label."""
    return max(
        float(np.ptp(_rates(rows.groups[rows.labels == label], selection[rows.labels == label])))
        for label in labels
    )


def _sides(rows: Scored, search: Search) -> NDArray[np.int64]:
    return np.where(rows.groups == search.reference, PRIVILEGED, PROTECTED)


def _scalarised(rows: Scored, search: Search) -> Found:
    """Find the pair over all pairs of cuts, or over those of a grid."""
    columns = rows.labels, rows.scores, _sides(rows, search)
    if search.grid is None:
        pair = scalarised_thresholds(*columns, penalty=search.penalty)
    else:
        grid = np.asarray(search.grid, dtype=np.float64)
        pair = grid_thresholds(*columns, grid=grid, penalty=search.penalty)
    # There are two groups, numbered 0 and 1.
    found = pair.protected, pair.privileged
    return found if search.reference == PRIVILEGED else found[::-1]


def _objective(rows: Scored, selection: Selection, search: Search) -> float:
    counts = binary_counts(rows.labels, selection, _sides(rows, search))
    return float(scalarised_objective(counts, penalty=search.penalty))


CONSTRAINTS: Final[dict[ConstraintName, Constraint]] = {
    "ratio": Constraint(
        find=lambda rows, search: ratio_thresholds(
            rows.labels,
            rows.scores,
            rows.groups,
            reference=search.reference,
            bound=search.bound,
            objective=search.objective,
        ),
        achieved=_farthest_ratio,
        usual_bound=0.8,
    ),
    "difference": Constraint(
        find=lambda rows, search: difference_thresholds(
            rows.labels, rows.scores, rows.groups, bound=search.bound, objective=search.objective
        ),
        achieved=_rate_difference,
        usual_bound=0.05,
    ),
    "equalized_odds": Constraint(
        find=lambda rows, search: equalized_odds_thresholds(
            rows.labels, rows.scores, rows.groups, objective=search.objective
        ),
        achieved=lambda rows, selection, _search: _error_rate_difference(rows, selection, 0, 1),
        needs_both_labels=True,
    ),
    "equal_opportunity": Constraint(
        find=lambda rows, search: equal_opportunity_thresholds(
            rows.labels, rows.scores, rows.groups, objective=search.objective
        ),
        achieved=lambda rows, selection, _search: _error_rate_difference(rows, selection, 1),
        needs_both_labels=True,
    ),
    "scalarised": Constraint(find=_scalarised, achieved=_objective),
}


def chosen_constraint(name: ConstraintName, *, bound: float | None, grid: ArrayLike | None) -> Constraint:
    """Return a constraint by name."""
    constraint = CONSTRAINTS.get(name)
    if constraint is None:
        raise UsageError(
            f"the constraint should be one of {', '.join(CONSTRAINTS)}, found {one_line(repr(name))}."
        )
    if bound is not None and not constraint.usual_bound:
        raise UsageError(f"the constraint {name} takes no bound. Leave it out.")
    if grid is not None and name != "scalarised":
        raise UsageError(f"a grid is for the constraint scalarised, found {name}, which tries every cut.")
    return constraint
