"""Output files of one result: its page, and every figure as SVG and PNG."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure

from trivet.audited import verdict_tone
from trivet.comparison import Comparison, outcome_text, sides_text
from trivet.comparison import verdict_tone as tone_of_verdict
from trivet.errors import ReportError
from trivet.fairness.auditing.results import FairnessAudit, FairnessComparison
from trivet.privacy.mechanism.results import CONSISTENT, MechanismAudit
from trivet.privacy.membership.results import NO_EVIDENCE, SLIGHT, MembershipAudit
from trivet.privacy.planning.results import Plan
from trivet.record import Triggers
from trivet.report.facts import page_facts, scan_facts
from trivet.report.figures import groups, mitigations, parts
from trivet.report.figures.compared import alt_differences, draw_differences, has_differences
from trivet.report.figures.mechanisms import alt_mechanisms, draw_mechanisms
from trivet.report.figures.membership import (
    alt_exposure,
    alt_membership_roc,
    draw_exposure,
    draw_membership_roc,
)
from trivet.report.figures.plans import alt_plan_curves, alt_plan_noise, draw_plan_curves, draw_plan_noise
from trivet.report.figures.registry import SCAN_FIGURES, save_figure
from trivet.report.figures.style import written_name
from trivet.report.report import STUDY
from trivet.report.text.document import make_document, read_templates
from trivet.report.verdicts import Verdict
from trivet.report.write.html import html_page
from trivet.report.write.opening import ShownFinding
from trivet.security.repairs.results import RepairResult
from trivet.security.scanning.results import ScanResult, SecurityAudit
from trivet.wording import one_line
from trivet.work.result_files import make_folder, make_subfolder, remove_result, write_text

__all__ = []

FIGURES: Final = "figures"
FORMATS: Final = ("svg", "png")


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure and the same in words."""

    figure: Figure
    alt: str


def write_page(
    page: Path,
    *,
    facts: Mapping[str, Any],
    prose: Mapping[str, str],
    pictures: Mapping[str, Picture],
    possible: Collection[str],
    verdicts: Sequence[Verdict],
    findings: Sequence[ShownFinding] = (),
) -> tuple[Path, ...]:
    """Write a page that opens offline, and its pictures beside it in ``figures/``."""
    figures = make_subfolder(make_folder(page.parent), FIGURES)
    for name in set(possible) - set(pictures):
        for suffix in FORMATS:
            remove_result(figures / f"{name}.{suffix}")
    files = [
        path
        for name, picture in pictures.items()
        for path in save_figure(picture.figure, figures / name, formats=FORMATS)
    ]
    document = make_document(facts, prose, alt={name: picture.alt for name, picture in pictures.items()})
    source = html_page(document, verdicts, figures, record=facts, findings=findings)
    return write_text(page, source), *files


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


FAIRNESS_PAGE: Final = "fairness.html"
#: Every picture that there can be.
FAIRNESS_PICTURES: Final = (
    "fairness_audit_impact",
    "fairness_audit_rates",
    "fairness_audit_classes",
    "fairness_audit_features",
    "fairness_audit_calibration",
    "fairness_mitigation_frontier",
    "fairness_mitigation_models",
)
#: The prose that a page shares with the report of `trivet run`, and what only a page has.
FAIRNESS_SHARED: Final = STUDY.parent / "fairness"
FAIRNESS_PAGES: Final = STUDY.parent / "fairness_pages"
AUDIT: Final = "66-own-fairness.md"
#: Where that stands on the page of a comparison: behind the mitigations.
BEHIND: Final = "68-own-fairness.md"


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
    return _write_fairness(
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
            mitigations.draw_models(comparison), mitigations.alt_models(comparison)
        )
    return _write_fairness(
        Path(folder),
        title=f"Fairness audit of {one_line(baseline.data)}",
        fairness={"audit": asdict(baseline), "comparison": asdict(comparison)},
        pictures=pictures,
        verdict=Verdict("baseline", _tone(baseline), baseline.verdict, (comparison.statement,)),
    )


def _audit_pictures(audit: FairnessAudit) -> dict[str, Picture]:
    pictures = {
        "fairness_audit_rates": Picture(groups.draw_outcome_rates(audit), groups.alt_outcome_rates(audit))
    }
    if groups.has_impact(audit):
        pictures["fairness_audit_impact"] = Picture(groups.draw_impact(audit), groups.alt_impact(audit))
    if parts.has_parts_by_class(audit):
        pictures["fairness_audit_classes"] = Picture(
            parts.draw_parts_by_class(audit), parts.alt_parts_by_class(audit)
        )
    if parts.has_parts_by_feature(audit):
        pictures["fairness_audit_features"] = Picture(
            parts.draw_parts_by_feature(audit), parts.alt_parts_by_feature(audit)
        )
    if groups.has_calibration(audit):
        pictures["fairness_audit_calibration"] = Picture(
            groups.draw_calibration(audit), groups.alt_calibration(audit)
        )
    return pictures


def _tone(audit: FairnessAudit) -> str:
    return verdict_tone(audit.verdict)


