"""The words that a verdict can be."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from trivet.audited import ORDERS
from trivet.fairness.auditing.results import REFERENCE
from trivet.policy.short_names import Candidate

__all__ = ["candidate_words", "place_words"]

_FAIRNESS = ORDERS["fairness"]
_WORDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "security.scan.verdict": ORDERS["security"],
        "security.repair.attempts.*.second_verdict": ORDERS["security"],
        "privacy.published.correction.verdict": ORDERS["budget"],
        "privacy.membership.verdict": ORDERS["membership"],
        "privacy.mechanisms.*.verdict": ORDERS["mechanism"],
        "fairness.audit.verdict": _FAIRNESS,
        "fairness.audit.attributes.*.verdict": _FAIRNESS,
        "fairness.audit.attributes.*.groups.*.verdict": (*_FAIRNESS, REFERENCE),
        "fairness.comparison.baseline.verdict": _FAIRNESS,
        "fairness.comparison.baseline.attributes.*.verdict": _FAIRNESS,
        "fairness.comparison.baseline.attributes.*.groups.*.verdict": (*_FAIRNESS, REFERENCE),
        "fairness.comparison.models.*.verdict": _FAIRNESS,
    }
)


def place_words(place: str) -> tuple[str, ...]:
    """Return the words that can stand at a place, best first; none where any text can."""
    spread = re.sub(r"\[[^\]]*\]", ".*", place)
    return _WORDS.get(re.sub(r"\.\d+(?=\.|$)", ".*", spread), ())


def candidate_words(candidate: Candidate) -> tuple[str, ...]:
    """Return the words that one meaning of a short name can have, best first."""
    if candidate.derive is not None:
        return _FAIRNESS
    return place_words(candidate.place)
