"""Audit of amounts by group: means, quantiles and distributions, with intervals."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trivet.estimate import Estimate
from trivet.fairness.auditing.band import verdict_on
from trivet.fairness.auditing.results import Caution
from trivet.fairness.auditing.settings import TableOptions
from trivet.fairness.intervals.shares import simultaneous_level
from trivet.fairness.outcomes.comparing import (
    adjusted,
    attributes_of,
    comparisons_of,
    farthest,
    reference_of,
    sentence,
    verdict_of,
    worst_of,
)
from trivet.fairness.outcomes.distances import kolmogorov_smirnov, wasserstein
from trivet.fairness.outcomes.means import GroupMeans, RowDesign
from trivet.fairness.outcomes.quantiles import (
    SHARES,
    effective_rows,
    quantile,
    quantile_difference,
    quantile_ratio,
    weighted_quantile,
)
from trivet.fairness.outcomes.reading import NumberRows
from trivet.fairness.outcomes.results import AmountAttribute, AmountAudit, GroupAmounts, Quantile
from trivet.wording import amount, one_line

__all__ = ["audit_amounts"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LIMITS: Final = (
    "Groups are compared as they are, whatever else differs between their rows; intervals are of sampling."
)
#: Rows of both groups up to which the test of ranks is exact where no values are equal.
_EXACT: Final = 8


def audit_amounts(rows: NumberRows, settings: TableOptions, *, data: str, seed: int) -> AmountAudit:
    """Compare the amounts of groups, for each sensitive column and for all together."""
    comparisons = comparisons_of(rows)
    attributes = adjusted(
        [
            _attribute(rows, columns, settings, comparisons, seed=seed)
            for columns in attributes_of(rows.columns, rows.values)
        ]
    )
    verdict, reason = worst_of(attributes, lambda each: each.mean_ratio)
    return AmountAudit(
        data=Path(data).name,
        outcome=settings.outcome or "",
        rows=len(rows.numbers),
        weight=settings.weight,
        four_fifths=settings.four_fifths,
        level=settings.level,
        attributes=attributes,
        cautions=tuple(Caution("rows", note) for note in rows.notes),
        verdict=verdict,
        reason=reason,
        limits=LIMITS,
    )


def _attribute(
    rows: NumberRows, columns: tuple[str, ...], settings: TableOptions, comparisons: int, *, seed: int
) -> AmountAttribute:
    groups, names, values = rows.over(*columns)
    sizes = np.bincount(groups, minlength=len(names))
    reference, why = reference_of(columns, values, sizes, settings.privileged, rows.columns)
    means = GroupMeans.of(rows.numbers, groups, len(names), design=rows.design, seed=seed)
    level, together = settings.level, simultaneous_level(settings.level, comparisons)
    ordered = _Ordered.of(rows, groups, len(names))
    tests = [None if k == reference else _test(ordered, means, k, reference) for k in range(len(names))]
    quantiles = [[ordered.quantile(k, share, level) for share in SHARES] for k in range(len(names))]
    found: list[GroupAmounts] = []
    for k, name in enumerate(names):
        wide = means.ratio(k, reference, together)
        own = k == reference
        test = tests[k]
        found.append(
            GroupAmounts(
                group=name,
                rows=int(sizes[k]),
                mean=means.mean(k, level),
                quantiles=tuple(
                    Quantile(
                        share,
                        mine,
                        None if own else quantile_difference(mine, theirs),
                        None if own else quantile_ratio(mine, theirs),
                    )
                    for share, mine, theirs in zip(SHARES, quantiles[k], quantiles[reference], strict=True)
                ),
                mean_difference=None if own else means.difference(k, reference, level),
                mean_ratio=None if own else means.ratio(k, reference, level),
                simultaneous_low=None if own else wide.low,
                simultaneous_high=None if own else wide.high,
                kolmogorov_smirnov=None if own else ordered.kolmogorov_smirnov(k, reference, level),
                wasserstein=None if own else ordered.wasserstein(k, reference, level, seed),
                p_value=None if test is None else test[0],
                p_adjusted=None,
                test=None if test is None else test[1],
                verdict=verdict_of(k, reference, wide, four_fifths=settings.four_fifths),
            )
        )
    groups_found = tuple(found)
    verdict = verdict_on(groups_found)
    return AmountAttribute(
        columns=columns,
        name=" x ".join(columns),
        reference=names[reference],
        reference_why=why,
        groups=groups_found,
        verdict=verdict,
        reason=_reason(groups_found, names[reference], verdict, settings, comparisons),
    )


@dataclass(frozen=True, eq=False)
class _Ordered:
    """Values of each group in order, with their weights where rows have some."""

    values: list[Floats]
    weights: list[Floats] | None
    rows: NumberRows
    groups: Ints

    @classmethod
    def of(cls, rows: NumberRows, groups: Ints, number: int) -> "_Ordered":
        order = np.lexsort((rows.numbers, groups))
        ends = np.cumsum(np.bincount(groups, minlength=number))[:-1]
        weights = None if rows.design is None else np.split(rows.design.weights[order], ends)
        return cls(np.split(rows.numbers[order], ends), weights, rows, groups)

    def quantile(self, place: int, share: float, level: float) -> Estimate:
        """Return a quantile of one group."""
        values = self.values[place]
        if self.weights is None or self.rows.design is None:
            return quantile(values, share, level=level)
        weights = self.weights[place]
        value = weighted_quantile(values, weights, share, rows=1, level=level).number
        variance, freedom = self._variance_below(place, value, self.rows.design)
        rows = effective_rows(share, variance, len(values), freedom, level=level)
        return weighted_quantile(values, weights, share, rows=rows, level=level)

    def _variance_below(self, place: int, value: float, design: RowDesign) -> tuple[float, int]:
        """Return the variance of the weighted share of a group at or below a value."""
        inside = self.groups == place
        weights = np.where(inside, design.weights, 0.0)
        below = self.rows.numbers <= value
        share = weights @ below / weights.sum()
        z = weights * (below - share) / weights.sum()
        sample, one = design.sample, np.where(inside, 0, 1)
        totals, own = design.totals(z, one, 2, sample)
        variance = float(sample.covariances(totals, totals, own)[0])
        return variance, int(min(design.freedom(one, 2)[0], sample.freedom))

    def _pair(self, place: int, reference: int) -> tuple[Floats, Floats] | None:
        return None if self.weights is None else (self.weights[place], self.weights[reference])

    def kolmogorov_smirnov(self, place: int, reference: int, level: float) -> Estimate:
        """Return the distance of one group's distribution function from the reference group's."""
        found = kolmogorov_smirnov(
            self.values[place], self.values[reference], level=level, weights=self._pair(place, reference)
        )
        if self.rows.design is not None and self.rows.design.clusters is not None:
            why = "no interval is known for clusters"
            return replace(found, low=None, high=None, method="none", reason=why)
        return found

    def wasserstein(self, place: int, reference: int, level: float, seed: int) -> Estimate:
        """Return the area between the two distribution functions."""
        return wasserstein(
            self.values[place],
            self.values[reference],
            level=level,
            seed=seed,
            weights=self._pair(place, reference),
        )


def _test(ordered: _Ordered, means: GroupMeans, place: int, reference: int) -> tuple[float | None, str]:
    """Test whether both groups have the same distribution; with weights, the same mean."""
    from scipy.stats import mannwhitneyu  # noqa: PLC0415 - slow to load

    if means.weighted:
        return means.p_value(place, reference), "linearised t test of means"
    mine, theirs = ordered.values[place], ordered.values[reference]
    ties = len(np.unique(np.concatenate([mine, theirs]))) < len(mine) + len(theirs)
    exact = max(len(mine), len(theirs)) <= _EXACT and not ties
    found = mannwhitneyu(mine, theirs, method="exact" if exact else "asymptotic")
    p_value = float(found.pvalue)
    # All values are equal: nothing speaks against it.
    return (1.0 if np.isnan(p_value) else p_value), "Mann-Whitney"


def _reason(
    groups: tuple[GroupAmounts, ...],
    reference: str,
    verdict: str,
    settings: TableOptions,
    comparisons: int,
) -> str:
    """Say what the verdict rests on: the group shown to be farthest from the reference group."""
    far = farthest(groups, verdict, lambda each: each.mean_ratio)
    name, other = one_line(far.group), one_line(reference)
    ratio = far.mean_ratio
    if ratio is None or ratio.value is None:
        why = "" if ratio is None else f": {ratio.reason}"
        gap = far.mean_difference
        told = ""
        if gap is not None and gap.low is not None and gap.high is not None:
            told = (
                f" The mean of {other} is {amount(gap.number, sign=True)} from that of {name} "
                f"({amount(gap.low, sign=True)} to {amount(gap.high, sign=True)})."
            )
        return f"There is no verdict on the means of {name} and {other}{why}.{told}"
    return f"{name} has {ratio.value:.3f} times the mean of {other} " + sentence(far, settings, comparisons)
