"""Figure of compared mitigations: what fairness costs in accuracy."""

from collections.abc import Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from trivet.estimate import Estimate
from trivet.fairness.auditing.results import FairnessComparison, ModelOutcome, TrainingSpread
from trivet.ratios import INFINITE, is_infinite
from trivet.report.figures.figure import FigureRow
from trivet.report.figures.groups import figure_text, mark_band, name_rows, ratio_axis, with_figure
from trivet.report.figures.labels import UNDEFINED, label_without, place_near, write_above, write_undefined
from trivet.report.figures.style import (
    COLUMN_WIDTH,
    CORRECTED,
    INK,
    PALE,
    PUBLISHED,
    PUBLISHED_TEXT,
    SMALL,
    drawn_text,
    new_figure,
    styled,
)

__all__ = ["FIGURES"]

#: Points that the name of a model takes at most: the longest title has its room.
MODEL_POINTS: Final = 92
#: Points of line width: the interval of sampling, and behind it that of training.
SAMPLING: Final = 0.8
TRAINING: Final = 3.2
Span = tuple[float, float]


def interval_of(measured: Estimate | None) -> Span | None:
    """Give the interval, if both its ends are known."""
    if measured is None or measured.low is None or measured.high is None:
        return None
    return measured.low, measured.high


def widened(values: Sequence[float], *, by: float) -> Span:
    """Give the range of some values and a share more at either end; training may go beyond it."""
    low, high = min(values), max(values)
    more = by * (high - low or 0.01)
    return low - more, high + more


def model_name(model: ModelOutcome, number: int) -> str:
    """Name a model as a figure can draw it."""
    return drawn_text(model.title, width=MODEL_POINTS) or f"model {number}"


def model_shape(model: ModelOutcome) -> str:
    """Tell the baseline, the frontier and the others apart by their marks."""
    return "s" if model.kind == "baseline" else "D" if model.on_frontier else "o"


def model_color(model: ModelOutcome) -> str:
    """Tell them apart by colour too."""
    return INK if model.kind == "baseline" else CORRECTED if model.on_frontier else PUBLISHED


def model_text_color(model: ModelOutcome) -> str:
    """Colour a name, dark enough to be read."""
    return PUBLISHED_TEXT if model_color(model) == PUBLISHED else model_color(model)


_Drawn = tuple[ModelOutcome, int, float, float]


@styled
def draw_frontier(comparison: FairnessComparison) -> Figure:
    """Show accuracy over parity, which is the disparate impact of the worst group or its inverse."""
    models = _drawn(comparison)
    figure = new_figure(width=COLUMN_WIDTH, height=3.3)
    axes = figure.subplots()
    four_fifths = comparison.baseline.four_fifths
    axes.axvspan(four_fifths, 1.0, color=PALE, alpha=0.6, linewidth=0, zorder=0.2)
    _staircase(axes, [(x, y) for model, _, x, y in models if model.on_frontier])
    for model, _, x, y in models:
        color = model_color(model)
        for span, horizontal, width, alpha in (
            (_folded(interval_of(model.disparate_impact_training)), True, TRAINING, 0.3),
            (interval_of(model.accuracy_training), False, TRAINING, 0.3),
            (_folded(interval_of(model.disparate_impact)), True, SAMPLING, 1.0),
            (interval_of(model.accuracy), False, SAMPLING, 1.0),
        ):
            if span is not None:
                xs, ys = (span, (y, y)) if horizontal else ((x, x), span)
                axes.plot(xs, ys, color=color, linewidth=width, alpha=alpha, solid_capstyle="butt")
        above = (ratio := with_figure(model.disparate_impact)) is not None and (ratio.value or 0) > 1
        axes.plot(
            x, y, model_shape(model), color=color, markerfacecolor="white" if above else color, zorder=3
        )
    accuracies = [end for model, _, _, y in models for end in (y, *(interval_of(model.accuracy) or ()))]
    axes.set(xlim=(0, 1.02), ylim=widened(accuracies, by=0.14), ylabel="accuracy")
    axes.set_xlabel(
        label_without("disparate impact of the worst group, or its inverse", _left_out(comparison))
    )
    write_above(axes, f"from {four_fifths:g}", (four_fifths + 1) / 2)
    place_near(
        axes,
        [(x, y) for _, _, x, y in models],
        [model_name(model, number) for model, number, _, _ in models],
        colors=[model_text_color(model) for model, _, _, _ in models],
        far=True,
    )
    return figure


def alt_frontier(comparison: FairnessComparison) -> str:
    """Describe `draw_frontier` in words."""
    told = [
        f"{model.title}: {x:.4f} and {y:.4f}{' on the frontier' if model.on_frontier else ''}"
        for model, _, x, y in _drawn(comparison)
    ]
    told += [f"{name}: not drawn" for name in _left_out(comparison)]
    return (
        "Parity, the disparate impact of the worst group or its inverse, and accuracy of each model, with "
        f"intervals of sampling and of training. {'; '.join(told)}."
    )


