"""Figure of compared mitigations: what fairness costs in accuracy."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trivet.fairness.auditing.results import FairnessComparison, ModelOutcome
from trivet.report.figures.labels import place_near
from trivet.report.figures.model_marks import (
    SAMPLING,
    TRAINING,
    Span,
    interval_of,
    model_color,
    model_name,
    model_shape,
    model_text_color,
    spans_of,
    widened,
)
from trivet.report.figures.style import COLUMN_WIDTH, CORRECTED, PALE, SMALL, new_figure, styled

__all__ = ["alt_frontier", "draw_frontier", "has_models"]

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
        across, upright = spans_of(model.disparate_impact_training, model.accuracy_training)
        for span, horizontal, width, alpha in (
            (None if across is None else _folded(across), True, TRAINING, 0.3),
            (upright, False, TRAINING, 0.3),
            (_folded(interval_of(model.disparate_impact)), True, SAMPLING, 1.0),
            (interval_of(model.accuracy), False, SAMPLING, 1.0),
        ):
            if span is not None:
                xs, ys = (span, (y, y)) if horizontal else ((x, x), span)
                axes.plot(xs, ys, color=color, linewidth=width, alpha=alpha, solid_capstyle="butt")
        above = model.disparate_impact is not None and (model.disparate_impact.estimate or 0) > 1
        axes.plot(
            x, y, model_shape(model), color=color, markerfacecolor="white" if above else color, zorder=3
        )
    accuracies = [end for model, _, _, y in models for end in (y, *(interval_of(model.accuracy) or ()))]
    axes.set(xlim=(0, 1.02), ylim=widened(accuracies, by=0.14), ylabel="accuracy")
    axes.set_xlabel(_label("disparate impact of the worst group, or its inverse", _left_out(comparison)))
    axes.annotate(
        f"from {four_fifths:g}",
        ((four_fifths + 1) / 2, 1.0),
        xycoords=axes.get_xaxis_transform(),
        xytext=(0, 2),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=SMALL,
        annotation_clip=False,
    )
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
        impact = None if model.disparate_impact is None else model.disparate_impact.estimate
        accuracy = None if model.accuracy is None else model.accuracy.estimate
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


def _label(text: str, left_out: Sequence[str]) -> str:
    return f"{text}\nnot drawn: {', '.join(left_out)}" if left_out else text


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
