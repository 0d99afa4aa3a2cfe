"""Page of a noise plan or an audit of a mechanism or a model."""

from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from trivet.privacy.auditing.results import CONSISTENT, MechanismAudit
from trivet.privacy.membership.results import NO_EVIDENCE, SLIGHT, MembershipAudit
from trivet.privacy.planning.results import Plan
from trivet.report.build import STUDY
from trivet.report.document import read_templates
from trivet.report.figures.mechanisms import alt_mechanisms, draw_mechanisms
from trivet.report.figures.membership import (
    alt_exposure,
    alt_membership_roc,
    draw_exposure,
    draw_membership_roc,
)
from trivet.report.figures.plans import (
    alt_plan_curves,
    alt_plan_noise,
    draw_plan_curves,
    draw_plan_noise,
)
from trivet.report.pages import Picture, write_page
from trivet.report.verdicts import Verdict
from trivet.wording import one_line

__all__ = [
    "MECHANISM_PAGE",
    "MEMBERSHIP_PAGE",
    "PLAN_PAGE",
    "write_mechanism_page",
    "write_membership_page",
    "write_plan_page",
]

PLAN_PAGE: Final = "plan.html"
MECHANISM_PAGE: Final = "mechanism.html"
MEMBERSHIP_PAGE: Final = "membership.html"
#: Every picture that there can be.
PICTURES: Final = (
    "privacy_plan_noise",
    "privacy_plan_curves",
    "privacy_mechanisms",
    "privacy_membership_roc",
    "privacy_membership_groups",
)
#: The prose that a page shares with the report of `trivet run`.
SHARED: Final = STUDY.parent / "privacy"
#: What a page has that the report of `trivet run` has not.
PAGES: Final = STUDY.parent / "privacy_pages"
REFERENCES: Final = "99-references.md"


def write_mechanism_page(audit: MechanismAudit, folder: str | Path) -> tuple[Path, ...]:
    """Write ``mechanism.html`` and its picture.

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
    facts = asdict(audit)
    tone = "good" if audit.verdict == CONSISTENT else "bad"
    return _write(
        Path(folder) / MECHANISM_PAGE,
        title=f"Privacy audit of {one_line(audit.name.rpartition(':')[2])}",
        privacy={"mechanisms": [facts]},
        page={"mechanism": facts, "data": "mechanism.json"},
        pictures={"privacy_mechanisms": Picture(draw_mechanisms([audit]), alt_mechanisms([audit]))},
        verdict=Verdict("audit", tone, audit.verdict, (audit.reason,)),
    )


def write_plan_page(plan: Plan, folder: str | Path) -> tuple[Path, ...]:
    """Write ``plan.html`` and its pictures; see `write_mechanism_page`."""
    pictures = {"privacy_plan_noise": Picture(draw_plan_noise(plan), alt_plan_noise(plan))}
    if plan.curves is not None:
        pictures["privacy_plan_curves"] = Picture(draw_plan_curves(plan), alt_plan_curves(plan))
    return _write(
        Path(folder) / PLAN_PAGE,
        title="A plan for private answers",
        privacy={"plan": asdict(plan)},
        page={"data": "plan.json"},
        pictures=pictures,
        verdict=Verdict("plan", "good", f"{plan.best_mechanism.replace('-', ' ')} noise", (plan.why,)),
    )


def write_membership_page(audit: MembershipAudit, folder: str | Path) -> tuple[Path, ...]:
    """Write ``membership.html`` and its pictures; see `write_mechanism_page`."""
    pictures = {"privacy_membership_roc": Picture(draw_membership_roc(audit), alt_membership_roc(audit))}
    if audit.groups:
        pictures["privacy_membership_groups"] = Picture(draw_exposure(audit), alt_exposure(audit))
    tone = {NO_EVIDENCE: "good", SLIGHT: "unsure"}.get(audit.verdict, "bad")
    return _write(
        Path(folder) / MEMBERSHIP_PAGE,
        title=f"Membership audit of {one_line(audit.model)}",
        privacy={"membership": asdict(audit)},
        page={"data": "membership.json"},
        pictures=pictures,
        verdict=Verdict("audit", tone, audit.verdict, (audit.reason,)),
    )


def _write(
    path: Path,
    *,
    title: str,
    privacy: Mapping[str, Any],
    page: Mapping[str, Any],
    pictures: Mapping[str, Picture],
    verdict: Verdict,
) -> tuple[Path, ...]:
    """Write a page whose prose finds null for all that it is not about."""
    references = (STUDY / REFERENCES).read_text(encoding="utf-8")
    return write_page(
        path,
        facts={
            "audit": {"title": title},
            "privacy": {"plan": None, "mechanisms": None, "membership": None, **privacy},
            "page": {"version": version("trivet"), "mechanism": None, **page},
        },
        prose={**read_templates(SHARED, PAGES), REFERENCES: references},
        pictures=pictures,
        possible=PICTURES,
        verdicts=[verdict],
    )
