"""Small lines of a measurement over several audits, for a page that opens offline."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from trivet.comparison import value_text
from trivet.report.text.values import escape_html

__all__ = ["Point", "small_line"]

WIDTH: Final = 132
HEIGHT: Final = 30
#: Room around the line for its marks.
ROOM: Final = 5
#: Of a line whose values are all the same, and which so has no height of its own.
_FLAT: Final = 1.0


@dataclass(frozen=True)
class Point:
    """A measurement of one audit, its interval where there is one, and which audit it is of."""

    when: str
    value: float
    low: float | None = None
    high: float | None = None


def small_line(points: Sequence[Point]) -> str:
    """Draw measurements, the earliest first, as a small line of SVG with all values in words.

    The axis reaches from the least to the greatest value or end of an interval; nothing begins at zero.
    """
    ends = [end for point in points for end in (point.value, point.low, point.high) if end is not None]
    low, span = min(ends), max(ends) - min(ends)

    def across(number: int) -> float:
        return ROOM + (WIDTH - 2 * ROOM) * (number / (len(points) - 1) if len(points) > 1 else 1)

    def down(value: float) -> float:
        share = (value - low) / span if span else _FLAT / 2
        return HEIGHT - ROOM - (HEIGHT - 2 * ROOM) * share

    places = [(across(number), down(point.value)) for number, point in enumerate(points)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    marks = "".join(
        f"<g><title>{escape_html(_told(point))}</title>"
        f'<circle class="{"last" if number == len(points) - 1 else "point"}" cx="{x:.1f}" cy="{y:.1f}" '
        f'r="{3 if number == len(points) - 1 else 2}"/></g>'
        for number, (point, (x, y)) in enumerate(zip(points, places, strict=True))
    )
    told = escape_html("; ".join(map(_told, points)))
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    bars = "".join(_bars(points, across, down))
    begin = f'<svg class="trend" role="img" aria-label="{told}" {size}>'
    return f'{begin}{bars}<polyline points="{line}"/>{marks}</svg>'


def _bars(
    points: Sequence[Point], across: Callable[[int], float], down: Callable[[float], float]
) -> Iterator[str]:
    for number, point in enumerate(points):
        if point.low is not None and point.high is not None:
            x = across(number)
            yield f'<path d="M{x:.1f} {down(point.low):.1f}V{down(point.high):.1f}"/>'


def _told(point: Point) -> str:
    return f"{point.when}: {value_text(point.value)}"
