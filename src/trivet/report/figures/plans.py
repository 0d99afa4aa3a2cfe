"""Figures of plans: noise by theorem, the curves of epsilon and delta, and private training."""

from collections.abc import Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trivet.privacy.planning.results import Plan, PlannedRow
from trivet.privacy.planning.training import POISSON, TrainingCurve, TrainingCurves, TrainingPlan
from trivet.report.figures.figure import FigureRow
from trivet.report.figures.labels import name_ends, write_beside
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

ROW_HEIGHT: Final = 0.19
#: The axis over its largest bar: the numbers beside the bars need room.
ROOM: Final = 1.18
#: Smallest distance between two names beside the curves, as a share of the axes' height.
GAP: Final = 0.115
#: A delta below this is as good as none, and ends the axis.
SMALLEST_DELTA: Final = 1e-12
_MECHANISMS: Final = {"laplace": "Laplace", "discrete-laplace": "discrete Laplace"}
_METHODS: Final = {
    "basic": "basic",
    "advanced": "advanced",
    "zcdp": "zCDP",
    "optimal_bound": "optimal, bound",
    "rdp": "RDP",
    "optimal_exact": "optimal, exact",
    "pld": "PLD",
    "gaussian": "Gaussian",
}


@styled
def draw_plan_noise(plan: Plan) -> Figure:
    """Show the standard deviation that each theorem asks for, the smallest first."""
    rows = _usable(plan)
    figure = new_figure(width=COLUMN_WIDTH, height=0.5 + ROW_HEIGHT * len(rows))
    axes = figure.subplots()
    best = plan.rows[plan.best]
    values = [row.typical_deviation or 0.0 for row in rows]
    for place, (row, value) in enumerate(zip(rows, values, strict=True)):
        axes.barh(place, value, height=0.6, color=CORRECTED if row is best else PUBLISHED)
        write_beside(axes, f"{value:.4g}", (value, place), color=CORRECTED if row is best else PUBLISHED_TEXT)
    axes.set_yticks(range(len(rows)), [_name(row.mechanism, row.method) for row in rows])
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_color(CORRECTED if row is best else PUBLISHED_TEXT)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    several = len(plan.queries) > 1
    axes.set(
        xlim=(0, ROOM * max(values)),
        ylim=(len(rows) - 0.4, -0.6),
        xlabel="standard deviation" + (", geometric mean over all answers" if several else " of an answer"),
    )
    return figure


def alt_plan_noise(plan: Plan) -> str:
    """Describe `draw_plan_noise` in words."""
    told = "; ".join(
        f"{_name(row.mechanism, row.method)}: {row.typical_deviation:.4g}" for row in _usable(plan)
    )
    return f"Standard deviation of the noise by mechanism and theorem, the smallest first. {told}."


@styled
def draw_plan_curves(plan: Plan) -> Figure:
    """Show total epsilon over the number of queries, and delta over epsilon, by theorem."""
    curves = plan.curves
    assert curves is not None
    best = (plan.best_mechanism, plan.best_method)
    both = plan.delta > 0 and any(any(curve.delta) for curve in curves.deltas)
    figure = new_figure(width=COLUMN_WIDTH, height=5.0 if both else 2.6)
    panels = figure.subplots(2 if both else 1, 1, squeeze=False)[:, 0]
    repeats = curves.repeats
    upper = panels[0]
    drawn = [
        (repeats, curve.epsilon, curve.mechanism, curve.method)
        for curve in curves.composition
        if _is_shown(plan, curve.mechanism)
    ]
    upper.set(
        xlim=(0, repeats[-1]),
        ylim=(0, 1.05 * max(total for _, totals, _, _ in drawn for total in totals if total is not None)),
        xlabel=curves.repeats_are,
        ylabel=r"total $\epsilon$",
    )
    _lines(upper, drawn, best=best)
    guide(upper, plan.epsilon, rf"planned $\epsilon$ = {plan.epsilon:g}", side="under")
    if both:
        lower = panels[1]
        lower.set_yscale("log")
        lower.set(
            xlim=(0, curves.epsilons[-1]),
            ylim=(SMALLEST_DELTA, 1),
            xlabel=r"$\epsilon$",
            ylabel=r"$\delta$",
        )
        _lines(
            lower,
            [
                (curves.epsilons, curve.delta, curve.mechanism, curve.method)
                for curve in curves.deltas
                if _is_shown(plan, curve.mechanism)
            ],
            best=best,
        )
        guide(lower, plan.delta, rf"planned $\delta$ = {plan.delta:g}", side="below")
    figure.align_ylabels(list(panels))
    return figure


