r"""Lower bound on epsilon from one training run with canaries.

Each of m canaries was put into training by a fair coin. An auditor guesses the coins of r of them and
abstains on the others. If the training is (epsilon, delta)-private, the number W of right guesses obeys
Theorem 5.2 of Steinke, Nasr and Jagielski 2023:

.. math:: \Pr[W \geq v] \leq f(v) + 2 m \delta \max_{1 \leq i \leq v} \frac{f(v - i) - f(v)}{i},
          \quad f(v) = \Pr[\mathrm{Binomial}(r, e^\epsilon / (1 + e^\epsilon)) \geq v]

so every epsilon whose right side is below 1 - level is refuted. Training that is claimed to tell no more
than Gaussian noise, such as DP-SGD, has a whole trade-off curve, and the recursion of Mahloujifar, Melis and
Chaudhuri 2025 (arXiv 2410.22235) refutes more of those from the same guesses.
"""

from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import expit, ndtr, ndtri
from scipy.stats import binom

from trivet.errors import DataError, UsageError
from trivet.privacy.membership.results import BARE, CanaryAudit, Claim
from trivet.settings import SettingError, Share, require

__all__ = [
    "FEWEST_GUESSES",
    "check_claim",
    "one_run_audit",
    "one_run_ceiling",
    "one_run_epsilon",
    "one_run_gaussian",
    "one_run_probability",
]

#: Largest ratio of sensitivity to noise that is looked at; its epsilon is above 2,000.
_LARGEST_RATIO = 64.0
#: Halvings of its interval, which leave less than 1e-9 of it.
_HALVINGS = 40
#: Rise of delta, relative and absolute, that outweighs what the accountant of Gaussian noise rounds upwards.
_DOWNWARDS = 1e-6
_CANCELLED = 1e-13
#: Fewer guesses prove little even when all are right: ten give an epsilon of about 1.
FEWEST_GUESSES = 10


def one_run_audit(
    scores: ArrayLike,
    included: ArrayLike,
    *,
    delta: float = 0.0,
    level: float = 0.95,
    guesses: int | None = None,
    claim: Claim = BARE,
    seed: int = 0,
) -> CanaryAudit:
    """Bound epsilon from below by guessing which canaries were trained on."""
    # Without a fixed number of guesses all canaries, half of them, a quarter and so on are tried, each at a
    # level corrected for their number (Bonferroni). A Gaussian claim says more than its epsilon at delta, so
    # more of it is refuted; its bound does not hold for training that claims a bare (epsilon, delta).
    s, coins = np.asarray(scores, dtype=np.float64), np.asarray(included)
    if s.ndim != 1 or coins.shape != s.shape or coins.dtype != np.bool_ or not len(s):
        raise DataError(
            "The canaries need scores and one boolean each that says whether it was trained on; found shapes "
            f"{s.shape} and {coins.shape} of {coins.dtype}."
        )
    if not np.isfinite(s).all():
        raise DataError("A canary's score is not finite. Clip the scores first.")
    m = len(s)
    check_claim(m, delta, level, claim)
    bound = one_run_epsilon if claim == BARE else one_run_gaussian
    if guesses is not None and not 1 <= guesses <= m:
        raise UsageError(f"The guesses have to be 1 to {m}, the number of canaries; found {guesses}.")
    tried = _ladder(m) if guesses is None else (guesses,)
    each = 1 - (1 - level) / len(tried)
    shuffled = np.random.default_rng(seed).permutation(m)
    ranked = coins[shuffled[np.argsort(-s[shuffled], kind="stable")]]
    counts = [(r, _right(ranked, r)) for r in tried]
    bounds = [bound(m, r, v, delta=delta, level=each) for r, v in counts]
    # Where nothing is shown, the rung that chance would reach least often.
    slack = delta if claim == BARE else 0.0
    chances = [one_run_probability(m, r, v, epsilon=0.0, delta=slack) for r, v in counts]
    best = max(range(len(tried)), key=lambda rung: (bounds[rung], -chances[rung]))
    (r, v), epsilon = counts[best], bounds[best]
    ceiling = bound(m, r, r, delta=delta, level=each)
    return CanaryAudit(
        canaries=m,
        included=int(coins.sum()),
        guesses=r,
        correct=v,
        expected_by_chance=r / 2,
        epsilon_lower=epsilon,
        ceiling=ceiling,
        claim=claim,
        delta=delta,
        level=level,
        tried=len(tried),
        reason=_reason(r, v, epsilon, ceiling, delta, level, claim),
    )


def one_run_ceiling(canaries: int, *, delta: float = 0.0, level: float = 0.95, claim: Claim = BARE) -> float:
    """Return the largest bound that `one_run_audit` can give: where every guess is right."""
    bound = one_run_epsilon if claim == BARE else one_run_gaussian
    tried = _ladder(canaries)
    each = 1 - (1 - level) / len(tried)
    return max(bound(canaries, r, r, delta=delta, level=each) for r in tried)


