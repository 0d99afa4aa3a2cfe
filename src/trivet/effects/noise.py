"""Effect of noise in the counts on the disparity between two groups."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trivet.datasets import AdultTable
from trivet.effects.change import Change
from trivet.effects.noisy_impact import impact_changes
from trivet.effects.results import Intervention, Measurement
from trivet.fairness.counting.arrays import binary_counts
from trivet.fairness.settings import FairnessSettings
from trivet.fairness.study.adult import PRIVILEGED_GROUP, PROTECTED_GROUP, SENSITIVE_COLUMN, adult_sample
from trivet.fairness.study.logistic import logistic_scores
from trivet.fairness.study.sample import split_sample, standardise

__all__ = ["IMPACTS", "baseline_counts", "noise_changes", "noise_interventions"]

#: Column, protected and privileged group; the second pair is small, which is where noise matters.
COMPARED: Final = (
    (SENSITIVE_COLUMN, PROTECTED_GROUP, PRIVILEGED_GROUP),
    ("race", "Other", "White"),
)


def _impacts(protected: str, privileged: str) -> tuple[Measurement, ...]:
    whom = f"of {protected} against {privileged}"
    return (
        Measurement(
            name=f"impact-{protected}",
            title=f"disparate impact {whom}",
            short=f"{protected},\ndisparate impact",
            leg="fairness",
            unit="ratio of selection rates, from 0 up",
            scale=f"impact-{protected}",
            better="neither",
            format=".4f",
            interval="order statistics of the median over the draws",
        ),
        Measurement(
            name=f"width-{protected}",
            title=f"width of the interval of the disparate impact {whom}",
            short=f"{protected}, width\nof its interval",
            leg="fairness",
            unit="difference of ratios, from 0 up",
            scale=f"width-{protected}",
            better="lower",
            format=".4f",
            interval="bootstrap over the draws; the width is of sampling and noise together",
        ),
        Measurement(
            name=f"verdict-{protected}",
            title=f"share of releases with another four-fifths verdict on {protected} against {privileged}",
            short=f"{protected},\nother verdicts",
            leg="fairness",
            unit="share of releases, from 0 to 1; one that gives no ratio counts",
            scale="verdict",
            better="lower",
            format=".4f",
            interval="Clopper-Pearson over the draws",
        ),
    )


#: The columns of the noise, in their order.
IMPACTS: Final = tuple(
    measurement for _, protected, privileged in COMPARED for measurement in _impacts(protected, privileged)
)


def noise_interventions(epsilons: Sequence[float]) -> tuple[Intervention, ...]:
    """Return a row for each epsilon, from the least noise to the most."""
    return tuple(
        Intervention(
            name=f"noise-{epsilon:g}",
            title=f"noise at epsilon {epsilon:g}",
            short=f"noise, epsilon {epsilon:g}",
            leg="privacy",
            note="Each count by group, label and prediction gets discrete Laplace noise.",
        )
        for epsilon in sorted(set(epsilons), reverse=True)
    )


def baseline_counts(table: AdultTable, settings: FairnessSettings) -> dict[str, NDArray[np.int64]]:
    """Count the study's test rows by group, label and prediction of its baseline."""
    sample = adult_sample(table)
    _, test_rows = split_sample(
        replace(sample, features=np.arange(len(sample), dtype=np.float64)[:, np.newaxis]),
        size=settings.test_size,
        seed=settings.seed,
    )
    train, test = standardise(*split_sample(sample, size=settings.test_size, seed=settings.seed))
    _, scores = logistic_scores(train, test, max_iter=settings.max_iter)
    predictions = (scores >= settings.cut).astype(np.int64)
    places = test_rows.features[:, 0].astype(np.int64)
    found: dict[str, NDArray[np.int64]] = {}
    for column, protected, privileged in COMPARED:
        groups = table[column][places]
        rows = (groups == protected) | (groups == privileged)
        found[protected] = binary_counts(
            test.labels[rows], predictions[rows], (groups[rows] == privileged).astype(np.int64)
        )
    return found


def noise_changes(
    counts: Mapping[str, NDArray[np.int64]],
    epsilons: Sequence[float],
    *,
    draws: int,
    four_fifths: float,
    level: float,
    seed: int,
) -> dict[tuple[str, str], Change]:
    """Simulate the noise at each epsilon on each pair of groups."""
    changes: dict[tuple[str, str], Change] = {}
    for row, intervention in enumerate(noise_interventions(epsilons)):
        epsilon = sorted(set(epsilons), reverse=True)[row]
        for place, (_, protected, _) in enumerate(COMPARED):
            found = impact_changes(
                counts[protected],
                epsilon=epsilon,
                draws=draws,
                four_fifths=four_fifths,
                level=level,
                samples=np.random.default_rng([seed, place]),
                noise=np.random.default_rng([seed, place, 1 + row]),
            )
            for name, change in (
                ("impact", found.impact),
                ("width", found.width),
                ("verdict", found.verdict),
            ):
                changes[intervention.name, f"{name}-{protected}"] = change
    return changes
