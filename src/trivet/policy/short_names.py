"""Short names of measurements: the user's system first, then the built-in study."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from trivet.audited import study_fairness_verdict

__all__ = ["SHORT_NAMES", "Candidate", "study_fairness_verdict"]


@dataclass(frozen=True)
class Candidate:
    """One place that a short name can mean."""

    anchor: str
    below: str
    derive: Callable[[Mapping[str, Any]], str] | None = None
    choose: Callable[[Mapping[str, Any]], int | None] | None = None

    @property
    def place(self) -> str:
        """The whole place."""
        return f"{self.anchor}.{self.below}" if self.below else self.anchor


def _chosen(repair: Mapping[str, Any]) -> int | None:
    """Return the place of the attempt that a repair chose."""
    methods = [attempt["method"] for attempt in repair["attempts"]]
    return None if repair["chosen"] is None else methods.index(repair["chosen"])


def _security(below: str) -> tuple[Candidate, ...]:
    return (Candidate("security.scan", below),)


def _repair(below: str) -> tuple[Candidate, ...]:
    return (Candidate("security.repair", f"attempts.*.{below}", choose=_chosen),)


def _fairness(below: str, study: str, *, derive: Callable[..., str] | None = None) -> tuple[Candidate, ...]:
    return (
        Candidate("fairness.audit", below),
        Candidate("fairness.comparison.baseline", below),
        Candidate("fairness.published.baseline", study, derive),
    )


_GROUPS = "attributes.*.groups.*"
_MEMBERSHIP = "privacy.membership"
_MECHANISMS = "privacy.mechanisms"
#: A requirement on a short name has to hold for each item that a ``*`` stands for.
SHORT_NAMES: Final[Mapping[str, tuple[Candidate, ...]]] = MappingProxyType(
    {
        "security.verdict": _security("verdict"),
        "security.p_value": _security("p_value"),
        "security.contract_mismatch": _security("contract.mismatch"),
        "security.clean_accuracy": _security("contract.best.clean_accuracy"),
        "security.clean_accuracy_after": _repair("clean_accuracy.after"),
        "security.asr_before": _repair("asr.before"),
        "security.asr_after": _repair("asr.after"),
        "security.true_trigger_asr_after": _repair("true_trigger_asr.after"),
        "security.robust_accuracy_after": _repair("robust_accuracy.after"),
        "privacy.epsilon": (Candidate("privacy.plan", "epsilon"),),
        "privacy.delta": (Candidate("privacy.plan", "delta"),),
        "privacy.spent_epsilon": (Candidate("privacy.published", "correction.spent_epsilon"),),
        "privacy.verdict": (
            Candidate(_MEMBERSHIP, "verdict"),
            Candidate(_MECHANISMS, "*.verdict"),
            Candidate("privacy.published", "correction.verdict"),
        ),
        "privacy.membership_verdict": (Candidate(_MEMBERSHIP, "verdict"),),
        "privacy.membership_auroc": (Candidate(_MEMBERSHIP, "attacks.*.auroc"),),
        "privacy.canary_epsilon": (Candidate(f"{_MEMBERSHIP}.canaries", "epsilon_lower"),),
        "privacy.mechanism_verdict": (Candidate(_MECHANISMS, "*.verdict"),),
        "privacy.mechanism_epsilon": (Candidate(_MECHANISMS, "*.epsilon_lower"),),
        "fairness.verdict": _fairness("verdict", "disparate_impact_interval", derive=study_fairness_verdict),
        "fairness.disparate_impact": _fairness(f"{_GROUPS}.disparate_impact", "disparate_impact"),
        "fairness.demographic_parity_difference": _fairness(
            f"{_GROUPS}.difference", "demographic_parity_difference"
        ),
        "fairness.accuracy": _fairness(f"{_GROUPS}.accuracy", "accuracy"),
    }
)
