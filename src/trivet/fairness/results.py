"""What the fairness leg measures: frozen values only, readable without any heavy import."""

from dataclasses import dataclass


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
    """Positive prediction rate of each group, P(y_hat = 1 | s)."""

    protected: float
    privileged: float


@dataclass(frozen=True)
class ModelFairness:
    """One model of the comparison, measured on the test rows.

    `disparate_impact` is directional: protected rate over privileged rate.
    `demographic_parity_difference` is privileged minus protected.
    """

    accuracy: float
    disparate_impact: float
    gap: float  # |1 - disparate impact|
    demographic_parity_difference: float
    zemel_proxy: float
    rates: GroupRates
    disparate_impact_interval: Interval
    demographic_parity_interval: Interval


@dataclass(frozen=True)
class Thresholds:
    """The score a member of each group must reach to be predicted positive."""

    protected: float
    privileged: float


@dataclass(frozen=True)
class SwapSweep:
    """Accuracy and gap as the published promotion/demotion swaps more labels."""

    k: tuple[int, ...]
    accuracy: tuple[float, ...]
    gap: tuple[float, ...]
    tolerance: float
    best_k: int
    best_accuracy: float
    best_gap: float


@dataclass(frozen=True)
class PublishedFairness:
    """The five models as published."""

    baseline: ModelFairness
    promotion_demotion: ModelFairness
    no_gender: ModelFairness
    reweighed: ModelFairness
    group_thresholds: ModelFairness
    swaps: int  # k of the published promotion/demotion
    thresholds: Thresholds
    swap_sweep: SwapSweep


@dataclass(frozen=True)
class CorrectedFairness:
    """The same questions answered soundly.

    Attributes
    ----------
    massaging
        Kamiran and Calders in the right direction, `massaging_swaps` of each.
    group_thresholds
        Thresholds fitted on a validation split, never on training or test rows.
    massaging_sweep
        Accuracy and gap as the right direction swaps more labels, up to beyond M.
    proxy_auc
        How well the features that remain predict the sensitive one (AUC, 0.5 is "not at all").
    four_fifths
        Names of the models whose disparate impact lies in [0.8, 1.25].
    """

    massaging: ModelFairness
    massaging_swaps: int
    massaging_sweep: SwapSweep
    group_thresholds: ModelFairness
    thresholds: Thresholds
    validation_rows: int
    proxy_auc: float
    base_rate_difference: float  # in the training labels, privileged minus protected
    four_fifths: tuple[str, ...]


@dataclass(frozen=True)
class FairnessStudy:
    """Everything the report says about fairness."""

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
    published: PublishedFairness
    corrected: CorrectedFairness
