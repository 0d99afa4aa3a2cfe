"""Does another charge fit a budget, by basic composition or by the privacy loss distribution?

Basic composition adds epsilons and deltas, exactly, and holds even where the size of a charge is chosen
after looking at earlier answers (Rogers, Roth, Ullman and Vadhan 2016, "Privacy odometers and filters").
The privacy loss distribution proves less spent for the same answers, but only where no size depends on
an answer.

The distribution is that of the worst mechanism of the charged epsilon and delta, randomised response
(Kairouz, Oh and Viswanath 2015, Theorem 3.3), rather than that of continuous Laplace noise: integer
noise of sensitivity 1 has just two losses, plus and minus epsilon, and is that worst mechanism, which
spends more than continuous noise of the same scale.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

__all__ = ["Charge", "fits_basic", "fits_pld", "left_pld", "spent_pld", "total"]

#: Points of the grid of losses within the smallest epsilon; losses are rounded upwards to it.
_POINTS: Final = 100
#: Points within the sum of all epsilons, at most: the accuracy gives way before the memory does.
_MOST_POINTS: Final = 200_000
_HALVINGS: Final = 30
#: Fourier transforms and cut tails move the accountant's figure by less; it was seen 1e-12 too low.
_MARGIN: Final = 1e-9


@dataclass(frozen=True)
class Charge:
    """An epsilon and a delta, spent in one answer of several equal parts."""

    epsilon: Fraction
    delta: Fraction
    parts: int = 1


def total(charges: Iterable[Charge]) -> Charge:
    """Return the sum of all charges: what basic composition says is spent."""
    epsilon = delta = Fraction(0)
    for charge in charges:
        epsilon, delta = epsilon + charge.epsilon, delta + charge.delta
    return Charge(epsilon, delta)


def fits_basic(charges: Iterable[Charge], budget: Charge) -> bool:
    """Return whether the sum of all charges is within the budget."""
    spent = total(charges)
    return spent.epsilon <= budget.epsilon and spent.delta <= budget.delta


def fits_pld(charges: Iterable[Charge], budget: Charge) -> bool:
    """Return whether one of the two theorems proves that all charges are within the budget."""
    charges = tuple(charges)
    return fits_basic(charges, budget) or _by_distribution(charges, budget) <= budget.epsilon


def spent_pld(charges: Iterable[Charge], budget: Charge) -> float:
    """Total epsilon of all charges at the delta of the budget; infinite where their deltas exceed it.

    Koskela, Jälkö and Honkela 2020, by dp-accounting, rounded upwards, and never above the sum where
    that is proven at the same delta.
    """
    charges = tuple(charges)
    spent = total(charges)
    if not spent.epsilon and not spent.delta:
        return 0.0
    by_pld = _by_distribution(charges, budget)
    return min(by_pld, float(spent.epsilon)) if spent.delta <= budget.delta else by_pld


def left_pld(charges: Iterable[Charge], budget: Charge) -> float:
    """Largest epsilon that further charges may sum to, so that `fits_pld` holds with it; by halving.

    Any answers whose epsilons sum to it are together one answer of that epsilon.
    """
    charges = tuple(charges)

    def fits(epsilon: Fraction) -> bool:
        return fits_pld((*charges, Charge(epsilon, Fraction(0))), budget)

    low = max(Fraction(0), budget.epsilon - total(charges).epsilon)
    high = budget.epsilon
    if not fits(low):
        return 0.0
    for _ in range(_HALVINGS):
        if high - low <= budget.epsilon / 10**6:
            break
        middle = Fraction(float((low + high) / 2))
        low, high = (middle, high) if fits(middle) else (low, middle)
    left = float(low)
    return math.nextafter(left, 0.0) if Fraction(left) > low else left


def _by_distribution(charges: tuple[Charge, ...], budget: Charge) -> float:
    return float(_distribution(charges).get_epsilon_for_delta(float(budget.delta))) * (1 + _MARGIN)


def _distribution(charges: tuple[Charge, ...]) -> Any:
    from dp_accounting.pld.common import DifferentialPrivacyParameters  # noqa: PLC0415 - loads SciPy
    from dp_accounting.pld.privacy_loss_distribution import from_privacy_parameters  # noqa: PLC0415

    equal: Counter[tuple[Fraction, Fraction]] = Counter()
    for charge in charges:
        if charge.epsilon or charge.delta:
            equal[charge.epsilon / charge.parts, charge.delta / charge.parts] += charge.parts
    smallest = min(epsilon for epsilon, _ in equal)
    interval = max(smallest / _POINTS, total(charges).epsilon / _MOST_POINTS)
    composed: Any = None
    for (epsilon, delta), count in equal.items():
        one: Any = from_privacy_parameters(
            DifferentialPrivacyParameters(float(epsilon), float(delta)),
            value_discretization_interval=float(interval),
        )
        several = one.self_compose(count)
        composed = several if composed is None else composed.compose(several)
    return composed
