"""The audit as an in-toto Statement v1 with the predicate test-result v0.1."""

from collections.abc import Sequence
from typing import Any, Final

from trivet.evidence.dossier import Dossier, Source
from trivet.record import METRICS

__all__ = ["PREDICATE", "STATEMENT", "statement_of", "test_result"]

STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://in-toto.io/attestation/test-result/v0.1"


def test_result(dossier: Dossier) -> dict[str, Any]:
    """Return the statement: what was tested, under which configuration, and what became of each test.

    The subject is what was audited, weights first. An audit that read no file has its configuration as
    subject, or else its record. Each finding is a test; notes test nothing and are left out.
    """
    configuration = [] if dossier.configuration is None else [dossier.configuration]
    record = Source(METRICS, dossier.record_sha256)
    return statement_of(
        dossier.sources or configuration or [record],
        PREDICATE,
        {
            "result": dossier.result,
            "configuration": [_descriptor(each) for each in configuration],
            "passedTests": [finding.id for finding in dossier.at("pass")],
            "warnedTests": [finding.id for finding in dossier.at("warning")],
            "failedTests": [finding.id for finding in dossier.at("breach")],
        },
    )


def statement_of(subjects: Sequence[Source], predicate: str, content: dict[str, Any]) -> dict[str, Any]:
    """Return an in-toto Statement v1."""
    return {
        "_type": STATEMENT,
        "subject": [_descriptor(each) for each in subjects],
        "predicateType": predicate,
        "predicate": content,
    }


def _descriptor(source: Source) -> dict[str, Any]:
    return {"name": source.name, "digest": {"sha256": source.sha256}}
