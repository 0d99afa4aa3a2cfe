"""Page and figures of a scan or a repair."""

from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from trivet.audited import verdict_tone
from trivet.errors import ReportError
from trivet.record import Triggers
from trivet.report.document import read_templates
from trivet.report.figures.names import written_name
from trivet.report.figures.registry import SCAN_FIGURES
from trivet.report.pages import Picture, write_page
from trivet.report.scan.facts import scan_facts
from trivet.report.verdicts import Verdict
from trivet.security.audit_results import SecurityAudit
from trivet.security.repairs.results import RepairResult
from trivet.security.scan_results import ScanResult
from trivet.wording import one_line

__all__ = ["PICTURES", "REPAIR_PAGE", "SCAN_PAGE", "write_scan"]

SCAN_PAGE: Final = "scan.html"
REPAIR_PAGE: Final = "repair.html"
#: Every picture that there can be, in the order of the page.
PICTURES: Final = tuple(row.name for row in SCAN_FIGURES)
_TEMPLATES: Final = Path(__file__).parent.parent / "templates"
#: The prose that a page shares with the report of `trivet run`, and what it has beside it.
PROSE: Final = (_TEMPLATES / "security", _TEMPLATES / "security_pages")
REFERENCES: Final = "99-references.md"
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
        possible=PICTURES,
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
