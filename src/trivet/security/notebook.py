"""Notebook display of results: words, a small table, and the suspected trigger."""

import io
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trivet.markup import TONES, number, panel, picture, plain, table
from trivet.security.repairs.results import RepairAttempt, RepairedRate
from trivet.security.scanning.results import LabelScan, ScanResult
from trivet.verdict import NOT_REMOVED, REMOVED, repair_word, sign, tone
from trivet.wording import one_line

if TYPE_CHECKING:
    from trivet.security.repairs.repairing import Repair
    from trivet.security.scanning.scan import Scan

__all__ = ["repair_html", "scan_html", "trigger_png"]

#: Labels in the table: the most unusual ones.
SHOWN_LABELS: Final = 10
#: Screen pixels that the trigger's shorter side has at least.
SHOWN_SIDE: Final = 112
#: Pixels of a longer side that a notebook has to hold, as noise does not compress.
MOST_SIDE: Final = 160
COLOUR_CHANNELS: Final = 3
#: Characters of a class's name.
NAME_CHARACTERS: Final = 28


def scan_html(scan: "Scan") -> str:
    """Return a scan as one element of HTML, without script or style sheet, for ``_repr_html_``."""
    result, label = scan.result, scan.result.suspected_label
    title = f"{sign(tone(result.verdict), 'page')} {result.verdict}"
    evidence = _labels_table(result)
    if label is not None:
        name = _named(result.labels[label])
        title += f", label {name}"
        norm = float(scan.masks[label].sum(dtype=np.float64))
        caption = f"Trigger of label {name} on mid-grey: {norm:.1f} pixels"
        shown = picture(trigger_png(scan.masks[label], scan.patterns[label]), caption, width=SHOWN_SIDE)
        evidence = f'<div style="display:flex;flex-wrap:wrap;gap:1.5em">{shown}{evidence}</div>'
    best, finding = result.contract.best, result.contract.finding
    facts = (
        f"p-value {_chance(result.p_value)}; input contract {best.name}, clean accuracy "
        f"{best.clean_accuracy:.4f}; {result.images.count} images of {result.images.name}; "
        f"{result.image_steps} image-steps; seed {result.seed}, threads {result.threads}"
    )
    parts = [
        f"<p>{plain(result.reason)}</p>",
        f"<p>! {plain(finding)}</p>" if finding else "",
        evidence,
        f"<p>{plain(f'The verdict is {result.calibration.summary}')}</p>" if result.calibration else "",
        f"<p>{plain(result.limits)}</p><p><small>{plain(facts)}</small></p>",
    ]
    return panel(TONES[tone(result.verdict)], title, result.checkpoint.name, parts)


def repair_html(repair: "Repair") -> str:
    """Return a repair as HTML, for ``_repr_html_``: the outcome, and the rates before and after."""
    result = repair.result
    word = result.outcome or (REMOVED if result.removed else NOT_REMOVED)
    title = f"{sign(tone(word), 'page')} {repair_word(word, result.chosen)}"
    known = result.attempts[0].true_trigger_asr is not None
    header = ["network", "clean accuracy", "ASR", "RA", *(["ASR, attacker's trigger"] if known else [])]
    header.append("ASR, relearned")
    taught = [each.relearning for each in result.attempts if each.relearning is not None]
    relearned = number(taught[0].attacked.value, 4) if taught else ""
    rows = [
        ["as received", *(number(rate.before.value, 4) for rate in _rates(result.attempts[0])), relearned]
    ]
    marked = None
    for attempt in result.attempts:
        if attempt.method == result.chosen:
            marked = len(rows)
        outcome = attempt.outcome or REMOVED if attempt.removed else f"not removed: {attempt.reason}"
        name = f"after {attempt.method}, {outcome}"
        relearned = "" if attempt.relearning is None else number(attempt.relearning.asr.value, 4)
        rows.append([name, *(number(rate.after.value, 4) for rate in _rates(attempt)), relearned])
    facts = (
        f"rates on {result.held_out_images} images that the repair did not see; repaired with "
        f"{result.working_images} others; seed {result.seed}"
    )
    parts = [
        f"<p>{plain(result.summary)}</p>",
        table(header, rows, marked=marked),
        f"<p><small>{plain(facts)}</small></p>",
    ]
    return panel(TONES[tone(word)], title, f"label {result.target}", parts)


def trigger_png(mask: NDArray[np.float32], pattern: NDArray[np.float32]) -> bytes:
    """Return a trigger on a mid-grey image as PNG, the same bytes each time."""
    stamped = (1 - mask) * 0.5 + mask * pattern
    levels = np.rint(255 * np.clip(stamped, 0, 1)).astype(np.uint8)
    colour = len(levels) == COLOUR_CHANNELS
    image = Image.fromarray(np.moveaxis(levels, 0, -1) if colour else levels[0])
    image.thumbnail((MOST_SIDE, MOST_SIDE), Image.Resampling.BOX)
    factor = max(1, -(-SHOWN_SIDE // min(image.size)))
    larger = image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    stream = io.BytesIO()
    larger.save(stream, format="PNG")
    return stream.getvalue()


def _rates(attempt: RepairAttempt) -> list[RepairedRate]:
    rates = (attempt.clean_accuracy, attempt.asr, attempt.robust_accuracy, attempt.true_trigger_asr)
    return [rate for rate in rates if rate is not None]


def _labels_table(result: ScanResult) -> str:
    order = sorted(result.labels, key=lambda label: _place(result, label))
    suspected = result.suspected_label is not None
    rows = [
        (
            f"{_named(label)}{', suspected' if label.label == result.suspected_label else ''}",
            number(label.l1, 1),
            number(label.log_score, 1),
            number(label.asr, 3),
            number(label.margin, 1),
            number(label.margin_score, 1),
        )
        for label in order[:SHOWN_LABELS]
    ]
    header = ("label", "norm", "log score", "ASR", "margin", "margin score")
    left = len(order) - SHOWN_LABELS
    more = f"<p><small>{left} more labels are less unusual.</small></p>" if left > 0 else ""
    return f'<div style="min-width:0">{table(header, rows, marked=0 if suspected else None)}{more}</div>'


def _place(result: ScanResult, label: LabelScan) -> tuple[bool, float, float]:
    score = float("inf") if label.log_score is None else label.log_score
    return label.label != result.suspected_label, score, label.l1


def _named(label: LabelScan) -> str:
    name = one_line(label.name, limit=NAME_CHARACTERS)
    return str(label.label) if name in {str(label.label), ""} else f"{label.label} ({name})"


def _chance(p_value: float | None) -> str:
    if p_value is None:
        return "none"
    return "below 0.001" if p_value < 0.001 else f"{p_value:.3f}"  # noqa: PLR2004 - three decimals
