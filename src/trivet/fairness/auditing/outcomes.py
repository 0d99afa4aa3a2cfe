"""Change in accuracy and group rates caused by one model, with intervals."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from trivet.fairness.auditing.band import parity_of, that_count, verdict_on, worst_of
from trivet.fairness.auditing.groups import audit_groups
from trivet.fairness.auditing.results import GroupOutcome, ModelOutcome, TrainingSpread
from trivet.fairness.auditing.training_spread import training_spread
from trivet.fairness.counting.counts import GroupCounts
from trivet.fairness.intervals.results import Bounds
from trivet.fairness.intervals.shares import share_interval
from trivet.fairness.metrics.comparisons import (
    accuracy,
    demographic_parity_spread,
    equalized_odds_spread,
    ratio_of_rates,
    selected,
)
from trivet.fairness.metrics.group_rates import selection_rates

__all__ = ["model_outcome"]

#: A ratio of rates has no largest value.
_UNBOUNDED: Final = float("inf")


def model_outcome(
    unmeasured: ModelOutcome,
    counts: GroupCounts,
    repeats: Sequence[GroupCounts],
    reference: int,
    *,
    change: Bounds | None,
    four_fifths: float,
    level: float,
    comparisons: int | None = None,
) -> ModelOutcome:
    """Measure a model on the test rows."""
    audited = audit_groups(
        counts, reference, four_fifths=four_fifths, level=level, scores=None, comparisons=comparisons
    )
    counted = that_count(audited)
    worst = worst_of(audited)
    correct = int(np.trace(counts.table.sum(axis=0)))
    impacts = [_impacts(each, reference) for each in repeats]
    spreads = [
        None
        if group.disparate_impact is None
        else _spread(group.disparate_impact.estimate, [values[i] for values in impacts], level=level)
        for i, group in enumerate(audited)
    ]
    own_accuracy = share_interval(correct, counts.rows, level=level)
    return replace(
        unmeasured,
        failed=False,
        accuracy=own_accuracy,
        accuracy_training=training_spread(
            own_accuracy.estimate,
            [float(accuracy(each.table)) for each in repeats],
            level=level,
            lowest=0.0,
            highest=1.0,
        ),
        accuracy_change=change,
        group=None if worst is None else worst.group,
        disparate_impact=None if worst is None else worst.disparate_impact,
        disparate_impact_training=None if worst is None else spreads[audited.index(worst)],
        parity=None if worst is None else parity_of(worst.disparate_impact),
        difference=_known(float(demographic_parity_spread(counts.table))),
        equalized_odds=_known(float(equalized_odds_spread(counts.table))),
        groups=tuple(
            GroupOutcome(
                group=group.group,
                rows=group.rows,
                selection_rate=group.selection_rate,
                disparate_impact=group.disparate_impact,
                training=spread,
                simultaneous_low=group.simultaneous_low,
                simultaneous_high=group.simultaneous_high,
                verdict=group.verdict,
                counts=group in counted,
            )
            for group, spread in zip(audited, spreads, strict=True)
        ),
        verdict=verdict_on(audited),
        selection_rate=share_interval(int(selected(counts.table).sum()), counts.rows, level=level),
    )


def _impacts(counts: GroupCounts, reference: int) -> list[float | None]:
    """Return each group's selection rate over the reference group's."""
    rates = selection_rates(counts.table)
    return [_known(ratio) for ratio in ratio_of_rates(rates, np.full_like(rates, rates[reference])).tolist()]


def _spread(estimate: float | None, values: Sequence[float | None], *, level: float) -> TrainingSpread:
    return training_spread(estimate, values, level=level, lowest=0.0, highest=_UNBOUNDED)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
