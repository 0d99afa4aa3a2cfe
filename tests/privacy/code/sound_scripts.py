"""Sound code: each entry keeps the claim beside it, by the theorem that its docstring names."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["SOUND", "Sound"]

rng = np.random.default_rng()


@dataclass(frozen=True)
class Sound:
    """Code that keeps its claim, and the verdict that the audit gives it."""

    function: Callable[[Any], Any]
    data: Any
    claim: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)
    verdict: str = "consistent"
    #: Whether the path needs all that is claimed.
    tight: bool = False


def clean(values, low=0.0, high=1.0):
    """Clip, and count what is no number as the lower bound."""
    x = np.array(values, dtype=float)
    return np.clip(np.where(np.isnan(x), low, x), low, high)


def laplace_count(values):
    """Laplace noise of scale 1/epsilon on a count."""
    return len(values) + rng.laplace(scale=1.0)


def laplace_by_inverse_transform(values):
    """The same by the quantile function of the Laplace distribution."""
    u = rng.random() - 0.5
    return len(values) - np.sign(u) * np.log(1 - 2 * abs(u))


def laplace_of_two_exponentials(values):
    """The same as a difference of two exponentials."""
    return len(values) + rng.exponential() - rng.exponential()


def geometric_count(values):
    """Discrete Laplace noise as a difference of two geometric draws (Ghosh et al. 2012)."""
    p = 1 - np.exp(-1.0)
    return len(values) + rng.geometric(p) - rng.geometric(p)


def opendp_sum(values):
    """OpenDP's clamped sum."""
    import opendp.prelude as dp  # noqa: PLC0415 - slow

    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T=float, nan=False)), dp.symmetric_distance()
    chain = space >> dp.t.then_clamp((0.0, 1.0)) >> dp.t.then_sum() >> dp.m.then_laplace(scale=1.0)
    return chain(values)


def opendp_count(values):
    """OpenDP's integer Laplace noise on a count that Python made."""
    import opendp.prelude as dp  # noqa: PLC0415 - slow

    dp.enable_features("contrib")
    noisy = dp.m.make_laplace(dp.atom_domain(T=int), dp.absolute_distance(T=int), scale=1.0)
    return noisy(len(values))


def opendp_gaussian(values):
    """OpenDP's Gaussian noise, whose zCDP is that of sensitivity 1."""
    import opendp.prelude as dp  # noqa: PLC0415 - slow

    dp.enable_features("contrib")
    noisy = dp.m.make_gaussian(dp.atom_domain(T=int), dp.absolute_distance(T=int), scale=4.0)
    return noisy(len(values))


def mean_with_noisy_count(values):
    """A noisy sum over a noisy count, which is post-processing."""
    count = len(values) + rng.laplace(scale=2.0)
    total = clean(values).sum() + rng.laplace(scale=2.0)
    return float(total / max(1.0, count))


def gaussian_sum(rows):
    """A sum of rows clipped to L2 norm 1, by the exact Gaussian mechanism (Balle and Wang 2018)."""
    x = clean(rows, -1e3, 1e3)
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    total = (x / np.maximum(1.0, norms)).sum(axis=0)
    return total + rng.normal(scale=3.7310, size=total.shape)


def histogram(values):
    """Counts of known cells, of which one row is in one."""
    counts = np.bincount(np.clip(values, 0, 3), minlength=4)
    noisy = counts + rng.laplace(scale=1.0, size=4)
    return np.maximum(np.round(noisy), 0).astype(int).tolist()


def histogram_of_replaced_rows(values):
    """The same under replace-one, with twice the noise."""
    counts = np.bincount(np.clip(values, 0, 3), minlength=4)
    return dict(zip("abcd", counts + rng.laplace(scale=2.0, size=4), strict=True))


def noisy_max_gumbel(values):
    """The exponential mechanism by Gumbel noise (Durfee and Rogers 2019), for monotone scores."""
    counts = np.bincount(np.clip(values, 0, 3), minlength=4)
    return int(np.argmax(counts + rng.gumbel(scale=1.0, size=4)))


def noisy_max_laplace(values):
    """Report noisy max with Laplace noise (Dwork and Roth 2014, claim 3.9)."""
    counts = np.bincount(np.clip(values, 0, 3), minlength=4)
    noisy = {cell: int(count) + rng.laplace(scale=1.0) for cell, count in enumerate(counts)}
    return max(noisy, key=noisy.get)


def permute_and_flip(values):
    """Report noisy max with exponential noise (McKenna and Sheldon 2020; Ding et al. 2021)."""
    counts = np.bincount(np.clip(values, 0, 3), minlength=4)
    return int(np.argmax(counts + rng.exponential(scale=1.0, size=4)))


def exponential_mechanism(values):
    """A choice with probabilities in proportion to exp(epsilon score / 2)."""
    counts = np.bincount(np.clip(values, 0, 3), minlength=4)
    weights = np.exp((counts - counts.max()) / 2)
    return int(rng.choice(4, p=weights / weights.sum()))


