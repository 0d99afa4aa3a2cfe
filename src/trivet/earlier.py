"""Which results of earlier commands does an audit take in?"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trivet.errors import DataError
from trivet.privacy.auditing.results import MechanismAudit
from trivet.privacy.membership.results import MembershipAudit

__all__ = ["EarlierAudits", "read_audits"]

#: More than an audit of ten thousand groups takes.
MOST_BYTES = 16 * 2**20


@dataclass(frozen=True)
class EarlierAudits:
    """Finished audits of mechanisms and of a model, and the digests of their files by name."""

    mechanisms: tuple[MechanismAudit, ...]
    membership: MembershipAudit | None
    inputs: dict[str, str]


def read_audits(paths: Sequence[Path]) -> EarlierAudits:
    """Read what ``trivet privacy audit-mechanism --out`` and ``audit-model --out`` wrote.

    Parameters
    ----------
    paths
        Files named ``mechanism.json`` or ``membership.json``, or otherwise.

    Raises
    ------
    DataError
        A file is missing, too large or no such result, or there are two audits of models.
    """
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - only finished audits need it

    adapter = TypeAdapter[MechanismAudit | MembershipAudit](MechanismAudit | MembershipAudit)
    mechanisms: list[MechanismAudit] = []
    models: list[MembershipAudit] = []
    inputs: dict[str, str] = {}
    for path in paths:
        content = _read(path)
        try:
            found = adapter.validate_json(content, extra="forbid")
        except ValidationError as error:
            raise DataError(
                f"{path} is no finished audit; expected the mechanism.json of `trivet privacy "
                "audit-mechanism` or the membership.json of `trivet privacy audit-model`, by this version."
            ) from error
        inputs[str(path)] = hashlib.sha256(content).hexdigest()
        if isinstance(found, MechanismAudit):
            mechanisms.append(found)
        else:
            models.append(found)
    if len(models) > 1:
        raise DataError(
            f"{len(models)} audits of models are named; a report has room for one, leave one only."
        )
    return EarlierAudits(tuple(mechanisms), models[0] if models else None, inputs)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise DataError(f"the audit {path} cannot be read: {error.strerror}. Name another file.") from error
    if len(content) > MOST_BYTES:
        raise DataError(f"the audit {path} is larger than {MOST_BYTES >> 20} MiB; it is no finished audit.")
    return content
