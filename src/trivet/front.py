"""The calls that stand above the legs: run an audit, load one, compare two."""

from collections.abc import Sequence
from pathlib import Path

from trivet.audit import Audit, run_audit, save_audit
from trivet.audit.parts import Progress
from trivet.comparison import compare_audits, parse_tolerances, read_audit
from trivet.comparison.results import Comparison
from trivet.config import AuditConfig, load_config
from trivet.policy import measured_places
from trivet.record import AuditRecord, load_record
from trivet.work.result_files import make_folder

__all__ = ["compare", "load_audit", "run"]


def run(
    config: str | Path | AuditConfig | None = None,
    *,
    out: str | Path | None = None,
    seed: int | None = None,
    progress: Progress = lambda _leg, _step, _share: None,
) -> Audit:
    """Run an audit.

    Parameters
    ----------
    config
        An audit.toml, or what `trivet.config.load_config` made of one; None runs the built-in study.
    out
        Receives the record and what belongs to it, such as the decisions by which later audits are paired;
        ``trivet report`` draws its report. None keeps it in memory.
    seed
        Of everything random, instead of the file's.
    progress
        Called with a leg, a step and its finished share, None where that is unknown.

    Returns
    -------
    Audit
        The record, its triggers, and the seconds that each leg took.

    Raises
    ------
    TrivetError
        If the configuration is wrong, or a checkpoint, a table or a dataset cannot be used.
    """
    settings = config if isinstance(config, AuditConfig) else load_config(config, {"audit": {"seed": seed}})
    audit = run_audit(settings, progress=progress)
    if out is not None:
        save_audit(audit, make_folder(Path(out)))
    return audit


def load_audit(folder: str | Path) -> AuditRecord:
    """Load the record of a finished audit from its folder.

    Raises
    ------
    RecordError
        If there is no record, or it is of another version.
    """
    return load_record(folder)


def compare(before: str | Path, after: str | Path, *, tolerance: Sequence[str] = ()) -> Comparison:
    """Compare two finished audits, as ``trivet compare`` does.

    Parameters
    ----------
    before, after
        Their folders.
    tolerance
        How much a measure may differ, such as ``0.01``, ``5%`` or ``fairness.disparate_impact=0.02``.

    Returns
    -------
    Comparison
        Changes, and which of them are more than noise.

    Raises
    ------
    RecordError
        If one of them has no record, or one of another version.
    UsageError
        If a tolerance cannot be read.
    """
    tolerances = parse_tolerances(tolerance, measured_places)
    return compare_audits(read_audit(before), read_audit(after), tolerances=tolerances)
