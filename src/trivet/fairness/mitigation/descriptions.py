"""Short descriptions of what a fitted mitigation changed."""

import math
from typing import Any

from trivet.wording import one_line

__all__ = ["changed_labels", "drawn_classifiers", "proxies", "thresholds", "weights"]

#: Thresholds of more groups are too many for a line.
MOST_THRESHOLDS = 4
#: Selections of the two infinite thresholds.
EXTREMES = {math.inf: "nobody", -math.inf: "everybody"}


def changed_labels(massaging: Any) -> str:
    """Say how many labels a fitted `Massaging` changed."""
    return f"promoted {len(massaging.promoted_):,} and demoted {len(massaging.demoted_):,} training labels"


def weights(reweighing: Any) -> str:
    """Say how far apart the weights of a fitted `Reweighing` are."""
    return f"weights from {reweighing.weights_.min():.3f} to {reweighing.weights_.max():.3f}"


def proxies(dropped: Any) -> str:
    """Say how well the features of a fitted `DropSensitive` tell the group."""
    if dropped.proxy_auc_ is None:
        return f"how well the other features tell the group is not known: {dropped.proxy_reason_}"
    return f"the other features tell the group with an AUC of {dropped.proxy_auc_:.3f}"


def drawn_classifiers(reduction: Any) -> str:
    """Say how many classifiers a fitted `FairlearnReduction` draws from."""
    number = len(reduction.estimator_.estimators)
    return "one classifier" if number == 1 else f"draws one of {number} classifiers for each row"


def thresholds(mitigated: Any) -> str:
    """Say which thresholds a fitted `GroupThresholds` applies, and how many rows they were fitted on."""
    found = mitigated.thresholds_
    rows = f"fitted on {len(mitigated.validation_rows_):,} validation rows"
    if len(found) > MOST_THRESHOLDS:
        return f"{len(found)} thresholds {rows}"
    shown = ", ".join(f"{one_line(group)}: {_threshold(value)}" for group, value in found.items())
    return f"thresholds {shown}, {rows}"


def _threshold(value: Any) -> str:
    """Return a threshold, or those that are drawn between at random."""
    cuts = (value,) if isinstance(value, float) else value.thresholds
    return " or ".join(EXTREMES.get(cut, f"{cut:.3f}") for cut in cuts)
