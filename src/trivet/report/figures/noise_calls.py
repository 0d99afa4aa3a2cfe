"""Figure of audited code: how far one record moved what each noise was added to, in scales of the noise."""

from collections.abc import Sequence
from typing import Final

from matplotlib.figure import Figure

from trivet.privacy.code.results import CodeAudit, NoiseCall
from trivet.report.figures.figure import FigureRow
from trivet.report.figures.labels import write_beside
from trivet.report.figures.style import (
    ATTACKED,
    COLUMN_WIDTH,
    CORRECTED,
    PUBLISHED,
    drawn_text,
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


@styled
def draw_code(audits: Sequence[CodeAudit]) -> Figure:
    """Show the change of what each noise was added to, over the scale of the noise."""
    rows = _rows(audits)
    figure = new_figure(width=COLUMN_WIDTH, height=0.62 + ROW_HEIGHT * len(rows))
    axes = figure.subplots()
    for place, (_, spent, accused) in enumerate(rows):
        color = ATTACKED if accused else CORRECTED
        axes.plot([0, spent], [place, place], color=PUBLISHED, linewidth=0.8, zorder=1)
        axes.plot(spent, place, "D" if accused else "o", color=color)
        write_beside(axes, f"{spent:.3g}", (spent, place), gap=6, color=color, over=True)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    reach = max(spent for _, spent, _ in rows) or 1.0
    axes.set(
        xlim=(0, ROOM * reach), ylim=(len(rows) - 0.5, -0.5), xlabel="largest change, in scales of the noise"
    )
    return figure


def alt_code(audits: Sequence[CodeAudit]) -> str:
    """Describe `draw_code` in words."""
    listed = "; ".join(f"{name}: {spent:.3g}" for name, spent, _ in _rows(audits))
    return f"Largest change of what noise is added to, in scales of the noise. {listed}."


def _rows(audits: Sequence[CodeAudit]) -> list[tuple[str, float, bool]]:
    found = [
        (
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


def _is_drawn(audits: Sequence[CodeAudit]) -> bool:
    return bool(_rows(audits))


FIGURES: Final = (
    FigureRow(
        "privacy_code",
        "privacy.code",
        draw_code,
        alt_code,
        ("*.name", "*.epsilon", "*.calls.*.site", "*.calls.*.scale", "*.calls.*.seen", "*.calls.*.spent"),
        present=_is_drawn,
    ),
)
