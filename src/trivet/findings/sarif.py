"""Findings as SARIF 2.1.0, with the techniques and requirements of others as taxonomies."""

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from trivet.findings.finding import LEVELS, Finding, Level
from trivet.findings.origin import Origin, fingerprints, line_of, uri_of
from trivet.findings.rules import CATALOGUE, REQUIREMENT, Rule
from trivet.findings.severities import GATES
from trivet.findings.taxonomies import FRAMEWORKS, Framework, Item, bears_on, is_instance, items_of, rule_of

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
#: Legs whose findings are about attacks, so that code scanning shows a severity.
_ATTACKED: Final = ("security", "privacy")
#: By the worst finding of a rule; code scanning calls 7.0 to 8.9 high, and 4.0 to 6.9 medium.
_SECURITY_SEVERITY: Final[Mapping[Level, str]] = {"breach": "8.0", "warning": "5.0"}
#: Where the ranks of a level begin; each has a third of the scale.
_RANKS: Final[Mapping[Level, float]] = {"breach": 68.0, "warning": 35.0, "note": 2.0}
_THIRD: Final = 32.0
#: Of what has no number, or nothing to hold it against.
_UNKNOWN_DISTANCE: Final = 0.5


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
    taxonomies = _Taxonomies(findings)
    worst: dict[str, Level] = {
        each.rule: each.level for each in sorted(findings, key=lambda each: LEVELS.index(each.level))
    }
    rules = dict.fromkeys(each.rule for each in findings if each.rule in CATALOGUE)
    own = {name: number for number, name in enumerate(rules)}
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "trivet",
                "version": version("trivet"),
                "rules": [_rule(CATALOGUE[rule], worst[rule], taxonomies) for rule in rules],
                "supportedTaxonomies": taxonomies.references(),
            }
        },
        "automationDetails": {"id": "trivet/"},
        "columnKind": "unicodeCodePoints",
        "taxonomies": taxonomies.components(),
        "results": [
            _result(each, origin, mark, taxonomies, own)
            for each, mark in zip(findings, fingerprints(findings), strict=True)
        ],
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


