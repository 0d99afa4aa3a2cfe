"""Style of a compared model in a figure: its name, its mark, and its two intervals."""

from collections.abc import Sequence
from typing import Final

from trivet.fairness.auditing.results import ModelOutcome, TrainingSpread
from trivet.fairness.intervals.results import Bounds
from trivet.report.figures.group_rows import NAME_POINTS
from trivet.report.figures.names import drawn_text
from trivet.report.figures.style import CORRECTED, INK, PUBLISHED, PUBLISHED_TEXT

__all__ = [
    "SAMPLING",
    "TRAINING",
    "Span",
    "interval_of",
    "model_color",
    "model_name",
    "model_shape",
    "model_text_color",
    "spans_of",
    "widened",
]

#: Points of line width: the interval of sampling, and behind it that of training.
SAMPLING: Final = 0.8
TRAINING: Final = 3.2
Span = tuple[float, float]


def interval_of(measured: Bounds | None) -> Span | None:
    """Give the interval of sampling, if both its ends are known."""
    if measured is None or measured.low is None or measured.high is None:
        return None
    return measured.low, measured.high


def spans_of(*spreads: TrainingSpread | None) -> list[Span | None]:
    """Give the interval of training of each figure, if there is one."""
    return [
        None if spread is None or spread.low is None or spread.high is None else (spread.low, spread.high)
        for spread in spreads
    ]


def widened(values: Sequence[float], *, by: float) -> Span:
    """Give the range of some values and a share more at either end; training may go beyond it."""
    low, high = min(values), max(values)
    more = by * (high - low or 0.01)
    return low - more, high + more


def model_name(model: ModelOutcome, number: int) -> str:
    """Name a model as a figure can draw it."""
    return drawn_text(model.title, width=NAME_POINTS) or f"model {number}"


def model_shape(model: ModelOutcome) -> str:
    """Tell the baseline, the frontier and the others apart by their marks."""
    return "s" if model.kind == "baseline" else "D" if model.on_frontier else "o"


def model_color(model: ModelOutcome) -> str:
    """Tell them apart by colour too."""
    return INK if model.kind == "baseline" else CORRECTED if model.on_frontier else PUBLISHED


def model_text_color(model: ModelOutcome) -> str:
    """Colour a name, dark enough to be read."""
    return PUBLISHED_TEXT if model_color(model) == PUBLISHED else model_color(model)
