"""Which rows is each model trained on: halves that favour no row and leave out no class?"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["random_half", "shadow_halves"]


def random_half(labels: ArrayLike, *, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Draw half of the rows, and half of each class.

    Of a class with an odd number of rows one row is left over. Half of these are inside, so that all
    together are half of the rows too; of an odd number of them a fair coin decides on the last.

    Parameters
    ----------
    labels
        Shape (n,), each row's class.
    generator
        Draws the half.

    Returns
    -------
    numpy.ndarray
        Shape (n,), boolean; each row is inside with probability one half.
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

    Parameters
    ----------
    labels
        Shape (n,), each row's class.
    models
        Shadow models, at least 1; of an odd number the last has no complement.
    generator
        Draws the halves.

    Returns
    -------
    numpy.ndarray
        Shape (models, n), boolean.
    """
    classes = np.asarray(labels)
    inside = np.empty((models, len(classes)), dtype=np.bool_)
    for first in range(0, models, 2):
        inside[first] = random_half(classes, generator=generator)
        inside[first + 1 : first + 2] = ~inside[first]
    return inside
