"""Figures of the privacy leg: scales and exceedances, tail curves, the sweep over epsilon."""

from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from trivet.report.figures.figure import FigureRow
from trivet.report.figures.labels import name_ends, write_beside
from trivet.report.figures.style import (
    COLUMN_WIDTH,
    CORRECTED,
    PUBLISHED,
    PUBLISHED_TEXT,
    SMALL,
    guide,
    new_figure,
    styled,
)
from trivet.study.privacy import PublishedPrivacy

__all__ = ["FIGURES"]

#: Smallest distance between two labels of the tail curves, as a share of the axis.
_LABEL_GAP: Final = 0.115


@styled
def scenarios(study: PublishedPrivacy) -> Figure:
    """Show scale and exceedance of each case, published and corrected (figure 7)."""
    rows = _cases(study)
    figure = new_figure(width=COLUMN_WIDTH, height=0.6 + 0.33 * len(rows))
    left, right = figure.subplots(1, 2, sharey=True)
    for place, (name, scale, exceedance, color, text_color) in enumerate(rows):
        left.text(
            -0.06,
            place,
            name,
            transform=left.get_yaxis_transform(),
            ha="right",
            va="center",
            color=text_color,
        )
        left.plot(scale, place, "o", color=color)
        write_beside(left, f"{scale:.4g}", (scale, place), gap=5)
        right.barh(place, exceedance, height=0.55, color=color)
        write_beside(right, f"{exceedance:.4f}", (exceedance, place))
    scales = [row[1] for row in rows]
    left.set_xscale("log")
    left.set(xlim=(min(scales) / 1.8, max(scales) * 6), xlabel="scale $b$")
    left.xaxis.set_major_locator(LogLocator(numticks=12))
    left.xaxis.set_major_formatter("{x:g}")
    left.xaxis.set_minor_formatter(NullFormatter())
    left.set(ylim=(len(rows) - 0.5, -0.5), yticks=[])
    right.set(
        xlim=(0, 0.68), xticks=[0, 0.25, 0.5], xlabel=rf"$P(\tilde{{q}} > {study.counting.threshold:g})$"
    )
    for axes in (left, right):
        axes.spines["left"].set_visible(axes is right)
        axes.tick_params(axis="y", length=0)
    return figure


def alt_scenarios(study: PublishedPrivacy) -> str:
    """Describe `scenarios` in words."""
    told = "; ".join(
        f"{name.replace(chr(10), ' ')}: scale {scale:.4g}, probability {exceedance:.4f}"
        for name, scale, exceedance, _, _ in _cases(study)
    )
    return f"Laplace scale and probability of passing {study.counting.threshold:g}. {told}."


@styled
def tail_curves(study: PublishedPrivacy) -> Figure:
    """Show P(noisy > t) over the thresholds for every case (figure 8)."""
    curves, counting = study.tail_curves, study.counting
    figure = new_figure(width=COLUMN_WIDTH, height=2.5)
    axes = figure.subplots()
    lines = (
        (curves.base, counting.base.scale, "one query", PUBLISHED, PUBLISHED_TEXT, "-"),
        (curves.planned, study.correction.laplace.scale, _planner(study), CORRECTED, CORRECTED, "-"),
        (curves.sequential, counting.sequential.scale, "split", PUBLISHED, PUBLISHED_TEXT, "--"),
        (
            curves.unbounded,
            counting.unbounded.scale,
            f"group of {study.correction.group_size}",
            PUBLISHED,
            PUBLISHED_TEXT,
            ":",
        ),
    )
    last = curves.thresholds[-1]
    for values, _, _, color, _, style in lines:
        axes.plot(curves.thresholds, values, style, color=color)
    name_ends(
        axes,
        [
            (last, values[-1], f"{name}, $b$ = {scale:.4g}", text_color)
            for values, scale, name, _, text_color, _ in lines
        ],
        gap=_LABEL_GAP,
    )
    guide(axes, counting.threshold, f"$t$ = {counting.threshold:g}", vertical=True)
    axes.set(
        xlim=(curves.thresholds[0], last),
        ylim=(0, 1),
        xlabel="threshold $t$",
        ylabel=r"$P(\tilde{q} > t)$",
    )
    return figure


def alt_tail_curves(study: PublishedPrivacy) -> str:
    """Describe `tail_curves` in words."""
    curves = study.tail_curves
    return (
        f"Probability that the noisy count exceeds t, for t from {curves.thresholds[0]:g} to "
        f"{curves.thresholds[-1]:g}. At the right end it is {curves.base[-1]:.4f} for one query, "
        f"{curves.planned[-1]:.4f} for the planned scale, {curves.sequential[-1]:.4f} when the budget is "
        f"split and {curves.unbounded[-1]:.4f} for a group."
    )


