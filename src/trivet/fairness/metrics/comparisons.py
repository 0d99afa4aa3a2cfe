"""Comparisons of the rates of groups: disparities of two groups, and spreads over all of them.

A ratio is the protected group's rate over the privileged group's; a difference is the privileged
group's rate minus the protected group's. Of several rates the worst or the mean is taken. A spread has no
reference group: it is the largest minus the smallest rate, or the smallest over the largest.

Every function takes counts of shape (..., groups, 2, 2), indexed [group, label, prediction] with the
protected group first, and works on all leading axes at once: the replicates of a bootstrap or the
points of a grid are one call.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.fairness.columns import PRIVILEGED, PROTECTED
from trivet.fairness.metrics.group_rates import (
    Counts,
    Described,
    GroupMetric,
    Rates,
    accuracies,
    balanced_accuracies,
    error_rates,
    f1_scores,
    false_omission_rates,
    false_positive_rates,
    positive_predictive_values,
    selection_rates,
    symbol_of,
    true_positive_rates,
)
from trivet.wording import one_line

__all__ = [
    "DISPARITIES",
    "ROUNDING",
    "SPREADS",
    "Disparity",
    "Spread",
    "accuracy",
    "average_odds_difference",
    "demographic_parity_difference",
    "demographic_parity_spread",
    "disparate_impact",
    "equal_opportunity_difference",
    "equalized_odds_difference",
    "equalized_odds_spread",
    "group_sizes",
    "predictive_parity_difference",
    "ratio_of_rates",
    "selected",
    "within_band",
]

#: Relative slack of a comparison with the ends of a band: rounding must not decide 4/5 against 0.8.
ROUNDING = 1e-12
#: Groups that must have a rate for there to be a spread.
_ENOUGH = 2


@dataclass(frozen=True, kw_only=True)
class Disparity(Described):
    """A comparison of two groups, the protected one first.

    Attributes
    ----------
    title, formula, undefined, source : As in `Described`.
    rates : What is compared.
    kind : Ratio or difference.
    directional : Whether the order of the groups tells; if not, ratios are below 1 and differences absolute.
    combine : The mean of several rates, or the worst: largest difference, smallest ratio, without direction.
    """

    rates: tuple[GroupMetric, ...]
    kind: Literal["ratio", "difference"]
    directional: bool = True
    combine: Literal["mean", "worst"] = "mean"

    def __call__(self, counts: Counts) -> Rates:
        """Compare the two groups of counts of shape (..., 2, 2, 2); NaN where it is undefined."""
        compared = np.stack([self._compare(rate(counts)) for rate in self.rates])
        if self.combine == "mean":
            return compared.mean(axis=0)
        return compared.max(axis=0) if self.kind == "difference" else compared.min(axis=0)

    def reason(self, counts: Counts, names: Sequence[str]) -> str | None:
        """Say why two groups have no such disparity, or nothing where they have one."""
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


@dataclass(frozen=True, kw_only=True)
class Spread(Described):
    """Range of a rate over any number of groups.

    A group without a rate is left out of the comparison of that rate (`left_out` tells which); with
    fewer than two others there is no spread.

    Attributes
    ----------
    title, formula, undefined, source : As in `Described`.
    rates : What is compared.
    kind : A difference is largest minus smallest rate, a ratio is smallest over largest.
    combine : What is taken of several rates: the worst (largest difference, smallest ratio) or the mean.
    against : Whether groups are compared with each other, or the farthest with the rate of all rows.
    """

    rates: tuple[GroupMetric, ...]
    kind: Literal["ratio", "difference"]
    combine: Literal["mean", "worst"] = "worst"
    against: Literal["each other", "overall"] = "each other"

    def __call__(self, counts: Counts) -> Rates:
        """Return how far apart groups are, of counts (..., groups, 2, 2); NaN where it is undefined."""
        spreads = np.stack([self._spread(rate, counts) for rate in self.rates])
        if self.combine == "mean":
            return spreads.mean(axis=0)
        return spreads.max(axis=0) if self.kind == "difference" else spreads.min(axis=0)

    def left_out(self, counts: Counts) -> tuple[int, ...]:
        """Return the places of the groups without one of the rates, of counts (groups, 2, 2)."""
        missing = np.any([np.isnan(rate(counts)) for rate in self.rates], axis=0)
        return tuple(np.flatnonzero(missing).tolist())

    def reason(self, counts: Counts, names: Sequence[str]) -> str | None:
        """Say why the groups have no such spread, or nothing where they have one."""
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


def ratio_of_rates(numerator: Rates, denominator: Rates) -> Rates:
    """Divide rates: NaN for 0/0, which is unknown; infinite for anything else over 0; NaN for NaN."""
    by_zero = np.where(numerator > 0, np.inf, np.nan)
    return np.divide(numerator, denominator, out=by_zero, where=denominator != 0)


_HARDT = "M. Hardt, E. Price, N. Srebro, Equality of opportunity in supervised learning, NIPS 2016"
_CHOULDECHOVA = "A. Chouldechova, Fair prediction with disparate impact, Big Data 5, 2017"
_CORBETT = "S. Corbett-Davies et al., Algorithmic decision making and the cost of fairness, KDD 2017"
_BERK = "R. Berk et al., Fairness in criminal justice risk assessments, 2018 (overall accuracy equality)"
_BELLAMY = "R. K. E. Bellamy et al., AI Fairness 360, 2018"
_WEERTS = "H. Weerts et al., Fairlearn, JMLR 24, 2023"
_CALDERS = "T. Calders, S. Verwer, Data Mining and Knowledge Discovery 21, 2010 (discrimination score)"
_FELDMAN = "M. Feldman et al., Certifying and removing disparate impact, KDD 2015; band: 29 CFR 1607.4 D"

_PROTECTED, _PRIVILEGED = r"\mathrm{protected}", r"\mathrm{privileged}"
_ONE_LABEL = "a group has no positive or no negative label"
_TOO_FEW = "fewer than two groups have the rate"
_ALL_ZERO = f"{_TOO_FEW}, or it is 0 in every group"


def _difference(title: str, rate: GroupMetric, source: str) -> Disparity:
    """Return the privileged group's rate minus the protected group's."""
    return Disparity(
        title=f"{title} difference",
        formula=f"{symbol_of(rate, _PRIVILEGED)} - {symbol_of(rate, _PROTECTED)}",
        undefined=rate.undefined.format(group="one group"),
        source=source,
        rates=(rate,),
        kind="difference",
    )


def _ratio(title: str, rate: GroupMetric, source: str) -> Disparity:
    """Return the protected group's rate over the privileged group's."""
    return Disparity(
        title=title,
        formula=f"{symbol_of(rate, _PROTECTED)} / {symbol_of(rate, _PRIVILEGED)}",
        undefined=f"{rate.undefined.format(group='one group')}, or the privileged group's {rate.title} is 0",
        source=source,
        rates=(rate,),
        kind="ratio",
    )


def _spread(title: str, rate: GroupMetric) -> Spread:
    """Return the largest minus the smallest rate."""
    one = symbol_of(rate, "s")
    return Spread(
        title=f"{title} spread",
        formula=rf"\max_s {one} - \min_s {one}",
        undefined=_TOO_FEW,
        source=_WEERTS,
        rates=(rate,),
        kind="difference",
    )


def _spread_ratio(title: str, rate: GroupMetric) -> Spread:
    """Return the smallest over the largest rate."""
    one = symbol_of(rate, "s")
    return Spread(
        title=f"{title} spread ratio",
        formula=rf"\min_s {one} / \max_s {one}",
        undefined=_ALL_ZERO,
        source=_WEERTS,
        rates=(rate,),
        kind="ratio",
    )


_ODDS = (true_positive_rates, false_positive_rates)

disparate_impact = _ratio("disparate impact", selection_rates, _FELDMAN)
demographic_parity_difference = _difference("demographic parity", selection_rates, _CALDERS)
equal_opportunity_difference = _difference("equal opportunity", true_positive_rates, _HARDT)
predictive_parity_difference = _difference("predictive parity", positive_predictive_values, _CHOULDECHOVA)
equalized_odds_difference = Disparity(
    title="equalized odds difference",
    formula=r"\max\left(\lvert\Delta\mathrm{TPR}\rvert, \lvert\Delta\mathrm{FPR}\rvert\right)",
    undefined=_ONE_LABEL,
    source=f"{_HARDT}; as a number: {_WEERTS}",
    rates=_ODDS,
    kind="difference",
    directional=False,
    combine="worst",
)
_equalized_odds_ratio = Disparity(
    title="equalized odds ratio",
    formula=r"\min_{r \in \{\mathrm{TPR}, \mathrm{FPR}\}} \min_s r_s / \max_s r_s",
    undefined=f"{_ONE_LABEL}, or a rate is 0 in both groups",
    source=f"{_HARDT}; as a number: {_WEERTS}",
    rates=_ODDS,
    kind="ratio",
    directional=False,
    combine="worst",
)
average_odds_difference = Disparity(
    title="average odds difference",
    formula=r"\tfrac12 \left(\Delta\mathrm{TPR} + \Delta\mathrm{FPR}\right)",
    undefined=_ONE_LABEL,
    source=_BELLAMY,
    rates=_ODDS,
    kind="difference",
)
_average_absolute_odds_difference = replace(
    average_odds_difference,
    title="average absolute odds difference",
    formula=r"\tfrac12 \left(\lvert\Delta\mathrm{TPR}\rvert + \lvert\Delta\mathrm{FPR}\rvert\right)",
    directional=False,
)
_average_odds_ratio = replace(
    _equalized_odds_ratio,
    title="average odds ratio",
    formula=r"\tfrac12 \sum_{r \in \{\mathrm{TPR}, \mathrm{FPR}\}} \min_s r_s / \max_s r_s",
    source=_WEERTS,
    combine="mean",
)
_average_predictive_value_difference = Disparity(
    title="average predictive value difference",
    formula=r"\tfrac12 \left(\Delta\mathrm{PPV} + \Delta\mathrm{FOR}\right)",
    undefined="a group has no row predicted positive, or none predicted negative",
    source="AI Fairness 360 0.6, conditional use accuracy",
    rates=(positive_predictive_values, false_omission_rates),
    kind="difference",
)

#: In the order of the reference table.
DISPARITIES: tuple[Disparity, ...] = (
    disparate_impact,
    demographic_parity_difference,
    equal_opportunity_difference,
    _ratio("equal opportunity ratio", true_positive_rates, _HARDT),
    _difference("predictive equality", false_positive_rates, _CORBETT),
    _ratio("predictive equality ratio", false_positive_rates, _CORBETT),
    equalized_odds_difference,
    _equalized_odds_ratio,
    average_odds_difference,
    _average_absolute_odds_difference,
    _average_odds_ratio,
    predictive_parity_difference,
    _ratio("predictive parity ratio", positive_predictive_values, _CHOULDECHOVA),
    _average_predictive_value_difference,
    _difference("accuracy", accuracies, _BERK),
    _ratio("accuracy ratio", accuracies, _BERK),
    _ratio("error rate ratio", error_rates, _BELLAMY),
    _difference("balanced accuracy", balanced_accuracies, _WEERTS),
    _difference("F1", f1_scores, _WEERTS),
)

demographic_parity_spread = _spread("demographic parity", selection_rates)
equalized_odds_spread = Spread(
    title="equalized odds spread",
    formula=r"\max_{r \in \{\mathrm{TPR}, \mathrm{FPR}\}} \left(\max_s r_s - \min_s r_s\right)",
    undefined=_TOO_FEW,
    source=_WEERTS,
    rates=_ODDS,
    kind="difference",
)
_equalized_odds_spread_ratio = replace(
    equalized_odds_spread,
    title="equalized odds spread ratio",
    formula=r"\min_{r \in \{\mathrm{TPR}, \mathrm{FPR}\}} \min_s r_s / \max_s r_s",
    undefined=_ALL_ZERO,
    kind="ratio",
)

#: In the order of the reference table.
SPREADS: tuple[Spread, ...] = (
    demographic_parity_spread,
    _spread_ratio("demographic parity", selection_rates),
    replace(
        demographic_parity_spread,
        title="demographic parity spread to overall",
        formula=r"\max_s \lvert P(\hat y = 1 \mid s) - P(\hat y = 1) \rvert",
        against="overall",
    ),
    _spread("equal opportunity", true_positive_rates),
    _spread_ratio("equal opportunity", true_positive_rates),
    _spread("predictive equality", false_positive_rates),
    _spread_ratio("predictive equality", false_positive_rates),
    equalized_odds_spread,
    _equalized_odds_spread_ratio,
    replace(
        equalized_odds_spread,
        title="average odds spread",
        formula=r"\tfrac12 \sum_{r \in \{\mathrm{TPR}, \mathrm{FPR}\}} \left(\max_s r_s - \min_s r_s\right)",
        combine="mean",
    ),
    replace(
        _equalized_odds_spread_ratio,
        title="average odds spread ratio",
        formula=r"\tfrac12 \sum_{r \in \{\mathrm{TPR}, \mathrm{FPR}\}} \min_s r_s / \max_s r_s",
        combine="mean",
    ),
    _spread("predictive parity", positive_predictive_values),
    _spread_ratio("predictive parity", positive_predictive_values),
    _spread("accuracy", accuracies),
    _spread_ratio("accuracy", accuracies),
    _spread("balanced accuracy", balanced_accuracies),
    _spread("F1", f1_scores),
)


def accuracy(counts: Counts) -> Rates:
    """Share of rows of all groups whose prediction is the label, P(y_hat = y) (equation 9); shape (...)."""
    return accuracies.overall(counts)


def group_sizes(counts: Counts) -> Counts:
    """Rows of each group; shape (..., groups)."""
    return selection_rates.fractions(counts)[1]


def selected(counts: Counts) -> Counts:
    """Rows of each group that are predicted positive; shape (..., groups)."""
    return selection_rates.fractions(counts)[0]


def within_band(ratio: ArrayLike, *, four_fifths: float = 0.8) -> NDArray[np.bool_]:
    """Return True if a disparate impact lies in [t, 1/t], the four-fifths band for t = 0.8.

    Parameters
    ----------
    ratio
        One disparate impact or an array of them.
    four_fifths
        t, in (0, 1].

    Returns
    -------
    numpy.ndarray
        Of the shape of `ratio`.
    """
    values, (low, high) = np.asarray(ratio), band_ends(four_fifths)
    return (values >= low) & (values <= high)


def band_ends(four_fifths: float) -> tuple[float, float]:
    """Return the ends of the four-fifths band, with the slack `ROUNDING`."""
    return four_fifths * (1 - ROUNDING), (1 + ROUNDING) / four_fifths
