"""Violations that were published of libraries and papers, written anew: what goes wrong, and nothing else.

Each entry names its source, the claim that it breaks and a data set; the finding that shows it is expected.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["VIOLATIONS", "Violation"]

rng = np.random.default_rng()
RECORD_PLAY = "Cebere et al., arXiv 2602.17454"
SVT = "Lyu, Su and Li, PVLDB 10(6), 2017, Figure 1"
ONES = [0.0, 1.0, 1.0, 0.0, 1.0, 1.0]
#: Queries about a threshold; what the wrong variants spend grows with their number.
QUERIES = 60


@dataclass(frozen=True)
class Violation:
    """Code that breaks its claim."""

    function: Callable[[Any], Any]
    data: Any
    source: str
    kind: str
    claim: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)
    #: Of the noise, where only some paths show it.
    seed: int = 0


def linear_regression_diagonal(rows):
    """The noise of sum(x^2) is made for the lower bound of x, twice."""
    epsilon, low, high = 1.0, 1.0, 10.0
    x = np.clip(rows, low, high)
    sensitivity = np.max(np.abs([low, low])) ** 2
    return float((x**2).sum()) + rng.laplace(scale=sensitivity / epsilon)


def linear_regression_intercept(rows):
    """X and y are each centred by a mean that spends the whole budget."""
    x, y = np.clip(rows, 0.0, 1.0).T
    scale = 1.0 / len(rows)
    return [x.mean() + rng.laplace(scale=scale), y.mean() + rng.laplace(scale=scale)]


def classes_of_the_labels(labels):
    """A model has as many noisy weights as there are labels in the data."""
    classes = np.unique(labels)
    counts = np.array([np.sum(labels == each) for each in classes])
    return counts + rng.laplace(scale=1.0, size=len(classes))


def covariance_without_clipping(rows):
    """Clipped data is made and not used."""
    x = np.array(rows)
    clipped = np.clip(x, 0.0, 1.0)
    assert clipped.max() <= 1.0
    return float((x[:, 0] * x[:, 1]).sum()) + rng.laplace(scale=1.0)


def domain_from_the_maximum(values):
    """The cells of a marginal reach up to the largest value in the data."""
    x = np.array(values)
    counts = np.bincount(x, minlength=int(x.max()) + 1)
    return counts + rng.normal(scale=3.0, size=len(counts))


def batch_size_from_the_data(gradients):
    """The noisy sum is divided by an expected batch size that is the data's length times a rate."""
    g = np.array(gradients, dtype=float)
    norms = np.linalg.norm(g, axis=1, keepdims=True)
    total = (g / np.maximum(1.0, norms)).sum(axis=0)
    return (total + rng.normal(scale=6.0, size=total.shape)) / int(len(g) * 0.5)


def clip_lets_nan_through(values):
    """Clipping keeps what is not a number."""
    return float(np.clip(values, 0.0, 1.0).sum()) + rng.laplace(scale=1.0)


def budget_spent_twice(values):
    """Two answers spend the whole budget each."""
    scale = 1.0
    count = len(values) + rng.laplace(scale=scale)
    return [count, np.clip(np.nan_to_num(values), 0, 1).sum() + rng.laplace(scale=scale)]


def sensitivity_of_zero(values):
    """A formula for the scale gives 0, and there is no noise."""
    parents = 0
    return len(values) + rng.laplace(scale=2.0 * parents)


def clip_after_averaging(gradients):
    """The mean gradient is clipped, and the noise is that of clipped gradients of the examples."""
    g = np.array(gradients, dtype=float)
    mean = g.mean(axis=0)
    mean = mean / max(1.0, float(np.linalg.norm(mean)))
    return mean + rng.normal(scale=4.0 / 10, size=mean.shape)


