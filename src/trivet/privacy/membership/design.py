"""What is trained for an audit: shadow models, the audited one, and with canaries one more."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from trivet.privacy.membership.canaries import plant
from trivet.privacy.membership.shadows import Training
from trivet.privacy.membership.splits import shadow_halves

__all__ = ["POPULATION", "TARGET", "Design", "design_trainings", "use_of"]

#: One use of the seed each, so that no two draws depend on one another.
HALVES, TARGET, CANARIES, COINS, POPULATION = range(5)


@dataclass(frozen=True, eq=False)
class Design:
    """What is trained: shadow models, the audited one unless it is there, and with canaries one more.

    `coins` says which canaries, the rows after those of the data, went into the last; None without.
    """

    training: Training
    coins: NDArray[np.bool_] | None


def design_trainings(
    features: Any,
    labels: NDArray[np.int64],
    classes: int,
    mask: NDArray[np.bool_],
    *,
    shadows: int,
    canaries: int,
    seed: int,
    audited: bool = True,
) -> Design:
    """Draw who trains which model, and what is planted.

    Parameters
    ----------
    features, labels, classes
        The rows, labels from 0, and how many classes there are.
    mask
        Shape (rows,), who trains the audited model.
    shadows, canaries
        Shadow models, and rows to plant.
    seed
        Of all of it.
    audited
        Whether the audited model is trained too.
    """
    inside = shadow_halves(labels, shadows, generator=use_of(seed, HALVES))
    if audited:
        inside = np.vstack([inside, mask])
    if not canaries:
        return Design(Training(features, labels, classes, inside, seed), None)
    planted, wrong = plant(features, labels, canaries, classes=classes, generator=use_of(seed, CANARIES))
    coins = use_of(seed, COINS).random(canaries) < 0.5  # noqa: PLR2004 - a fair coin
    inside = np.hstack([inside, np.zeros((len(inside), canaries), dtype=np.bool_)])
    inside = np.vstack([inside, np.concatenate([mask, coins])])
    whole = sparse.vstack([features, planted], format="csr") if sparse.issparse(features) else None
    return Design(
        Training(
            np.concatenate([features, planted]) if whole is None else whole,
            np.concatenate([labels, wrong]),
            classes,
            inside,
            seed,
        ),
        coins,
    )


def use_of(seed: int, use: int) -> np.random.Generator:
    """Return the generator of one use of the seed."""
    # Two numbers, where a model's own seed has one: no draw is a model's.
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(use, 0)))
