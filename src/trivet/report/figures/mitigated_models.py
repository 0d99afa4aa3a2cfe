"""Figure of compared mitigations, model by model: how far each figure moves by chance."""

from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from trivet.fairness.auditing.results import FairnessComparison, TrainingSpread
from trivet.fairness.intervals.results import Bounds
from trivet.report.figures.group_impact import mark_band, ratio_axis
from trivet.report.figures.group_rows import name_rows
from trivet.report.figures.model_marks import (
    SAMPLING,
    TRAINING,
    interval_of,
    model_color,
    model_name,
    model_shape,
    spans_of,
    widened,
)
from trivet.report.figures.style import (
    COLUMN_WIDTH,
    PUBLISHED,
    PUBLISHED_TEXT,
    SMALL,
    new_figure,
    styled,
)

__all__ = ["alt_models", "draw_models"]

ROW_HEIGHT: Final = 0.24


@styled
def draw_models(comparison: FairnessComparison) -> Figure:
    """Show accuracy and disparate impact of the worst group by model, with every repeat."""
    rows = [(model, number) for number, model in enumerate(comparison.models, start=1) if not model.failed]
    figure = new_figure(width=COLUMN_WIDTH, height=0.78 + ROW_HEIGHT * len(rows))
    left, right = figure.subplots(1, 2, sharey=True)
    accuracies: list[float] = []
    impacts: list[float] = []
    for place, (model, _) in enumerate(rows):
        color = model_color(model)
        accuracies += _row(left, place, model.accuracy, model.accuracy_training, color, model_shape(model))
        impacts += _row(
            right, place, model.disparate_impact, model.disparate_impact_training, color, model_shape(model)
        )
    left.xaxis.set_major_locator(MaxNLocator(3))
    left.set_xlim(widened(accuracies or [0.0, 1.0], by=0.08))
    baseline = comparison.models[0].accuracy
    if baseline is not None and baseline.estimate is not None:
        left.axvline(baseline.estimate, color=PUBLISHED, linewidth=0.6, zorder=0.5)
    ratio_axis(right, impacts)
    mark_band(right, comparison.baseline.four_fifths)
    name_rows(left, [model_name(model, number) for model, number in rows], [False] * len(rows))
    left.set_xlabel("accuracy")
    failed = [
        model_name(model, number) for number, model in enumerate(comparison.models, start=1) if model.failed
    ]
    right.set_xlabel("disparate impact")
    if failed:
        figure.supxlabel(f"no model: {', '.join(failed)}", fontsize=SMALL)
    for axes in (left, right):
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
    return figure


def alt_models(comparison: FairnessComparison) -> str:
    """Describe `draw_models` in words."""
    told: list[str] = []
    for model in comparison.models:
        if model.failed:
            told.append(f"{model.title}: no model")
            continue
        figures = " and ".join(_told(measured) for measured in (model.accuracy, model.disparate_impact))
        told.append(f"{model.title}: {figures}")
    return (
        "Accuracy and disparate impact of the worst group of each model, with intervals of sampling and of "
        f"training and the figure of every repeat. {'; '.join(told)}."
    )


def _row(
    axes: Axes,
    place: int,
    measured: Bounds | None,
    training: TrainingSpread | None,
    color: str,
    shape: str,
) -> list[float]:
    """Draw one figure of one model; give what has to be seen of it."""
    if measured is None or measured.estimate is None:
        axes.annotate(
            "undefined",
            (0.5, place),
            xycoords=axes.get_yaxis_transform(),
            ha="center",
            va="center",
            fontsize=SMALL,
            color=PUBLISHED_TEXT,
        )
        return []
    seen = [measured.estimate]
    if training is not None:
        axes.plot(training.values, [place + 0.3] * len(training.values), ".", color=color, markersize=2.5)
        seen += training.values
    (span,) = spans_of(training)
    for ends, width, alpha in ((span, TRAINING, 0.3), (interval_of(measured), SAMPLING, 1.0)):
        if ends is not None:
            axes.plot(ends, [place, place], color=color, linewidth=width, alpha=alpha, solid_capstyle="butt")
    seen += interval_of(measured) or ()
    axes.plot(measured.estimate, place, shape, color=color, zorder=3)
    return seen


def _told(measured: Bounds | None) -> str:
    return "undefined" if measured is None or measured.estimate is None else f"{measured.estimate:.4f}"
