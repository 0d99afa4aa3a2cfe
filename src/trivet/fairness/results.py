"""Results of the fairness leg: frozen values only, readable without any heavy import."""

from dataclasses import dataclass

from trivet.fairness.auditing.results import FairnessAudit, FairnessComparison
from trivet.fairness.settings import FairnessSettings


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence bounds; `method` names how they were made."""

    estimate: float
    low: float
    high: float
    level: float
    method: str


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
    """Change of a model against the baseline: its figure minus the baseline's.

    `protected` and `privileged` are of the selection rates.
    """

    accuracy: float
    disparate_impact: float
    gap: float
    protected: float
    privileged: float


@dataclass(frozen=True)
class ModelFairness:
    """One model of the comparison, measured on the test rows.

    Attributes
    ----------
    disparate_impact
        Directional: the protected group's selection rate over the privileged group's.
    gap
        |1 - disparate impact|.
    in_band
        Whether the disparate impact lies in the four-fifths band.
    demographic_parity_difference
        Selection rate of the privileged group minus that of the protected group.
    zemel_proxy
        The study's cluster proxy (not the measure of Zemel et al.).
    rates
        Selection rates.
    true_positive_rates, false_positive_rates
        Selection rates among the rows whose label is positive, and negative.
    disparate_impact_interval, demographic_parity_interval
        Katz's log interval and Newcombe's hybrid score interval.
    disparate_impact_bootstrap
        The percentile interval of a multinomial bootstrap, as a second opinion.
    change
        Against the baseline; nothing for the baseline itself.
    """

    accuracy: float
    disparate_impact: float
    gap: float
    in_band: bool
    demographic_parity_difference: float
    zemel_proxy: float
    counts: GroupConfusion
    rates: GroupRates
    true_positive_rates: GroupRates
    false_positive_rates: GroupRates
    disparate_impact_interval: Interval
    disparate_impact_bootstrap: Interval
    demographic_parity_interval: Interval
    change: ModelChange


@dataclass(frozen=True)
class Thresholds:
    """The score a member of each group must reach to be predicted positive."""

    protected: float
    privileged: float


@dataclass(frozen=True)
class ThresholdFit:
    """Performance of fitted thresholds on the `rows` rows that they were fitted on."""

    rows: int
    accuracy: float
    disparate_impact: float


@dataclass(frozen=True)
class SwapSweep:
    """Accuracy and fairness as more labels are swapped before the model is fitted again.

    Attributes
    ----------
    k
        Labels to swap in each cohort.
    promoted, demoted
        Labels that were: the published cohorts hold no more rows than the model's predictions give.
    accuracy, disparate_impact, gap
        On the test rows, one for each k.
    tolerance
        Accuracy below that at k = 0 that the best k may cost.
    best_k, best_accuracy, best_gap
        Where the gap is smallest within the tolerance.
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
class PublishedFairness:
    """The five models as published.

    Attributes
    ----------
    swaps
        k of the published promotion/demotion.
    thresholds, thresholds_fit
        The published thresholds, and what they achieve on the training rows, where they were chosen.
    promotion_widens_gap
        Whether promotion/demotion leaves a larger gap than the baseline.
    best_by_gap
        The model with the smallest gap, in words.
    best_by_proxy, worst_by_proxy
        The models with the smallest and the largest cluster proxy, in words.
    proxy_ranks_alike
        Whether the cluster proxy puts the five in the same order as the absolute demographic parity
        difference.
    """

    baseline: ModelFairness
    promotion_demotion: ModelFairness
    no_gender: ModelFairness
    reweighed: ModelFairness
    group_thresholds: ModelFairness
    swaps: int
    thresholds: Thresholds
    thresholds_fit: ThresholdFit
    swap_sweep: SwapSweep
    promotion_widens_gap: bool
    best_by_gap: str
    best_by_proxy: str
    worst_by_proxy: str
    proxy_ranks_alike: bool


@dataclass(frozen=True)
class CorrectedFairness:
    """The same questions answered soundly.

    Attributes
    ----------
    massaging
        Kamiran and Calders in the right direction, `massaging_swaps` of each.
    massaging_swaps
        M = ceil(disc n_p n_u / n), from the training labels.
    massaging_narrows_gap
        Whether it leaves a smaller gap than the baseline.
    massaging_sweep
        Accuracy and gap as the right direction swaps more labels, up to beyond M.
    group_thresholds
        The exact thresholds of the highest accuracy whose disparate impact lies in the band,
        fitted on a validation split, never on rows that the model was trained or is tested on.
    thresholds, thresholds_fit
        Those thresholds, and what they achieve on the validation rows.
    fit_rows, validation_rows
        How the training rows are divided for them.
    base_rates, base_rate_difference
        Share of positive labels among the training rows of each group; privileged minus protected.
    proxy_auc
        How well the features that remain predict the sensitive one (AUC, 0.5 is "not at all").
    four_fifths
        Names of the models whose disparate impact lies in [0.8, 1.25], as places in the study:
        ``published.reweighed``, ``corrected.massaging``.
    four_fifths_interval
        Of those, the names whose whole Katz interval lies in it.
    """

    massaging: ModelFairness
    massaging_swaps: int
    massaging_narrows_gap: bool
    massaging_sweep: SwapSweep
    group_thresholds: ModelFairness
    thresholds: Thresholds
    thresholds_fit: ThresholdFit
    fit_rows: int
    validation_rows: int
    base_rates: GroupRates
    base_rate_difference: float
    proxy_auc: float
    four_fifths: tuple[str, ...]
    four_fifths_interval: tuple[str, ...]


@dataclass(frozen=True)
class FairnessStudy:
    """Everything the report says about fairness.

    Attributes
    ----------
    audit, comparison
        A finished audit of the user's predictions and a finished comparison of mitigations.
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
    published: PublishedFairness
    corrected: CorrectedFairness
    audit: FairnessAudit | None = None
    comparison: FairnessComparison | None = None
