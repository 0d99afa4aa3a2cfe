"""Placement of direct labels without overlap.

Both placements are greedy and depend on nothing but their input, so a figure is the same each time.
"""

import math
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from numpy.typing import NDArray

from trivet.estimate import UNDEFINED
from trivet.report.figures.style import INK, PUBLISHED_TEXT, SMALL

__all__ = [
    "label_without",
    "name_ends",
    "place_near",
    "spread",
    "write_above",
    "write_beside",
    "write_undefined",
]

#: Points between a label and the middle of a line or mark.
_CLEARANCE: Final = 3.2
#: Points from which on a label that stands so far away is joined to its point.
_FAR: Final = 12.0
#: What each mark or label costs that the line to a label's point passes over.
_LEADER_COST: Final = 4000.0
#: What a point of a line under a label costs, against one of the data's lines. A guide lies beneath
#: everything and is interrupted by the label: that is better than leaving the axes.
_GUIDE_COST: Final = 0.02


class _Side(NamedTuple):
    """An offset in points with the alignment that goes with it."""

    dx: float
    dy: float
    horizontal: Literal["left", "center", "right"]
    vertical: Literal["bottom", "center", "top"]


_NEAREST: Final = (
    _Side(6, 0, "left", "center"),
    _Side(-6, 0, "right", "center"),
    _Side(0, 6, "center", "bottom"),
    _Side(0, -6, "center", "top"),
    _Side(5, 5, "left", "bottom"),
    _Side(-5, 5, "right", "bottom"),
    _Side(5, -5, "left", "top"),
    _Side(-5, -5, "right", "top"),
)
_REACHES: Final = (1.0, 2.0, 3.2)
#: With a leader from the label to its point.
_FAR_REACHES: Final = (4.5, 6.0, 8.0, 10.0, 13.0)


def spread(wanted: Sequence[float], *, gap: float, low: float, high: float) -> tuple[float, ...]:
    """Move positions as little as a minimum distance between neighbours allows."""
    order = np.argsort(wanted, kind="stable")
    targets = [wanted[i] - rank * gap for rank, i in enumerate(order)]
    blocks: list[tuple[float, int]] = []
    for target in targets:
        mean, count = target, 1
        while blocks and blocks[-1][0] > mean:
            before, size = blocks.pop()
            mean, count = (before * size + mean * count) / (size + count), size + count
        blocks.append((mean, count))
    pooled = [mean for mean, count in blocks for _ in range(count)]
    ceiling = high - gap * (len(pooled) - 1)
    placed = [0.0] * len(pooled)
    for rank, (i, value) in enumerate(zip(order, pooled, strict=True)):
        placed[i] = max(low, min(value, ceiling)) + rank * gap
    return tuple(placed)


def name_ends(axes: Axes, ends: Sequence[tuple[float, float, str, str]], *, gap: float) -> None:
    """Name lines at their right ends, outside the axes, apart from each other, with a thin leader each."""
    upright = axes.transScale + axes.transLimits  # to shares of the axes, whatever the layout
    wanted = [float(upright.transform((x, y))[1]) for x, y, _, _ in ends]
    places = spread(wanted, gap=gap, low=0.0, high=1.0)
    for (x, y, text, color), place in zip(ends, places, strict=True):
        axes.annotate(
            text,
            (x, y),
            xytext=(1.06, place),
            textcoords=axes.transAxes,
            va="center",
            color=color,
            fontsize=SMALL,
            arrowprops={
                "arrowstyle": "-",
                "color": color,
                "lw": 0.5,
                "shrinkA": 1,
                "shrinkB": 1,
                "relpos": (0.0, 0.5),  # to the beginning of the name, past the others
            },
            annotation_clip=False,
        )


def label_without(text: str, left_out: Sequence[str]) -> str:
    """Name below the label of an axis what has no value to be drawn."""
    return f"{text}\nnot drawn: {', '.join(left_out)}" if left_out else text


def write_above(axes: Axes, text: str, x: float) -> None:
    """Write above the upper edge what a place on the horizontal axis is."""
    axes.annotate(
        text,
        (x, 1.0),
        xycoords=axes.get_xaxis_transform(),
        xytext=(0, 2),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=SMALL,
        annotation_clip=False,
    )


def write_undefined(axes: Axes, place: float, text: str = UNDEFINED) -> None:
    """Write in the middle of a row why it has no mark; nothing of the axes shows behind it."""
    axes.annotate(
        text,
        (0.5, place),
        xycoords=axes.get_yaxis_transform(),
        ha="center",
        va="center",
        fontsize=SMALL,
        color=PUBLISHED_TEXT,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
    )


def write_beside(
    axes: Axes,
    text: str,
    point: tuple[float, float],
    *,
    gap: float = 3.0,
    color: str = INK,
    over: bool = False,
) -> None:
    """Write a value to the right of a mark or of a bar's end."""
    axes.annotate(
        text,
        point,
        xytext=(gap, 0),
        textcoords="offset points",
        va="center",
        fontsize=SMALL,
        color=color,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5} if over else None,
    )


