"""Sections of audit.toml and their keys."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Le, MinLen

from trivet.config.own_system import LEGS, Leg, complaint_about
from trivet.fairness.auditing.settings import TableSettings
from trivet.fairness.settings import FairnessSettings
from trivet.privacy.planning.settings import PlanSettings
from trivet.security.scan_settings import ScanSettings
from trivet.security.settings import SecuritySettings
from trivet.study.privacy import PrivacySettings

__all__ = [
    "DEFAULT_TITLE",
    "OWN_TITLE",
    "AuditConfig",
    "AuditSection",
    "FairnessSection",
    "PolicySection",
    "PrivacySection",
    "SecuritySection",
    "Waiver",
]

OWN_TITLE = "Audit of a Machine-Learning System"
DEFAULT_TITLE = "Security, Privacy, and Fairness of a Machine-Learning System"


@dataclass(frozen=True, kw_only=True)
class AuditSection:
    """``[audit]``: title, seed, legs, and the folder that receives everything.

    With `study`, the legs are those of the built-in study, published beside corrected, and the audit of the
    user's system, where one is described, is added to it. Without, only the user's system is audited. With
    `effects`, the remedies of each leg of the study are measured on the other legs as well.
    """

    study: bool = True
    title: Annotated[str, MinLen(1)] = DEFAULT_TITLE
    seed: Annotated[int, Ge(0), Le(2**32 - 1)] = 0
    legs: Annotated[tuple[Leg, ...], MinLen(1)] = LEGS
    effects: bool = False
    out: Path = Path("trivet-out")


@dataclass(frozen=True, kw_only=True)
class SecuritySection(SecuritySettings):
    """``[security]``: which checkpoint, and the constants of the study.

    With neither `checkpoint` nor `archive` the embedded demonstration network is studied. `scan` is the
    user's network, for an audit without the study.
    """

    checkpoint: Path | None = None
    archive: Path | None = None
    student_id: str | None = None
    model_index: Annotated[int, Ge(0)] | None = None
    expected_label: Annotated[int, Ge(0)] | None = None
    scan: ScanSettings | None = None

    def __post_init__(self) -> None:
        if self.checkpoint is not None and self.archive is not None:
            raise ValueError("give either checkpoint or archive, not both")
        named = (self.student_id is not None) + (self.model_index is not None)
        if self.archive is not None and named != 1:
            raise ValueError("an archive needs student_id or model_index (one of them) to choose a model")
        if self.archive is None and named:
            raise ValueError(
                "student_id and model_index choose a model of an archive, but no archive is given"
            )
        if self.expected_label is not None and self.checkpoint is None:
            raise ValueError("expected_label belongs to a checkpoint of your own; give checkpoint as well")


@dataclass(frozen=True, kw_only=True)
class PrivacySection(PrivacySettings):
    """``[privacy]``: the study's budget and exercises, a noise plan, and finished audits.

    `plan` is of the user's queries, for an audit without the study. `audits` are files that ``trivet
    privacy audit-mechanism --out`` and ``audit-model --out`` wrote.
    """

    plan: PlanSettings | None = None
    audits: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FairnessSection(FairnessSettings):
    """``[fairness]``: the constants of the study, and finished audits.

    `audits` are files that ``trivet fairness --out`` wrote. `table` is the user's table, for an audit
    without the study.
    """

    table: TableSettings | None = None
    audits: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """``[[policy.waivers]]``: a default of the gate that does not count for a while.

    Attributes
    ----------
    rule
        The rule of the finding, such as ``security.verdict``.
    subject
        The network, mechanism, model or attribute that it is about; None for all of the rule.
    reason
        Why.
    expires
        The last day on which it counts, in UTC.
    decided_by
        Who decided it.
    """

    rule: Annotated[str, MinLen(1)]
    reason: Annotated[str, MinLen(1)]
    expires: date
    subject: str | None = None
    decided_by: str | None = None

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ValueError("a waiver needs a reason")


@dataclass(frozen=True, kw_only=True)
class PolicySection:
    """``[policy]``: what must hold, as comparisons like ``"fairness.rows >= 1000"``, and what is waived."""

    require: tuple[str, ...] = ()
    waivers: tuple[Waiver, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AuditConfig:
    """Complete configuration of an audit."""

    audit: AuditSection = field(default_factory=AuditSection)
    security: SecuritySection = field(default_factory=SecuritySection)
    privacy: PrivacySection = field(default_factory=PrivacySection)
    fairness: FairnessSection = field(default_factory=FairnessSection)
    policy: PolicySection = field(default_factory=PolicySection)

    def __post_init__(self) -> None:
        if complaint := complaint_about(self):
            raise ValueError(complaint)
