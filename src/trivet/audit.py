"""From configuration to record: the straight line."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from time import perf_counter
from typing import TYPE_CHECKING

from trivet.config import AuditConfig, FairnessSection, PrivacySection, SecuritySection
from trivet.earlier import read_fairness_audits, read_privacy_audits
from trivet.fairness.results import FairnessStudy
from trivet.fairness.settings import FairnessSettings
from trivet.privacy.results import PrivacyStudy
from trivet.record import SCHEMA_VERSION, STRIP_PIXELS, AuditInfo, AuditRecord, Triggers

if TYPE_CHECKING:
    from trivet.security import SecurityRun

__all__ = ["Audit", "Progress", "run_audit"]

#: Called with a leg, the name of a step, and the step's finished share (None where it is unknown).
Progress = Callable[[str, str, float | None], None]


@dataclass(frozen=True, eq=False)
class Audit:
    """A record, the triggers that belong to it, and what each leg took.

    `inputs` are SHA-256 digests by name of what was studied; `seconds` are by leg. Neither is part
    of the record, which is the same on every run.
    """

    record: AuditRecord
    triggers: Triggers
    inputs: dict[str, str]
    seconds: dict[str, float]


def run_audit(config: AuditConfig, *, progress: Progress = lambda _leg, _step, _share: None) -> Audit:
    """Run the legs that the configuration names, one after the other.

    Parameters
    ----------
    config
        What to audit.
    progress
        Called before and during each step.

    Raises
    ------
    TrivetError
        If a checkpoint, an archive or a dataset cannot be used.
    """
    seconds: dict[str, float] = {}
    security = privacy = fairness = None
    triggers: Triggers = {}
    inputs: dict[str, str] = {}
    if "security" in config.audit.legs:
        with _timed(seconds, "security"):
            done = _audit_security(config.security, config.audit.seed, progress)
        security = done.study
        inputs[security.checkpoint.name] = security.checkpoint.sha256
        triggers = {
            f"{name}.{array}": getattr(inversion, f"{array}s")
            for name, inversion in (("published", done.published), ("corrected", done.corrected))
            for array in ("mask", "pattern")
        }
        if done.strip_pixels is not None:
            triggers = {**triggers, STRIP_PIXELS: done.strip_pixels}
    if "privacy" in config.audit.legs:
        with _timed(seconds, "privacy"):
            privacy, taken_in = _audit_privacy(config.privacy, progress)
        inputs |= taken_in
    if "fairness" in config.audit.legs:
        with _timed(seconds, "fairness"):
            fairness, taken_in = _audit_fairness(config.fairness, progress)
        inputs |= taken_in
    info = AuditInfo(config.audit.title, config.audit.seed)
    return Audit(AuditRecord(SCHEMA_VERSION, info, security, privacy, fairness), triggers, inputs, seconds)


def _audit_security(section: SecuritySection, seed: int, progress: Progress) -> "SecurityRun":
    from trivet import security  # noqa: PLC0415 - each leg is loaded only when it runs
    from trivet.datasets import load_mnist  # noqa: PLC0415

    progress("security", "checkpoint", None)
    if section.archive is not None:
        index = section.model_index
        if index is None:
            index = security.index_from_student_id(section.student_id or "")
        checkpoint = security.load_from_archive(section.archive, index)
    elif section.checkpoint is not None:
        checkpoint = security.load_checkpoint(section.checkpoint, expected_label=section.expected_label)
    else:
        checkpoint = security.load_demo_checkpoint()
    return security.run(
        checkpoint,
        load_mnist("test"),
        section,
        seed=seed,
        progress=lambda step, share: progress("security", step, share),
    )


def _audit_privacy(section: PrivacySection, progress: Progress) -> tuple[PrivacyStudy, dict[str, str]]:
    from trivet import privacy  # noqa: PLC0415 - as above

    finished = read_privacy_audits(section.audits)  # first: it may be refused
    study = privacy.run(section, progress=lambda step: progress("privacy", step, None))
    study = replace(study, mechanisms=finished.mechanisms, membership=finished.membership)
    return study, finished.inputs


def _audit_fairness(section: FairnessSection, progress: Progress) -> tuple[FairnessStudy, dict[str, str]]:
    from trivet import fairness  # noqa: PLC0415 - as above

    finished = read_fairness_audits(section.audits)  # first: it may be refused
    settings = FairnessSettings(
        **{each.name: getattr(section, each.name) for each in fields(FairnessSettings)}
    )
    study = fairness.run(settings, progress=lambda step: progress("fairness", step, None))
    study = replace(study, audit=finished.audit, comparison=finished.comparison)
    return study, finished.inputs


@contextmanager
def _timed(seconds: dict[str, float], leg: str) -> Generator[None]:
    start = perf_counter()
    yield
    seconds[leg] = perf_counter() - start
