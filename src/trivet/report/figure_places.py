"""Places of the record that each figure draws."""

from collections.abc import Mapping
from typing import Final

__all__ = ["PLACES"]

_SCALES: Final = tuple(
    f"privacy.published.counting.{case}.scale" for case in ("base", "sequential", "unbounded")
)
_MODELS: Final = tuple(
    f"fairness.{model}"
    for model in (
        "published.baseline",
        "published.promotion_demotion",
        "published.no_gender",
        "published.reweighed",
        "published.group_thresholds",
        "corrected.massaging",
        "corrected.group_thresholds",
    )
)
_GROUPS: Final = "fairness.audit.attributes.*.groups.*"
_ATTRIBUTE: Final = ("fairness.audit.attributes.*.name", "fairness.audit.attributes.*.reference")
_MITIGATED: Final = "fairness.comparison.models.*"
_LABELS: Final = "security.scan.labels.*"

#: By figure: the places whose values it shows, ``*`` standing for every entry of a list or group, and each
#: place for all that is below it.
PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "trigger_reconstructed": ("security.published.detected_label", "security.published.detected_norm"),
    "trigger_all_labels_grid": ("security.published.norms", "security.published.detected_label"),
    "security_scale_profile": (
        "security.published.norms",
        "security.published.modified_z",
        "security.published.detected_label",
        "security.published.expected_label",
    ),
    "security_before_after": ("security.published.clean_accuracy", "security.published.asr"),
    "security_confusion_before_after": (
        "security.published.confusion.before",
        "security.published.confusion.after",
        "security.published.clean_accuracy",
    ),
    "security_unlearning_sweep": (
        "security.published.fraction_sweep.fraction",
        "security.published.fraction_sweep.clean_accuracy",
        "security.published.fraction_sweep.asr",
        "security.published.fraction_sweep.best_fraction",
        "security.published.fraction_sweep.best_asr",
        "security.published.target_share",
    ),
    "privacy_scenarios": (
        "privacy.published.counting.queries",
        "privacy.published.counting.threshold",
        *_SCALES,
        *(place.replace(".scale", ".exceedance") for place in _SCALES),
        "privacy.published.correction.group_size",
        "privacy.published.correction.discrete_exceedance",
        "privacy.published.correction.laplace.method",
        "privacy.published.correction.laplace.scale",
        "privacy.published.correction.laplace.exceedance",
    ),
    "privacy_tail_curves": (
        "privacy.published.tail_curves",
        "privacy.published.counting.true_value",
        "privacy.published.counting.threshold",
        *_SCALES,
        "privacy.published.correction.laplace.scale",
    ),
    "privacy_epsilon_sweep": (
        "privacy.published.epsilon_sweep",
        "privacy.published.counting.threshold",
        "privacy.published.counting.base.epsilon",
        "privacy.published.counting.base.scale",
        "privacy.published.counting.base.exceedance",
    ),
    "fairness_comparison": (
        *(
            f"{model}.{measure}"
            for model in _MODELS
            for measure in (
                "accuracy",
                "disparate_impact",
                "disparate_impact_interval",
                "demographic_parity_difference",
                "demographic_parity_interval",
                "zemel_proxy",
            )
        ),
        "fairness.settings.four_fifths",
    ),
    "fairness_group_rates": (*(f"{model}.rates" for model in _MODELS), "fairness.corrected.base_rates"),
    "fairness_tradeoff": (
        *(
            f"{model}.{measure}"
            for model in _MODELS
            for measure in ("accuracy", "gap", "disparate_impact_interval")
        ),
        "fairness.settings.four_fifths",
    ),
    "fairness_swapk_sweep": (
        "fairness.published.swap_sweep",
        "fairness.corrected.massaging_sweep",
        "fairness.corrected.massaging_swaps",
    ),
    "privacy_plan_noise": (
        "privacy.plan.best",
        "privacy.plan.rows.*.mechanism",
        "privacy.plan.rows.*.method",
        "privacy.plan.rows.*.typical_deviation",
    ),
    "privacy_plan_curves": ("privacy.plan.epsilon", "privacy.plan.delta", "privacy.plan.curves"),
    "privacy_mechanisms": (
        "privacy.mechanisms.*.name",
        "privacy.mechanisms.*.epsilon",
        "privacy.mechanisms.*.epsilon_lower",
        "privacy.mechanisms.*.findings.*.family",
        "privacy.mechanisms.*.findings.*.epsilon_lower",
    ),
    "privacy_membership_roc": (
        "privacy.membership.best_attack",
        "privacy.membership.attacks.*.attack",
        "privacy.membership.attacks.*.auroc",
        "privacy.membership.attacks.*.rates.*.fpr",
        "privacy.membership.attacks.*.rates.*.tpr",
        "privacy.membership.attacks.*.rates.*.tpr_low",
        "privacy.membership.attacks.*.rates.*.tpr_high",
        "privacy.membership.attacks.*.roc",
    ),
    "privacy_membership_groups": (
        "privacy.membership.most_exposed_column",
        "privacy.membership.most_exposed_group",
        *(
            f"privacy.membership.groups.*.{name}"
            for name in ("column", "group", "fpr", "tpr", "tpr_low", "tpr_high")
        ),
    ),
    "fairness_audit_impact": (
        "fairness.audit.four_fifths",
        *_ATTRIBUTE,
        *(
            f"{_GROUPS}.{name}"
            for name in ("group", "disparate_impact", "simultaneous_low", "simultaneous_high", "verdict")
        ),
    ),
    "fairness_audit_rates": (
        *_ATTRIBUTE,
        *(
            f"{_GROUPS}.{name}"
            for name in ("group", "selection_rate", "true_positive_rate", "false_positive_rate")
        ),
    ),
    "fairness_audit_classes": (*_ATTRIBUTE, "fairness.audit.attributes.*.by_class"),
    "fairness_audit_features": (*_ATTRIBUTE, "fairness.audit.attributes.*.by_feature"),
    "fairness_audit_calibration": (
        *_ATTRIBUTE,
        f"{_GROUPS}.group",
        f"{_GROUPS}.rows",
        f"{_GROUPS}.scores.calibration.bins",
    ),
    "fairness_mitigation_frontier": (
        "fairness.comparison.baseline.four_fifths",
        *(
            f"{_MITIGATED}.{name}"
            for name in ("title", "kind", "on_frontier", "accuracy", "disparate_impact")
        ),
        f"{_MITIGATED}.accuracy_training.*",
        f"{_MITIGATED}.disparate_impact_training.*",
    ),
    "fairness_mitigation_models": (
        "fairness.comparison.baseline.four_fifths",
        *(
            f"{_MITIGATED}.{name}"
            for name in ("title", "kind", "failed", "on_frontier", "accuracy", "disparate_impact")
        ),
        f"{_MITIGATED}.accuracy_training.*",
        f"{_MITIGATED}.disparate_impact_training.*",
    ),
    "effects_matrix": tuple(
        f"effects.effects.*.{name}"
        for name in ("row", "column", "before", "after", "change", "low", "high", "outcome")
    ),
    "security_scan_trigger": (
        "security.scan.suspected_label",
        *(f"{_LABELS}.{name}" for name in ("label", "l1", "refined_l1")),
    ),
    "security_scan_profile": (
        "security.scan.suspected_label",
        "security.scan.checkpoint.expected_label",
        *(f"{_LABELS}.{name}" for name in ("label", "name", "l1", "log_score", "margin", "margin_score")),
    ),
    "security_scan_triggers": (
        "security.scan.suspected_label",
        *(f"{_LABELS}.{name}" for name in ("label", "name", "l1", "refined_l1")),
    ),
    "security_scan_stamped": ("security.strip",),
    "compared_differences": ("headline",),
}
