"""Severities: the level that a rule's findings have by the policy, in the place of the default's."""

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from trivet.errors import UsageError
from trivet.findings.finding import LEVELS, Finding
from trivet.findings.rules import BASELINE, CATALOGUE, IMPACT, METRIC, REQUIREMENT, WAIVER
from trivet.wording import one_line, quote

if TYPE_CHECKING:
    from trivet.config import Severity

__all__ = ["GATES", "graded", "parse_severities", "refuse_severities", "severities_in", "severity_of"]

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
#: What a finding says that its severity decided on.
_SAID: Final = "A {} by its severity in the policy, and a {} by default."
_DECIDED: Final = re.compile(re.escape(_SAID).replace(r"\{\}", f"({'|'.join(SEVERITIES)})"))
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
        If a text is not a rule or a requirement and a level.
    """
    found: dict[str, Severity] = {}
    for text in texts:
        rule, sign, level = map(str.strip, text.rpartition("="))
        if not sign or level not in _LEVELS:
            raise UsageError(
                f"--severity: cannot read {quote(text)}; expected RULE=LEVEL with one of "
                f"{', '.join(SEVERITIES)}, such as fairness.caution=breach."
            )
        found[rule] = _LEVELS[level]
    return found


def refuse_severities(severity: Mapping[str, "Severity"], required: Collection[str] = ()) -> None:
    """Refuse severities of unknown rules, of rules without one, and those that would hide a breach.

    Parameters
    ----------
    severity
        Rule or text of a requirement -> level.
    required
        The texts of the requirements that there are.

    Raises
    ------
    UsageError
        Naming all of them, each with what can be set instead.
    """
    wrong = [
        f"{quote(rule)}: {why}"
        for rule, level in severity.items()
        if (why := _why_not(rule, level, required)) is not None
    ]
    if wrong:
        raise UsageError(f"[policy.severity] {'; '.join(wrong)}.")


def _why_not(rule: str, level: "Severity", required: Collection[str]) -> str | None:
    """Say why a rule or a requirement cannot have a severity; None where it can."""
    if rule not in CATALOGUE and rule not in required:
        settable = [*(name for name in CATALOGUE if name not in {BASELINE, *_REMARKS}), *required]
        near = difflib.get_close_matches(rule, settable, n=3, cutoff=0.5)
        hint = "nearest" if near else "expected one of"
        return f"there is no such rule or requirement; {hint}: {', '.join(map(one_line, near or settable))}"
    if rule == BASELINE:
        return "what the baseline judged and this audit does not is a breach; take this audit as the baseline"
    if rule in _REMARKS:
        return "it stands in every audit, so it cannot be breached; hold its figure to a bound in require"
    if rule in {*GATES, REQUIREMENT, *required} and level == "note":
        return "it is a breach by default and stays a warning at least, so that nothing hides it"
    return None


def severity_of(requirement: str, severity: Mapping[str, "Severity"]) -> "Severity":
    """Return the level of a requirement that does not hold: its own, that of all of them, or a breach."""
    return severity.get(requirement, severity.get(REQUIREMENT, "breach"))


def graded(finding: Finding, severity: Mapping[str, "Severity"]) -> Finding:
    """Return a finding at the severity of its rule, or of its requirement.

    What passed stays a pass. A note is a remark and stays one, but of the few rules that find no more.
    """
    required = finding.rule == REQUIREMENT
    level = severity_of(finding.title, severity) if required else severity.get(finding.rule)
    least = "note" if finding.rule in _FOUND_AS_NOTES else "warning"
    if level is None or level == finding.level or LEVELS.index(finding.level) < LEVELS.index(least):
        return finding
    return finding.decided(_SAID.format(level, finding.level), level=level)


def severities_in(findings: Sequence[Finding]) -> dict[str, "Severity"]:
    """Return the severities that decided on some findings: rule or text of a requirement -> level."""
    return {
        each.title if each.rule == REQUIREMENT else each.rule: _LEVELS[said[1]]
        for each in findings
        if (said := _DECIDED.search(each.decision))
    }