def noise_of_another_batch_size(gradients):
    """Gradients are clipped to C, and the noise is that of gradients clipped to C over the batch size."""
    clip, batch = 1.0, 8
    g = np.array(gradients, dtype=float)
    norms = np.linalg.norm(g, axis=1, keepdims=True)
    total = (g * np.minimum(1.0, clip / np.maximum(norms, 1e-12))).sum(axis=0)
    return total + rng.normal(scale=4.0 * clip / batch, size=total.shape)


def bounds_from_the_data(values):
    """Bounds that are not given are taken from the data."""
    x = np.array(values)
    low, high = x.min(), x.max()
    return float(x.mean()) + rng.laplace(scale=(high - low) / 10)


def mean_over_the_true_count(values):
    """The noise of a mean is that of the true count of rows, which is not known."""
    x = np.clip(np.nan_to_num(values), 0.0, 1.0)
    return float(x.sum()) / len(x) + rng.laplace(scale=1.0 / len(x))


def gaussian_scale_squared(values):
    """The standard deviation that a theorem gives is squared where it is less than 1."""
    sigma = 0.4
    return len(values) + rng.normal(scale=sigma**2)


def _balance(rows):
    """Ones less zeros, which one row moves by 1; its negative moves the other way."""
    x = np.clip(rows, 0, 1)
    return float((x == 1).sum() - (x == 0).sum())


def svt_releases_the_answer(rows, epsilon=1.0):
    """Alg. 3 (Roth, lecture notes of 2011): the noisy answer that was tested is given out."""
    bar = rng.laplace(scale=2 / epsilon)
    for number in range(QUERIES):
        query = _balance(rows) - 5 if number < QUERIES - 1 else 1 - _balance(rows)
        noisy = query + rng.laplace(scale=2 / epsilon)
        if noisy >= bar:
            return [number, noisy]
    return [QUERIES, None]


def svt_noise_without_cutoff(rows, epsilon=1.0):
    """Alg. 4 (Lee and Clifton 2014): the noise of the queries does not grow with the number of answers."""
    bar = rng.laplace(scale=4 / epsilon)
    out = []
    for number in range(QUERIES):
        query = _balance(rows) if number % 2 else -_balance(rows)
        out.append(bool(query + rng.laplace(scale=4 / (3 * epsilon)) >= bar))
        if sum(out) == QUERIES // 2:
            break
    return out


def svt_without_query_noise(rows, epsilon=1.0):
    """Alg. 5 (Stoddard et al. 2014): only the threshold is noisy."""
    bar = rng.laplace(scale=2 / epsilon)
    return [bool(_balance(rows) - 2 >= bar), bool(2.5 - _balance(rows) >= bar)]


def svt_without_bound(rows, epsilon=1.0):
    """Alg. 6 (Chen et al. 2015): any number of queries may be above the threshold."""
    bar = rng.laplace(scale=2 / epsilon)
    return [
        bool((_balance(rows) if number % 2 else -_balance(rows)) + rng.laplace(scale=2 / epsilon) >= bar)
        for number in range(2 * QUERIES)
    ]


def histogram_of_replaced_rows(values):
    """A row that changes leaves one cell for another, and the noise is that of one cell."""
    counts = np.bincount(np.array(values), minlength=4)[:4]
    return counts + rng.laplace(scale=1.0, size=4)


GRADIENTS = np.random.default_rng(7).normal(size=(10, 3)).tolist()
PURE = {"epsilon": 1.0}
WITH_DELTA = {"epsilon": 2.0, "delta": 1e-5}
UNIT = {"bounds": (0.0, 1.0)}
BITS = {**UNIT, "neighbours": 2, "runs": 2}


