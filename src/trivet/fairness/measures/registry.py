"""Metrics that a verdict can be about, by name: what each is made of."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

from trivet.errors import UsageError
from trivet.fairness.metrics.group_rates import (
    GROUP_METRICS,
    GroupMean,
    GroupRate,
    f1_scores,
    false_positive_rates,
    selection_rates,
    true_positive_rates,
)
from trivet.wording import quote

__all__ = ["ALIASES", "MEASURES", "NO_LABELS", "SELECTION", "Measure", "measures_named"]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A metric that groups are compared by.

    Attributes
    ----------
    name, title : As an identifier, and in words.
    rates : The shares of rows that it is made of, one or several.
    combine : What is taken of several: their mean, or the one that differs most from the reference's.
    change : An increasing function of the share that the metric is; None for the share itself.
    """

    name: str
    title: str
    rates: tuple[GroupRate, ...]
    combine: Literal["mean", "worst"] = "mean"
    change: Callable[[Any], Any] | None = None

    @property
    def is_share(self) -> bool:
        """True if it is one share of rows, which has intervals and a test of its own."""
        return len(self.rates) == 1 and self.change is None

    @property
    def needs_labels(self) -> bool:
        """False if the label of a row makes no difference."""
        return any(rate.needs_labels for rate in self.rates)


def _harmonic(jaccard: Any) -> Any:
    """Return F1 = 2 TP / (2 TP + FP + FN) of the Jaccard index J = TP / (TP + FP + FN): 2 J / (1 + J)."""
    return 2 * jaccard / (1 + jaccard)


#: A share of rows, unlike F1 itself, of which F1 is an increasing function.
_JACCARD: Final = GroupRate(
    title="Jaccard index",
    formula=r"\frac{\mathrm{TP}_s}{\mathrm{TP}_s + \mathrm{FP}_s + \mathrm{FN}_s}",
    selects=((0, 0), (0, 1)),
    among=((0, 1), (1, 1)),
    undefined=f1_scores.undefined,
    source=f1_scores.source,
)


def _measure(metric: GroupRate | GroupMean) -> Measure:
    if isinstance(metric, GroupMean):
        return Measure(name=metric.name, title=metric.title, rates=metric.rates)
    if metric is f1_scores:
        return Measure(name=metric.name, title=metric.title, rates=(_JACCARD,), change=_harmonic)
    return Measure(name=metric.name, title=metric.title, rates=(metric,))


_EQUALIZED_ODDS: Final = Measure(
    name="equalized_odds",
    title="equalized odds",
    rates=(true_positive_rates, false_positive_rates),
    combine="worst",
)
_ALL: Final = (*map(_measure, GROUP_METRICS), _EQUALIZED_ODDS)
#: By name, in the order of the reference table.
MEASURES: Final[Mapping[str, Measure]] = MappingProxyType({each.name: each for each in _ALL})
#: The metric of an audit in which none is named.
SELECTION: Final = selection_rates.name
#: Why a metric that needs them is unknown without them.
NO_LABELS: Final = "the table has no labels"
#: Other names of the same metrics.
ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "demographic_parity": SELECTION,
        "statistical_parity": SELECTION,
        "disparate_impact": SELECTION,
        "equal_opportunity": "true_positive_rate",
        "recall": "true_positive_rate",
        "sensitivity": "true_positive_rate",
        "tpr": "true_positive_rate",
        "predictive_equality": "false_positive_rate",
        "fpr": "false_positive_rate",
        "fnr": "false_negative_rate",
        "specificity": "true_negative_rate",
        "tnr": "true_negative_rate",
        "predictive_parity": "positive_predictive_value",
        "precision": "positive_predictive_value",
        "ppv": "positive_predictive_value",
        "npv": "negative_predictive_value",
        "fdr": "false_discovery_rate",
        "for": "false_omission_rate",
        "equalised_odds": _EQUALIZED_ODDS.name,
        "f1_score": "f1",
        "prevalence": "base_rate",
    }
)


def measures_named(names: Sequence[str]) -> tuple[Measure, ...]:
    """Return the metrics of some names, each once; that of selection rates where there are none.

    Raises
    ------
    UsageError
        There is no metric of a name; the message gives the nearest and all of them.
    """
    return tuple(dict.fromkeys(map(_named, names or (SELECTION,))))


def _named(text: str) -> Measure:
    name = "_".join(text.strip().lower().replace("-", " ").replace("_", " ").split())
    name = ALIASES.get(name, name)
    if name in MEASURES:
        return MEASURES[name]
    near = difflib.get_close_matches(name, (*MEASURES, *ALIASES), n=1)
    meant = f": did you mean {near[0]}?" if near else "."
    raise UsageError(f"there is no metric {quote(text)}{meant} There are {', '.join(MEASURES)}.")