def alt_plan_curves(plan: Plan) -> str:
    """Describe `draw_plan_curves` in words."""
    curves = plan.curves
    assert curves is not None
    last = curves.repeats[-1]
    told = "; ".join(
        f"{_name(curve.mechanism, curve.method)}: {curve.epsilon[-1]:.4g}"
        for curve in curves.composition
        if curve.epsilon[-1] is not None
    )
    return (
        f"Total epsilon over the number of {curves.repeats_are}, up to {last}, each at the noise of its "
        f"mechanism's best row, and delta over epsilon. At {last} {curves.repeats_are} the total is, {told}."
    )


def _lines(
    axes: Axes,
    lines: Sequence[tuple[tuple[float, ...], tuple[float | None, ...], str, str]],
    *,
    best: tuple[str, str],
) -> None:
    """Draw curves and name each where it leaves the axes."""
    low, _ = axes.get_ylim()
    ends: list[tuple[float, float, str, str]] = []
    for xs, ys, mechanism, method in lines:
        points = [(x, y) for x, y in zip(xs, ys, strict=True) if y is not None and y >= low]
        if not points:
            continue
        chosen = (mechanism, method) == best
        axes.plot(
            *zip(*points, strict=True),
            "-" if mechanism != "gaussian" or chosen else "--",
            color=CORRECTED if chosen else PUBLISHED,
            linewidth=1.6 if chosen else 0.9,
            zorder=3 if chosen else 2,
        )
        ends.append((*points[-1], _METHODS.get(method, method), CORRECTED if chosen else PUBLISHED_TEXT))
    name_ends(axes, ends, gap=GAP)


def _usable(plan: Plan) -> list[PlannedRow]:
    usable = [
        row for row in plan.rows if row.typical_deviation is not None and _is_shown(plan, row.mechanism)
    ]
    return sorted(usable, key=lambda row: row.typical_deviation or 0.0)


def _is_shown(plan: Plan, mechanism: str) -> bool:
    """Tell whether a mechanism is drawn: the discrete Laplace's bars and curves are the Laplace's."""
    others = {row.mechanism for row in plan.rows}
    return mechanism != "discrete-laplace" or "laplace" not in others or mechanism == plan.best_mechanism


def _name(mechanism: str, method: str) -> str:
    name = _METHODS.get(method, method)
    return name if mechanism == "gaussian" else f"{_MECHANISMS.get(mechanism, mechanism)}, {name}"


#: The axis beyond its curves, on a logarithmic scale.
TRAINING_ROOM: Final = 1.4
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
    _training_lines(upper, curves.epochs, [line for line in curves.lines if line.over == "epochs"])
    guide(upper, plan.epochs, f"planned: {plan.epochs:,.4g}", vertical=True, side="end")
    lower.set_xscale("log")
    lower.set(xlim=(curves.batch[0], curves.batch[-1]), xlabel="examples of a batch")
    _training_lines(lower, curves.batch, [line for line in curves.lines if line.over == "batch"])
    guide(lower, plan.batch, f"planned: {plan.batch:,}", vertical=True, side="end")
    figure.align_ylabels([upper, lower])
    return figure


def _training_lines(axes: Axes, xs: tuple[float, ...], lines: list[TrainingCurve]) -> None:
    """Draw curves and name each where it leaves the axes."""
    ends: list[tuple[float, float, str, str]] = []
    shown = [y for line in lines for y in line.epsilon if y]
    axes.set_ylim(min(shown) / TRAINING_ROOM, max(shown) * TRAINING_ROOM)
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
        "privacy_plan_noise",
        "privacy.plan",
        draw_plan_noise,
        alt_plan_noise,
        ("best", "rows.*.mechanism", "rows.*.method", "rows.*.typical_deviation"),
    ),
    FigureRow(
        "privacy_plan_curves",
        "privacy.plan",
        draw_plan_curves,
        alt_plan_curves,
        ("epsilon", "delta", "curves"),
        present=lambda plan: plan.curves is not None,
    ),
    FigureRow(
        "privacy_training_curves",
        "privacy.training",
        draw_training_curves,
        alt_training_curves,
        ("batch", "epochs", "delta", "curves"),
        present=lambda plan: plan.curves is not None and _is_drawn(plan.curves),
    ),
)
