"""Canary rows, planted in one training run to measure its memorisation."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

__all__ = ["plant"]


def plant(
    features: Any,
    labels: NDArray[np.int64],
    canaries: int,
    *,
    classes: int,
    generator: np.random.Generator,
) -> tuple[Any, NDArray[np.int64]]:
    """Return rows that no one would learn but by heart: real ones with a wrong label.

    A table's columns are drawn from other rows, each on its own, so that a canary is also unlike any
    person; images stay as they are, since pixels drawn one by one are noise.
    """
    rows = generator.choice(len(labels), canaries, replace=False)
    wrong = (labels[rows] + generator.integers(1, classes, canaries)) % classes
    if features.ndim != 2:  # noqa: PLR2004 - rows and columns
        return features[rows], wrong
    places = generator.integers(0, len(labels), (canaries, features.shape[1]))
    if not sparse.issparse(features):
        return np.take_along_axis(features, places, axis=0), wrong
    columns = features.tocsc()
    drawn = [columns[:, [i]][places[:, i]] for i in range(features.shape[1])]
    return sparse.hstack(drawn, format="csr"), wrong
