"""Rates of each group, and the 14 of the table label x prediction that have a name.

A table of counts is indexed [group, label, prediction]. A rate is two weightings of the four cells of
one group; the rates that are shares follow from an event and a condition, and so do their formulas.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trivet.wording import one_line

__all__ = [
    "GROUP_METRICS",
    "Cells",
    "Counts",
    "Described",
    "GroupMean",
    "GroupMetric",
    "GroupRate",
    "Rates",
    "accuracies",
    "balanced_accuracies",
    "base_rates",
    "error_rates",
    "f1_scores",
    "false_omission_rates",
    "false_positive_rates",
    "positive_predictive_values",
    "selection_rates",
    "symbol_of",
    "true_positive_rates",
]

Counts = NDArray[np.int64]
Rates = NDArray[np.float64]
#: How often a row counts, indexed [label][prediction].
Cells = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, kw_only=True)
class Described:
    """The words of a metric.

    Attributes
    ----------
    title : What it is called; its name in results and in `METRICS` follows from it.
    formula : LaTeX.
    undefined : When there is nothing to divide by, with ``{group}`` for a group.
    source : Where it is from.
    """

    title: str
    formula: str
    undefined: str
    source: str

    @property
    def name(self) -> str:
        """The title without its remark, as an identifier."""
        return self.title.split(" (")[0].lower().replace(" ", "_").replace("-", "_")


@dataclass(frozen=True, kw_only=True)
class GroupRate(Described):
    """A rate of each group: weighted rows over weighted rows.

    Attributes
    ----------
    title, formula, undefined, source : As in `Described`.
    selects, among : Weights of the cells in the numerator and in the denominator.
    symbol : The formula in short, with s for the group.
    """

    selects: Cells
    among: Cells
    symbol: str = ""

    @property
    def is_share(self) -> bool:
        """True if it is a share of rows, numerator of denominator, as a binomial interval needs."""
        pairs = zip((*self.selects[0], *self.selects[1]), (*self.among[0], *self.among[1]), strict=True)
        return all(selected <= counted <= 1 for selected, counted in pairs)

    @property
    def needs_labels(self) -> bool:
        """False if the label of a row makes no difference."""
        return self.selects[0] != self.selects[1] or self.among[0] != self.among[1]

    def fractions(self, counts: Counts) -> tuple[Counts, Counts]:
        """Return numerators and denominators (..., groups) of counts of shape (..., groups, 2, 2)."""
        return _weighted(counts, self.selects), _weighted(counts, self.among)

    def __call__(self, counts: Counts) -> Rates:
        """Return the rate of each group; NaN where there is nothing to divide by."""
        numerator, denominator = self.fractions(counts)
        return np.divide(
            numerator, denominator, out=np.full(np.shape(numerator), np.nan), where=denominator > 0
        )

    def overall(self, counts: Counts) -> Rates:
        """Return the rate over all groups together; shape (...)."""
        return self(counts.sum(axis=-3, keepdims=True))[..., 0]

    def reason(self, counts: Counts, group: int, names: Sequence[str]) -> str | None:
        """Say why one group has no such rate, or nothing where it has one."""
        if self.fractions(counts)[1][group] > 0:
            return None
        name = one_line(names[group])
        return self.undefined.format(group=name) if counts[group].any() else f"there is no row of {name}"


@dataclass(frozen=True, kw_only=True)
class GroupMean(Described):
    """The mean of several rates of each group; the other attributes are those of `GroupRate`."""

    rates: tuple[GroupRate, ...]
    symbol: str = ""

    @property
    def needs_labels(self) -> bool:
        """False if the label of a row makes no difference."""
        return any(rate.needs_labels for rate in self.rates)

    def __call__(self, counts: Counts) -> Rates:
        """Return the mean of each group; shapes as in `GroupRate`, NaN where one of the rates is."""
        return np.mean([rate(counts) for rate in self.rates], axis=0)

    def overall(self, counts: Counts) -> Rates:
        """Return the mean of the rates over all groups together; shape (...)."""
        return self(counts.sum(axis=-3, keepdims=True))[..., 0]

    def reason(self, counts: Counts, group: int, names: Sequence[str]) -> str | None:
        """Say why one group has no such mean, as `GroupRate.reason` does."""
        reasons = (rate.reason(counts, group, names) for rate in self.rates)
        return next((reason for reason in reasons if reason), None)


GroupMetric = GroupRate | GroupMean


def symbol_of(rate: GroupMetric, group: str) -> str:
    """Return the formula of one group's rate, in short where it has a symbol."""
    return re.sub(r"\bs\b", lambda _: group, rate.symbol or rate.formula)


