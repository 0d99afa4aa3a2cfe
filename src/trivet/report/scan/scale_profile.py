"""Figure of the detection: mask norm and maximum margin of every label."""

import math
from collections.abc import Sequence
from statistics import median
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from trivet.report.figures.labels import place_near
from trivet.report.figures.names import drawn_name, written_name
from trivet.report.figures.style import (
    ATTACKED,
    COLUMN_WIDTH,
    CORRECTED,
    INK,
    PAGE_WIDTH,
    PUBLISHED,
    guide,
    new_figure,
    signed,
    styled,
)
from trivet.report.scan.scanned import (
    SMALLEST_NORM,
    Scanned,
    ScoreScale,
    margin_scale,
    norm_scale,
    usual_norm,
)

__all__ = ["MANY_LABELS", "alt_scale_profile", "draw_scale_profile"]

#: More labels than this take both columns of a page.
MANY_LABELS: Final = 24
NAME_POINTS: Final = 90
#: A log axis has evenly spaced ticks below this ratio of its ends, and decades above the other.
LINEAR_BELOW: Final = 6
DECADES_ABOVE: Final = 300


@styled
def draw_scale_profile(scanned: Scanned) -> Figure:
    """Show the mask norm of every label on a log axis, and below it the maximum margin.

    The right axes have the robust scores; their zero is the median.
    """
    labels = scanned.result.labels
    many = len(labels) > MANY_LABELS
    figure = new_figure(width=PAGE_WIDTH if many else COLUMN_WIDTH, height=3.6)
    upper, lower = figure.subplots(2, 1, sharex=True)
    norms = [max(label.l1, SMALLEST_NORM) for label in labels]
    margins = [label.margin for label in labels]
    _points(upper, norms, suspect=scanned.result.suspected_label, early=scanned.left_early)
    _points(lower, margins, suspect=scanned.result.suspected_label)

    upper.set_yscale("log")
    upper.margins(y=0.12)
    _few_ticks(upper)
    upper.set_ylabel("mask norm $L_1$ (pixels)")
    guide(upper, max(usual_norm(scanned), SMALLEST_NORM), "")
    lower.margins(y=0.12)
    lower.set_ylabel("maximum margin (logits)")
    guide(lower, median(margins), "")
    lower.set_xlabel("target label")
    lower.set_xlim(-0.6, len(labels) - 0.4)
    lower.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True))
    scores = [_score_axis(upper, norm_scale(scanned)), _score_axis(lower, margin_scale(scanned))]
    figure.align_ylabels([upper, lower])
    figure.align_ylabels([axes for axes in scores if axes is not None])
    texts = _texts(scanned)
    for axes, values in ((upper, norms), (lower, margins)):
        place_near(
            axes,
            [(label, values[label]) for label in texts],
            list(texts.values()),
            colors=[ATTACKED if label == scanned.result.suspected_label else INK for label in texts],
        )
    return figure


def alt_scale_profile(scanned: Scanned) -> str:
    """Describe `draw_scale_profile` in words."""
    labels = scanned.result.labels
    smallest = min(labels, key=lambda label: label.l1)
    widest = max(labels, key=lambda label: label.margin)
    return (
        f"Mask norms and maximum margins of {len(labels)} labels. The smallest norm is that of label "
        f"{written_name(smallest.label, smallest.name)} at {smallest.l1:.1f} pixels against a median of "
        f"{usual_norm(scanned):.1f}; the largest margin that of label "
        f"{written_name(widest.label, widest.name)} at {signed(widest.margin, digits=1)} against "
        f"{signed(median(label.margin for label in labels), digits=1)}."
    )


def _points(
    axes: Axes, values: Sequence[float], *, suspect: int | None, early: frozenset[int] = frozenset()
) -> None:
    """Draw a point a label; a hollow one was compared for the last time before the others."""
    for label, value in enumerate(values):
        if label == suspect:
            axes.plot(label, value, "D", color=ATTACKED, markersize=6, zorder=3)
        elif label in early:
            axes.plot(label, value, "o", color=PUBLISHED, markerfacecolor="white", markersize=3.5)
        else:
            axes.plot(label, value, "o", color=CORRECTED)


def _few_ticks(axes: Axes) -> None:
    """Give a log axis ticks that can be read, whether it covers a fraction of a decade or several."""
    low, high = axes.get_ylim()
    if high < LINEAR_BELOW * low:
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
    elif high < DECADES_ABOVE * low:
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:g}")


def _score_axis(axes: Axes, scale: ScoreScale | None) -> Axes | None:
    """Put scores on the right of axes whose limits are final."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    if scale is None:
        return None
    if axes.get_yscale() == "log":
        low, high = math.log(low), math.log(high)
    right = axes.twinx()
    right.set_ylim(scale.score(low), scale.score(high))
    right.spines["right"].set_visible(True)
    right.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    right.yaxis.set_major_formatter(lambda value, _: signed(value, digits=0))
    right.set_ylabel("score (median at 0)")
    return right


def _texts(scanned: Scanned) -> dict[int, str]:
    """Name the labels that something is to be said of, by label."""
    words: dict[int, list[str]] = {label: [] for label in scanned.named}
    if scanned.result.suspected_label is not None:
        words.setdefault(scanned.result.suspected_label, []).append("suspected")
    expected = scanned.result.checkpoint.expected_label
    if expected is not None and expected < len(scanned.result.labels):
        words.setdefault(expected, []).insert(0, "expected")
    names = {
        label: drawn_name(label, scanned.result.labels[label].name, width=NAME_POINTS) for label in words
    }
    return {label: ", ".join([names[label], *said]) for label, said in words.items()}
