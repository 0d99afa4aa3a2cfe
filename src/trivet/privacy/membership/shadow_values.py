"""Signals of the shadow models for each row, split by membership in their training data."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trivet.errors import DataError

__all__ = ["ShadowValues", "side_means"]


@dataclass(frozen=True)
class ShadowValues:
    """Checked arguments of an attack."""

    target: NDArray[np.float64]
    shadows: NDArray[np.float64]
    inside: NDArray[np.bool_]

    @classmethod
    def checked(cls, target: ArrayLike, shadows: ArrayLike, inside: ArrayLike) -> "ShadowValues":
        """Return the values; raise DataError where the shapes differ or a value is not finite."""
        t, s = np.asarray(target, dtype=np.float64), np.asarray(shadows, dtype=np.float64)
        i = np.asarray(inside)
        if t.ndim != 1 or s.shape[1:] != t.shape or i.shape != s.shape or i.dtype != np.bool_:
            message = (
                "An attack needs target (rows,), shadows (models, rows) and booleans inside (models, rows); "
                f"found shapes {t.shape}, {s.shape} and {i.shape} of {i.dtype}."
            )
            raise DataError(message)
        if not (np.isfinite(t).all() and np.isfinite(s).all()):
            raise DataError(
                "A model's value for a row is not finite. Take the values with trivet's signals, "
                "which clip them."
            )
        return cls(t, s, i)

    def needs(self, least: int, *, inside: bool) -> None:
        """Raise DataError where a row has fewer than `least` shadow models on one side."""
        counts = (self.inside if inside else ~self.inside).sum(axis=0)
        if counts.size and counts.min() < least:
            side = "with" if inside else "without"
            message = (
                f"The attack needs {least} or more shadow models trained {side} each row; row "
                f"{int(counts.argmin())} has {int(counts.min())}. Train more shadow models."
            )
            raise DataError(message)


def side_means(values: ShadowValues, *, inside: bool) -> NDArray[np.float64]:
    """Return each row's mean over the shadow models on one side, shape (n,)."""
    side = values.inside if inside else ~values.inside
    return np.where(side, values.shadows, 0.0).sum(axis=0) / side.sum(axis=0)
