"""Families of draws, and those that functions of uniform noise are recognised to have."""

from typing import Any, Final

import numpy as np

from trivet.privacy.code.densities import grid_of_quantiles, recognised
from trivet.privacy.code.tape import Draw, Event, Floats, Tape

__all__ = ["Families"]

#: Draws of one call that are compared with quantiles.
_TOGETHER: Final = 2_000


class Families:
    """Draws of a record by their columns."""

    def __init__(self, record: Tape) -> None:
        self.record = record
        self.starts = np.array([draw.start for draw in record.draws], dtype=np.int64)
        self.functions = {
            int(event.facts["columns"][0]): event
            for event in record.events
            if event.kind == "derived" and len(event.facts["columns"])
        }
        self.made: dict[int, tuple[str, Floats] | None] = {}

    def number(self, column: int) -> int:
        """Return the number of the draw that a column is of."""
        return int(np.searchsorted(self.starts, column, side="right")) - 1

    def call(self, column: int) -> Any:
        """Return the call that a column is of."""
        return self.record.draws[self.number(column)].call

    def of(self, column: int) -> tuple[str, float]:
        """Return the family of a column and its scale, recognised where it is a function of uniform noise."""
        number = self.number(column)
        draw = self.record.draws[number]
        if draw.call.family != "derived":
            return draw.call.family, 1.0
        if number not in self.made:
            self.made[number] = self._recognise(draw)
        made = self.made[number]
        return ("derived", 1.0) if made is None else (made[0], float(made[1][column - draw.start]))

    def _recognise(self, draw: Draw) -> Any:
        """Compare a function of uniform noise with the quantiles of known families."""
        if draw.count > _TOGETHER:
            return None
        points = []
        for point in grid_of_quantiles().tolist():
            values = self._at(draw, point, {})
            if values is None:
                return None
            points.append(values)
        return recognised(np.array(points))

    def _at(self, draw: Draw, point: float, known: dict[int, Floats | None]) -> Floats | None:
        """Values of a function of noise where each uniform draw in it is `point`."""
        event = self.functions[draw.start]
        inputs: list[float] = []
        bases: list[set[int]] = [set() for _ in range(draw.count)]
        for row in range(len(event.offset)):
            total, factors = _affine(event, row)
            for column, factor in factors.items():
                number = self.number(column)
                inner = self.record.draws[number]
                if inner.call.family == "uniform":
                    total += factor * point
                    bases[row % draw.count].add(column)
                elif inner.call.family == "derived":
                    if number not in known:
                        known[number] = self._at(inner, point, known)
                    values = known[number]
                    if values is None:
                        return None
                    total += factor * float(values[column - inner.start])
                    bases[row % draw.count] |= self.bases(inner, column - inner.start)
                else:
                    return None
            inputs.append(total)
        if any(len(base) > 1 for base in bases):
            return None
        return event.facts["apply"](np.array(inputs))

    def bases(self, draw: Draw, place: int) -> set[int]:
        """Return the columns that a function of noise is of."""
        event = self.functions[draw.start]
        found: set[int] = set()
        for row in range(place, len(event.offset), draw.count):
            for column in event.rows.indices[event.rows.indptr[row] : event.rows.indptr[row + 1]].tolist():
                inner = self.record.draws[self.number(column)]
                if inner.call.family == "derived":
                    found |= self.bases(inner, column - inner.start)
                else:
                    found.add(column)
        return found

    def without_data(self, column: int) -> bool:
        """Tell whether nothing was added to a draw, or to those that it is a function of."""
        draw = self.record.draws[self.number(column)]
        if draw.call.family == "derived":
            return all(map(self.without_data, self.bases(draw, column - draw.start)))
        return draw.call.family == "uniform" or column not in self.record.units


def _affine(event: Event, row: int) -> tuple[float, dict[int, float]]:
    within = slice(event.rows.indptr[row], event.rows.indptr[row + 1])
    pairs = zip(event.rows.indices[within].tolist(), event.rows.data[within].tolist(), strict=True)
    return float(event.offset[row]), dict(pairs)
