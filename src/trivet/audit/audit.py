"""From configuration to record: the straight line."""

import hashlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from numpy.typing import NDArray

from trivet.audit.by_leg import (
    audit_fairness,
    audit_privacy,
    audit_security,
)
from trivet.audit.effects import audit_effects
from trivet.audit.parts import LegDone, Parts, Progress
from trivet.config import AuditConfig
from trivet.errors import UsageError
from trivet.findings import FINDINGS_FILES
from trivet.record import (
    DECISIONS,
    MANIFEST,
    METRICS,
    REPORT_FILES,
    SCHEMA_VERSION,
    WEIGHTS,
    AuditInfo,
    AuditRecord,
    Triggers,
    arrays_bytes,
    read_fairness_audits,
    read_privacy_audits,
    save_arrays,
    save_record,
)
from trivet.result import Result
from trivet.verdict import LEGS
from trivet.work.result_files import remove_result

__all__ = ["Audit", "run_audit", "save_audit"]


@dataclass(frozen=True, eq=False, repr=False)
class Audit(Result, of="record"):
    """A record, the triggers that belong to it, and what each leg took.

    `inputs` are SHA-256 digests by name of what was studied; `seconds` are by leg; `weights` are those of
    a repaired network and `decisions` those on the rows of a table, empty where there are none. None of
    these is part of the record, which is the same on every run.
    """

    record: AuditRecord
    triggers: Triggers
    inputs: dict[str, str]
    seconds: dict[str, float]
    weights: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    decisions: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def run_audit(
    config: AuditConfig,
    *,
    progress: Progress = lambda _leg, _step, _share: None,
    parts: Parts | None = None,
) -> Audit:
    """Run the legs that the configuration names, one after the other.

    Parameters
    ----------
    config
        What to audit.
    progress
        Called before and during each step.
    parts
        Where finished parts are kept, and taken over from; None keeps none.

    Raises
    ------
    TrivetError
        If a checkpoint, an archive, a table or a dataset cannot be used.
    """
    if config.audit.study and config.privacy.plan is not None:
        raise UsageError(
            "[privacy.plan] describes a system of your own; set study = false in [audit] to audit it without "
            "the built-in study, whose own queries are planned else."
        )
    # What may be refused is read before anything that takes long.
    if "privacy" in config.audit.legs:
        read_privacy_audits(config.privacy.audits)
    if "fairness" in config.audit.legs:
        read_fairness_audits(config.fairness.audits)
    seconds: dict[str, float] = {}
    legs: dict[str, LegDone[Any]] = {}
    for leg, run in _legs(config, parts or Parts(), progress).items():
        if leg in config.audit.legs:
            with _timed(seconds, leg):
                legs[leg] = run()
    effects = None
    if config.audit.effects:
        with _timed(seconds, "effects"):
            effects = audit_effects(config, legs, parts=parts or Parts(), progress=progress)
    results = {leg: legs[leg].result if leg in legs else None for leg in LEGS}
    info = AuditInfo(config.audit.title, config.audit.seed)
    security = legs.get("security")
    decisions = {name: array for done in legs.values() for name, array in done.decisions.items()}
    digest = hashlib.sha256(arrays_bytes(decisions)).hexdigest() if decisions else None
    return Audit(
        AuditRecord(SCHEMA_VERSION, info, **results, effects=effects, decisions=digest),
        {} if security is None else security.triggers,
        {name: digest for done in legs.values() for name, digest in done.inputs.items()},
        seconds,
        {} if security is None else security.weights,
        decisions,
    )


def save_audit(done: Audit, folder: str | Path) -> tuple[Path, ...]:
    """Write the record, and the arrays beside it that there are.

    What an earlier audit left in the folder beside its record goes: its verdict is not that of this one.
    """
    folder = Path(folder)
    if (folder / METRICS).exists():
        for name in (*FINDINGS_FILES, *REPORT_FILES, MANIFEST):
            remove_result(folder / name)
    return (
        *save_record(done.record, done.triggers, folder),
        *save_arrays(done.weights, folder / WEIGHTS),
        *save_arrays(done.decisions, folder / DECISIONS),
    )


def _legs(config: AuditConfig, parts: Parts, progress: Progress) -> dict[str, Any]:
    """Name what runs each leg, in the order in which they run."""
    study = config.audit.study
    kept = {"parts": parts, "progress": progress}
    return {
        "security": partial(
            audit_security,
            config.security,
            study=study,
            seed=config.audit.seed,
            baseline=config.policy.baseline,
            **kept,
        ),
        "privacy": partial(audit_privacy, config.privacy, study=study, seed=config.audit.seed, **kept),
        "fairness": partial(
            audit_fairness, config.fairness, study=study, baseline=config.policy.baseline, **kept
        ),
    }


@contextmanager
def _timed(seconds: dict[str, float], leg: str) -> Generator[None]:
    start = perf_counter()
    yield
    seconds[leg] = perf_counter() - start