def has_models(comparison: FairnessComparison) -> bool:
    """Tell whether any model has an accuracy and a disparate impact."""
    return bool(_drawn(comparison))


def _drawn(comparison: FairnessComparison) -> list[_Drawn]:
    """List the models with parity and accuracy, each with its number, parity and accuracy."""
    drawn: list[_Drawn] = []
    for number, model in enumerate(comparison.models, start=1):
        impact = None if (ratio := with_figure(model.disparate_impact)) is None else ratio.value
        accuracy = None if model.accuracy is None else model.accuracy.value
        if impact is not None and accuracy is not None:
            drawn.append((model, number, min(impact, 1 / impact) if impact > 0 else 0.0, accuracy))
    return drawn


def _left_out(comparison: FairnessComparison) -> list[str]:
    drawn = {number for _, number, _, _ in _drawn(comparison)}
    return [
        model_name(model, number)
        for number, model in enumerate(comparison.models, start=1)
        if number not in drawn
    ]


def _staircase(axes: Axes, points: Sequence[tuple[float, float]]) -> None:
    """Join the frontier: to the left of a point nothing is more accurate than the point."""
    if points:
        xs, ys = zip(*sorted(points), strict=True)
        axes.plot(xs, ys, color=CORRECTED, linewidth=0.8, linestyle="--", drawstyle="steps-pre", zorder=1)


def _folded(span: Span | None) -> Span | None:
    """Turn an interval of a ratio into one of the smaller of the ratio and its inverse."""
    if span is None:
        return None
    ends = sorted(min(end, 1 / end) if end > 0 else 0.0 for end in span)
    return ends[0], 1.0 if span[0] <= 1 <= span[1] else ends[1]


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
            right,
            place,
            with_figure(model.disparate_impact),
            model.disparate_impact_training,
            color,
            model_shape(model),
        )
    left.xaxis.set_major_locator(MaxNLocator(3))
    left.set_xlim(widened(accuracies or [0.0, 1.0], by=0.08))
    baseline = comparison.models[0].accuracy
    if baseline is not None and baseline.value is not None:
        left.axvline(baseline.value, color=PUBLISHED, linewidth=0.6, zorder=0.5)
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
        impact = with_figure(model.disparate_impact)
        figures = " and ".join(_told(measured) for measured in (model.accuracy, impact))
        told.append(f"{model.title}: {figures}")
    return (
        "Accuracy and disparate impact of the worst group of each model, with intervals of sampling and of "
        f"training and the figure of every repeat. {'; '.join(told)}."
    )


def _row(
    axes: Axes,
    place: int,
    measured: Estimate | None,
    training: TrainingSpread | None,
    color: str,
    shape: str,
) -> list[float]:
    """Draw one figure of one model; give what has to be seen of it."""
    if measured is None or measured.value is None:
        write_undefined(axes, place)
        return []
    if is_infinite(measured.value):
        write_undefined(axes, place, INFINITE)
        return [] if measured.low is None else [measured.low]
    seen = [measured.value]
    if training is not None:
        axes.plot(training.values, [place + 0.3] * len(training.values), ".", color=color, markersize=2.5)
        seen += training.values
    for ends, width, alpha in (
        (interval_of(training), TRAINING, 0.3),
        (interval_of(measured), SAMPLING, 1.0),
    ):
        if ends is not None:
            axes.plot(ends, [place, place], color=color, linewidth=width, alpha=alpha, solid_capstyle="butt")
    seen += interval_of(measured) or ()
    axes.plot(measured.value, place, shape, color=color, zorder=3)
    return seen


def _told(measured: Estimate | None) -> str:
    return UNDEFINED if measured is None or measured.value is None else figure_text(measured.value)


_TRAINING: Final = ("models.*.accuracy_training", "models.*.disparate_impact_training")

FIGURES: Final = (
    FigureRow(
        "fairness_mitigation_frontier",
        "fairness.comparison",
        draw_frontier,
        alt_frontier,
        (
            "baseline.four_fifths",
            "models.*.title",
            "models.*.kind",
            "models.*.on_frontier",
            "models.*.accuracy",
            "models.*.disparate_impact",
            *_TRAINING,
        ),
        present=has_models,
    ),
    FigureRow(
        "fairness_mitigation_models",
        "fairness.comparison",
        draw_models,
        alt_models,
        (
            "baseline.four_fifths",
            "models.*.title",
            "models.*.kind",
            "models.*.failed",
            "models.*.on_frontier",
            "models.*.accuracy",
            "models.*.disparate_impact",
            *_TRAINING,
        ),
        present=has_models,
    ),
)
