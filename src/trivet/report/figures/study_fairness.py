"""Figures of the fairness leg, model by model: the comparison and the rates of the two groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trivet.estimate import Estimate
from trivet.fairness.auditing.results import ModelOutcome
from trivet.record import FairnessLeg
from trivet.report.figures.figure import FigureRow
from trivet.report.figures.groups import write_at_edge
from trivet.report.figures.labels import UNDEFINED, label_without, place_near, write_undefined
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
from trivet.study.fairness_results import PublishedFairness, PublishedModel, SwapSweep

__all__ = ["FIGURES"]


@dataclass(frozen=True)
class ModelRow:
    """One model, published or of the sound comparison; `rates` of the protected group, then the other."""

    name: str
    corrected: bool
    accuracy: float | None
    impact: Estimate
    difference: Estimate
    proxy: float | None
    rates: tuple[float | None, float | None]

    @property
    def color(self) -> str:
        """Of its marks."""
        return CORRECTED if self.corrected else PUBLISHED

    @property
    def text_color(self) -> str:
        """Of its name."""
        return CORRECTED if self.corrected else PUBLISHED_TEXT

    @property
    def gap(self) -> float | None:
        """|1 - disparate impact|."""
        return None if self.impact.value is None else abs(1 - self.impact.value)


def rows_of(leg: FairnessLeg) -> tuple[ModelRow, ...]:
    """List the published models in the order of Table I, then those of the sound comparison."""
    study, comparison = leg.published, leg.comparison
    assert study is not None
    assert comparison is not None
    names = {
        "baseline": study.baseline,
        "promotion/demotion": study.promotion_demotion,
        f"no {study.sensitive_feature}": study.no_gender,
        "reweighed": study.reweighed,
        "group thresholds": study.group_thresholds,
    }
    models = {model.name: model for model in comparison.models}
    return (
        *(_published(name, model) for name, model in names.items()),
        _sound("massaging", models["massaging"], study),
        _sound("thresholds, validated", models["group-thresholds"], study),
    )


def _published(name: str, model: PublishedModel) -> ModelRow:
    return ModelRow(
        name,
        corrected=False,
        accuracy=model.accuracy,
        impact=model.disparate_impact,
        difference=model.demographic_parity_difference,
        proxy=model.zemel_proxy,
        rates=(model.rates.protected, model.rates.privileged),
    )


def _sound(name: str, model: ModelOutcome, study: PublishedFairness) -> ModelRow:
    groups = {group.group: group for group in model.groups}
    protected, privileged = groups[study.protected_group], groups[study.privileged_group]
    assert protected.disparate_impact is not None
    assert protected.difference is not None
    assert model.accuracy is not None
    return ModelRow(
        name,
        corrected=True,
        accuracy=model.accuracy.value,
        impact=protected.disparate_impact,
        difference=protected.difference,
        proxy=None,
        rates=(protected.selection_rate.value, privileged.selection_rate.value),
    )


_ROW_HEIGHT: Final = 0.24


@styled
def comparison(leg: FairnessLeg) -> Figure:
    """Show every model's accuracy, disparate impact, parity difference and proxy (figure 10)."""
    rows = rows_of(leg)
    figure = new_figure(width=PAGE_WIDTH, height=0.7 + _ROW_HEIGHT * len(rows))
    panels = figure.subplots(1, 4, sharey=True)
    _name_rows(panels[0], [(row.name, row.text_color) for row in rows])
    measures = (
        ("accuracy", [(row.accuracy, None) for row in rows]),
        ("disparate impact", [(row.impact.value, row.impact) for row in rows]),
        ("parity difference", [(row.difference.value, row.difference) for row in rows]),
        ("cluster proxy", [None if row.corrected else (row.proxy, None) for row in rows]),
    )
    for axes, (name, values) in zip(panels, measures, strict=True):
        _measure(axes, values, [row.color for row in rows])
        axes.set_xlabel(name)
    low = _band(leg)
    for edge in (low, 1 / low):
        guide(panels[1], edge, f"{edge:g}", vertical=True, side="end")
    guide(panels[2], 0.0, "parity", vertical=True, side="end")
    return figure


def alt_comparison(leg: FairnessLeg) -> str:
    """Describe `comparison` in words."""
    rows = rows_of(leg)
    told = "; ".join(f"{row.name}: {_said(row.accuracy)} and {_said(row.impact.value)}" for row in rows)
    return f"{len(rows)} models compared. Accuracy and disparate impact are, for {told}."