def one_run_epsilon(
    canaries: int, guesses: int, correct: int, *, delta: float = 0.0, level: float = 0.95
) -> float:
    """Return the largest epsilon that so many right guesses refute; 0 where they refute none."""
    check_claim(canaries, delta, level)
    _check_counts(canaries, guesses, correct)

    def room(epsilon: float) -> float:
        return one_run_probability(canaries, guesses, correct, epsilon=epsilon, delta=delta) - (1 - level)

    if room(0.0) >= 0:
        return 0.0
    # At an epsilon of 50 every guess is right in double precision, so any number of them is likely.
    return cast("float", brentq(room, 0.0, 50.0, xtol=1e-12))


def one_run_gaussian(
    canaries: int, guesses: int, correct: int, *, delta: float, level: float = 0.95
) -> float:
    """Return the largest epsilon at `delta` of Gaussian noise that so many right guesses refute."""
    # Mahloujifar, Melis and Chaudhuri 2025, Algorithm 1, with the trade-off curve of Gaussian noise; the
    # epsilon of the largest refuted ratio by Balle and Wang 2018, Theorem 8, rounded downwards.
    check_claim(canaries, delta, level, "gaussian")
    _check_counts(canaries, guesses, correct)
    low, high = 0.0, _LARGEST_RATIO
    if _refutes(high, canaries, guesses, correct, 1 - level):
        low = high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _refutes(middle, canaries, guesses, correct, 1 - level):
            low = middle
        else:
            high = middle
    if low < _LARGEST_RATIO / 2.0 ** (_HALVINGS - 1):
        return 0.0
    from trivet.privacy.accountants import gaussian  # noqa: PLC0415 - dp-accounting takes its time

    raised = delta * (1 + _DOWNWARDS) + _CANCELLED
    return gaussian(1 / low, 1, raised) if raised < 1 else 0.0


def _refutes(ratio: float, m: int, guesses: int, correct: int, chance: float) -> bool:
    """Return whether Gaussian noise lets so many guesses be right with less than `chance`."""
    # `right` and `wrong` bound the shares of right and of wrong guesses among events that rare; each step
    # goes to one right guess less.
    right, wrong = chance * correct / m, chance * (guesses - correct) / m
    for fewer in range(correct - 1, -1, -1):
        reached = max(wrong, float(ndtr(ndtri(right) - ratio)))
        if reached == wrong:
            break
        right = min(1.0, right + fewer / (guesses - fewer) * (reached - wrong))
        wrong = reached
    return right + wrong > guesses / m


def one_run_probability(
    canaries: int, guesses: int, correct: int, *, epsilon: float, delta: float = 0.0
) -> float:
    """Return the most that (epsilon, delta)-privacy lets P[W >= v] be (Theorem 5.2, right side)."""
    below = np.arange(1, correct + 1)
    tail = float(binom.sf(correct - 1, guesses, expit(epsilon)))
    if delta == 0 or correct == 0:
        return tail
    steps = (binom.sf(correct - below - 1, guesses, expit(epsilon)) - tail) / below
    return min(1.0, tail + 2 * canaries * delta * float(steps.max()))


def _ladder(canaries: int) -> tuple[int, ...]:
    """Return all canaries, half of them and so on, even numbers down to the fewest that say anything."""
    rungs: list[int] = []
    left = canaries
    while left >= FEWEST_GUESSES:
        rungs.append(left - left % 2)
        left //= 2
    return tuple(rungs) or (canaries,)


def _right(ranked: NDArray[np.bool_], guesses: int) -> int:
    """Count the right guesses on coins in the order of their scores, highest first."""
    high, low = (guesses + 1) // 2, guesses // 2
    return int(ranked[:high].sum() + (~ranked[len(ranked) - low :]).sum())


def _check_counts(canaries: int, guesses: int, correct: int) -> None:
    if not 0 <= correct <= guesses <= canaries:
        raise UsageError(
            "Right guesses, guesses and canaries have to be 0 or more, in this order; found "
            f"{correct}, {guesses} and {canaries}."
        )


def check_claim(canaries: int, delta: float, level: float = 0.95, claim: Claim = BARE) -> None:
    """Raise UsageError for a claim that is none, or a delta or level at which it cannot be tested."""
    require(Claim, claim=claim)
    require(Share, level=level)
    if claim == "gaussian":
        if not 0 < delta < 1:
            raise SettingError("{delta} is {found}; a gaussian claim is tested between 0 and 1.", found=delta)
        return
    if not 0 <= 2 * canaries * delta <= 1:
        raise SettingError(
            "{delta} is {found}; with so many canaries a bare claim is tested from 0 to {most}.",
            found=delta,
            most=f"{1 / (2 * canaries):.3g}",
        )


def _reason(r: int, v: int, epsilon: float, ceiling: float, delta: float, level: float, claim: Claim) -> str:
    guesses = f"{v} of {r} guesses are right"
    if epsilon > 0:
        of = "" if claim == BARE else " of a training that tells no more than Gaussian noise"
        return (
            f"{guesses}: with confidence {level:.4g} epsilon{of} is at least {epsilon:.3f} at delta "
            f"{delta:.3g}; all right would have shown {ceiling:.3f}."
        )
    return f"{guesses}, which guessing may reach; all right would have shown an epsilon of {ceiling:.3f}."
