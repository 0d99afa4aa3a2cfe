"""Severities: the level that a rule's findings have by the policy, in the place of the default's."""

import difflib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from trivet.errors import UsageError
from trivet.findings.finding import LEVELS, Finding
from trivet.findings.rules import BASELINE, CATALOGUE, IMPACT, METRIC, REQUIREMENT, WAIVER
from trivet.wording import quote

if TYPE_CHECKING:
    from trivet.config import Severity

__all__ = ["GATES", "graded", "parse_severities", "refuse_severities"]

#: Rules whose findings can be a breach without any requirement, in the order of the documentation.
GATES: Final = (
    "security.verdict",
    "security.backdoor-removed",
    "privacy.budget",
    "privacy.mechanism",
    "privacy.membership",
    "privacy.claim",
    "privacy.code",
    IMPACT,
    METRIC,
)
SEVERITIES: Final[tuple["Severity", ...]] = ("note", "warning", "breach")
_LEVELS: Final[Mapping[str, "Severity"]] = {each: each for each in SEVERITIES}
#: Rules of which a note is what was found, and not a remark beside it.
_FOUND_AS_NOTES: Final = frozenset({"effects.worse", "fairness.mitigation", "privacy.noise", WAIVER})
#: Rules with a finding in every audit, so that they cannot be breached.
_REMARKS: Final = frozenset(
    {"privacy.plan", "privacy.training", *(rule for rule in CATALOGUE if rule.startswith("correction."))}
)


def parse_severities(texts: Sequence[str]) -> dict[str, "Severity"]:
    """Read severities such as ``fairness.caution=breach``, as the command line has them.

    Raises
    ------
    UsageError
        If a text is not a rule and a level, or no severity can be set so.
    """
    found: dict[str, Severity] = {}
    for text in texts:
        rule, sign, level = map(str.strip, text.partition("="))
        if not sign or level not in _LEVELS:
            raise UsageError(
                f"--severity: cannot read {quote(text)}; expected RULE=LEVEL with one of "
                f"{', '.join(SEVERITIES)}, such as fairness.caution=breach."
            )
        found[rule] = _LEVELS[level]
    refuse_severities(found)
    return found


def refuse_severities(severity: Mapping[str, "Severity"]) -> None:
    """Refuse severities of unknown rules, of rules without one, and those that would hide a breach.

    Raises
    ------
    UsageError
        Naming all of them, each with what can be set instead.
    """
    wrong = [
        f"{quote(rule)}: {why}"
        for rule, level in severity.items()
        if (why := _why_not(rule, level)) is not None
    ]
    if wrong:
        raise UsageError(f"[policy.severity] {'; '.join(wrong)}.")


def _why_not(rule: str, level: "Severity") -> str | None:
    """Say why a rule cannot have a severity; None where it can."""
    if rule not in CATALOGUE:
        settable = [name for name in CATALOGUE if name not in {REQUIREMENT, BASELINE, *_REMARKS}]
        near = difflib.get_close_matches(rule, settable, n=3, cutoff=0.5)
        hint = "nearest" if near else "expected one of"
        return f"there is no such rule; {hint}: {', '.join(near or settable)}"
    if rule == REQUIREMENT:
        return "a requirement is what has to hold; change or drop it in require instead"
    if rule == BASELINE:
        return "what the baseline judged and this audit does not is a breach; take this audit as the baseline"
    if rule in _REMARKS:
        return "it stands in every audit, so it cannot be breached; hold its figure to a bound in require"
    if rule in GATES and level == "note":
        return "it is a breach by default and stays a warning at least, so that nothing hides it"
    return None


def graded(finding: Finding, severity: Mapping[str, "Severity"]) -> Finding:
    """Return a finding at the severity of its rule.

    What passed stays a pass. A note is a remark and stays one, but of the few rules that find no more.
    """
    level = severity.get(finding.rule)
    least = "note" if finding.rule in _FOUND_AS_NOTES else "warning"
    if level is None or level == finding.level or LEVELS.index(finding.level) < LEVELS.index(least):
        return finding
    said = f"A {level} by its severity in the policy, and a {finding.level} by default."
    return finding.decided(said, level=level)
