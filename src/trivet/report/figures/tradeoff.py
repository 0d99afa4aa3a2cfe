"""Figures of what fairness costs: accuracy against the gap, and both as more labels are swapped."""

from typing import Final

from matplotlib.figure import Figure

from trivet.fairness.results import FairnessStudy, ModelFairness, SwapSweep
from trivet.report.figures.labels import place_near
from trivet.report.figures.models import rows_of
from trivet.report.figures.style import (
    COLUMN_WIDTH,
    CORRECTED,
    INK,
    PUBLISHED,
    PUBLISHED_TEXT,
    guide,
    new_figure,
    styled,
)

__all__ = ["alt_swapk_sweep", "alt_tradeoff", "swapk_sweep", "tradeoff"]

_GAP: Final = "gap |1 \N{MINUS SIGN} DI|"


@styled
def tradeoff(study: FairnessStudy) -> Figure:
    """Show accuracy against the gap |1 - DI|, with the interval of the gap (figure 12)."""
    rows = rows_of(study)
    figure = new_figure(width=COLUMN_WIDTH, height=2.7)
    axes = figure.subplots()
    for row in rows:
        axes.plot(_gap_bounds(row.model), [row.model.accuracy] * 2, color=row.color, linewidth=1.0)
        axes.plot(row.model.gap, row.model.accuracy, "D" if row.corrected else "o", color=row.color)
    guide(axes, 1 - study.settings.four_fifths, "four-fifths", vertical=True, side="end")
    axes.set(xlim=(-0.05, 1.02), xlabel=f"{_GAP} (0 is parity)", ylabel="accuracy")
    axes.margins(y=0.12)
    place_near(
        axes,
        [(row.model.gap, row.model.accuracy) for row in rows],
        [row.name for row in rows],
        colors=[row.text_color for row in rows],
    )
    return figure


def alt_tradeoff(study: FairnessStudy) -> str:
    """Describe `tradeoff` in words."""
    rows = rows_of(study)
    fairest = min(rows, key=lambda row: row.model.gap)
    best = max(rows, key=lambda row: row.model.accuracy)
    return (
        f"Accuracy against the gap of {len(rows)} models. The smallest gap is that of {fairest.name}: "
        f"{fairest.model.gap:.4f} at accuracy {fairest.model.accuracy:.4f}; the highest accuracy that of "
        f"{best.name}: {best.model.accuracy:.4f} at gap {best.model.gap:.4f}."
    )


@styled
def swapk_sweep(study: FairnessStudy) -> Figure:
    """Show accuracy and gap as more labels are swapped, in both directions (figure 13)."""
    published, corrected = study.published.swap_sweep, study.corrected.massaging_sweep
    figure = new_figure(width=COLUMN_WIDTH, height=3.3)
    top, bottom = figure.subplots(2, 1, sharex=True)
    sweeps = ((published, PUBLISHED, PUBLISHED_TEXT, "o-"), (corrected, CORRECTED, CORRECTED, "D-"))
    for sweep, color, _, style in sweeps:
        top.plot(sweep.k, sweep.accuracy, style, color=color, markersize=3)
        bottom.plot(sweep.k, sweep.gap, style, color=color, markersize=3)
        for axes, best in ((top, sweep.best_accuracy), (bottom, sweep.best_gap)):
            axes.plot(
                sweep.best_k, best, "o", markersize=8, markerfacecolor="none", color=INK, markeredgewidth=0.8
            )
    floor = published.accuracy[0] - published.tolerance
    guide(top, floor, f"baseline \N{MINUS SIGN} {published.tolerance:g}", side="below")
    guide(
        top,
        study.corrected.massaging_swaps,
        f"$M$ = {study.corrected.massaging_swaps}",
        vertical=True,
        side="end",
    )
    guide(bottom, study.corrected.massaging_swaps, "", vertical=True)
    top.set_ylabel("accuracy")
    top.margins(y=0.12)
    bottom.set(ylabel=_GAP, xlabel="labels swapped in each cohort, $k$", ylim=(0, None))
    place_near(
        top,
        [(sweep.k[-1], sweep.accuracy[-1]) for sweep, *_ in sweeps],
        ["published direction", "massaging"],
        colors=[color for _, _, color, _ in sweeps],
    )
    place_near(
        bottom,
        [(sweep.best_k, sweep.best_gap) for sweep, *_ in sweeps],
        [f"best $k$ = {sweep.best_k}" for sweep, *_ in sweeps],
        colors=[color for _, _, color, _ in sweeps],
    )
    figure.align_ylabels([top, bottom])
    return figure


def alt_swapk_sweep(study: FairnessStudy) -> str:
    """Describe `swapk_sweep` in words."""

    def told(sweep: SwapSweep) -> str:
        best = f"accuracy {sweep.best_accuracy:.4f} and gap {sweep.best_gap:.4f}"
        return f"the best k is {sweep.best_k}, with {best}"

    return (
        "Accuracy and gap as more labels are swapped. In the published direction "
        f"{told(study.published.swap_sweep)}; with massaging {told(study.corrected.massaging_sweep)}."
    )


def _gap_bounds(model: ModelFairness) -> tuple[float, float]:
    """Turn the interval of disparate impact into one of |1 - DI|."""
    interval = model.disparate_impact_interval
    distances = sorted((abs(1 - interval.low), abs(1 - interval.high)))
    return (0.0 if interval.low <= 1 <= interval.high else distances[0], distances[1])
