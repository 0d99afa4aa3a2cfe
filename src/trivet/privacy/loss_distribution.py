"""Privacy loss distribution of all answers together, discretised finely enough to bound delta.

Google's dp-accounting rounds with "connect the dots" (Doroshenko et al. 2022), which keeps every
divergence an upper bound, and convolves by FFT.
"""

import math

import numpy as np
from dp_accounting.pld.privacy_loss_distribution import PrivacyLossDistribution, from_laplace_mechanism
from numpy.typing import NDArray

from trivet.privacy.ranges import OutOfReachError

__all__ = ["ANSWER_LIMIT", "LEAST_DELTA", "ROUNDING", "loss_distribution"]

#: Points within the loss of one answer; a hundred times as many move a scale by less than 1e-6 of it.
_CELLS_PER_ANSWER = 200
#: Beyond so many answers the grid grows coarser, so that the sum keeps its number of points.
_FINE_UP_TO = 1_000
#: With so many there are twenty points within the loss of one answer, which costs 0.03 % of a scale.
ANSWER_LIMIT = 100_000
#: Points of the whole loss that are worth their time, where losses differ much.
_POINTS = 2_000_000
#: More than the convolution by FFT loses of a delta in double precision. Against the exact losses of
#: randomised response, in forty digits, it lost up to 6.6e-13 for up to `ANSWER_LIMIT` answers. It is
#: charged to every delta.
ROUNDING = 1e-12
#: Below it the rounding is no longer small against delta.
LEAST_DELTA = 1e-10


def loss_distribution(epsilons: NDArray[np.float64], counts: NDArray[np.int64]) -> PrivacyLossDistribution:
    """Distribution of the whole loss of answers with continuous Laplace noise, an upper bound on it."""
    # Rounding adds at most a quarter of the squared step to the variance of each loss, so what matters
    # is the step against the root mean square of the losses.
    answers = int(counts.sum())
    spread = math.sqrt(math.fsum((counts * epsilons**2).tolist()))
    if answers > ANSWER_LIMIT:
        raise OutOfReachError(f"the losses of at most {ANSWER_LIMIT:,} answers are convolved")
    cells = _CELLS_PER_ANSWER / max(1.0, math.sqrt(answers / _FINE_UP_TO))
    grid = spread / math.sqrt(answers) / cells
    # What is kept of the convolution is a dozen standard deviations to both sides, or less.
    if (24 * spread + 2 * float(epsilons.max())) / grid > _POINTS:
        raise OutOfReachError("the losses differ too much for one grid")
    whole: PrivacyLossDistribution | None = None
    for epsilon, count in zip(epsilons.tolist(), counts.tolist(), strict=True):
        one = from_laplace_mechanism(1 / epsilon, value_discretization_interval=grid)
        part = one.self_compose(count)
        whole = part if whole is None else whole.compose(part)
    assert whole is not None
    return whole