class _Taxonomies:
    """The frameworks that some findings bear on, with the items that they use, in the order of the table."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        used = {item for each in findings for item in (*bears_on(each.rule), *items_of(each))}
        self._taxa = {
            framework: taxa
            for key, framework in FRAMEWORKS.items()
            if (taxa := sorted((each for each in used if each.framework == key), key=lambda item: item.id))
        }

    def references(self) -> list[dict[str, Any]]:
        """Refer to each framework, as the driver supports it."""
        return [_component(each, number) for number, each in enumerate(self._taxa)]

    def components(self) -> list[dict[str, Any]]:
        """Describe each framework, with its version and the items that are used."""
        return [
            {
                "name": framework.name,
                "version": framework.version,
                "guid": _guid(framework),
                "organization": framework.owner,
                "informationUri": framework.url,
                "shortDescription": {"text": f"{framework.name}, version {framework.version}"},
                "isComprehensive": False,
                "taxa": [{"id": item.id, "shortDescription": {"text": item.title}} for item in taxa],
            }
            for framework, taxa in self._taxa.items()
        ]

    def taxon(self, item: Item) -> dict[str, Any]:
        """Refer to an item in its framework."""
        framework = FRAMEWORKS[item.framework]
        place = list(self._taxa).index(framework)
        return {
            "id": item.id,
            "index": self._taxa[framework].index(item),
            "toolComponent": _component(framework, place),
        }


def _component(framework: Framework, place: int) -> dict[str, Any]:
    return {"name": framework.name, "index": place, "guid": _guid(framework)}


def _guid(framework: Framework) -> str:
    """Name a version of a framework, the same in every log."""
    return str(uuid5(NAMESPACE_URL, f"{framework.url}#{framework.version}"))


def _rule(rule: Rule, worst: Level, taxonomies: _Taxonomies) -> dict[str, Any]:
    leg = rule.id.partition(".")[0]
    items = bears_on(rule.id)
    attacked = leg in _ATTACKED
    severity = (
        {"security-severity": _SECURITY_SEVERITY[worst]} if attacked and worst in _SECURITY_SEVERITY else {}
    )
    source = f"[{rule.source}]({rule.uri})" if rule.uri and rule.source else rule.source or rule.uri
    described: dict[str, Any] = {
        "id": rule.id,
        "name": "".join(part.title() for part in rule.id.replace("-", ".").split(".")),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {
            "text": f"{rule.why} {rule.action} ({rule.reference})",
            "markdown": "\n\n".join(filter(None, [rule.why, f"**What to do:** {rule.action}", source])),
        },
        "defaultConfiguration": {"level": _default_level(rule.id)},
        "properties": {
            "tags": list(dict.fromkeys([leg, *["security"] * attacked, *_instance_ids(rule.id, items)])),
            **severity,
        },
    }
    if uri := _help_uri(rule, items):
        described["helpUri"] = uri
    if items:
        described["relationships"] = [
            {
                "target": taxonomies.taxon(item),
                "kinds": ["superset" if is_instance(rule.id, item) else "relevant"],
            }
            for item in items
        ]
    return described


def _default_level(rule: str) -> str:
    if rule in {*GATES, REQUIREMENT}:
        return "error"
    return "note" if rule.startswith("correction.") else "warning"


def _instance_ids(rule: str, items: Iterable[Item]) -> list[str]:
    return [item.id for item in items if is_instance(rule, item)]


def _help_uri(rule: Rule, items: Sequence[Item]) -> str:
    """Return where the paper behind a rule stands, or else the framework that it bears on."""
    return rule.uri or (FRAMEWORKS[items[0].framework].url if items else "")


def _result(
    finding: Finding, origin: Origin, fingerprint: str, taxonomies: _Taxonomies, rules: Mapping[str, int]
) -> dict[str, Any]:
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
    # What a rule bears on stands with the rule; a requirement bears on what it measures.
    own = items_of(finding) if rule_of(finding) != finding.rule else ()
    return {
        "ruleId": finding.rule,
        **({"ruleIndex": rules[finding.rule]} if finding.rule in rules else {}),
        "kind": kind,
        "level": level,
        "rank": _rank(finding),
        "message": {"text": finding.sentence.replace("](", "] (")},
        **locations,
        **({"taxa": [taxonomies.taxon(item) for item in own]} if own else {}),
        **_suppressions(finding),
        **_baseline_state(finding),
        "partialFingerprints": {"trivetFinding/v1": fingerprint},
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
            "default": finding.default,
            "decision": finding.decision,
            "baseline": finding.baseline,
        },
    }


def _rank(finding: Finding) -> float:
    """Return the importance from 0 to 100: the third of the scale of its level, and in it the distance."""
    if finding.level not in _RANKS:
        return 0.0
    return round(_RANKS[finding.level] + _THIRD * _distance(finding), 1)


def _distance(finding: Finding) -> float:
    """Return how far a measurement is from the nearest bound that it is held against, from 0 to 1.

    It is the relative difference ``|x - b| / (|x| + |b|)``; a half for a word and for what was not measured.
    """
    value, bounds = finding.value, finding.bounds
    if isinstance(value, bool | str) or value is None or not bounds:
        return _UNKNOWN_DISTANCE
    bound = min(bounds, key=lambda each: abs(value - each))
    size = abs(value) + abs(bound)
    return abs(value - bound) / size if 0 < size < float("inf") else 0.0


def _suppressions(finding: Finding) -> dict[str, Any]:
    """Return a waiver as a suppression from outside of the code; nothing without one."""
    if not finding.waiver:
        return {}
    accepted = {"kind": "external", "status": "accepted", "justification": finding.waiver}
    return {"suppressions": [accepted]}


#: What is no longer measured is not absent: readers leave out results that are.
_STATES: Final = {
    "new": "new",
    "worse": "updated",
    "known": "unchanged",
    "fixed": "updated",
    "gone": "updated",
}


def _baseline_state(finding: Finding) -> dict[str, str]:
    """Return what became of a result since the baseline; nothing without one."""
    return {"baselineState": _STATES[finding.baseline]} if finding.baseline else {}


def _physical(path: str, line: int) -> dict[str, Any]:
    return {
        "artifactLocation": {"uri": uri_of(path), "uriBaseId": _ROOT},
        "region": {"startLine": line},
    }
