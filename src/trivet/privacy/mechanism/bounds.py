r"""Clopper-Pearson bounds on epsilon from counts on two inputs, and the largest that they can show.

An (epsilon, delta)-private mechanism has :math:`p \leq e^\epsilon q + \delta` for the probabilities p
and q of every event on neighbouring inputs, so :math:`\epsilon \geq \ln((p - \delta) / q)`. With a lower
bound on p and an upper bound on q, each wrong with probability at most `level`, the right side is a
lower bound on epsilon that is wrong with probability at most 2 `level` (Jagielski, Ullman and Oprea 2020,
Section 3; Ding et al. 2018 test the same inequality).
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta, hypergeom

from trivet.errors import UsageError
from trivet.privacy.mechanism.families import FAMILIES
from trivet.privacy.mechanism.results import MOST_TRIALS, MechanismSettings

__all__ = [
    "LOGIC_PARTS",
    "PARTS",
    "ceiling",
    "epsilon_bounds",
    "fewest_trials",
    "lower",
    "planned_level",
    "require_refutable",
    "thinned_bound",
    "upper",
    "visible_count",
]


def lower(count: ArrayLike, trials: ArrayLike, level: float) -> NDArray[np.float64]:
    """Clopper-Pearson lower bound on a probability, by the quantiles of beta; 0 where nothing was counted."""
    k, n = np.asarray(count, dtype=float), np.asarray(trials, dtype=float)
    return np.where(k > 0, beta.ppf(level, np.maximum(k, 1), n - k + 1), 0.0)


def upper(count: ArrayLike, trials: ArrayLike, level: float) -> NDArray[np.float64]:
    """Clopper-Pearson upper bound on a probability, in (0, 1]; parameters as in `lower`."""
    k, n = np.asarray(count, dtype=float), np.asarray(trials, dtype=float)
    return np.where(k < n, beta.isf(level, k + 1, np.maximum(n - k, 1)), 1.0)


def epsilon_bounds(
    p_count: ArrayLike, q_count: ArrayLike, trials: ArrayLike, *, level: float, delta: float
) -> NDArray[np.float64]:
    """Lower bound on epsilon from the counts of an event on two inputs; minus infinity if it says nothing."""
    room = lower(p_count, trials, level) - delta
    ratio = np.maximum(room, 0.0) / upper(q_count, trials, level)
    return np.log(ratio, out=np.full(ratio.shape, -np.inf), where=ratio > 0)


def thinned_bound(
    p_count: int, q_count: int, trials: int, *, level: float, generator: np.random.Generator
) -> float:
    """Lower bound on epsilon at delta 0, by an exact test of both counts at once; minus infinity if none."""
    # If p <= e^epsilon q, and each answer with the event is kept with probability e^-epsilon on the first
    # side, the event is not likelier there: Fisher's exact test (Ding et al. 2018, Section 5.4). An answer is
    # kept as long as its uniform number is below e^-epsilon, so that the test rejects up to one epsilon.
    uniform = np.sort(generator.random(p_count))

    def rejects(kept: int) -> bool:
        return float(hypergeom.sf(kept - 1, 2 * trials, kept + q_count, trials)) <= level

    fewest = _first(rejects, p_count) if p_count else None
    return -np.inf if fewest is None else -float(np.log(uniform[fewest - 1]))


def ceiling(trials: int, *, level: float, delta: float) -> float:
    """Largest bound on epsilon from `trials` answers a side: an event always on one, never on the other."""
    return max(0.0, float(epsilon_bounds(trials, 0, trials, level=level, delta=delta)))


def fewest_trials(epsilon: float, *, level: float, delta: float, most: int) -> int | None:
    """Fewest answers a side that can show a violation of `epsilon`; None where `most` cannot."""
    return _first(lambda trials: ceiling(trials, level=level, delta=delta) > epsilon, most)


def visible_count(trials: int, *, epsilon: float, level: float, delta: float) -> int | None:
    """Fewest answers with an event that violate `epsilon` if it is never seen on the other input."""

    def violates(count: int) -> bool:
        return float(epsilon_bounds(count, 0, trials, level=level, delta=delta)) > epsilon

    return _first(violates, trials)


def _first(holds: Callable[[int], bool], most: int) -> int | None:
    """Return the smallest number from 1 to `most` that a monotone condition holds for."""
    if not holds(most):
        return None
    below, reached = 0, most
    while reached - below > 1:
        middle = (below + reached) // 2
        below, reached = (below, middle) if holds(middle) else (middle, reached)
    return reached


#: One part in so many proposes events, as many choose, the rest is for the test.
PARTS: Final = 4
#: The same where one event only is tested.
LOGIC_PARTS: Final = 5
#: With fewer, a quarter proposes next to nothing.
FEWEST_TRIALS: Final = 400


def planned_level(error_rate: float, *, logic: bool = False) -> float:
    """Level of one Clopper-Pearson bound where every family, or with `logic` one, has an event to test."""
    return error_rate / (2 * (1 if logic else len(FAMILIES)))


def require_refutable(
    *, epsilon: float, delta: float, error_rate: float, trials: int, logic: bool = False
) -> None:
    """Raise UsageError for a number out of range, and where so few trials could show no violation."""
    MechanismSettings.require(epsilon=epsilon, delta=delta, error_rate=error_rate, trials=trials)
    level = planned_level(error_rate, logic=logic)
    needed = fewest_trials(epsilon, level=level, delta=delta, most=MOST_TRIALS // 2)
    if needed is None:
        raise UsageError(
            f"a violation of epsilon {epsilon!r} does not show in {MOST_TRIALS} trials, the most that are "
            "drawn; audit a smaller epsilon, which the mechanism's noise can be scaled to."
        )
    fewest = max(FEWEST_TRIALS, 2 * needed)  # half of them test
    if trials < fewest:
        raise UsageError(
            f"{trials} trials are too few: at epsilon {epsilon!r}, delta {delta!r} and error rate "
            f"{error_rate!r} no fewer than {fewest} can show a violation."
        )
