"""Figures of audited mechanisms and code: what each is shown to spend, and how far a record moves noise."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trivet.privacy.code.results import CodeAudit, NoiseCall
from trivet.privacy.mechanism.results import MechanismAudit
from trivet.report.figures.figure import FigureRow
from trivet.report.figures.labels import write_beside
from trivet.report.figures.style import (
    ATTACKED,
    COLUMN_WIDTH,
    CORRECTED,
    INK,
    PUBLISHED,
    drawn_text,
    guide,
    new_figure,
    styled,
)

__all__ = ["FIGURES"]

ROW_HEIGHT: Final = 0.24
NAME_POINTS: Final = 96
#: The axis over its largest value: the numbers beside the marks need room.
ROOM: Final = 1.2
#: Calls that are drawn; the table has all.
MOST: Final = 20


class _Row(NamedTuple):
    """A name and its value, whether that breaks the claim, and which epsilon is claimed."""

    name: str
    value: float
    breaks: bool
    claim: float = 0.0


@styled
def draw_mechanisms(audits: Sequence[MechanismAudit]) -> Figure:
    """Show the lower bound on epsilon by family of events, or by mechanism where there are several."""
    rows = _mechanism_rows(audits)
    figure, axes = _drawn(rows, ".2f", r"$\epsilon$ is at least")
    if len(audits) == 1:
        claimed = audits[0].epsilon
        guide(axes, claimed, f"claimed {claimed:g}", vertical=True, side="end")
    else:
        for place, row in enumerate(rows):
            axes.plot([row.claim] * 2, [place - 0.4, place + 0.4], color=INK, linewidth=0.8)
    return figure


@styled
def draw_code(audits: Sequence[CodeAudit]) -> Figure:
    """Show the change of what each noise was added to, over the scale of the noise."""
    return _drawn(_code_rows(audits), ".3g", "largest change, in scales of the noise")[0]


def _drawn(rows: Sequence[_Row], spec: str, label: str) -> tuple[Figure, Axes]:
    """Draw a line from zero to each value; a diamond stands for what breaks its claim."""
    figure = new_figure(width=COLUMN_WIDTH, height=0.62 + ROW_HEIGHT * len(rows))
    axes = figure.subplots()
    for place, row in enumerate(rows):
        color = ATTACKED if row.breaks else CORRECTED
        axes.plot([0, row.value], [place, place], color=PUBLISHED, linewidth=0.8, zorder=1)
        axes.plot(row.value, place, "D" if row.breaks else "o", color=color)
        write_beside(axes, format(row.value, spec), (row.value, place), gap=6, color=color, over=True)
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    reach = max(max(row.value, row.claim) for row in rows) or 1.0
    axes.set(xlim=(0, ROOM * reach), ylim=(len(rows) - 0.5, -0.5), xlabel=label)
    return figure, axes


def alt_mechanisms(audits: Sequence[MechanismAudit]) -> str:
    """Describe `draw_mechanisms` in words."""
    told = "; ".join(f"{row.name}: {row.value:.2f} of {row.claim:g}" for row in _mechanism_rows(audits))
    return f"Lower bounds on epsilon, each with the claim. {told}."


def alt_code(audits: Sequence[CodeAudit]) -> str:
    """Describe `draw_code` in words."""
    listed = "; ".join(f"{row.name}: {row.value:.3g}" for row in _code_rows(audits))
    return f"Largest change of what noise is added to, in scales of the noise. {listed}."


def _mechanism_rows(audits: Sequence[MechanismAudit]) -> list[_Row]:
    if len(audits) == 1:
        (audit,) = audits
        bounds = [
            (each.family.replace("_", " "), each.epsilon_lower, audit.epsilon) for each in audit.findings
        ]
    else:
        names = [drawn_text(audit.name.rpartition(":")[2], width=NAME_POINTS) for audit in audits]
        bounds = [
            (name or f"mechanism {number}", audit.epsilon_lower, audit.epsilon)
            for number, (name, audit) in enumerate(zip(names, audits, strict=True), start=1)
        ]
    return [_Row(name, bound, bound > claim, claim) for name, bound, claim in bounds]


def _code_rows(audits: Sequence[CodeAudit]) -> list[_Row]:
    found = [
        _Row(
            drawn_text(call.site.partition(",")[0], width=NAME_POINTS) or call.family,
            call.spent,
            _accused(audit, call),
        )
        for audit in audits
        for call in audit.calls
        if call.spent is not None
    ]
    return found[:MOST]


def _accused(audit: CodeAudit, call: NoiseCall) -> bool:
    return any(finding.violates and finding.site == call.site for finding in audit.findings)


FIGURES: Final = (
    FigureRow(
        "privacy_mechanisms",
        "privacy.mechanisms",
        draw_mechanisms,
        alt_mechanisms,
        ("*.name", "*.epsilon", "*.epsilon_lower", "*.findings.*.family", "*.findings.*.epsilon_lower"),
        present=bool,
    ),
    FigureRow(
        "privacy_code",
        "privacy.code",
        draw_code,
        alt_code,
        ("*.name", "*.epsilon", "*.calls.*.site", "*.calls.*.scale", "*.calls.*.seen", "*.calls.*.spent"),
        present=lambda audits: bool(_code_rows(audits)),
    ),
)
