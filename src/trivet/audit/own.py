"""Audit of the user's system, leg by leg, without the built-in study."""

from pathlib import Path
from typing import Any

from trivet.audit.digests import path_digest
from trivet.audit.legs import LegDone, Progress
from trivet.audit.parts import Made, Parts
from trivet.audit.plain_settings import plain_settings
from trivet.config import FairnessSection
from trivet.earlier import read_fairness_audits
from trivet.errors import UsageError
from trivet.fairness.auditing.results import FairnessAudit, FairnessComparison
from trivet.fairness.auditing.settings import ADULT, TableSettings
from trivet.fairness.own_results import OwnFairness

__all__ = ["audit_own_fairness"]


def audit_own_fairness(section: FairnessSection, *, parts: Parts, progress: Progress) -> LegDone[OwnFairness]:
    """Audit the table of ``[fairness.table]``, or compare mitigations on it, and take in finished audits."""
    finished = read_fairness_audits(section.audits)  # first: it may be refused
    audit, comparison, inputs = finished.audit, finished.comparison, dict(finished.inputs)
    settings = section.table
    if settings is not None:
        fits = settings.estimator is not None
        if (comparison if fits else audit) is not None:
            raise UsageError(
                "[fairness] audits has what [fairness.table] asks for, and there is room for one of each; "
                "leave one of them out."
            )
        digest = None if settings.table == ADULT else path_digest(settings.table)
        decides = {
            "settings": plain_settings(TableSettings, settings),
            "table": digest,
            "seed": section.seed,
        }

        def ask() -> Made[Any]:
            from trivet.fairness.auditing.asking import ask_table  # noqa: PLC0415 - as above

            return Made(
                ask_table(
                    settings,
                    seed=section.seed,
                    progress=lambda step, share: progress("fairness", step, share),
                )
            )

        kind = FairnessComparison if fits else FairnessAudit
        found = parts.take_or_make("fairness-table", kind, decides, ask).value
        if isinstance(found, FairnessComparison):
            comparison = found
        else:
            audit = found
        if digest is not None:
            inputs[Path(settings.table).name] = digest
    if audit is None and comparison is not None:
        audit = comparison.baseline
    return LegDone(OwnFairness(audit, comparison), inputs)
