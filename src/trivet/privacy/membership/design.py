"""Models of an audit: shadow models, the audited one, and one more with canaries."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from trivet.privacy.membership.canaries import plant
from trivet.privacy.membership.shadows import Training
from trivet.privacy.membership.splits import shadow_shares, unit_labels

__all__ = ["POPULATION", "TARGET", "Design", "design_trainings", "use_of"]

#: One use of the seed each, so that no two draws depend on one another.
HALVES, TARGET, CANARIES, COINS, POPULATION = range(5)


@dataclass(frozen=True, eq=False)
class Design:
    """Models to train: shadow models, the audited one unless it is there, and one more with canaries.

    `coins` says which canaries went into the last, and `canaries` is one row of each of them, after those of
    the data; None and no rows without.
    """

    training: Training
    coins: NDArray[np.bool_] | None
    canaries: NDArray[np.int64]


def design_trainings(
    features: Any,
    labels: NDArray[np.int64],
    classes: int,
    mask: NDArray[np.bool_],
    units: NDArray[np.int64],
    *,
    share: float,
    shadows: int,
    canaries: int,
    seed: int,
    audited: bool = True,
) -> Design:
    """Draw who trains which model, and what is planted."""
    drawn = shadow_shares(unit_labels(labels, units), shadows, share, generator=use_of(seed, HALVES))
    inside = drawn[:, units]
    if audited:
        inside = np.vstack([inside, mask])
    if not canaries:
        return Design(Training(features, labels, classes, inside, seed), None, np.empty(0, dtype=np.int64))
    generator = use_of(seed, CANARIES)
    planted, wrong = plant(features, labels, canaries, classes=classes, generator=generator)
    coins = use_of(seed, COINS).random(canaries) < 0.5  # noqa: PLR2004 - a fair coin
    sizes = generator.permutation(np.bincount(units))[:canaries]
    repeated = np.repeat(np.arange(canaries), sizes)
    planted, wrong = planted[repeated], wrong[repeated]
    inside = np.hstack([inside, np.zeros((len(inside), len(repeated)), dtype=np.bool_)])
    inside = np.vstack([inside, np.concatenate([mask, coins[repeated]])])
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
        len(labels) + np.cumsum(sizes) - sizes,
    )


def use_of(seed: int, use: int) -> np.random.Generator:
    """Return the generator of one use of the seed."""
    # Two numbers, where a model's own seed has one: no draw is a model's.
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(use, 0)))
