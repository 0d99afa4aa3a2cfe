"""Membership inference between pairs of models, each trained on half of the rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trivet.privacy.membership.recipe import recipe_of, train
from trivet.privacy.membership.rmia import rmia_scores
from trivet.privacy.membership.shadows import model_seed, signals_of
from trivet.privacy.membership.splits import shadow_halves

__all__ = ["Trained", "attack_scores", "halves_of", "train_pairs"]


@dataclass(frozen=True, eq=False)
class Trained:
    """Signals of the models on rows, shapes (models, rows)."""

    probability: NDArray[np.float64]
    right: NDArray[np.bool_]


def halves_of(labels: NDArray[np.int64], pairs: int, *, seed: int) -> NDArray[np.bool_]:
    """Draw who trains which model: models 2k and 2k + 1 are trained on the two halves of one division."""
    return shadow_halves(labels, 2 * pairs, generator=np.random.default_rng([seed, 0]))


def train_pairs(
    estimator: Any,
    features: NDArray[np.float64],
    labels: NDArray[np.int64],
    inside: NDArray[np.bool_],
    *,
    seed: int,
) -> Trained:
    """Train one model on each half, on one thread, and ask it about every row."""
    recipe = recipe_of(estimator)
    probability = np.empty(inside.shape)
    right = np.empty(inside.shape, dtype=np.bool_)
    for model, half in enumerate(inside):
        fitted = train(recipe, features[half], labels[half], seed=model_seed(seed, model))
        probability[model] = signals_of(fitted, features, labels, 2).probability[0]
        right[model] = fitted.predict(features) == labels
    return Trained(probability, right)


def attack_scores(trained: Trained, inside: NDArray[np.bool_], *, seed: int) -> NDArray[np.float64]:
    """Attack each model by RMIA with all models but itself and the one trained on the other half.

    The model of the other half would give the attack away: of the models left without the attacked one, those
    that knew a member would be one fewer than those that knew another row.
    """
    models, rows = inside.shape
    population = np.random.default_rng([seed, 1]).permutation(rows)
    scores = np.empty(inside.shape)
    for model in range(models):
        others = np.arange(models) // 2 != model // 2
        scores[model] = rmia_scores(
            trained.probability[model], trained.probability[others], inside[others], population
        )
    return scores