def _weighted(counts: Counts, cells: Cells) -> Counts:
    """Add up the cells of each group, each as often as its weight says."""
    weights = np.asarray(cells)
    used = weights > 0
    return counts[..., used] @ weights[used]


#: Cells of what is shared out, and of what it is shared among with the words for none of it.
_EVENTS = {
    r"\hat y = 1": ((0, 1), (0, 1)),
    r"\hat y = 0": ((1, 0), (1, 0)),
    r"y = 1": ((0, 0), (1, 1)),
    r"y = 0": ((1, 1), (0, 0)),
    r"\hat y = y": ((1, 0), (0, 1)),
    r"\hat y \ne y": ((0, 1), (1, 0)),
    "": ((1, 1), (1, 1)),
}
_UNDEFINED = {
    "": "there is no row of {group}",
    r"y = 1": "no row of {group} has a positive label",
    r"y = 0": "no row of {group} has a negative label",
    r"\hat y = 1": "no row of {group} is predicted positive",
    r"\hat y = 0": "no row of {group} is predicted negative",
}
_VERMA = "S. Verma, J. Rubin, Fairness definitions explained, FairWare 2018"


def _share(title: str, event: str, given: str = "", symbol: str = "", source: str = _VERMA) -> GroupRate:
    """Return the share P(event | given, s) of each group s."""
    (a, b), (c, d) = _EVENTS[event]
    (e, f), (g, h) = among = _EVENTS[given]
    return GroupRate(
        title=title,
        formula=rf"P({event} \mid {given}{', ' if given else ''}s)",
        undefined=_UNDEFINED[given],
        source=source,
        selects=((a * e, b * f), (c * g, d * h)),
        among=among,
        symbol=symbol,
    )


selection_rates = _share(
    "selection rate",
    r"\hat y = 1",
    source="Uniform Guidelines on Employee Selection Procedures, 29 CFR 1607.16 (1978)",
)
base_rates = _share("base rate", r"y = 1", source="A. Chouldechova, Big Data 5, 2017 (there: prevalence)")
true_positive_rates = _share("true positive rate", r"\hat y = 1", r"y = 1", r"\mathrm{TPR}_{s}")
false_positive_rates = _share("false positive rate", r"\hat y = 1", r"y = 0", r"\mathrm{FPR}_{s}")
true_negative_rates = _share("true negative rate", r"\hat y = 0", r"y = 0")
positive_predictive_values = _share("positive predictive value", r"y = 1", r"\hat y = 1", r"\mathrm{PPV}_{s}")
false_omission_rates = _share("false omission rate", r"y = 1", r"\hat y = 0")
accuracies = _share("accuracy", r"\hat y = y")
error_rates = _share("error rate", r"\hat y \ne y")
balanced_accuracies = GroupMean(
    title="balanced accuracy",
    formula=r"\tfrac12 \left(\mathrm{TPR}_s + \mathrm{TNR}_s\right)",
    rates=(true_positive_rates, true_negative_rates),
    undefined="{group} has no positive or no negative label",
    source="K. H. Brodersen et al., The balanced accuracy and its posterior distribution, ICPR 2010",
    symbol=r"\mathrm{BA}_{s}",
)
f1_scores = GroupRate(
    title="F1",
    formula=r"\frac{2\,\mathrm{TP}_s}{2\,\mathrm{TP}_s + \mathrm{FP}_s + \mathrm{FN}_s}",
    selects=((0, 0), (0, 2)),
    among=((0, 1), (1, 2)),
    undefined="no row of {group} is positive, by label or by prediction",
    source="C. J. van Rijsbergen, Information Retrieval, 1979, chapter 7",
    symbol=r"F_{1,s}",
)

#: In the order of the reference table.
GROUP_METRICS: tuple[GroupMetric, ...] = (
    selection_rates,
    base_rates,
    true_positive_rates,
    false_positive_rates,
    true_negative_rates,
    _share("false negative rate", r"\hat y = 0", r"y = 1"),
    positive_predictive_values,
    _share("negative predictive value", r"y = 0", r"\hat y = 0"),
    _share("false discovery rate", r"y = 0", r"\hat y = 1"),
    false_omission_rates,
    accuracies,
    error_rates,
    balanced_accuracies,
    f1_scores,
)
