"""Closing summary of an audit: verdicts, corrections, findings, files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from trivet.audited import has_study
from trivet.cli.gate import print_findings
from trivet.cli.terminal import results_console
from trivet.findings import Finding
from trivet.places import find

__all__ = ["Correction", "corrections", "print_summary", "shortened"]

TONES = {"good": "green", "unsure": "yellow", "bad": "red", "note": "cyan"}
#: Passes and notes are in the files, and on the page.
SHOWN_LEVELS = ("warning", "breach")
#: What is opened first, in this order.
SHOWN_FILES = ("report.html", "report.pdf", "report.tex", "metrics.json", "findings.md", "manifest.json")


@dataclass(frozen=True)
class Correction:
    """One published figure beside the sound one."""

    leg: str
    question: str
    published: str
    corrected: str
    why: str


#: What takes as many steps and images as the published study.
FULL_PROFILE = "high-fidelity"
#: Question, place and format of the published figure, of the corrected one, and why they differ.
_QUESTIONS = (
    (
        "clean accuracy as received",
        ("security.published.clean_accuracy.before", ".4f"),
        ("security.scan.contract.best.clean_accuracy", ".4f"),
        "input contract: fed as the network expects",
    ),
    (
        "attacked label",
        ("security.published.detected_label", "label {}"),
        ("security.scan.verdict", "{}"),
        "two methods, a joint p-value; may say none",
    ),
    (
        "ASR after repair",
        ("security.published.asr.after", ".4f"),
        ("security.repair.attempts.0.asr.after", ".4f"),
        "unseen images, target class left out",
    ),
    (
        "Laplace scale of all queries",
        ("privacy.published.counting.sequential.scale", ".1f"),
        ("privacy.published.correction.laplace.scale", ".1f"),
        "tight accounting at the delta allowed",
    ),
    (
        "disparate impact, labels swapped",
        ("fairness.published.promotion_demotion.disparate_impact", ".4f"),
        ("fairness.corrected.massaging.disparate_impact", ".4f"),
        "the protected group is promoted",
    ),
)


def corrections(record: Mapping[str, Any]) -> tuple[Correction, ...]:
    """Return the published and the corrected answer to each question of the studies in the record."""
    return tuple(
        Correction(
            published[0].partition(".")[0],
            question,
            _show(record, *published),
            _show(record, *corrected),
            why,
        )
        for question, published, corrected, why in _QUESTIONS
        if has_study(record, published[0].partition(".")[0])
    )


def print_summary(
    record: Mapping[str, Any], findings: Sequence[Finding], folder: Path, seconds: float
) -> None:
    """Print verdicts, corrections, findings and files to standard output."""
    from trivet.report import ICONS, verdicts  # noqa: PLC0415 - the report is heavy

    console = results_console()
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for heading in ("leg", "question", "published", "corrected", "why they differ"):
        table.add_column(heading, justify="right" if heading in {"published", "corrected"} else "left")
    for row in corrections(record):
        table.add_row(row.leg, row.question, row.published, row.corrected, row.why)
    if table.row_count:
        console.print(table)
        if note := shortened(record):
            console.print(escape(note))
        console.print()
    for verdict in verdicts(record):
        tone = TONES[verdict.tone]
        word = f"[bold {tone}]{escape(verdict.word)}[/]"
        console.print(f"{ICONS[verdict.tone]} {verdict.leg}: {word}: {escape(verdict.text)}")
    console.print()
    shown = [each for each in findings if each.level in SHOWN_LEVELS]
    if effects := record["effects"]:
        console.print(escape(effects["statement"]))
    print_findings(console, shown, of=findings)
    console.print()
    for name in SHOWN_FILES:
        path = (folder / name).resolve()
        console.print(f"[link={path.as_uri()}]{escape(str(folder / name))}[/link]")
    console.print(f"Done in {seconds:.0f} s.")


def shortened(record: Mapping[str, Any]) -> str:
    """Return what to say of a published search that took fewer steps or images than the published one."""
    if not has_study(record, "security"):
        return ""
    profile = find(record, "security.published.settings.profile")
    if profile == FULL_PROFILE:
        return ""
    return (
        f"The profile {profile} shortens the published search for triggers; its figures are the published "
        f"ones only with --profile {FULL_PROFILE}."
    )


def _show(record: Mapping[str, Any], path: str, form: str) -> str:
    value = find(record, path)
    if value is None:
        return "not measured"
    return form.format(value) if "{}" in form else format(value, form)
