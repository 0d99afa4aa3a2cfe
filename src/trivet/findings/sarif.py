"""Findings as SARIF 2.1.0, which code scanning and editors show beside audit.toml."""

import hashlib
import json
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final

from trivet.findings.catalogue import CATALOGUE
from trivet.findings.finding import Finding
from trivet.findings.origin import Origin, line_of, uri_of
from trivet.findings.rule import Rule

__all__ = ["findings_sarif"]

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_ROOT: Final = "%SRCROOT%"
#: Kind and level by the level of a finding; only failures have a level in SARIF.
_KINDS: Final = {
    "breach": ("fail", "error"),
    "warning": ("fail", "warning"),
    "note": ("informational", "none"),
    "pass": ("pass", "none"),
}


def findings_sarif(findings: Sequence[Finding], origin: Origin | None = None) -> str:
    """Return the content of ``findings.sarif``; no name in a message is a link.

    Passes and notes are results of the kinds ``pass`` and ``informational``. GitHub's code scanning does
    not look at the kind and shows them as alerts, so what is sent there is breaches and warnings only.

    Parameters
    ----------
    findings
        What the log is to hold.
    origin
        The files that the results point to: the line of audit.toml where there is one, and the record.
    """
    origin = origin or Origin()
    rules = list(dict.fromkeys(each.rule for each in findings))
    log = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "trivet",
                        "version": version("trivet"),
                        "rules": [_rule(CATALOGUE[rule]) for rule in rules if rule in CATALOGUE],
                    }
                },
                "automationDetails": {"id": "trivet/"},
                "columnKind": "unicodeCodePoints",
                "results": [_result(each, origin) for each in findings],
            }
        ],
    }
    return json.dumps(log, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    leg = rule.id.partition(".")[0]
    return {
        "id": rule.id,
        "name": "".join(part.title() for part in rule.id.replace("-", ".").split(".")),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.why} {rule.action} ({rule.reference})"},
        "defaultConfiguration": {"level": "note" if leg == "correction" else "warning"},
        "properties": {"tags": [leg]},
    }


def _result(finding: Finding, origin: Origin) -> dict[str, Any]:
    kind, level = _KINDS[finding.level]
    record: dict[str, Any] = {
        "physicalLocation": _physical(origin.record, 1),
        "logicalLocations": [{"fullyQualifiedName": finding.place}],
    }
    if origin.config is None:
        locations = {"locations": [record]}
    else:
        config = {"physicalLocation": _physical(origin.config, line_of(finding, origin))}
        locations = {"locations": [config], "relatedLocations": [{"id": 1, **record}]}
    return {
        "ruleId": finding.rule,
        "kind": kind,
        "level": level,
        "message": {"text": finding.sentence.replace("](", "] (")},
        **locations,
        **_suppressions(finding),
        "partialFingerprints": {"trivetFinding/v1": _fingerprint(finding)},
        "properties": {
            "id": finding.id,
            "leg": finding.leg,
            "place": finding.place,
            "value": finding.value,
            "low": finding.low,
            "high": finding.high,
            "intervalLevel": finding.interval_level,
            "required": finding.required,
            "why": finding.why,
            "action": finding.action,
            "source": finding.source,
            "subject": finding.subject,
            "waiver": finding.waiver,
        },
    }


def _suppressions(finding: Finding) -> dict[str, Any]:
    """Return a waiver as a suppression from outside of the code; nothing without one."""
    if not finding.waiver:
        return {}
    accepted = {"kind": "external", "status": "accepted", "justification": finding.waiver}
    return {"suppressions": [accepted]}


def _physical(path: str, line: int) -> dict[str, Any]:
    return {
        "artifactLocation": {"uri": uri_of(path), "uriBaseId": _ROOT},
        "region": {"startLine": line},
    }


def _fingerprint(finding: Finding) -> str:
    """Name a finding from run to run: a requirement by its text, since its number changes with its place."""
    own = finding.title if finding.id.startswith("policy.") else finding.id
    return hashlib.sha256(f"{finding.rule}\0{own}".encode()).hexdigest()[:32]