def above_threshold(values):
    """Sparse vector for one answer (Dwork and Roth 2014, algorithm 1)."""
    bar = 4.0 + rng.laplace(scale=2.0)
    out = []
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        if float(np.sum(clean(values) > share)) + rng.laplace(scale=4.0) >= bar:
            return [*out, True]
        out.append(False)
    return out


def randomised_response(values):
    """Each bit is true with a probability of e/(1 + e) (Warner 1965)."""
    keep = np.e / (1 + np.e)
    return [bool(rng.random() < (keep if value else 1 - keep)) for value in values]


def two_stages(values):
    """The second query depends on the first answer; half of the budget each."""
    count = len(values) + rng.laplace(scale=2.0)
    share = 0.5 if count > 4 else 0.25
    return [float(count), float(np.sum(clean(values) > share)) + rng.laplace(scale=2.0)]


def dp_sgd(rows):
    """Two steps of DP-SGD on all rows: gradients clipped one by one, noise by the clipping norm."""
    x = clean(rows, -1e3, 1e3)
    weights = np.zeros(2)
    for _ in range(2):
        errors = x[:, :2] @ weights - x[:, 2]
        gradients = errors[:, None] * x[:, :2]
        norms = np.linalg.norm(gradients, axis=1, keepdims=True)
        total = (gradients / np.maximum(1.0, norms)).sum(axis=0)
        weights = weights - 0.1 * (total + rng.normal(scale=5.5, size=2)) / 10
    return weights


def dp_sgd_of_a_sample(rows):
    """A step on a Poisson sample: what it spends without amplification is more than is claimed."""
    x = clean(rows, -1.0, 1.0)
    batch = x[rng.random(len(x)) < 0.3]
    norms = np.linalg.norm(batch, axis=1, keepdims=True)
    total = (batch / np.maximum(1.0, norms)).sum(axis=0)
    return total + rng.normal(scale=3.0, size=total.shape)


def counts_above_a_threshold(values):
    """Cells of the data that pass a threshold, which delta allows (Korolova et al. 2009)."""
    found = {}
    for cell in sorted(set(values)):
        noisy = sum(value == cell for value in values) + rng.laplace(scale=1.0)
        if noisy > 1 + np.log(1 / (2 * 1e-3)):
            found[cell] = float(noisy)
    return found


PURE = {"epsilon": 1.0}
CELLS = {"bounds": (0, 3)}
NUMBERS = [0.1, 0.9, 0.4, 3.0, 0.7, -2.0]
COUNTED = [0, 1, 1, 3, 2, 1, 0, 3]
ROWS = np.random.default_rng(3).normal(size=(9, 3))

SOUND = {
    each.function.__name__: each
    for each in (
        Sound(laplace_count, NUMBERS, PURE, tight=True),
        Sound(laplace_by_inverse_transform, NUMBERS, PURE, tight=True),
        Sound(laplace_of_two_exponentials, NUMBERS, PURE, tight=True),
        Sound(geometric_count, NUMBERS, PURE, tight=True),
        Sound(opendp_sum, NUMBERS, PURE, {"bounds": (-5.0, 5.0)}, tight=True),
        Sound(opendp_count, NUMBERS, PURE, tight=True),
        Sound(opendp_gaussian, NUMBERS, {"epsilon": 0.9264, "delta": 1e-5}, tight=True),
        Sound(mean_with_noisy_count, NUMBERS, PURE, tight=True),
        Sound(gaussian_sum, ROWS, {"epsilon": 1.0, "delta": 1e-5}, tight=True),
        Sound(histogram, COUNTED, PURE, CELLS, tight=True),
        Sound(histogram_of_replaced_rows, COUNTED, PURE, {**CELLS, "adjacency": "replace-one"}, tight=True),
        Sound(noisy_max_gumbel, COUNTED, PURE, CELLS),
        Sound(noisy_max_laplace, COUNTED, PURE, CELLS),
        Sound(permute_and_flip, COUNTED, PURE, CELLS, tight=True),
        Sound(exponential_mechanism, COUNTED, PURE, CELLS),
        Sound(above_threshold, NUMBERS, PURE, {"runs": 3}),
        Sound(randomised_response, [0, 1, 1, 0], PURE, {"bounds": (0, 1), "adjacency": "replace-one"}),
        Sound(two_stages, NUMBERS, PURE, tight=True),
        Sound(dp_sgd, ROWS, {"epsilon": 1.0, "delta": 1e-5}),
        Sound(dp_sgd_of_a_sample, ROWS, {"epsilon": 0.6, "delta": 1e-5}, verdict="unknown"),
        Sound(counts_above_a_threshold, COUNTED, {"epsilon": 1.0, "delta": 1e-3}, CELLS, verdict="unknown"),
    )
}
