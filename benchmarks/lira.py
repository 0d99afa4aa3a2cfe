"""LiRA's rule against the published two on simulated rows, and few shadow models against many on Adult.

The table of simulated rows is in docs/membership.md. A simulated row's logits are normal with a mean and a
standard deviation of its own; training on the row adds an effect of its own. Half of the rows are members,
and each row trains half of the shadow models. On Adult it is the tree that learns all rows by heart.
"""

import sys

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from trivet.privacy.membership.attacks import lira_scores
from trivet.privacy.membership.audit import attack_model
from trivet.privacy.membership.subject import ModelRows, load_subject

SHADOWS = (4, 8, 16, 32, 62, 64, 128, 256)
#: Standard deviation of the logarithm of the rows' own standard deviations.
SPREAD = 0.7
ROWS = 6000
WORLDS = 8
RATE = 0.01

World = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]


def world(rows: int, shadows: int, *, spread: float, generator: np.random.Generator) -> World:
    """Return target logits (rows,), shadow logits and who is inside (shadows, rows), and members (rows,)."""
    deviation = np.exp(generator.normal(0, spread, rows))
    mean, effect = generator.normal(0, 2, rows), generator.gamma(0.5, 1.2, rows) * deviation
    inside = generator.random((shadows, rows)).argsort(axis=0) < shadows // 2
    members = generator.random(rows) < 1 / 2
    said = mean + inside * effect + deviation * generator.normal(size=inside.shape)
    return mean + members * effect + deviation * generator.normal(size=rows), said, inside, members


def normal_scores(
    target: NDArray[np.float64], shadows: NDArray[np.float64], inside: NDArray[np.bool_], *, pooled: bool
) -> NDArray[np.float64]:
    """Return LiRA's scores as published: with the pooled variance of a side, or with each row's own."""
    scores = np.zeros(len(target))
    for side, sign in ((inside, 1), (~inside, -1)):
        count = side.sum(axis=0)
        mean = np.where(side, shadows, 0).sum(axis=0) / count
        squares = np.where(side, (shadows - mean) ** 2, 0).sum(axis=0)
        variance = squares.sum() / (count - 1).sum() if pooled else squares / (count - 1)
        scores += sign * norm.logpdf(target, mean, np.sqrt(variance))
    return scores


def rates(shadows: int, *, spread: float, rows: int, worlds: int, seed: int = 0) -> tuple[float, ...]:
    """Return the mean TPR of the pooled variance, of each row's own and of trivet's rule, online."""
    generator = np.random.default_rng([seed, shadows])
    found: list[tuple[float, ...]] = []
    for _ in range(worlds):
        target, said, inside, members = world(rows, shadows, spread=spread, generator=generator)
        scores = (
            normal_scores(target, said, inside, pooled=True),
            normal_scores(target, said, inside, pooled=False),
            lira_scores(target, said, inside, online=True),
        )
        bars = [np.quantile(each[~members], 1 - RATE) for each in scores]
        found.append(tuple(float((s[members] > b).mean()) for s, b in zip(scores, bars, strict=True)))
    return tuple(np.mean(found, axis=0).tolist())


def adult(seeds: int) -> None:
    """Print what the attacks find on Adult's tree, on average over seeds, by the number of shadow models."""
    print("| Shadow models | attack | AUROC | TPR at 0.1% FPR | TPR at 1% FPR |")
    print("|--:|---|--:|--:|--:|")
    subject = load_subject(None, ModelRows(), seed=0)
    for shadows in (0, 8, 64):
        attacks = ("lira-online", "lira-offline") if shadows else ("quantile",)
        found = [
            attack_model(
                "tree",
                subject.features,
                subject.labels,
                shadows=shadows,
                attacks=attacks,
                workers=1,
                seed=seed,
            ).result.attacks
            for seed in range(seeds)
        ]
        for place, attack in enumerate(attacks):
            each = [audit[place] for audit in found]
            area = np.mean([one.auroc.value for one in each])
            low, high = (np.mean([one.rates[rate].tpr.number for one in each]) for rate in (0, 1))
            print(f"| {shadows} | `{attack}` | {area:.3f} | {low:.2%} | {high:.2%} |", flush=True)


def main(worlds: int = WORLDS, seeds: int = 3) -> None:
    """Print the tables."""
    print("| Shadow models | pooled variance | each row's own | trivet |")
    print("|--:|--:|--:|--:|")
    for shadows in SHADOWS:
        found = rates(shadows, spread=SPREAD, rows=ROWS, worlds=worlds)
        print(f"| {shadows} | " + " | ".join(f"{rate:.1%}" for rate in found) + " |", flush=True)
    adult(seeds)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
