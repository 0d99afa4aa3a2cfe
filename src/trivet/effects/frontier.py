"""Remedies in the figures of several legs at once, and those that no other betters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from trivet.effects.results import Frontier, FrontierAxis, FrontierPoint, Leg
from trivet.estimate import Estimate
from trivet.wording import listed

__all__ = ["Weighed", "frontier_of"]

#: Name of the system without any remedy.
NONE: Final = "none"


@dataclass(frozen=True)
class Weighed:
    """A remedy, or the system as it is, and its figures in the order of the axes."""

    name: str
    title: str
    leg: Leg | None
    figures: tuple[Estimate, ...]


def frontier_of(name: str, axes: Sequence[FrontierAxis], weighed: Sequence[Weighed]) -> tuple[Frontier, ...]:
    """Mark the points that no other is as good as in every figure and better than in one.

    An axis without a figure of any point is left out; with fewer than two axes or points there is nothing to
    weigh, and no frontier. A point without a figure that others have is neither on it nor off it. Estimates
    are compared, not intervals.
    """
    kept = [
        place
        for place in range(len(axes))
        if any(point.figures[place].value is not None for point in weighed)
    ]
    if min(len(kept), len(weighed)) < 2:  # noqa: PLR2004 - two to weigh
        return ()
    signs = np.array([1.0 if axes[place].better == "higher" else -1.0 for place in kept])
    values = [
        None
        if any(point.figures[place].value is None for place in kept)
        else signs * np.array([point.figures[place].number for place in kept])
        for point in weighed
    ]
    whole = [value for value in values if value is not None]
    points = tuple(
        FrontierPoint(
            name=point.name,
            title=point.title,
            leg=point.leg,
            figures=tuple(point.figures[place] for place in kept),
            on_frontier=None
            if value is None
            else not any((other >= value).all() and (other > value).any() for other in whole),
        )
        for point, value in zip(weighed, values, strict=True)
    )
    shown = tuple(axes[place] for place in kept)
    return (Frontier(name=name, axes=shown, points=points, statement=_statement(shown, points)),)


def _statement(axes: Sequence[FrontierAxis], points: Sequence[FrontierPoint]) -> str:
    best = [point.title for point in points if point.on_frontier]
    beaten = [point.title for point in points if point.on_frontier is False]
    figures = listed([axis.title for axis in axes])
    if not best:
        return f"No remedy was measured in all of {figures}."
    said = f"By the estimates, and in {figures} taken together, nothing is better than {listed(best)}."
    if not beaten:
        return f"By the estimates, and in {figures} taken together, none of these is outdone: {listed(best)}."
    named, are = listed(beaten), "is" if len(beaten) == 1 else "are"
    return (
        f"{said} {named[:1].upper()}{named[1:]} {are} outdone: another is as good in all of these and better "
        "in one."
    )
