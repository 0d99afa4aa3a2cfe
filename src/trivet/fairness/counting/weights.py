"""Sums of the weights of rows, by sampling unit, group, label and prediction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trivet.errors import UsageError

__all__ = ["WeightSums"]

_AXES: Final = 4


@dataclass(frozen=True, eq=False)
class WeightSums:
    """Sums of weights that design-based intervals follow from.

    A part is a stratum where every row is a sampling unit, and a primary sampling unit where there are
    clusters. Without strata or clusters there is one part.

    Attributes
    ----------
    weight : Name of the column of weights.
    strata : Stratum of each part, a whole number from 0 up, shape (parts,).
    rows : Rows of each part, shape (parts, groups, classes, classes): [part, group, label, prediction].
    sums : Their weights added up, of the same shape.
    squares : Their squared weights added up, where every row is a sampling unit; None where a part is one.

    Raises
    ------
    UsageError : If the shapes differ, or a sum is negative or no finite number.
    """

    weight: str
    strata: NDArray[np.int64]
    rows: NDArray[np.int64]
    sums: NDArray[np.float64]
    squares: NDArray[np.float64] | None

    def __post_init__(self) -> None:
        tables: list[NDArray[Any]] = [self.rows, self.sums]
        tables += [] if self.squares is None else [self.squares]
        shapes = {table.shape for table in tables}
        if len(shapes) > 1 or self.rows.ndim != _AXES or self.strata.shape != self.rows.shape[:1]:
            raise UsageError(
                "expected sums of weights of shape (parts, groups, classes, classes), and a stratum for each "
                f"part; found {', '.join(map(str, sorted(shapes)))} and {self.strata.shape} strata."
            )
        if not all(bool(np.isfinite(table).all()) and float(table.min(initial=0)) >= 0 for table in tables):
            raise UsageError("sums of weights are finite numbers from 0 up.")

    def merged(self, places: Sequence[int], groups: int) -> "WeightSums":
        """Return the sums of fewer groups, with the new place of each."""

        def add(table: NDArray[Any]) -> NDArray[Any]:
            merged = np.zeros((table.shape[0], groups, *table.shape[2:]), dtype=table.dtype)
            for old, new in enumerate(places):
                merged[:, new] += table[:, old]
            return merged

        return self._each(add)

    def one_versus_rest(self, place: int) -> "WeightSums":
        """Return the sums of one class against all others, which come first."""

        def fold(table: NDArray[Any]) -> NDArray[Any]:
            for axis in (2, 3):
                own = np.take(table, [place], axis=axis)
                table = np.concatenate([table.sum(axis=axis, keepdims=True) - own, own], axis=axis)
            return np.maximum(table, 0)

        return self._each(fold)

    def _each(self, change: Any) -> "WeightSums":
        squares = None if self.squares is None else change(self.squares)
        return replace(self, rows=change(self.rows), sums=change(self.sums), squares=squares)
