"""Registry row of a figure: its leg, how it is drawn, and what it needs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from matplotlib.figure import Figure

__all__ = ["FigureRow", "is_study", "of_published"]

_Shown = TypeVar("_Shown")


def is_study(result: object) -> bool:
    """Tell whether a leg of a record is the built-in study of it."""
    return getattr(result, "published", None) is not None


def of_published(show: Callable[..., _Shown]) -> Callable[..., _Shown]:
    """Return what shows the published half of a leg, from the leg."""
    return lambda leg, *triggers: show(leg.published, *triggers)


@dataclass(frozen=True)
class FigureRow:
    """One figure of the report.

    Attributes
    ----------
    name
        File name without its suffix.
    leg
        Part of the record that it shows; without that part there is no figure.
    draw
        Study, and triggers where `needs_triggers`, to figure.
    alt
        Study to a description in words, for readers who do not see the figure.
    wide
        Whether it takes both columns of the page.
    needs_triggers
        Whether `draw` takes the trigger arrays too.
    present
        Study, or what was found out without it, to whether it has what the figure shows; by default every
        study has, and nothing else.
    """

    name: str
    leg: Literal["security", "privacy", "fairness", "effects"]
    draw: Callable[..., Figure]
    alt: Callable[..., str]
    wide: bool = False
    needs_triggers: bool = False
    present: Callable[..., bool] = is_study
