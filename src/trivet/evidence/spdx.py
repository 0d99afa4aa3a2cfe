"""The audit as an SPDX 3.0.1 document with an AIPackage, in JSON-LD."""

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any, Final

from trivet.evidence.cyclonedx import limits_of
from trivet.evidence.dossier import Dossier
from trivet.evidence.figures import written
from trivet.findings.taxonomies import FRAMEWORKS, items_of
from trivet.wording import one_line

__all__ = ["spdx_document"]

CONTEXT: Final = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
CREATION: Final = "_:creation"
NAME_CHARACTERS: Final = 200


def spdx_document(dossier: Dossier) -> dict[str, Any]:
    """Return the document; the same record, manifest and findings give the same one.

    The release and its supplier are facts that no audit measures. Without them the document does not say
    that it conforms to the profile ``ai``, which needs them.
    """
    data = list(_data(dossier))
    model = _ref(dossier, "model")
    elements = [_model(dossier), *data]
    if dossier.about.supplier is not None:
        elements.append(_element(dossier, "supplier", "Organization", name=dossier.about.supplier))
    if data:
        tested = {"from": model, "relationshipType": "testedOn", "to": [each["spdxId"] for each in data]}
        elements.append(_element(dossier, "tested-on", "Relationship", **tested))
    agent = _element(dossier, "trivet", "SoftwareAgent", name=f"trivet {dossier.version}")
    whole = dossier.about.supplier is not None and dossier.about.released is not None
    document = _element(
        dossier,
        "document",
        "SpdxDocument",
        name=dossier.title,
        rootElement=[model],
        element=[each["spdxId"] for each in (*elements, agent)],
        profileConformance=["core", "software", *(["ai"] if whole else [])],
    )
    creation = {
        "type": "CreationInfo",
        "@id": CREATION,
        "specVersion": "3.0.1",
        "created": dossier.timestamp,
        "createdBy": [agent["spdxId"]],
    }
    return {"@context": CONTEXT, "@graph": [creation, agent, document, *elements]}


def _model(dossier: Dossier) -> dict[str, Any]:
    network, about = dossier.network, dossier.about
    digest = dossier.record_sha256 if network is None else network.checkpoint["sha256"]
    fields: dict[str, Any] = {
        "name": dossier.subject,
        "software_primaryPurpose": "model",
        "software_packageVersion": about.model_version or f"sha256:{digest}",
        "software_downloadLocation": about.download or _by_digest(digest),
        "ai_informationAboutApplication": f"{dossier.title}. Result of the audit: {dossier.result}.",
        "ai_metric": [_entry(*each) for each in _metrics(dossier)],
        "ai_metricDecisionThreshold": [
            _entry(f"{each.id}: {each.place}", each.required) for each in dossier.findings if each.required
        ],
    }
    if network is not None:
        fields["verifiedUsing"] = [_hash(digest)]
        fields["ai_typeOfModel"] = [one_line(network.checkpoint["architecture"], limit=NAME_CHARACTERS)]
    if limits := " ".join(limits_of(dossier.record)):
        fields["ai_limitation"] = limits
    if about.supplier is not None:
        fields["suppliedBy"] = _ref(dossier, "supplier")
    if about.released is not None:
        fields["releaseTime"] = f"{about.released}T00:00:00Z"
    if bearing := sorted(
        {
            f"{FRAMEWORKS[item.framework].name} {FRAMEWORKS[item.framework].version}: {item.id}"
            for finding in dossier.findings
            for item in items_of(finding)
        }
    ):
        fields["comment"] = f"Tests of the audit bear on {'; '.join(bearing)}."
    return _element(
        dossier, "model", "ai_AIPackage", **{name: value for name, value in fields.items() if value != []}
    )


def _metrics(dossier: Dossier) -> Iterator[tuple[str, str]]:
    for figure in dossier.figures:
        if figure.value is None:
            continue
        about = f" [{figure.part}]" if figure.part else ""
        interval = ""
        if figure.level is not None:
            ends = (written(each) or "unbounded" for each in (figure.low, figure.high))
            interval = f" ({figure.level:.0%} interval {' to '.join(ends)})"
        yield f"{figure.name}{about}, {figure.place}", f"{written(figure.value)}{interval}"


def _data(dossier: Dossier) -> Iterator[dict[str, Any]]:
    network = None if dossier.network is None else dossier.network.checkpoint["sha256"]
    for number, source in enumerate(dossier.sources, start=1):
        if source.sha256 != network:
            yield _element(
                dossier,
                f"data-{number}",
                "software_File",
                name=source.name,
                software_primaryPurpose="data",
                verifiedUsing=[_hash(source.sha256)],
            )


def _element(dossier: Dossier, name: str, kind: str, /, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "spdxId": _ref(dossier, name), "creationInfo": CREATION, **fields}


def _ref(dossier: Dossier, name: str) -> str:
    return f"https://spdx.org/spdxdocs/trivet-{dossier.record_sha256}#{name}"


def _by_digest(digest: str) -> str:
    """Name content by its SHA-256, as RFC 6920 does."""
    return f"ni:///sha-256;{urlsafe_b64encode(bytes.fromhex(digest)).decode('ascii').rstrip('=')}"


def _hash(digest: str) -> dict[str, str]:
    return {"type": "Hash", "algorithm": "sha256", "hashValue": digest}


def _entry(key: str, value: str) -> dict[str, str]:
    return {"type": "DictionaryEntry", "key": key, "value": value}
