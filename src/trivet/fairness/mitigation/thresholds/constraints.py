"""Constraints of group thresholds: how each is met, and how nearly."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import UsageError
from trivet.fairness.columns import PRIVILEGED, PROTECTED
from trivet.fairness.mitigation.mixtures import Limits
from trivet.fairness.mitigation.thresholds.cuts import (
    Objective,
    cuts_by_group,
    difference_thresholds,
    ratio_thresholds,
)
from trivet.fairness.mitigation.thresholds.limits import Attribute, ratio_limits, spread_limits
from trivet.fairness.mitigation.thresholds.odds import (
    RocHull,
    best_points,
    equal_opportunity_thresholds,
    equalized_odds_thresholds,
    hulls_of,
    rate_limits,
)
from trivet.fairness.mitigation.thresholds.randomised import MixedThreshold
from trivet.fairness.mitigation.thresholds.scalarised import (
    grid_thresholds,
    scalarised_objective,
    scalarised_thresholds,
)
from trivet.wording import one_line

__all__ = ["CONSTRAINTS", "ConstraintName", "Scored", "Search", "chosen_constraint", "farthest_ratio"]

ConstraintName = Literal["ratio", "difference", "equalized_odds", "equal_opportunity", "scalarised"]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scored:
    """Rows that thresholds are fitted on: label (0 or 1), score, group and weight of each, shape (rows,)."""

    labels: NDArray[np.int64]
    scores: Floats
    groups: NDArray[np.int64]
    weights: Floats

    def rates(self, selection: Floats, attribute: Attribute, *labels: int) -> Floats:
        """Return the mean selection of each value of an attribute, among rows of some labels."""
        rows = np.isin(self.labels, labels) if labels else slice(None)
        codes, weights = attribute.values[self.groups[rows]], self.weights[rows]
        return np.bincount(codes, weights=weights * selection[rows]) / np.bincount(codes, weights=weights)


@dataclass(frozen=True, eq=False)
class Search:
    """Settings of a search; without several attributes the only one is the groups themselves."""

    bound: float
    objective: Objective
    penalty: float
    grid: ArrayLike | None
    attributes: tuple[Attribute, ...]

    @property
    def each(self) -> bool:
        """True if the attributes are held to the constraint one by one."""
        return len(self.attributes) > 1

    def needs_both_labels(self, constraint: "Constraint") -> bool:
        """Return whether thresholds are found on ROC curves, which take both labels in each group."""
        return constraint.of_errors or self.each or (constraint.find is _difference and self.bound == 0)


Found = tuple[float | MixedThreshold, ...]


@dataclass(frozen=True)
class Constraint:
    """One row of the table of constraints."""

    find: Callable[[Scored, Search], Found]
    achieved: Callable[[Scored, Floats, Search], float]
    usual_bound: float | None = None
    of_errors: bool = False


def farthest_ratio(rates: Floats, reference: int) -> float:
    """Return the ratio to the reference's selection rate farthest from 1; NaN where that is 0."""
    if rates[reference] == 0:
        return math.nan
    ratios = rates / rates[reference]
    return float(ratios[np.argmin(_nearness(ratios))])


def _nearness(ratios: Floats) -> Floats:
    return np.minimum(ratios, np.divide(1, ratios, out=np.zeros_like(ratios), where=ratios > 0))


def _farthest_ratio(rows: Scored, selection: Floats, search: Search) -> float:
    ratios = np.array(
        [farthest_ratio(rows.rates(selection, each), each.reference) for each in search.attributes]
    )
    return math.nan if np.isnan(ratios).any() else float(ratios[np.argmin(_nearness(ratios))])


def _largest_difference(rows: Scored, selection: Floats, search: Search, *labels: tuple[int, ...]) -> float:
    """Return the largest difference of selection rates among the rows of each tuple of labels."""
    return max(
        float(np.ptp(rows.rates(selection, each, *chosen))) for each in search.attributes for chosen in labels
    )


def _columns(rows: Scored) -> tuple[NDArray[np.int64], Floats, NDArray[np.int64]]:
    return rows.labels, rows.scores, rows.groups


def _ratio(rows: Scored, search: Search) -> Found:
    if search.each:
        return _on_hulls(rows, search, _selection_limits)
    return ratio_thresholds(
        *_columns(rows),
        reference=search.attributes[0].reference,
        bound=search.bound,
        objective=search.objective,
        sample_weight=rows.weights,
    )


def _difference(rows: Scored, search: Search) -> Found:
    if search.each or search.bound == 0:  # which whole rows can seldom meet
        return _on_hulls(rows, search, _selection_difference_limits)
    return difference_thresholds(
        *_columns(rows), bound=search.bound, objective=search.objective, sample_weight=rows.weights
    )