@styled
def epsilon_sweep(study: PublishedPrivacy) -> Figure:
    """Show scale and exceedance of one query as epsilon grows (figure 9)."""
    sweep, base = study.epsilon_sweep, study.counting.base
    figure = new_figure(width=COLUMN_WIDTH, height=3.0)
    top, bottom = figure.subplots(2, 1, sharex=True)
    _sweep_panel(
        top, sweep.epsilon, sweep.scale, point=(base.epsilon, base.scale), text=f"$b$ = {base.scale:g}"
    )
    _sweep_panel(
        bottom,
        sweep.epsilon,
        sweep.exceedance,
        point=(base.epsilon, base.exceedance),
        text=f"$P$ = {base.exceedance:.4f}",
    )
    guide(top, base.epsilon, rf"$\epsilon$ = {base.epsilon:g}", vertical=True)
    guide(bottom, base.epsilon, "", vertical=True)
    top.set(ylabel="scale $b$", ylim=(0, 1.06 * max(sweep.scale)))
    bottom.set(
        ylabel=rf"$P(\tilde{{q}} > {study.counting.threshold:g})$",
        xlabel=r"$\epsilon$",
        xlim=(0, 1.02 * sweep.epsilon[-1]),
        ylim=(0, 0.5),
    )
    figure.align_ylabels([top, bottom])
    return figure


def alt_epsilon_sweep(study: PublishedPrivacy) -> str:
    """Describe `epsilon_sweep` in words."""
    sweep = study.epsilon_sweep
    return (
        f"As epsilon grows from {sweep.epsilon[0]:g} to {sweep.epsilon[-1]:g}, the scale falls from "
        f"{sweep.scale[0]:.4g} to {sweep.scale[-1]:.4g} and the probability of passing "
        f"{study.counting.threshold:g} from {sweep.exceedance[0]:.4f} to {sweep.exceedance[-1]:.4f}."
    )


def _cases(study: PublishedPrivacy) -> tuple[tuple[str, float, float, str, str], ...]:
    """Name, scale, exceedance, mark colour and text colour of each row."""
    counting, correction = study.counting, study.correction
    sound = correction.laplace
    split = f"{counting.queries} queries, split"
    return (
        ("one query", counting.base.scale, counting.base.exceedance, PUBLISHED, PUBLISHED_TEXT),
        (split, counting.sequential.scale, counting.sequential.exceedance, PUBLISHED, PUBLISHED_TEXT),
        (
            f"{split},\ngroup of {correction.group_size}",
            counting.unbounded.scale,
            counting.unbounded.exceedance,
            PUBLISHED,
            PUBLISHED_TEXT,
        ),
        (
            "one query,\ninteger noise",
            counting.base.scale,
            correction.discrete_exceedance,
            CORRECTED,
            CORRECTED,
        ),
        (
            f"{counting.queries} queries, {_planner(study)}",
            sound.scale,
            sound.exceedance,
            CORRECTED,
            CORRECTED,
        ),
    )


def _planner(study: PublishedPrivacy) -> str:
    return study.correction.laplace.method.replace("_", " ").upper()


def _sweep_panel(
    axes: Axes, x: tuple[float, ...], y: tuple[float, ...], *, point: tuple[float, float], text: str
) -> None:
    axes.plot(x, y, color=PUBLISHED)
    axes.plot(*point, "o", color=PUBLISHED_TEXT)
    axes.annotate(
        text, point, xytext=(6, 3), textcoords="offset points", color=PUBLISHED_TEXT, fontsize=SMALL
    )


_SCALES: Final = ("counting.base.scale", "counting.sequential.scale", "counting.unbounded.scale")

FIGURES: Final = (
    FigureRow(
        "privacy_scenarios",
        "privacy.published",
        scenarios,
        alt_scenarios,
        (
            "counting.queries",
            "counting.threshold",
            *_SCALES,
            "counting.base.exceedance",
            "counting.sequential.exceedance",
            "counting.unbounded.exceedance",
            "correction.group_size",
            "correction.discrete_exceedance",
            "correction.laplace.method",
            "correction.laplace.scale",
            "correction.laplace.exceedance",
        ),
    ),
    FigureRow(
        "privacy_tail_curves",
        "privacy.published",
        tail_curves,
        alt_tail_curves,
        (
            "tail_curves",
            "counting.true_value",
            "counting.threshold",
            *_SCALES,
            "correction.laplace.scale",
        ),
    ),
    FigureRow(
        "privacy_epsilon_sweep",
        "privacy.published",
        epsilon_sweep,
        alt_epsilon_sweep,
        (
            "epsilon_sweep",
            "counting.threshold",
            "counting.base.epsilon",
            "counting.base.scale",
            "counting.base.exceedance",
        ),
    ),
)