def place_near(
    axes: Axes,
    points: Sequence[tuple[float, float]],
    texts: Sequence[str],
    *,
    colors: Sequence[str],
    far: bool = False,
) -> None:
    """Write each text beside its point, clear of every line and text of the axes and of their edge."""
    sides = _sides(_REACHES + _FAR_REACHES if far else _REACHES)
    figure = axes.figure.get_figure(root=True)
    renderer = FigureCanvasAgg(figure).get_renderer()
    if (layout := figure.get_layout_engine()) is not None:
        layout.execute(figure)
    reach = _CLEARANCE / 72 * figure.dpi
    boxes = [np.array([text.get_window_extent(renderer).extents for text in axes.texts]).reshape(-1, 4)]
    weights = [np.ones(len(axes.texts))]
    for line in axes.lines:
        pixels = _pixels(line)
        boxes.append(np.hstack([pixels - reach, pixels + reach]))
        weights.append(np.full(len(pixels), _GUIDE_COST if line.get_zorder() < 1 else 1.0))
    taken, weight = np.concatenate(boxes), np.concatenate(weights)
    frame = np.reshape(axes.get_window_extent(renderer).extents, (1, 4))
    labels = np.empty((0, 4))
    for point, text, color in zip(points, texts, colors, strict=True):
        label = _label(axes, point, text, color)
        best, least = _NEAREST[0], float("inf")
        for side in sides:
            _move(label, side)
            box = np.asarray(label.get_window_extent(renderer).extents)
            covered = float(_shared_areas(box, taken) @ weight)
            outside = float(np.prod(box[2:] - box[:2]) - _shared_areas(box, frame)[0])
            cost = covered + outside + math.hypot(side.dx, side.dy)
            if far:
                cost += _LEADER_COST * _crossed(axes, point, label, marks=points, reach=reach, others=labels)
            if cost < least:
                best, least = side, cost
        _move(label, best)
        if far and math.hypot(best.dx, best.dy) > _FAR:
            _lead(axes, label, point, color)
        taken = np.vstack([taken, label.get_window_extent(renderer).extents])
        weight = np.append(weight, 1.0)
        labels = np.vstack([labels, taken[-1]])


def _pixels(line: Line2D) -> NDArray[np.float64]:
    """Places along a line in display coordinates, close enough that no label fits between two."""
    corners = np.asarray(line.get_transform().transform(line.get_xydata()))
    pieces = len(corners) - 1
    places = np.linspace(0, pieces, 100 + 40 * pieces if pieces else 1)
    return np.column_stack(
        [np.interp(places, np.arange(len(corners)), coordinates) for coordinates in corners.T]
    )


def _label(axes: Axes, point: tuple[float, float], text: str, color: str) -> Annotation:
    return axes.annotate(
        text,
        point,
        xytext=(0, 0),
        textcoords="offset points",
        color=color,
        fontsize=SMALL,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        zorder=2.2,  # over the lines, under the axes' own
    )


def _sides(reaches: Sequence[float]) -> tuple[_Side, ...]:
    """List where a label may stand, best first."""
    return tuple(
        side._replace(dx=side.dx * reach, dy=side.dy * reach) for reach in reaches for side in _NEAREST
    )


def _crossed(
    axes: Axes,
    point: tuple[float, float],
    label: Annotation,
    *,
    marks: Sequence[tuple[float, float]],
    reach: float,
    others: NDArray[np.float64],
) -> int:
    """Count the other marks and labels that the line from a point to its label would pass over."""
    if math.hypot(*label.get_position()) <= _FAR:
        return 0
    start = np.asarray(axes.transData.transform(point))
    step = np.asarray(label.get_position()) / 72 * axes.figure.get_figure(root=True).dpi
    way = start + np.linspace(0, 1, 40)[:, None] * step
    centres = np.asarray([axes.transData.transform(mark) for mark in marks if mark != point]).reshape(-1, 2)
    distances = np.hypot(*(way[:, None] - centres[None]).T).T
    near = distances < reach
    inside = ((way[:, None] >= others[None, :, :2]) & (way[:, None] <= others[None, :, 2:])).all(axis=2)
    return int(near.any(axis=0).sum() + inside.any(axis=0).sum())


def _lead(axes: Axes, label: Annotation, point: tuple[float, float], color: str) -> None:
    """Draw a thin line from a label to its point."""
    axes.annotate(
        "",
        point,
        xytext=label.get_position(),
        textcoords="offset points",
        arrowprops={"arrowstyle": "-", "color": color, "lw": 0.5, "shrinkA": 0, "shrinkB": 2},
        zorder=2.1,  # under the labels
    )


def _move(label: Annotation, side: _Side) -> None:
    label.set_position((side.dx, side.dy))
    label.set_horizontalalignment(side.horizontal)
    label.set_verticalalignment(side.vertical)


def _shared_areas(box: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area that a box (left, bottom, right, top) shares with each of the others, shape (n, 4)."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:], others[:, 2:])
    return np.prod(np.clip(high - low, 0.0, None), axis=1)
