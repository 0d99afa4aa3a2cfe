"""Fairness results of the user's system: frozen values only."""

from dataclasses import dataclass
from typing import Any, ClassVar

from trivet.fairness.auditing.results import FairnessAudit, FairnessComparison

__all__ = ["OwnFairness"]


@dataclass(frozen=True)
class OwnFairness:
    """An audit's fairness leg where one's own system is described, and not the built-in study.

    Attributes
    ----------
    audit
        Of the predictions; where there are none and mitigations are compared, of the model without any.
    comparison
        Of mitigations; None where there is none.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    audit: FairnessAudit | None = None
    comparison: FairnessComparison | None = None
