"""Figure of audited predictions: how often each group is selected, rightly and wrongly."""

from typing import Final

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from trivet.fairness.auditing.results import FairnessAudit
from trivet.report.figures.group_rows import (
    ROW_HEIGHT,
    group_rows,
    left_out_text,
    name_rows,
    write_at_edge,
)
from trivet.report.figures.style import (
    COLUMN_WIDTH,
    PRIVILEGED,
    PROTECTED,
    PUBLISHED_TEXT,
    SMALL,
    new_figure,
    styled,
)

__all__ = ["alt_outcome_rates", "draw_outcome_rates"]

_RATES: Final = (
    ("selection_rate", "selection\nrate"),
    ("true_positive_rate", "true positive\nrate"),
    ("false_positive_rate", "false positive\nrate"),
)


@styled
def draw_outcome_rates(audit: FairnessAudit) -> Figure:
    """Show selection, true positive and false positive rates by group, with intervals."""
    rows = group_rows(audit, reference=True)
    figure = new_figure(width=COLUMN_WIDTH, height=0.72 + ROW_HEIGHT * len(rows))
    panels = figure.subplots(1, len(_RATES), sharey=True)
    for axes, (field, name) in zip(panels, _RATES, strict=True):
        reach = 0.0
        for place, row in enumerate(rows):
            if row.group is None:
                continue
            rate = getattr(row.group, field)
            if rate.estimate is None:
                write_at_edge(axes, "undefined", place, right=False, color=PUBLISHED_TEXT)
                continue
            reference = row.group.group == row.attribute.reference
            color, shape = (PRIVILEGED, "s") if reference else (PROTECTED, "o")
            if rate.low is not None and rate.high is not None:
                axes.plot([rate.low, rate.high], [place, place], color=color, linewidth=1.2)
                reach = max(reach, rate.high)
            axes.plot(rate.estimate, place, shape, color=color, clip_on=False)
            reach = max(reach, rate.estimate)
        axes.set(xlim=(0, 1.05 * reach if reach else 1.0), xlabel=name)
        axes.xaxis.set_major_locator(MaxNLocator(2, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.grid(axis="x", color="#EEEEEE", linewidth=0.5)
        axes.set_axisbelow(True)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
    if left_out := left_out_text(audit):
        figure.supxlabel(left_out.strip(), fontsize=SMALL)
    name_rows(panels[0], [row.text for row in rows], [row.group is None for row in rows])
    return figure


def alt_outcome_rates(audit: FairnessAudit) -> str:
    """Describe `draw_outcome_rates` in words."""
    told: list[str] = []
    for row in group_rows(audit, reference=True):
        if row.group is not None:
            rates = [getattr(row.group, field).estimate for field, _ in _RATES]
            shown = ", ".join("undefined" if rate is None else f"{rate:.4f}" for rate in rates)
            told.append(f"{row.attribute.name} {row.group.group}: {shown}")
    return (
        f"Selection, true positive and false positive rate of each group, with intervals. {'; '.join(told)}."
    )
