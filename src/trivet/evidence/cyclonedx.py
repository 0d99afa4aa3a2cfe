"""The audit as a CycloneDX 1.7 bill of materials: model card, declarations, a backdoor as vulnerability."""

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final

from trivet.evidence.dossier import Dossier
from trivet.evidence.figures import Figure, written
from trivet.fairness.auditing.results import REFERENCE
from trivet.findings import Finding
from trivet.findings.taxonomies import FRAMEWORKS, REQUIREMENTS, Item, items_of
from trivet.ratios import INFINITE, is_infinite, ratio_figure
from trivet.verdict import tone
from trivet.wording import one_line

__all__ = ["bill_of_materials"]

MODEL: Final = "model"
ASSESSOR: Final = "assessor"
POLICY: Final = "policy"
#: Of the serial number, which is that of the record.
NAMESPACE: Final = uuid.UUID("9d6d8a3c-6e0b-5d0c-9a3c-0d1f5a1d7b1e")
PROSE_CHARACTERS: Final = 2_000
NAME_CHARACTERS: Final = 200
#: A note states no test, so it is neither met nor not.
SCORES: Final[Mapping[str, float]] = {"pass": 1.0, "breach": 0.0}
BEARING: Final = (
    "The tests named here bear on this item. Whether it is met is for an assessor to say: tests of one audit "
    "show part of it."
)


def bill_of_materials(dossier: Dossier) -> dict[str, Any]:
    """Return the document; the same record, manifest and findings give the same one."""
    document: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, dossier.record_sha256)}",
        "version": 1,
        "metadata": {
            "timestamp": dossier.timestamp,
            "lifecycles": [{"name": "audit"}],
            "tools": {"components": [{"type": "application", "name": "trivet", "version": dossier.version}]},
            "properties": list(_properties(dossier)),
        },
        "components": [_model(dossier), *_data(dossier)],
        "declarations": _declarations(dossier),
        "definitions": {"standards": list(_standards(dossier))},
    }
    if vulnerabilities := list(_vulnerabilities(dossier)):
        document["vulnerabilities"] = vulnerabilities
    return document


def _properties(dossier: Dossier) -> Iterator[dict[str, str]]:
    configuration = dossier.configuration
    values = {
        "title": dossier.title,
        "result": dossier.result,
        "record-sha256": dossier.record_sha256,
        "command": dossier.command,
        "configuration": "" if configuration is None else f"{configuration.name} {configuration.sha256}",
        "seed": str(dossier.record["audit"]["seed"]),
    }
    for name, value in values.items():
        if value:
            yield {"name": f"trivet:{name}", "value": value}


def _model(dossier: Dossier) -> dict[str, Any]:
    model: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": MODEL,
        "name": dossier.subject,
        "modelCard": _card(dossier),
    }
    if dossier.about.supplier is not None:
        model["supplier"] = {"name": dossier.about.supplier}
    if dossier.about.model_version is not None:
        model["version"] = dossier.about.model_version
    if dossier.network is not None:
        model["hashes"] = [_hash(dossier.network.checkpoint["sha256"])]
    if dossier.about.download is not None:
        model["externalReferences"] = [{"type": "distribution", "url": dossier.about.download}]
    return model


def _data(dossier: Dossier) -> Iterator[dict[str, Any]]:
    network = None if dossier.network is None else dossier.network.checkpoint["sha256"]
    for number, source in enumerate(dossier.sources, start=1):
        if source.sha256 != network:
            yield {
                "type": "data",
                "bom-ref": f"data-{number}",
                "name": source.name,
                "hashes": [_hash(source.sha256)],
            }


def _hash(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest}


def _card(dossier: Dossier) -> dict[str, Any]:
    card: dict[str, Any] = {
        "quantitativeAnalysis": {
            "performanceMetrics": [_metric(each) for each in dossier.figures if each.value is not None]
        },
        "considerations": _considerations(dossier),
    }
    if dossier.network is not None:
        card["modelParameters"] = {
            "approach": {"type": "supervised"},
            "task": "classification",
            "modelArchitecture": one_line(dossier.network.checkpoint["architecture"], limit=NAME_CHARACTERS),
        }
    if data := [{"ref": each["bom-ref"]} for each in _data(dossier)]:
        card.setdefault("modelParameters", {})["datasets"] = data
    return card


def _metric(figure: Figure) -> dict[str, Any]:
    metric: dict[str, Any] = {"type": figure.name, "value": written(figure.value)}
    if figure.part:
        metric["slice"] = figure.part
    bounds = {"lowerBound": written(figure.low), "upperBound": written(figure.high)}
    if known := {name: value for name, value in bounds.items() if value}:
        metric["confidenceInterval"] = known
    return metric


