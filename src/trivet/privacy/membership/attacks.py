"""LiRA scores: the likelihood ratio attack of Carlini et al. 2022, with moderated variances.

A row's confidence logits under models trained with it, and without it, are two normal samples of unknown
mean and variance. Both have a normal-inverse-gamma prior, fitted to all rows (empirical Bayes), so a row
borrows from the others what few shadow models of its own cannot tell; its predictive law is Student's t.
With many models a row this is LiRA with variances of its own, and where all rows vary alike it is LiRA with
the pooled variance. One rule holds for every number of shadow models.

Online, the score is the logarithm of the ratio of the two densities at the audited model's logit
(Algorithm 1); offline, only the models without the row are used, and the score says how far the audited
model's logit lies above theirs (Section IV-E).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import betainc, betaln, digamma, hyp2f1, polygamma
from scipy.stats import t as student

from trivet.errors import DataError, UsageError
from trivet.privacy.membership.likeness import Likeness, quantile_scores
from trivet.privacy.membership.shadows import ShadowValues, Signals, resolution, side_means
from trivet.settings import Rate, require

__all__ = ["ATTACKS", "WITHOUT_SHADOWS", "Evidence", "Expected", "lira_scores", "rmia_scores"]

#: From the rows' mean logits on one side, shape (n,), to what is expected of each without its own.
Expected = Callable[[NDArray[np.float64]], NDArray[np.float64]]

#: No standard deviation counts as smaller: a tree that memorises gives all models one logit.
SMALLEST_DEVIATION = 1e-6

#: More degrees of freedom in a prior than this make no difference, and less would be rounding.
MOST_FREEDOM = 1e4


@dataclass(frozen=True, eq=False)
class _Predictive:
    """Student's t for the next logit of each row: degrees of freedom, location and scale, shapes (n,)."""

    freedom: NDArray[np.float64]
    location: NDArray[np.float64]
    scale: NDArray[np.float64]

    def log_density(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the logarithm of the density at each row's value."""
        density: Any = student.logpdf(values, self.freedom, self.location, self.scale)
        return np.asarray(density)

    def surprise(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return -ln of the two-sided tail probability, with the sign of the distance from the location."""
        # The order is that of the distribution function, but it rounds to a tie in neither tail.
        distance = (values - self.location) / self.scale
        return -np.sign(distance) * _log_tails(distance, self.freedom)


def lira_scores(
    target: ArrayLike,
    shadows: ArrayLike,
    inside: ArrayLike,
    *,
    online: bool,
    expected: Expected | None = None,
) -> NDArray[np.float64]:
    """Score each row of `target`, shape (n,), by the likelihood ratio attack; higher is a member."""
    # On either side a row's logits x_1, ..., x_n are N(mu, s^2), s^2 ~ InvGamma(d_0/2, d_0 s_0^2/2) and mu |
    # s^2 ~ N(mu_0, s^2 / k_0), so that the next one follows Student's t with d_0 + n - 1 degrees of freedom
    # around (k_0 mu_0 + n mean) / (k_0 + n). d_0 and s_0^2 are fitted by the moments of the logarithms of all
    # rows' variances (Smyth 2004, Section 6.2), mu_0 is the mean of the rows' means, and k_0 is fitted by
    # their spread; the prior is that of BaVarIA (arXiv 2603.11799). Online: ln t_in - ln t_out. Offline:
    # `surprise` without the row, which is the order of the paper's P[Z <= t].
    # `expected` gives mu_0 row by row, from the rows' means: what the models say of rows like it.
    values = ShadowValues.checked(target, shadows, inside)
    without = _predictive(values, expected, inside=False)
    if not online:
        return without.surprise(values.target)
    within = _predictive(values, expected, inside=True)
    return within.log_density(values.target) - without.log_density(values.target)


def _predictive(values: ShadowValues, expected: Expected | None, *, inside: bool) -> _Predictive:
    """Return the predictive law of each row's next logit on one side."""
    values.needs(1, inside=inside)
    side = values.inside if inside else ~values.inside
    count = side.sum(axis=0).astype(np.float64)
    mean = side_means(values, inside=inside)
    squares = np.where(side, (values.shadows - mean) ** 2, 0.0).sum(axis=0)
    within, freedom_within = float(squares.sum()), float((count - 1).sum())
    squares, prior_freedom, prior_variance = _moderated(squares, count - 1)
    freedom = prior_freedom + count - 1
    variance = (prior_freedom * prior_variance + squares) / freedom
    centre = np.full(len(mean), mean.mean() if len(mean) else 0.0) if expected is None else expected(mean)
    kappa = _trust(mean - centre, count, variance if within == 0 else np.float64(within / freedom_within))
    variance += kappa * count / (kappa + count) * (mean - centre) ** 2 / freedom
    return _Predictive(
        freedom=freedom,
        location=(kappa * centre + count * mean) / (kappa + count),
        scale=np.maximum(np.sqrt(variance * (1 + 1 / (kappa + count))), SMALLEST_DEVIATION),
    )


def _trust(
    apart: NDArray[np.float64], count: NDArray[np.float64], variance: NDArray[np.float64] | np.float64
) -> float:
    """Return for how many models of its own a row's prior mean stands."""
    # Means are apart from their prior means by sigma^2 (1 / kappa + 1 / n) on average.
    if not len(apart):
        return MOST_FREEDOM
    share = float((apart**2).mean() - (variance / count).mean()) / float(np.mean(variance))
    return 1 / max(share, 1 / MOST_FREEDOM)


def _moderated(
    squares: NDArray[np.float64], freedom: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float, float]:
    """Return sums of squares without zeros, and the prior's degrees of freedom and variance."""
    # A variance of 0, of a model with few different answers, counts as half of the least positive one.
    known = freedom > 0
    least = SMALLEST_DEVIATION**2
    if not known.any():  # one model a side leaves no spread within a row: nothing but the floor is known
        return squares, MOST_FREEDOM, least
    variances = squares[known] / freedom[known]
    positive = variances[variances > least]
    variances = np.maximum(variances, positive.min() / 2 if positive.size else least)
    whole = squares.copy()
    whole[known] = variances * freedom[known]
    half = freedom[known] / 2
    logs = np.log(variances) - digamma(half) + np.log(half)
    spread = float(logs.var(ddof=1) - polygamma(1, half).mean()) if len(logs) > 1 else 0.0
    prior = 2 * _trigamma_inverse(spread)
    return whole, prior, float(np.exp(logs.mean() + digamma(prior / 2) - np.log(prior / 2)))


def _trigamma_inverse(value: float) -> float:
    """Return where the trigamma function is `value`, at most half of `MOST_FREEDOM`."""

    def beyond(x: float) -> float:
        return float(polygamma(1, x)) - value

    if beyond(MOST_FREEDOM / 2) >= 0:
        return MOST_FREEDOM / 2
    # The function lies above 1 / x^2.
    found: Any = brentq(beyond, min(1.0, value**-0.5), MOST_FREEDOM / 2, xtol=1e-12)
    return float(found)


def _log_tails(distance: NDArray[np.float64], freedom: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithm of Student's probability to lie as far from 0, on either side."""
    a, squared = freedom / 2, distance**2
    x = freedom / (freedom + squared)
    tails = betainc(a, 0.5, x)
    far = tails < np.finfo(np.float64).tiny
    found = np.log(np.where(far, 1.0, tails))
    # The same function as a series, without what underflows.
    a, x, squared = a[far], x[far], squared[far]
    front = -a * np.log1p(squared / (2 * a)) + np.log1p(-x) / 2 - np.log(a) - betaln(a, 0.5)
    found[far] = front + np.log(hyp2f1(a + 0.5, 1, a + 1, x))
    return found


#: A model that generalises well doubles no ratio, so that 2 would score every row 0.
GAMMA = 1.0

#: How the models without a row foretell those with it; the authors choose it on shadow models.
OFFLINE_A = 0.3


def rmia_scores(
    target: ArrayLike,
    shadows: ArrayLike,
    inside: ArrayLike,
    population: ArrayLike,
    *,
    online: bool = False,
    gamma: float = GAMMA,
    offline_a: float = OFFLINE_A,
    units: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Score each row, in [0, 1], by the share of population rows that it dominates by `gamma`."""
    # Online, p(x) is the mean of the averages over the models with and without the row; offline it is ((1 +
    # a) p_out(x) + 1 - a) / 2, the authors' linear approximation. No row is compared with its own unit's. The
    # population's ratios are sorted once: memory grows with n + m.
    if not 1 <= gamma < np.inf:
        raise UsageError(f"RMIA's gamma has to be a number from 1 on; found {gamma}.")
    require(Rate, offline_a=offline_a)
    values = ShadowValues.checked(target, shadows, inside)
    for probabilities in (values.target, values.shadows):
        if probabilities.size and not (probabilities.min() >= 0 and probabilities.max() <= 1):
            raise DataError("RMIA needs probabilities of the true class, in [0, 1], not logits.")
    rows = _population(population, len(values.target))
    # A model that says 0 of a row may be as sure of it as its least positive answer, not infinitely less.
    clip = resolution(values.target, values.shadows)
    ratios = np.maximum(values.target, clip) / np.maximum(_average(values, online, offline_a), clip)
    bars = gamma * ratios[rows]
    ordered = np.sort(bars)
    dominated = np.searchsorted(ordered, ratios, side="right")
    owners = _owners(units, len(ratios))
    own, dominated_own = _among_own(owners, rows, np.searchsorted(ordered, bars), dominated)
    if own.size and own.max() == len(rows):
        raise DataError("RMIA's population belongs to one unit. Give rows of two or more.")
    return (dominated - dominated_own) / (len(rows) - own)


def _owners(units: ArrayLike | None, n: int) -> NDArray[np.int64]:
    if units is None:
        return np.arange(n)
    owners = np.asarray(units)
    if owners.shape != (n,) or not np.issubdtype(owners.dtype, np.integer):
        raise DataError(
            f"RMIA's units should be one whole number for each of the {n} rows; found shape {owners.shape} "
            f"of {owners.dtype}."
        )
    return np.unique(owners, return_inverse=True)[1].astype(np.int64)


def _among_own(
    owners: NDArray[np.int64], rows: NDArray[np.intp], places: NDArray[np.intp], dominated: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Count the population's rows of each row's unit, and those of them that the row dominates."""
    # A row dominates the bars at places below its own count, so unit and place in one order tell.
    span = len(rows) + 1
    keys = np.sort(owners[rows] * span + places)
    first = np.searchsorted(keys, owners * span)
    return (
        np.searchsorted(keys, (owners + 1) * span) - first,
        np.searchsorted(keys, owners * span + dominated) - first,
    )


def _average(values: ShadowValues, online: bool, offline_a: float) -> NDArray[np.float64]:  # noqa: FBT001 - private
    """Return p(x), the probability of each row's class without knowledge of the audited model."""
    values.needs(1, inside=False)
    without = side_means(values, inside=False)
    if not online:
        return ((1 + offline_a) * without + 1 - offline_a) / 2
    values.needs(1, inside=True)
    return (without + side_means(values, inside=True)) / 2


def _population(population: ArrayLike, n: int) -> NDArray[np.intp]:
    rows = np.asarray(population)
    integers = np.issubdtype(rows.dtype, np.integer)
    if rows.ndim != 1 or len(rows) < 2 or not integers or rows.min() < 0 or rows.max() >= n:  # noqa: PLR2004 - one row leaves nothing to compare itself with
        raise DataError(f"RMIA's population has to be two or more row numbers from 0 to {n - 1}.")
    if len(np.unique(rows)) < len(rows):
        raise DataError("RMIA's population names a row twice. Give each row once.")
    return rows.astype(np.intp)


@dataclass(frozen=True, eq=False)
class Evidence:
    """Signals of the audited model and the shadow models on the rows of the data."""

    # `reference` are the rows that are known not to have trained the audited model.

    target: Signals
    shadows: Signals
    inside: NDArray[np.bool_]
    population: NDArray[np.int64]
    units: NDArray[np.int64]
    likeness: Likeness
    reference: NDArray[np.bool_]
    known: dict[bytes, NDArray[np.float64]] = field(default_factory=dict)

    def lira(self, *, online: bool) -> NDArray[np.float64]:
        """Return LiRA's scores, on logits that one clip holds apart from infinity for all models."""
        target, shadows = self._logits()
        return lira_scores(target, shadows, self.inside, online=online, expected=self._expected)

    def rmia(self) -> NDArray[np.float64]:
        """Return RMIA's scores."""
        target, shadows = self.target.probability[0], self.shadows.probability
        return rmia_scores(target, shadows, self.inside, self.population, units=self.units)

    def quantile(self) -> NDArray[np.float64]:
        """Return the scores of the quantile regression attack."""
        return quantile_scores(self._logits()[0], self.likeness, self.reference)

    def planted(self) -> NDArray[np.float64]:
        """Return scores of rows that no shadow model has seen: offline LiRA's, without shadows the logit."""
        target, shadows = self._logits()
        return lira_scores(target, shadows, self.inside, online=False) if len(shadows) else target

    def _expected(self, means: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what is expected of each row by rows like it; online and offline LiRA ask the same."""
        key = means.tobytes()
        if key not in self.known:
            self.known[key] = self.likeness.expected(means)
        return self.known[key]

    def _logits(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        said = (self.target, self.shadows)
        clip = resolution(*(each.probability for each in said), *(each.others for each in said))
        return self.target.logits(clip)[0], self.shadows.logits(clip)


#: From what the models say to one score a row, higher where it is more surely a member.
ATTACKS: Final[Mapping[str, Callable[[Evidence], NDArray[np.float64]]]] = {
    "lira-online": lambda e: e.lira(online=True),
    "lira-offline": lambda e: e.lira(online=False),
    "rmia": lambda e: e.rmia(),
    "quantile": lambda e: e.quantile(),
}
#: Attacks that need no shadow model.
WITHOUT_SHADOWS: Final = frozenset({"quantile"})
