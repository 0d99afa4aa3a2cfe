"""Figures of the fairness leg, model by model: the comparison and the rates of the two groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trivet.fairness.results import FairnessStudy, Interval, ModelFairness, SwapSweep
from trivet.report.figures.labels import place_near
from trivet.report.figures.style import (
    COLUMN_WIDTH,
    CORRECTED,
    INK,
    PAGE_WIDTH,
    PRIVILEGED,
    PROTECTED,
    PUBLISHED,
    PUBLISHED_TEXT,
    SMALL,
    guide,
    new_figure,
    signed,
    styled,
)

__all__ = [
    "alt_comparison",
    "alt_group_rates",
    "alt_swapk_sweep",
    "alt_tradeoff",
    "comparison",
    "group_rates",
    "swapk_sweep",
    "tradeoff",
]


@dataclass(frozen=True)
class ModelRow:
    """One model of the comparison, published or corrected."""

    name: str
    model: ModelFairness
    corrected: bool

    @property
    def color(self) -> str:
        """Of its marks."""
        return CORRECTED if self.corrected else PUBLISHED

    @property
    def text_color(self) -> str:
        """Of its name."""
        return CORRECTED if self.corrected else PUBLISHED_TEXT


def rows_of(study: FairnessStudy) -> tuple[ModelRow, ...]:
    """List the published models in the order of Table I, then the corrected ones."""
    published, corrected = study.published, study.corrected
    return (
        ModelRow("baseline", published.baseline, corrected=False),
        ModelRow("promotion/demotion", published.promotion_demotion, corrected=False),
        ModelRow(f"no {study.sensitive_feature}", published.no_gender, corrected=False),
        ModelRow("reweighed", published.reweighed, corrected=False),
        ModelRow("group thresholds", published.group_thresholds, corrected=False),
        ModelRow("massaging", corrected.massaging, corrected=True),
        ModelRow("thresholds, validated", corrected.group_thresholds, corrected=True),
    )


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
