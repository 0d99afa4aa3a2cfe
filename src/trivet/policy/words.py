"""Which words can a verdict be?"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from trivet.fairness.auditing.results import DISPARATE, IN_BAND, REFERENCE, UNSETTLED
from trivet.policy.short_names import OVER_BUDGET, WITHIN_BUDGET, Candidate
from trivet.privacy.auditing.results import CONSISTENT, VIOLATES
from trivet.privacy.membership.results import EXPOSED, NO_EVIDENCE, SLIGHT
from trivet.security.many_results import VERDICTS

__all__ = ["candidate_words", "place_words"]

_FAIRNESS = (IN_BAND, UNSETTLED, DISPARATE)
_WORDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "security.scan.verdict": tuple(reversed(VERDICTS)),
        "security.corrected.verdict": tuple(reversed(VERDICTS)),
        "security.repair.attempts.*.second_verdict": tuple(reversed(VERDICTS)),
        "privacy.membership.verdict": (NO_EVIDENCE, SLIGHT, EXPOSED),
        "privacy.mechanisms.*.verdict": (CONSISTENT, VIOLATES),
        "fairness.audit.verdict": _FAIRNESS,
        "fairness.audit.attributes.*.verdict": _FAIRNESS,
        "fairness.audit.attributes.*.groups.*.verdict": (*_FAIRNESS, REFERENCE),
        "fairness.comparison.baseline.verdict": _FAIRNESS,
        "fairness.comparison.baseline.attributes.*.verdict": _FAIRNESS,
        "fairness.comparison.baseline.attributes.*.groups.*.verdict": (*_FAIRNESS, REFERENCE),
        "fairness.comparison.models.*.verdict": _FAIRNESS,
    }
)
_DERIVED = {"privacy": (WITHIN_BUDGET, OVER_BUDGET), "fairness": _FAIRNESS}


def place_words(place: str) -> tuple[str, ...]:
    """Return the words that can stand at a place, best first; none where any text can."""
    spread = re.sub(r"\[[^\]]*\]", ".*", place)
    return _WORDS.get(re.sub(r"\.\d+(?=\.|$)", ".*", spread), ())


def candidate_words(candidate: Candidate) -> tuple[str, ...]:
    """Return the words that one meaning of a short name can have, best first."""
    if candidate.derive is not None:
        return _DERIVED[candidate.place.partition(".")[0]]
    return place_words(candidate.place)