@styled
def group_rates(leg: FairnessLeg) -> Figure:
    """Show how often each model is positive in each group (figure 11)."""
    study = leg.published
    assert study is not None
    labels = study.correction.base_rates
    rows = [(row.name, row.rates, row.color, row.text_color) for row in rows_of(leg)]
    rows.append(("training labels", (labels.protected, labels.privileged), INK, INK))
    figure = new_figure(width=COLUMN_WIDTH, height=0.75 + _ROW_HEIGHT * len(rows))
    axes = figure.subplots()
    _name_rows(axes, [(name, color) for name, _, _, color in rows])
    for place, (_, rates, color, _) in enumerate(rows):
        known = [rate for rate in rates if rate is not None]
        axes.plot(known, [place] * len(known), color=color, linewidth=1.0, zorder=1)
        for rate, shape, of_group, size in zip(rates, "os", (PROTECTED, PRIVILEGED), (5.5, 5.0), strict=True):
            if rate is not None:
                axes.plot(rate, place, shape, color=of_group, markersize=size)
        if len(known) < len(rates):
            write_undefined(axes, place)
    axes.set(xlim=(0, None), xlabel="share positive")
    first = rows[0][1]
    for group, rate in zip((study.protected_group, study.privileged_group), first, strict=True):
        if rate is not None:
            axes.annotate(
                group, (rate, 0), xytext=(0, 5.5), textcoords="offset points", ha="center", fontsize=SMALL
            )
    return figure


def alt_group_rates(leg: FairnessLeg) -> str:
    """Describe `group_rates` in words."""
    told = "; ".join(f"{row.name}: {' and '.join(map(_said, row.rates))}" for row in rows_of(leg))
    study = leg.published
    assert study is not None
    return f"Share predicted positive among {study.protected_group} and {study.privileged_group}, for {told}."


def _name_rows(axes: Axes, names: Sequence[tuple[str, str]]) -> None:
    """Make the vertical axis a list of names, each in its colour, the first at the top."""
    axes.set(yticks=range(len(names)), ylim=(len(names) - 0.5, -0.9))
    axes.set_yticklabels([name for name, _ in names])
    axes.tick_params(axis="y", length=0)
    for text, (_, color) in zip(axes.get_yticklabels(), names, strict=True):
        text.set_color(color)


def _band(leg: FairnessLeg) -> float:
    assert leg.published is not None
    return leg.published.settings.four_fifths


def _said(value: float | None) -> str:
    return UNDEFINED if value is None else f"{value:.4f}"


def _measure(
    axes: Axes, values: Sequence[tuple[float | None, Estimate | None] | None], colors: Sequence[str]
) -> None:
    """Draw one dot a row, its interval where there is one, and its number in a column on the right."""
    for place, (measured, color) in enumerate(zip(values, colors, strict=True)):
        if measured is None:
            continue
        value, interval = measured
        if value is None:
            write_undefined(axes, place)
            continue
        axes.plot(_ends(value, interval), [place, place], color=color, linewidth=1.0)
        axes.plot(value, place, "o", color=color)
        write_at_edge(axes, signed(value, digits=4), place, right=True)
    axes.margins(x=0.12)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _ends(value: float, interval: Estimate | None) -> tuple[float, float]:
    if interval is None or interval.low is None or interval.high is None:
        return value, value
    return interval.low, interval.high


_GAP: Final = "gap |1 \N{MINUS SIGN} DI|"


@styled
def tradeoff(leg: FairnessLeg) -> Figure:
    """Show accuracy against the gap |1 - DI|, with the interval of the gap (figure 12)."""
    rows = rows_of(leg)
    figure = new_figure(width=COLUMN_WIDTH, height=2.7)
    axes = figure.subplots()
    drawn = _measured(rows)
    for row, gap, accuracy in drawn:
        axes.plot(_gap_bounds(row.impact, gap), [accuracy] * 2, color=row.color, linewidth=1.0)
        axes.plot(gap, accuracy, "D" if row.corrected else "o", color=row.color)
    guide(axes, 1 - _band(leg), "four-fifths", vertical=True, side="end")
    left_out = [row.name for row in rows if row not in {each for each, _, _ in drawn}]
    axes.set(xlim=(-0.05, 1.02), ylabel="accuracy")
    axes.set_xlabel(label_without(f"{_GAP} (0 is parity)", left_out))
    axes.margins(y=0.12)
    place_near(
        axes,
        [(gap, accuracy) for _, gap, accuracy in drawn],
        [row.name for row, _, _ in drawn],
        colors=[row.text_color for row, _, _ in drawn],
    )
    return figure