def _considerations(dossier: Dossier) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if limits := list(limits_of(dossier.record)):
        found["technicalLimitations"] = limits
    if fairness := list(_fairness(dossier.record)):
        found["fairnessAssessments"] = fairness
    if ethical := [
        {
            "name": _line(finding.sentence),
            "mitigationStrategy": _line(finding.action),
        }
        for finding in (*dossier.at("breach"), *dossier.at("warning"))
    ]:
        found["ethicalConsiderations"] = ethical
    return found


def limits_of(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield what each part of a record says that it cannot show."""
    security, privacy, fairness = (record[leg] or {} for leg in ("security", "privacy", "fairness"))
    parts = (
        security.get("scan"),
        *privacy.get("mechanisms", ()),
        privacy.get("membership"),
        *privacy.get("code", ()),
        fairness.get("audit"),
    )
    texts = [each["limits"] for each in parts if each is not None and isinstance(each.get("limits"), str)]
    yield from dict.fromkeys(_line(text) for text in texts if text)


def audits_of(record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the fairness audit of a record: of predictions, or else of the model without mitigation."""
    fairness = record["fairness"] or {}
    if fairness.get("audit") is not None:
        yield fairness["audit"]
    elif fairness.get("comparison") is not None:
        yield fairness["comparison"]["baseline"]


def _fairness(record: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    comparison = (record["fairness"] or {}).get("comparison")
    for audit in audits_of(record):
        for attribute in audit["attributes"]:
            for group in attribute["groups"]:
                if group["verdict"] == REFERENCE:
                    continue
                name = f"{one_line(attribute['name'])} = {one_line(group['group'], limit=NAME_CHARACTERS)}"
                assessment = {"groupAtRisk": name, "harms": _line(harm_of(attribute, group))}
                if comparison is not None and audit == comparison["baseline"]:
                    assessment["mitigationStrategy"] = _line(comparison["statement"])
                yield assessment


def harm_of(attribute: Mapping[str, Any], group: Mapping[str, Any]) -> str:
    """Say in a sentence how a group is selected beside the reference, and what the audit makes of it."""
    impact, reference = group["disparate_impact"], one_line(attribute["reference"], limit=NAME_CHARACTERS)
    said = f"Verdict: {group['verdict']}."
    figure = None if impact is None else ratio_figure(impact["value"], impact["low"])
    if impact is None or figure is None:
        why = (impact or {}).get("reason") or "it is not compared"
        return f"{said} The disparate impact against {reference} is unknown: {why}."
    interval = ""
    if impact["low"] is not None:
        ends = (
            f"{impact['low']:.4f} to {impact['high']:.4f}"
            if impact["high"] is not None
            else f"from {impact['low']:.4f}"
        )
        interval = f" ({impact['level']:.0%} interval {ends})"
    value = INFINITE if is_infinite(figure) else f"{figure:.4f}"
    return f"{said} The disparate impact against {reference} is {value}{interval}, of {group['rows']:,} rows."


def _declarations(dossier: Dossier) -> dict[str, Any]:
    return {
        "assessors": [{"bom-ref": ASSESSOR, "organization": {"name": f"trivet {dossier.version}, software"}}],
        "attestations": [
            {
                "summary": f"{dossier.title}: {dossier.result}",
                "assessor": ASSESSOR,
                "map": [*_policy_map(dossier), *_items_map(dossier)],
            }
        ],
        "claims": [_claim(finding) for finding in dossier.findings],
        "evidence": [_evidence(dossier, finding) for finding in dossier.findings],
    }


def _claim(finding: Finding) -> dict[str, Any]:
    return {
        "bom-ref": _claim_ref(finding),
        "target": MODEL,
        "predicate": _line(finding.sentence),
        "reasoning": _line(finding.why),
        "evidence": [_evidence_ref(finding)],
    }


def _evidence(dossier: Dossier, finding: Finding) -> dict[str, Any]:
    measured = {
        "place": finding.place,
        "value": finding.value,
        "low": finding.low,
        "high": finding.high,
        "level": finding.interval_level,
        "required": finding.required,
        "record_sha256": dossier.record_sha256,
        "command": dossier.command,
    }
    content = json.dumps(measured, ensure_ascii=False)
    return {
        "bom-ref": _evidence_ref(finding),
        "propertyName": f"trivet:{finding.rule}",
        "description": _line(f"Measured at {finding.place} of metrics.json. Source: {finding.source}"),
        "data": [
            {
                "name": finding.place,
                "contents": {"attachment": {"contentType": "application/json", "content": content}},
            }
        ],
        "created": dossier.timestamp,
    }


def _policy_map(dossier: Dossier) -> Iterator[dict[str, Any]]:
    """Yield one entry for each test of the audit's own policy, met or not."""
    for finding in dossier.findings:
        side = "claims" if finding.level in {"pass", "note"} else "counterClaims"
        entry: dict[str, Any] = {"requirement": _policy_ref(finding), side: [_claim_ref(finding)]}
        rationale = {"rationale": _line(f"{finding.level}: {finding.message}")}
        if finding.level in SCORES:
            entry["conformance"] = {"score": SCORES[finding.level], **rationale}
        else:
            entry["conformance"] = rationale
        yield entry


def _items_map(dossier: Dossier) -> Iterator[dict[str, Any]]:
    """Yield one entry for each item of a framework that some finding bears on."""
    for item in _items(dossier):
        on = [finding for finding in dossier.findings if item in items_of(finding)]
        entry: dict[str, Any] = {"requirement": item.ref, "conformance": {"rationale": BEARING}}
        for side, levels in {"claims": {"pass", "note"}, "counterClaims": {"breach", "warning"}}.items():
            if refs := [_claim_ref(finding) for finding in on if finding.level in levels]:
                entry[side] = refs
        yield entry


def _items(dossier: Dossier) -> list[Item]:
    used = {item for finding in dossier.findings for item in items_of(finding)}
    return [item for item in REQUIREMENTS.values() if item in used]


def _standards(dossier: Dossier) -> Iterator[dict[str, Any]]:
    yield {
        "bom-ref": POLICY,
        "name": "Policy and default tests of this audit",
        "version": dossier.version,
        "owner": "trivet",
        "requirements": [
            {
                "bom-ref": _policy_ref(finding),
                "identifier": finding.id,
                "text": _line(f"{finding.title} {finding.required}"),
            }
            for finding in dossier.findings
        ],
    }
    items = _items(dossier)
    for framework in FRAMEWORKS.values():
        if mine := [item for item in items if item.framework == framework.key]:
            yield {
                "bom-ref": framework.key,
                "name": framework.name,
                "version": framework.version,
                "owner": framework.owner,
                "requirements": [
                    {"bom-ref": item.ref, "identifier": item.id, "text": item.title} for item in mine
                ],
                "externalReferences": [{"type": "website", "url": framework.url}],
            }


def _vulnerabilities(dossier: Dossier) -> Iterator[dict[str, Any]]:
    """Yield a backdoor that the scan named or suspects."""
    if dossier.network is None or tone(word := dossier.record["security"]["scan"]["verdict"]) == "good":
        return
    checkpoint = dossier.network.checkpoint
    certain = tone(word) == "bad"
    finding = next((each for each in dossier.findings if each.rule == "security.verdict"), None)
    repair = dossier.record["security"]["repair"]
    named = "" if repair is None else f" {repair['summary']}"
    vulnerability: dict[str, Any] = {
        "bom-ref": "backdoor",
        "id": f"trivet-backdoor-{checkpoint['sha256'][:12]}",
        "source": {"name": "trivet"},
        "references": [
            {"id": item.id, "source": {"name": framework.name, "url": framework.url}}
            for item in ([] if finding is None else items_of(finding))
            if (framework := FRAMEWORKS[item.framework]).key in {"atlas", "nist-aml"}
        ],
        "ratings": [
            {
                "source": {"name": "trivet"},
                "severity": "high" if certain else "unknown",
                "method": "other",
                "justification": f"Verdict of the scan: {word}.",
            }
        ],
        "detail": _line(dossier.record["security"]["scan"]["reason"]),
        "analysis": {
            "state": "exploitable" if certain else "in_triage",
            "detail": _line(
                f"Of the weights with SHA-256 {checkpoint['sha256']}, as they were received.{named}"
            ),
        },
        "affects": [{"ref": MODEL}],
        "created": dossier.timestamp,
    }
    if finding is not None:
        vulnerability["recommendation"] = _line(finding.action)
    yield vulnerability


def _claim_ref(finding: Finding) -> str:
    return f"claim-{finding.id}"


def _evidence_ref(finding: Finding) -> str:
    return f"evidence-{finding.id}"


def _policy_ref(finding: Finding) -> str:
    return f"{POLICY}-{finding.id}"


def _line(text: str) -> str:
    return one_line(text, limit=PROSE_CHARACTERS)
