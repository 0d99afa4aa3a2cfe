"""The rows that each model is trained on: shares that favour no row and leave out no class.

Where a unit has several rows, units are drawn instead, and all rows of one are inside or outside together.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["random_half", "shadow_halves", "shadow_shares", "unit_labels"]

#: Shadow models that each row is in, and that it is not in, at least: LiRA needs both.
_FEWEST_OF_ROW = 2


def random_half(labels: ArrayLike, *, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Draw half of the rows, and half of each class.

    Of a class with an odd number of rows one row is left over. Half of these are inside, so that all
    together are half of the rows too; of an odd number of them a fair coin decides on the last.
    """
    classes = np.asarray(labels)
    inside = np.zeros(len(classes), dtype=np.bool_)
    left: list[int] = []
    for label in np.unique(classes):
        rows = generator.permutation(np.flatnonzero(classes == label))
        inside[rows[: len(rows) // 2]] = True
        left.extend(int(row) for row in rows[len(rows) // 2 * 2 :])
    order = generator.permutation(np.array(left, dtype=np.intp))
    inside[order[: (len(order) + int(generator.integers(2))) // 2]] = True
    return inside


def shadow_halves(labels: ArrayLike, models: int, *, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Draw who trains which shadow model, so that each row trains half of them.

    Models come in pairs, a random half and its complement: each has as many rows as the audited model,
    and of an even number of models each row is in exactly half, as the attacks need models on either
    side of each row (Carlini et al. 2022, Section IV).
    """
    classes = np.asarray(labels)
    inside = np.empty((models, len(classes)), dtype=np.bool_)
    for first in range(0, models, 2):
        inside[first] = random_half(classes, generator=generator)
        inside[first + 1 : first + 2] = ~inside[first]
    return inside


def shadow_shares(
    labels: ArrayLike, models: int, share: float, *, generator: np.random.Generator
) -> NDArray[np.bool_]:
    """Draw who trains which shadow model, so that each model trains on a given share of the rows.

    A share of a half is drawn by `shadow_halves`. For others each row is left out of the same number of
    models, at least two and at most all but two: within a class, `models` rows at a time are left out by one
    random choice of models that moves on by one model a row, so each model leaves out the same number.
    """
    out = min(max(round((1 - share) * models), _FEWEST_OF_ROW), models - _FEWEST_OF_ROW)
    if abs(2 * out - models) <= models % 2:
        return shadow_halves(labels, models, generator=generator)
    classes = np.asarray(labels)
    inside = np.ones((models, len(classes)), dtype=np.bool_)
    places = np.arange(models)
    for label in np.unique(classes):
        rows = generator.permutation(np.flatnonzero(classes == label))
        for first in range(0, len(rows), models):
            block = rows[first : first + models]
            left_out = np.zeros(models, dtype=np.bool_)
            left_out[generator.choice(models, out, replace=False)] = True
            inside[:, block] = ~left_out[(places[:, np.newaxis] + places[: len(block)]) % models]
    return inside


def unit_labels(labels: NDArray[np.int64], units: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return one label for each unit, the rarest of its rows' labels, to draw units of each class."""
    rarest_first = np.argsort(np.bincount(labels), kind="stable")
    places = np.argsort(rarest_first)
    found = np.full(int(units.max()) + 1, len(places))
    np.minimum.at(found, units, places[labels])
    return rarest_first[found]
