"""Page and figures of a scan or a repair."""

from pathlib import Path
from typing import Final

from trivet.audited import verdict_tone
from trivet.report.document import read_templates
from trivet.report.figures.names import written_name
from trivet.report.figures.stamped import alt_stamped, draw_stamped
from trivet.report.pages import Picture, write_page
from trivet.report.scan.facts import page_facts
from trivet.report.scan.scale_profile import alt_scale_profile, draw_scale_profile
from trivet.report.scan.scanned import Scanned
from trivet.report.scan.suspect import alt_suspect, draw_suspect
from trivet.report.scan.trigger_grid import alt_trigger_grid, draw_trigger_grid
from trivet.report.verdicts import Verdict

__all__ = ["PICTURES", "REPAIR_PAGE", "SCAN_PAGE", "write_scan"]

SCAN_PAGE: Final = "scan.html"
REPAIR_PAGE: Final = "repair.html"
#: Every picture that there can be, in the order of the page.
PICTURES: Final = ("trigger", "scale_profile", "triggers", "stamped")
PROSE: Final = Path(__file__).parent.parent / "templates" / "scan"


def write_scan(scanned: Scanned, folder: str | Path) -> tuple[Path, ...]:
    """Write the page and the pictures of a scan.

    Parameters
    ----------
    scanned
        What was found, and what a repair did, if there was one.
    folder
        Receives ``scan.html``, or ``repair.html`` with a repair, and ``figures/``; made if it is
        missing. Pictures of an earlier scan that this one has not are removed.

    Returns
    -------
    tuple of Path
        The files, the page first. The same input gives the same bytes.

    Raises
    ------
    UsageError
        `folder` cannot be written.
    """
    return write_page(
        Path(folder) / (SCAN_PAGE if scanned.repair is None else REPAIR_PAGE),
        facts=page_facts(scanned),
        prose=read_templates(PROSE),
        pictures=_pictures(scanned),
        possible=PICTURES,
        verdicts=_verdicts(scanned),
    )


def _pictures(scanned: Scanned) -> dict[str, Picture]:
    suspect, strip = scanned.suspect, scanned.strip
    pictures: dict[str, Picture] = {}
    if suspect is not None:
        pictures["trigger"] = Picture(draw_suspect(scanned, suspect), alt_suspect(scanned, suspect))
    pictures["scale_profile"] = Picture(draw_scale_profile(scanned), alt_scale_profile(scanned))
    pictures["triggers"] = Picture(draw_trigger_grid(scanned), alt_trigger_grid(scanned))
    if strip is not None:
        names = [label.name for label in scanned.result.labels]
        pictures["stamped"] = Picture(draw_stamped(strip, names), alt_stamped(strip, names))
    return pictures


def _verdicts(scanned: Scanned) -> list[Verdict]:
    result, suspect, repair = scanned.result, scanned.suspect, scanned.repair
    named = "" if suspect is None else f", label {written_name(suspect.label, suspect.name)}"
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