def _write_fairness(
    folder: Path,
    *,
    title: str,
    fairness: Mapping[str, Any],
    pictures: Mapping[str, Picture],
    verdict: Verdict,
) -> tuple[Path, ...]:
    prose = read_templates(FAIRNESS_SHARED, FAIRNESS_PAGES)
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
        possible=FAIRNESS_PICTURES,
        verdicts=[verdict],
    )


SCAN_PAGE: Final = "scan.html"
REPAIR_PAGE: Final = "repair.html"
#: Every picture that there can be, in the order of the page.
SCAN_PICTURES: Final = tuple(row.name for row in SCAN_FIGURES)
_TEMPLATES: Final = Path(__file__).parent / "templates"
#: The prose that a page shares with the report of `trivet run`, and what it has beside it.
PROSE: Final = (_TEMPLATES / "security", _TEMPLATES / "security_pages")
#: Characters of a file's, a data set's or a contract's name.
NAME_CHARACTERS: Final = 80


def write_scan(audit: SecurityAudit, triggers: Triggers, folder: str | Path) -> tuple[Path, ...]:
    """Write the page and the pictures of a scan.

    Parameters
    ----------
    audit
        What was found, and what a repair did, if there was one.
    triggers
        Arrays as in `trivet.record.Triggers`.
    folder
        Receives ``scan.html``, or ``repair.html`` with a repair, and ``figures/``; made if it is
        missing. Pictures of an earlier scan that this one has not are removed.

    Returns
    -------
    tuple of Path
        The files, the page first. The same input gives the same bytes.

    Raises
    ------
    ReportError
        There is no scan, or an array is missing.
    UsageError
        `folder` cannot be written.
    """
    scan, repair = audit.scan, audit.repair
    if scan is None:
        raise ReportError("There is no scan to write a page of.")
    references = (_TEMPLATES / "study" / REFERENCES).read_text(encoding="utf-8")
    what = "Scan" if repair is None else "Repair"
    facts = _short(asdict(audit))
    return write_page(
        Path(folder) / (SCAN_PAGE if repair is None else REPAIR_PAGE),
        facts={
            "audit": {"title": f"{what} of {facts['scan']['checkpoint']['name']}"},
            "security": facts,
            "page": {"version": version("trivet"), **scan_facts(scan)},
        },
        prose={**read_templates(*PROSE), REFERENCES: references},
        pictures={
            row.name: Picture(row.draw(audit, triggers), row.alt(audit))
            for row in SCAN_FIGURES
            if row.present(audit)
        },
        possible=SCAN_PICTURES,
        verdicts=_verdicts(scan, repair),
    )


def _short(facts: dict[str, Any]) -> dict[str, Any]:
    """Shorten names that come from files."""
    scan = facts["scan"]
    contract = scan["contract"]
    contracts = (contract["declared"], contract["best"], *contract["candidates"])
    for each in (scan["checkpoint"], scan["images"], *contracts):
        each["name"] = one_line(each["name"], limit=NAME_CHARACTERS)
    return facts


def _verdicts(result: ScanResult, repair: RepairResult | None) -> list[Verdict]:
    label = result.suspected_label
    named = "" if label is None else f", label {written_name(label, result.labels[label].name)}"
    when = "verdict" if repair is None else "before"
    found = Verdict(when, verdict_tone(result.verdict), f"{result.verdict}{named}", (result.reason,))
    if repair is None:
        return [found]
    tone, word = ("good", f"removed by {repair.chosen}") if repair.removed else ("bad", "not removed")
    done = [found, Verdict("repair", tone, word, (repair.summary,))]
    second = next((each.second_verdict for each in repair.attempts if each.method == repair.chosen), None)
    if second is not None:
        reason = "What a second scan says of the repaired network."
        done.append(Verdict("after", verdict_tone(second), second, (reason,)))
    return done


COMPARED_PAGE: Final = "compare.html"
PICTURE: Final = "compared_differences"
COMPARISON_PROSE: Final = Path(__file__).parent / "templates" / "compared"


def write_compared_page(comparison: Comparison, folder: str | Path) -> tuple[Path, ...]:
    """Write ``compare.html`` and its picture.

    Parameters
    ----------
    comparison
        What changed.
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
    pictures: dict[str, Picture] = {}
    if has_differences(comparison):
        pictures[PICTURE] = Picture(draw_differences(comparison), alt_differences(comparison))
    return write_page(
        Path(folder) / COMPARED_PAGE,
        facts={**page_facts(comparison), "pictures": {PICTURE: bool(pictures)}},
        prose=read_templates(COMPARISON_PROSE),
        pictures=pictures,
        possible=(PICTURE,),
        verdicts=_comparison_verdicts(comparison),
    )


def _comparison_verdicts(comparison: Comparison) -> list[Verdict]:
    count = len(comparison.regressions)
    word = f"{count} regression{'s'[: count > 1]}" if count else "no regression"
    found = [Verdict("overall", "bad" if count else "good", word, (comparison.statement,))]
    for change in comparison.verdicts:
        if change.title in {"security", "privacy", "fairness"}:
            before, after = sides_text(change)
            moved = f"{before} → {after}" if before != after else after
            reason = "As before." if before == after else f"What became of it: {outcome_text(change)}."
            found.append(Verdict(change.title, tone_of_verdict(after), moved, (reason,)))
    return found