def _equalized_odds(rows: Scored, search: Search) -> Found:
    if search.each:
        return _on_hulls(
            rows, search, lambda hulls, each: rate_limits(hulls, each.bound, (0, 1), each.attributes)
        )
    return equalized_odds_thresholds(
        *_columns(rows), bound=search.bound, objective=search.objective, sample_weight=rows.weights
    )


def _equal_opportunity(rows: Scored, search: Search) -> Found:
    if search.each:
        return _on_hulls(
            rows, search, lambda hulls, each: rate_limits(hulls, each.bound, (1,), each.attributes)
        )
    return equal_opportunity_thresholds(
        *_columns(rows), bound=search.bound, objective=search.objective, sample_weight=rows.weights
    )


def _on_hulls(rows: Scored, search: Search, limits: Callable[[list[RocHull], Search], Limits]) -> Found:
    """Find the best randomised thresholds whose rates hold for each attribute on its own."""
    cuts = cuts_by_group(*_columns(rows), sample_weight=rows.weights)
    hulls, worth = hulls_of(cuts, search.objective)
    return best_points(hulls, worth, limits(hulls, search))


def _selection_rates(hulls: list[RocHull], attribute: Attribute) -> Floats:
    """Return the rows whose products with error rates are the selection rates of an attribute's values."""
    negatives = np.array([hull.negatives for hull in hulls], dtype=np.float64)
    positives = np.array([hull.positives for hull in hulls], dtype=np.float64)
    rows = negatives + positives
    means = attribute.means(rows)
    return np.hstack([means * (negatives / rows), means * (positives / rows)])


def _selection_limits(hulls: list[RocHull], search: Search) -> Limits:
    return ratio_limits([(_selection_rates(hulls, a), a.reference) for a in search.attributes], search.bound)


def _selection_difference_limits(hulls: list[RocHull], search: Search) -> Limits:
    return spread_limits([_selection_rates(hulls, each) for each in search.attributes], search.bound)


def _sides(rows: Scored, search: Search) -> NDArray[np.int64]:
    return np.where(rows.groups == search.attributes[0].reference, PRIVILEGED, PROTECTED)


def _scalarised(rows: Scored, search: Search) -> Found:
    """Find the pair over all pairs of cuts, or over those of a grid."""
    columns = rows.labels, rows.scores, _sides(rows, search)
    options: Any = {"penalty": search.penalty, "sample_weight": rows.weights}
    if search.grid is None:
        pair = scalarised_thresholds(*columns, **options)
    else:
        pair = grid_thresholds(*columns, grid=np.asarray(search.grid, dtype=np.float64), **options)
    # There are two groups, numbered 0 and 1.
    found = pair.protected, pair.privileged
    return found if search.attributes[0].reference == PRIVILEGED else found[::-1]


def _objective(rows: Scored, selection: Floats, search: Search) -> float:
    cells = (4 * _sides(rows, search) + 2 * rows.labels + selection).astype(np.int64)
    counts = np.bincount(cells, weights=rows.weights, minlength=8).reshape(2, 2, 2)
    return float(scalarised_objective(counts, penalty=search.penalty))


CONSTRAINTS: Final[dict[ConstraintName, Constraint]] = {
    "ratio": Constraint(_ratio, _farthest_ratio, usual_bound=0.8),
    "difference": Constraint(_difference, lambda *found: _largest_difference(*found, ()), usual_bound=0.05),
    "equalized_odds": Constraint(
        _equalized_odds,
        lambda *found: _largest_difference(*found, (0,), (1,)),
        usual_bound=0,
        of_errors=True,
    ),
    "equal_opportunity": Constraint(
        _equal_opportunity,
        lambda *found: _largest_difference(*found, (1,)),
        usual_bound=0,
        of_errors=True,
    ),
    "scalarised": Constraint(_scalarised, _objective),
}


def chosen_constraint(name: ConstraintName, *, bound: float | None, grid: ArrayLike | None) -> Constraint:
    """Return a constraint by name."""
    constraint = CONSTRAINTS.get(name)
    if constraint is None:
        raise UsageError(
            f"the constraint should be one of {', '.join(CONSTRAINTS)}, found {one_line(repr(name))}."
        )
    if bound is not None and constraint.usual_bound is None:
        raise UsageError(f"the constraint {name} takes no bound. Leave it out.")
    if grid is not None and name != "scalarised":
        raise UsageError(f"a grid is for the constraint scalarised, found {name}, which tries every cut.")
    return constraint