def alt_tradeoff(leg: FairnessLeg) -> str:
    """Describe `tradeoff` in words."""
    rows = rows_of(leg)
    told = "; ".join(f"{row.name}: {_said(row.gap)} at {_said(row.accuracy)}" for row in rows)
    return f"Accuracy against the gap of {len(rows)} models. Gap and accuracy are, for {told}."


def _measured(rows: Sequence[ModelRow]) -> list[tuple[ModelRow, float, float]]:
    """List the models that have both a gap and an accuracy, with these."""
    return [(row, row.gap, row.accuracy) for row in rows if row.gap is not None and row.accuracy is not None]


@styled
def swapk_sweep(leg: FairnessLeg) -> Figure:
    """Show accuracy and gap as more labels are swapped, in both directions (figure 13)."""
    published, corrected, swaps = _sweeps(leg)
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
        swaps,
        f"$M$ = {swaps}",
        vertical=True,
        side="end",
    )
    guide(bottom, swaps, "", vertical=True)
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


def alt_swapk_sweep(leg: FairnessLeg) -> str:
    """Describe `swapk_sweep` in words."""
    published, corrected, _ = _sweeps(leg)

    def told(sweep: SwapSweep) -> str:
        best = f"accuracy {sweep.best_accuracy:.4f} and gap {sweep.best_gap:.4f}"
        return f"the best k is {sweep.best_k}, with {best}"

    return (
        "Accuracy and gap as more labels are swapped. In the published direction "
        f"{told(published)}; with massaging {told(corrected)}."
    )


def _sweeps(leg: FairnessLeg) -> tuple[SwapSweep, SwapSweep, int]:
    """Return the sweeps in both directions, and the size that parity of the labels needs."""
    assert leg.published is not None
    correction = leg.published.correction
    return leg.published.swap_sweep, correction.massaging_sweep, correction.massaging_swaps


def _gap_bounds(impact: Estimate, gap: float) -> tuple[float, float]:
    """Turn the interval of disparate impact into one of |1 - DI|."""
    if impact.low is None or impact.high is None:
        return gap, gap
    low, high = impact.low, impact.high
    distances = sorted((abs(1 - low), abs(1 - high)))
    return (0.0 if low <= 1 <= high else distances[0], distances[1])


def _of_published(*measures: str) -> tuple[str, ...]:
    models = ("baseline", "promotion_demotion", "no_gender", "reweighed", "group_thresholds")
    return tuple(f"published.{model}.{measure}" for model in models for measure in measures)


def _of_sound(*measures: str) -> tuple[str, ...]:
    models = ("massaging", "group-thresholds")
    return tuple(f"comparison.models[name={model}].{measure}" for model in models for measure in measures)


def _is_study(leg: FairnessLeg) -> bool:
    return leg.published is not None


FIGURES: Final = (
    FigureRow(
        "fairness_comparison",
        "fairness",
        comparison,
        alt_comparison,
        (
            *_of_published(
                "accuracy",
                "disparate_impact",
                "demographic_parity_difference",
                "zemel_proxy",
            ),
            *_of_sound("accuracy", "disparate_impact", "groups.*.difference"),
            "published.settings.four_fifths",
        ),
        wide=lambda _: True,
        present=_is_study,
    ),
    FigureRow(
        "fairness_group_rates",
        "fairness",
        group_rates,
        alt_group_rates,
        (
            *_of_published("rates"),
            *_of_sound("groups.*.selection_rate"),
            "published.correction.base_rates",
        ),
        present=_is_study,
    ),
    FigureRow(
        "fairness_tradeoff",
        "fairness",
        tradeoff,
        alt_tradeoff,
        (
            *_of_published("accuracy", "gap", "disparate_impact"),
            *_of_sound("accuracy", "disparate_impact"),
            "published.settings.four_fifths",
        ),
        present=_is_study,
    ),
    FigureRow(
        "fairness_swapk_sweep",
        "fairness",
        swapk_sweep,
        alt_swapk_sweep,
        (
            "published.swap_sweep",
            "published.correction.massaging_sweep",
            "published.correction.massaging_swaps",
        ),
        present=_is_study,
    ),
)
