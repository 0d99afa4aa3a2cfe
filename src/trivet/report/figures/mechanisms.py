"""Figure of audited mechanisms: what each is shown to spend at least, against what it claims."""

from collections.abc import Sequence
from typing import Final

from matplotlib.figure import Figure

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


@styled
def draw_mechanisms(audits: Sequence[MechanismAudit]) -> Figure:
    """Show the lower bound on epsilon by family of events, or by mechanism where there are several."""
    rows = _rows(audits)
    figure = new_figure(width=COLUMN_WIDTH, height=0.62 + ROW_HEIGHT * len(rows))
    axes = figure.subplots()
    for place, (_, audit, bound) in enumerate(rows):
        color = ATTACKED if bound > audit.epsilon else CORRECTED
        axes.plot([0, bound], [place, place], color=PUBLISHED, linewidth=0.8, zorder=1)
        axes.plot(bound, place, "D" if bound > audit.epsilon else "o", color=color)
        write_beside(axes, f"{bound:.2f}", (bound, place), gap=6, color=color, over=True)
        if len(audits) > 1:
            axes.plot([audit.epsilon] * 2, [place - 0.4, place + 0.4], color=INK, linewidth=0.8)
    claimed = max(audit.epsilon for audit in audits)
    if len(audits) == 1:
        guide(axes, claimed, f"claimed {claimed:g}", vertical=True, side="end")
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    reach = max(claimed, *(bound for _, _, bound in rows))
    axes.set(xlim=(0, ROOM * reach), ylim=(len(rows) - 0.5, -0.5), xlabel=r"$\epsilon$ is at least")
    return figure


def alt_mechanisms(audits: Sequence[MechanismAudit]) -> str:
    """Describe `draw_mechanisms` in words."""
    told = "; ".join(f"{name}: {bound:.2f} of {audit.epsilon:g}" for name, audit, bound in _rows(audits))
    return f"Lower bounds on epsilon, each with the claim. {told}."


def _rows(audits: Sequence[MechanismAudit]) -> list[tuple[str, MechanismAudit, float]]:
    if len(audits) == 1:
        (audit,) = audits
        return [
            (finding.family.replace("_", " "), audit, finding.epsilon_lower) for finding in audit.findings
        ]
    return [
        (
            drawn_text(audit.name.rpartition(":")[2], width=NAME_POINTS) or f"mechanism {number}",
            audit,
            audit.epsilon_lower,
        )
        for number, audit in enumerate(audits, start=1)
    ]


FIGURES: Final = (
    FigureRow(
        "privacy_mechanisms",
        "privacy.mechanisms",
        draw_mechanisms,
        alt_mechanisms,
        ("*.name", "*.epsilon", "*.epsilon_lower", "*.findings.*.family", "*.findings.*.epsilon_lower"),
        present=bool,
    ),
)
