"""Figure of a plan for private training: epsilon over its length and over the size of a batch."""

from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trivet.privacy.planning.training import POISSON, TrainingCurve, TrainingCurves, TrainingPlan
from trivet.report.figures.figure import FigureRow
from trivet.report.figures.labels import name_ends
from trivet.report.figures.style import (
    COLUMN_WIDTH,
    CORRECTED,
    PUBLISHED,
    PUBLISHED_TEXT,
    guide,
    new_figure,
    styled,
)

__all__ = ["FIGURES"]

#: Smallest distance between two names beside the curves, as a share of the axes' height.
GAP: Final = 0.115
#: The axis beyond its curves, on a logarithmic scale.
ROOM: Final = 1.4
_NAMES: Final = {"poisson": "Poisson", "shuffled": "shuffled"}


@styled
def draw_training_curves(plan: TrainingPlan) -> Figure:
    """Show epsilon over the epochs and over the size of a batch, apart for each way to draw batches."""
    curves = plan.curves
    assert curves is not None
    figure = new_figure(width=COLUMN_WIDTH, height=4.4)
    upper, lower = figure.subplots(2, 1)
    for axes in (upper, lower):
        axes.set_yscale("log")
        axes.set_ylabel(rf"$\epsilon$ at $\delta$ = {plan.delta:g}")
    upper.set(xlim=(0, curves.epochs[-1]), xlabel="epochs")
    _lines(upper, curves.epochs, [line for line in curves.lines if line.over == "epochs"])
    guide(upper, plan.epochs, f"planned: {plan.epochs:,.4g}", vertical=True, side="end")
    lower.set_xscale("log")
    lower.set(xlim=(curves.batch[0], curves.batch[-1]), xlabel="examples of a batch")
    _lines(lower, curves.batch, [line for line in curves.lines if line.over == "batch"])
    guide(lower, plan.batch, f"planned: {plan.batch:,}", vertical=True, side="end")
    figure.align_ylabels([upper, lower])
    return figure


def _lines(axes: Axes, xs: tuple[float, ...], lines: list[TrainingCurve]) -> None:
    """Draw curves and name each where it leaves the axes."""
    ends: list[tuple[float, float, str, str]] = []
    shown = [y for line in lines for y in line.epsilon if y]
    axes.set_ylim(min(shown) / ROOM, max(shown) * ROOM)
    for line in lines:
        points = [(x, y) for x, y in zip(xs, line.epsilon, strict=True) if y]
        if not points:
            continue
        sampled = line.sampling == POISSON
        axes.plot(
            *zip(*points, strict=True),
            "-" if sampled else "--",
            marker="." if len(points) == 1 else "",
            color=CORRECTED if sampled else PUBLISHED,
        )
        ends.append((*points[-1], _NAMES[line.sampling], CORRECTED if sampled else PUBLISHED_TEXT))
    name_ends(axes, ends, gap=GAP)


def alt_training_curves(plan: TrainingPlan) -> str:
    """Describe `draw_training_curves` in words."""
    curves = plan.curves
    assert curves is not None
    ends = "; ".join(
        f"{_NAMES[line.sampling]}, over {line.over}: "
        f"{_figure(line.epsilon[0])} to {_figure(line.epsilon[-1])}"
        for line in curves.lines
    )
    return (
        f"Epsilon at the planned noise, above over {curves.epochs[0]:,.4g} to {curves.epochs[-1]:,.4g} "
        f"epochs, below over batches of {curves.batch[0]:,} to {curves.batch[-1]:,} examples. {ends}."
    )


def _is_drawn(curves: TrainingCurves) -> bool:
    """Return True if each panel has a point."""
    return all(
        any(epsilon for line in curves.lines if line.over == over for epsilon in line.epsilon)
        for over in ("epochs", "batch")
    )


def _figure(epsilon: float | None) -> str:
    return "no figure" if epsilon is None else f"{epsilon:,.4g}"


FIGURES: Final = (
    FigureRow(
        "privacy_training_curves",
        "privacy.training",
        draw_training_curves,
        alt_training_curves,
        ("batch", "epochs", "delta", "curves"),
        present=lambda plan: plan.curves is not None and _is_drawn(plan.curves),
    ),
)
