"""Results of earlier commands that an audit takes in."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from trivet.errors import DataError
from trivet.fairness.auditing.results import FairnessAudit, FairnessComparison
from trivet.privacy.auditing.results import MechanismAudit
from trivet.privacy.membership.results import MembershipAudit
from trivet.wording import one_line
from trivet.work.bounded_files import read_bounded

__all__ = ["FairnessAudits", "PrivacyAudits", "read_fairness_audits", "read_privacy_audits"]

#: More than an audit of ten thousand groups takes.
MOST_BYTES: Final = 16 * 2**20
_Audit = TypeVar("_Audit")


@dataclass(frozen=True)
class PrivacyAudits:
    """Finished audits of mechanisms and of a model, and the digests of their files by name."""

    mechanisms: tuple[MechanismAudit, ...]
    membership: MembershipAudit | None
    inputs: dict[str, str]


@dataclass(frozen=True)
class FairnessAudits:
    """A finished audit of predictions and a comparison of mitigations, and the digests of their files."""

    audit: FairnessAudit | None
    comparison: FairnessComparison | None
    inputs: dict[str, str]


def read_privacy_audits(paths: Sequence[str | Path]) -> PrivacyAudits:
    """Read what ``trivet privacy audit-mechanism --out`` and ``audit-model --out`` wrote."""
    found, inputs = _read_all(
        paths,
        MechanismAudit | MembershipAudit,
        "the mechanism.json of `trivet privacy audit-mechanism` or the membership.json of `trivet privacy "
        "audit-model`",
    )
    mechanisms = tuple(audit for audit in found if isinstance(audit, MechanismAudit))
    models = [audit for audit in found if isinstance(audit, MembershipAudit)]
    return PrivacyAudits(mechanisms, _only(models, "audits of models"), inputs)


def read_fairness_audits(paths: Sequence[str | Path]) -> FairnessAudits:
    """Read what ``trivet fairness --out`` wrote."""
    found, inputs = _read_all(
        paths, FairnessAudit | FairnessComparison, "the fairness.json of `trivet fairness`"
    )
    audits = [audit for audit in found if isinstance(audit, FairnessAudit)]
    comparisons = [audit for audit in found if isinstance(audit, FairnessComparison)]
    return FairnessAudits(
        _only(audits, "audits of predictions"), _only(comparisons, "comparisons of mitigations"), inputs
    )


def _read_all(paths: Sequence[str | Path], kinds: Any, expected: str) -> tuple[list[Any], dict[str, str]]:
    """Read each file as one of `kinds`, a union of dataclasses; give them and their digests by name."""
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - only finished audits need it

    adapter = TypeAdapter(kinds)
    found: list[Any] = []
    inputs: dict[str, str] = {}
    for path in paths:
        content = _read(path)
        try:
            found.append(adapter.validate_json(content, extra="forbid"))
        except (ValidationError, RecursionError) as error:
            raise DataError(
                f"{path} is not a finished audit; expected {expected}, by this version."
            ) from error
        inputs[str(path)] = hashlib.sha256(content).hexdigest()
    return found, inputs


def _only(found: Sequence[_Audit], what: str) -> _Audit | None:
    if len(found) > 1:
        raise DataError(f"{len(found)} {what} are named; a report has room for one, leave one only.")
    return found[0] if found else None


def _read(path: str | Path) -> bytes:
    try:
        return read_bounded(path, MOST_BYTES)
    except OSError as error:
        raise DataError(
            f"the audit {one_line(path, limit=500)} cannot be read: {error.strerror}. Name another file."
        ) from error