VIOLATIONS = {
    each.function.__name__: each
    for each in (
        Violation(
            linear_regression_diagonal,
            [2.0, 9.0, 4.0],
            f"diffprivlib 0.6.6, LinearRegression, report 105; {RECORD_PLAY}",
            "loss",
            PURE,
            {"bounds": (1.0, 10.0)},
        ),
        Violation(
            linear_regression_intercept,
            np.random.default_rng(5).uniform(size=(8, 2)),
            "diffprivlib 0.6.6, LinearRegression, report 104, second point",
            "loss",
            PURE,
            {"bounds": (0.0, 1.0), "adjacency": "replace-one"},
        ),
        Violation(
            classes_of_the_labels,
            np.array([0, 1, 1, 1, 2, 0]),
            f"diffprivlib 0.6.6, LogisticRegression, report 106; {RECORD_PLAY}",
            "structure",
            PURE,
            {"bounds": (0, 2)},
        ),
        Violation(
            covariance_without_clipping,
            [[0.2, 0.4], [0.9, 0.8], [0.3, 0.1]],
            f"SmartNoise 1.0.6, DPcovariance.release, report 622; {RECORD_PLAY}",
            "loss",
            PURE,
        ),
        Violation(
            domain_from_the_maximum,
            [0, 1, 1, 0, 3],
            f"dpmm, mechanism.py line 113, report 18; {RECORD_PLAY}",
            "structure",
            WITH_DELTA,
            {"bounds": (0, 3)},
        ),
        Violation(
            batch_size_from_the_data,
            GRADIENTS * 3,
            f"Opacus 1.0 to 1.6, expected_batch_size, reports 571 and 819; {RECORD_PLAY}",
            "loss",
            WITH_DELTA,
            {"bounds": (-3.0, 3.0)},
        ),
        Violation(clip_lets_nan_through, [0.2, 0.9, 0.4], f"{RECORD_PLAY}, section 4.3.9", "input", PURE),
        Violation(
            budget_spent_twice, [0.2, 0.9, 0.4], f"MOSTLY AI, double spending; {RECORD_PLAY}", "loss", PURE
        ),
        Violation(
            sensitivity_of_zero, [0.2, 0.9], f"Synthcity, PrivBayes; {RECORD_PLAY}", "loss", PURE, UNIT
        ),
        Violation(
            clip_after_averaging,
            GRADIENTS,
            "Opacus, frequent questions: clipping the gradient of the batch is not enough; Abadi et al. 2016",
            "loss",
            WITH_DELTA,
        ),
        Violation(
            noise_of_another_batch_size,
            GRADIENTS,
            "Tramer et al., arXiv 2202.12219: clipping and noise differ by the batch size",
            "loss",
            WITH_DELTA,
            {"bounds": (-3.0, 3.0)},
        ),
        Violation(
            bounds_from_the_data,
            [0.2, 0.9, 0.4, 0.5],
            "diffprivlib 0.6.6, tools.mean without bounds (its PrivacyLeakWarning)",
            "loss",
            PURE,
            UNIT,
        ),
        Violation(
            mean_over_the_true_count,
            [0.2, 0.9, 0.4, 0.5],
            "Casacuberta et al., arXiv 2207.10635: bounded and unbounded neighbours",
            "loss",
            PURE,
            UNIT,
        ),
        Violation(
            gaussian_scale_squared,
            ONES,
            "SmartNoise Core, report 316",
            "loss",
            {"epsilon": 12.0, "delta": 1e-5},
        ),
        Violation(svt_releases_the_answer, ONES, f"{SVT}, Alg. 3", "loss", PURE, BITS, seed=10),
        Violation(svt_noise_without_cutoff, ONES, f"{SVT}, Alg. 4", "loss", PURE, BITS),
        Violation(svt_without_query_noise, ONES, f"{SVT}, Alg. 5", "loss", PURE, BITS, seed=1),
        Violation(svt_without_bound, ONES, f"{SVT}, Alg. 6", "loss", PURE, BITS),
        Violation(
            histogram_of_replaced_rows,
            [0, 1, 1, 3],
            "Kifer and Machanavajjhala, SIGMOD 2011: bounded neighbours cost twice",
            "loss",
            PURE,
            {"bounds": (0, 3), "adjacency": "replace-one"},
        ),
    )
}
