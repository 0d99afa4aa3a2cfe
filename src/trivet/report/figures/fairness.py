"""Figures of the fairness leg, model by model: the comparison and the rates of the two groups."""

from collections.abc import Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trivet.fairness.results import FairnessStudy, Interval
from trivet.report.figures.models import rows_of
from trivet.report.figures.style import (
    COLUMN_WIDTH,
    INK,
    PAGE_WIDTH,
    PRIVILEGED,
    PROTECTED,
    SMALL,
    guide,
    new_figure,
    signed,
    styled,
)

__all__ = ["alt_comparison", "alt_group_rates", "comparison", "group_rates"]

_ROW_HEIGHT: Final = 0.24


@styled
def comparison(study: FairnessStudy) -> Figure:
    """Show every model's accuracy, disparate impact, parity difference and proxy (figure 10)."""
    rows = rows_of(study)
    figure = new_figure(width=PAGE_WIDTH, height=0.7 + _ROW_HEIGHT * len(rows))
    panels = figure.subplots(1, 4, sharey=True)
    _name_rows(panels[0], [(row.name, row.text_color) for row in rows])
    models = [row.model for row in rows]
    measures = (
        ("accuracy", [(model.accuracy, None) for model in models]),
        ("disparate impact", [(model.disparate_impact, model.disparate_impact_interval) for model in models]),
        (
            "parity difference",
            [(model.demographic_parity_difference, model.demographic_parity_interval) for model in models],
        ),
        ("cluster proxy", [(model.zemel_proxy, None) for model in models]),
    )
    for axes, (name, values) in zip(panels, measures, strict=True):
        _measure(axes, values, [row.color for row in rows])
        axes.set_xlabel(name)
    low = study.settings.four_fifths
    for edge in (low, 1 / low):
        guide(panels[1], edge, f"{edge:g}", vertical=True, side="end")
    guide(panels[2], 0.0, "parity", vertical=True, side="end")
    return figure


def alt_comparison(study: FairnessStudy) -> str:
    """Describe `comparison` in words."""
    rows = rows_of(study)
    told = "; ".join(
        f"{row.name}: {row.model.accuracy:.4f} and {row.model.disparate_impact:.4f}" for row in rows
    )
    return f"{len(rows)} models compared. Accuracy and disparate impact are, for {told}."


@styled
def group_rates(study: FairnessStudy) -> Figure:
    """Show how often each model is positive in each group (figure 11)."""
    rows = [(row.name, row.model.rates, row.color, row.text_color) for row in rows_of(study)]
    rows.append(("training labels", study.corrected.base_rates, INK, INK))
    figure = new_figure(width=COLUMN_WIDTH, height=0.75 + _ROW_HEIGHT * len(rows))
    axes = figure.subplots()
    _name_rows(axes, [(name, color) for name, _, _, color in rows])
    for place, (_, rates, color, _) in enumerate(rows):
        axes.plot([rates.protected, rates.privileged], [place, place], color=color, linewidth=1.0, zorder=1)
        axes.plot(rates.protected, place, "o", color=PROTECTED, markersize=5.5)
        axes.plot(rates.privileged, place, "s", color=PRIVILEGED, markersize=5.0)
    axes.set(xlim=(0, None), xlabel="share positive")
    first = rows[0][1]
    groups = ((study.protected_group, first.protected), (study.privileged_group, first.privileged))
    for group, rate in groups:
        axes.annotate(
            group, (rate, 0), xytext=(0, 5.5), textcoords="offset points", ha="center", fontsize=SMALL
        )
    return figure


def alt_group_rates(study: FairnessStudy) -> str:
    """Describe `group_rates` in words."""
    told = "; ".join(
        f"{row.name}: {row.model.rates.protected:.4f} and {row.model.rates.privileged:.4f}"
        for row in rows_of(study)
    )
    return f"Share predicted positive among {study.protected_group} and {study.privileged_group}, for {told}."


def _name_rows(axes: Axes, names: Sequence[tuple[str, str]]) -> None:
    """Make the vertical axis a list of names, each in its colour, the first at the top."""
    axes.set(yticks=range(len(names)), ylim=(len(names) - 0.5, -0.9))
    axes.set_yticklabels([name for name, _ in names])
    axes.tick_params(axis="y", length=0)
    for text, (_, color) in zip(axes.get_yticklabels(), names, strict=True):
        text.set_color(color)


def _measure(axes: Axes, values: Sequence[tuple[float, Interval | None]], colors: Sequence[str]) -> None:
    """Draw one dot a row, its interval where there is one, and its number in a column on the right."""
    for place, ((value, interval), color) in enumerate(zip(values, colors, strict=True)):
        axes.plot(_ends(value, interval), [place, place], color=color, linewidth=1.0)
        axes.plot(value, place, "o", color=color)
        axes.annotate(
            signed(value, digits=4),
            (1.0, place),
            xycoords=axes.get_yaxis_transform(),
            xytext=(26, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=SMALL,
            annotation_clip=False,
        )
    axes.margins(x=0.12)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _ends(value: float, interval: Interval | None) -> tuple[float, float]:
    return (value, value) if interval is None else (interval.low, interval.high)
