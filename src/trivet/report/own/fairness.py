"""Page of a fairness audit or a comparison of mitigations."""

from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from trivet.audited import verdict_tone
from trivet.fairness.auditing.results import FairnessAudit, FairnessComparison
from trivet.report.build import STUDY
from trivet.report.document import read_templates
from trivet.report.figures import (
    calibration,
    disparity_parts,
    group_impact,
    mitigated_models,
    mitigations,
    outcome_rates,
)
from trivet.report.pages import Picture, write_page
from trivet.report.verdicts import Verdict
from trivet.wording import one_line

__all__ = ["FAIRNESS_PAGE", "write_comparison_page", "write_fairness_page"]

FAIRNESS_PAGE: Final = "fairness.html"
#: Every picture that there can be.
PICTURES: Final = (
    "fairness_audit_impact",
    "fairness_audit_rates",
    "fairness_audit_classes",
    "fairness_audit_features",
    "fairness_audit_calibration",
    "fairness_mitigation_frontier",
    "fairness_mitigation_models",
)
#: The prose that a page shares with the report of `trivet run`, and what only a page has.
SHARED: Final = STUDY.parent / "fairness"
PAGES: Final = STUDY.parent / "fairness_pages"
AUDIT: Final = "58-own-fairness.md"
#: Where that stands on the page of a comparison: behind the mitigations.
BEHIND: Final = "65-own-fairness.md"
REFERENCES: Final = "99-references.md"


def write_fairness_page(audit: FairnessAudit, folder: str | Path) -> tuple[Path, ...]:
    """Write ``fairness.html`` and its pictures.

    Parameters
    ----------
    audit
        What was found.
    folder
        Receives the page and ``figures/``; made if it is missing.

    Returns
    -------
    tuple of Path
        The files, the page first. The same input gives the same bytes.

    Raises
    ------
    UsageError
        `folder` cannot be written.
    """
    return _write(
        Path(folder),
        title=f"Fairness audit of {one_line(audit.data)}",
        fairness={"audit": asdict(audit), "comparison": None},
        pictures=_audit_pictures(audit),
        verdict=Verdict("audit", _tone(audit), audit.verdict, (audit.reason,)),
    )


def write_comparison_page(comparison: FairnessComparison, folder: str | Path) -> tuple[Path, ...]:
    """Write ``fairness.html`` and its pictures; see `write_fairness_page`.

    The page also has the audit of the model without mitigation.
    """
    baseline = comparison.baseline
    pictures = _audit_pictures(baseline)
    if mitigations.has_models(comparison):
        pictures["fairness_mitigation_frontier"] = Picture(
            mitigations.draw_frontier(comparison), mitigations.alt_frontier(comparison)
        )
        pictures["fairness_mitigation_models"] = Picture(
            mitigated_models.draw_models(comparison), mitigated_models.alt_models(comparison)
        )
    return _write(
        Path(folder),
        title=f"Fairness audit of {one_line(baseline.data)}",
        fairness={"audit": asdict(baseline), "comparison": asdict(comparison)},
        pictures=pictures,
        verdict=Verdict("baseline", _tone(baseline), baseline.verdict, (comparison.statement,)),
    )


def _audit_pictures(audit: FairnessAudit) -> dict[str, Picture]:
    pictures = {
        "fairness_audit_rates": Picture(
            outcome_rates.draw_outcome_rates(audit), outcome_rates.alt_outcome_rates(audit)
        )
    }
    if group_impact.has_impact(audit):
        pictures["fairness_audit_impact"] = Picture(
            group_impact.draw_impact(audit), group_impact.alt_impact(audit)
        )
    if disparity_parts.has_parts_by_class(audit):
        pictures["fairness_audit_classes"] = Picture(
            disparity_parts.draw_parts_by_class(audit), disparity_parts.alt_parts_by_class(audit)
        )
    if disparity_parts.has_parts_by_feature(audit):
        pictures["fairness_audit_features"] = Picture(
            disparity_parts.draw_parts_by_feature(audit), disparity_parts.alt_parts_by_feature(audit)
        )
    if calibration.has_calibration(audit):
        pictures["fairness_audit_calibration"] = Picture(
            calibration.draw_calibration(audit), calibration.alt_calibration(audit)
        )
    return pictures


def _tone(audit: FairnessAudit) -> str:
    return verdict_tone(audit.verdict)


def _write(
    folder: Path,
    *,
    title: str,
    fairness: Mapping[str, Any],
    pictures: Mapping[str, Picture],
    verdict: Verdict,
) -> tuple[Path, ...]:
    prose = read_templates(SHARED, PAGES)
    if fairness["comparison"] is not None:  # what was requested comes first
        prose = {
            name: prose[name] for name in sorted(prose, key=lambda name: BEHIND if name == AUDIT else name)
        }
    references = (STUDY / REFERENCES).read_text(encoding="utf-8")
    return write_page(
        folder / FAIRNESS_PAGE,
        facts={
            "audit": {"title": title},
            "fairness": fairness,
            "page": {"version": version("trivet"), "data": "fairness.json"},
        },
        prose={**prose, REFERENCES: references},
        pictures=pictures,
        possible=PICTURES,
        verdicts=[verdict],
    )
