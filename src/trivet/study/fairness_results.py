"""Settings and results of the published fairness study: frozen values, without a heavy import."""

import math
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Interval, MinLen

from trivet.estimate import Columns, Estimate

__all__ = [
    "ConfusionCounts",
    "FairnessCorrection",
    "FairnessSettings",
    "GroupConfusion",
    "GroupRates",
    "ModelChange",
    "PublishedFairness",
    "PublishedModel",
    "SwapSweep",
    "ThresholdFit",
]

Share = Annotated[float, Interval(gt=0, lt=1)]
Score = Annotated[float, Interval(ge=0, le=1)]
Swaps = Annotated[int, Ge(0)]


@dataclass(frozen=True, kw_only=True)
class FairnessSettings:
    """Every constant of the fairness study.

    Attributes
    ----------
    test_size : Share of the rows kept for the test.
    seed : Seed of the splits, the rows drawn for clustering, and k-means.
    max_iter : Bound on the iterations of each logistic regression.
    cut : Score from which a row is predicted positive.
    swaps : Labels that the published promotion/demotion flips in each cohort (its k).
    swap_sweep : The k of the published sweep.
    tolerance : Accuracy below the baseline's that the best k of a sweep may cost.
    grid_size, grid_low, grid_high : Number of candidate thresholds a group, and the range over which they are
        spread evenly.
    penalty : Weight of the error in the published threshold objective (lambda in equation 25).
    clusters, cluster_rows, cluster_starts : Of the cluster proxy: clusters, rows clustered at most, and
        k-means initialisations.
    four_fifths : Lower end t of the band [t, 1/t] in which disparate impact counts as parity.
    validation_size : Share of the training rows on which the corrected thresholds are fitted.
    massaging_sweep : Swaps of the corrected sweep; the size that Kamiran and Calders derive is always added.
    level : Confidence level of the intervals.
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


@dataclass(frozen=True)
class GroupRates:
    """One rate in each group: by default the selection rate P(y_hat = 1 | s)."""

    protected: float
    privileged: float


@dataclass(frozen=True)
class ConfusionCounts:
    """Test rows of one group, by label and prediction."""

    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int


@dataclass(frozen=True)
class GroupConfusion:
    """The table group x label x prediction from which every rate of a model follows."""

    protected: ConfusionCounts
    privileged: ConfusionCounts


@dataclass(frozen=True)
class ModelChange:
    """Change of a model against the baseline: its figures, and its groups' selection rates, minus those."""

    accuracy: float
    disparate_impact: float
    gap: float
    protected: float
    privileged: float


@dataclass(frozen=True)
class PublishedModel:
    """One model of the comparison, measured on the test rows.

    Attributes
    ----------
    disparate_impact : Directional: the protected group's selection rate over the privileged group's.
    gap : |1 - disparate impact|.
    demographic_parity_difference : Selection rate of the privileged group minus that of the protected group.
    zemel_proxy : The study's cluster proxy (not the measure of Zemel et al.).
    rates : Selection rates.
    true_positive_rates, false_positive_rates : Selection rates among positive and among negative labels.
    verdict : On the interval of the disparate impact and the four-fifths band, as in every audit.
    change : Against the baseline; nothing for the baseline itself.
    """

    accuracy: float
    disparate_impact: Estimate
    gap: float
    demographic_parity_difference: Estimate
    zemel_proxy: float
    counts: GroupConfusion
    rates: GroupRates
    true_positive_rates: GroupRates
    false_positive_rates: GroupRates
    verdict: str
    change: ModelChange


@dataclass(frozen=True)
class ThresholdFit:
    """Performance of fitted thresholds on the `rows` rows that they were fitted on."""

    rows: int
    accuracy: float
    disparate_impact: float


@dataclass(frozen=True)
class SwapSweep(Columns):
    """Accuracy and fairness as more labels are swapped before the model is fitted again.

    Attributes
    ----------
    k : Labels to swap in each cohort.
    promoted, demoted : Labels that were: a published cohort may hold fewer rows.
    accuracy, disparate_impact, gap : On the test rows, one for each k.
    tolerance : Accuracy below that at k = 0 that the best k may cost.
    best_k, best_accuracy, best_gap : Where the gap is smallest within the tolerance.
    """

    k: tuple[int, ...]
    promoted: tuple[int, ...]
    demoted: tuple[int, ...]
    accuracy: tuple[float, ...]
    disparate_impact: tuple[float, ...]
    gap: tuple[float, ...]
    tolerance: float
    best_k: int
    best_accuracy: float
    best_gap: float


@dataclass(frozen=True)
class FairnessCorrection:
    """Answers to the published questions that the comparison of mitigations does not hold.

    Attributes
    ----------
    massaging_swaps : M = ceil(disc n_p n_u / n), from the training labels.
    massaging_narrows_gap : Whether massaging leaves a smaller gap than the baseline.
    massaging_sweep : Accuracy and gap as the right direction swaps more labels, up to beyond M.
    base_rates : Share of positive labels among the training rows of each group.
    fit_rows : Training rows that the model with sound thresholds is fitted on; the others set the thresholds.
    proxy_auc : How well the features that remain predict the sensitive one (AUC, 0.5 is "not at all").
    """

    massaging_swaps: int
    massaging_narrows_gap: bool
    massaging_sweep: SwapSweep
    base_rates: GroupRates
    fit_rows: int
    proxy_auc: float


@dataclass(frozen=True)
class PublishedFairness:
    """The five models as published, and where they are corrected.

    Attributes
    ----------
    test_protected, test_privileged : Test rows of the two groups.
    swaps : k of the published promotion/demotion.
    thresholds, thresholds_fit : The published thresholds: the score that a member of each group must reach to
        be predicted positive; and what they achieve on the training rows, where they were chosen.
    promotion_widens_gap : Whether promotion/demotion leaves a larger gap than the baseline.
    best_by_gap : The model with the smallest gap, in words.
    best_by_proxy, worst_by_proxy : The models with the smallest and the largest cluster proxy, in words.
    proxy_ranks_alike : Whether the proxy orders the five as the absolute demographic parity difference does.
    """

    dataset: str
    rows: int
    train_rows: int
    test_rows: int
    test_protected: int
    test_privileged: int
    features: tuple[str, ...]
    sensitive_feature: str
    protected_group: str
    privileged_group: str
    positive_class: str
    settings: FairnessSettings
    baseline: PublishedModel
    promotion_demotion: PublishedModel
    no_gender: PublishedModel
    reweighed: PublishedModel
    group_thresholds: PublishedModel
    swaps: int
    thresholds: GroupRates
    thresholds_fit: ThresholdFit
    swap_sweep: SwapSweep
    promotion_widens_gap: bool
    best_by_gap: str
    best_by_proxy: str
    worst_by_proxy: str
    proxy_ranks_alike: bool
    correction: FairnessCorrection
