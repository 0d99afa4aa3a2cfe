"""Settings of the fairness study; the published constants are the defaults."""

import math
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Interval, MinLen

__all__ = ["FairnessSettings"]

Share = Annotated[float, Interval(gt=0, lt=1)]
Score = Annotated[float, Interval(ge=0, le=1)]
Swaps = Annotated[int, Ge(0)]


@dataclass(frozen=True, kw_only=True)
class FairnessSettings:
    """Every constant of the fairness study.

    Attributes
    ----------
    test_size
        Share of the rows kept for the test.
    seed
        Seed of the splits, of the rows drawn for clustering, of k-means and of the bootstrap.
    max_iter
        Bound on the iterations of each logistic regression.
    cut
        Score from which a row is predicted positive.
    swaps
        Labels that the published promotion/demotion flips in each cohort (its k).
    swap_sweep
        The k of the published sweep.
    tolerance
        Accuracy below the baseline's that the best k of a sweep may cost.
    grid_size, grid_low, grid_high
        Number of candidate thresholds a group, and the range over which they are spread evenly.
    penalty
        Weight of the error in the published threshold objective (lambda in equation 25).
    clusters, cluster_rows, cluster_starts
        Of the cluster proxy: clusters, rows clustered at most, and k-means initialisations.
    four_fifths
        Lower end t of the band [t, 1/t] in which disparate impact counts as parity.
    validation_size
        Share of the training rows on which the corrected thresholds are fitted.
    massaging_sweep
        Swaps of the corrected sweep; the size that Kamiran and Calders derive is always added.
    level
        Confidence level of the intervals.
    replicates
        Replicates of the multinomial bootstrap.
    """

    test_size: Share = 0.3
    seed: Annotated[int, Interval(ge=0, lt=2**32)] = 0
    max_iter: Annotated[int, Gt(0)] = 1000
    cut: Score = 0.5
    swaps: Swaps = 10
    swap_sweep: Annotated[tuple[Swaps, ...], MinLen(1)] = (0, 5, 10, 20, 50, 100, 200, 500, 1000)
    tolerance: Score = 0.03
    grid_size: Annotated[int, Ge(2)] = 33
    grid_low: Score = 0.1
    grid_high: Score = 0.9
    penalty: Annotated[float, Interval(ge=0, lt=math.inf)] = 0.2
    clusters: Annotated[int, Gt(0)] = 5
    cluster_rows: Annotated[int, Gt(0)] = 4000
    cluster_starts: Annotated[int, Gt(0)] = 5
    four_fifths: Share = 0.8
    validation_size: Share = 0.25
    massaging_sweep: Annotated[tuple[Swaps, ...], MinLen(1)] = (
        0,
        250,
        500,
        750,
        1000,
        1250,
        1500,
        1750,
        2000,
    )
    level: Share = 0.95
    replicates: Annotated[int, Ge(100)] = 10_000
