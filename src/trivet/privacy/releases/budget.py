"""Check of a charge against a budget, by basic composition or by the privacy loss distribution.

Basic composition adds epsilons and deltas, exactly, and holds even where the size of a charge is chosen
after looking at earlier answers (Rogers, Roth, Ullman and Vadhan 2016, "Privacy odometers and filters").
The privacy loss distribution proves less spent for the same answers, but only where no size depends on
an answer.

The distribution is that of the worst mechanism of the charged epsilon and delta, randomised response
(Kairouz, Oh and Viswanath 2015, Theorem 3.3), rather than that of continuous Laplace noise: integer
noise of sensitivity 1 has just two losses, plus and minus epsilon, and is that worst mechanism, which
spends more than continuous noise of the same scale. `accountants.whatever_noise` is the one function
that plans and ledgers share.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, cast

__all__ = ["Charge", "fits_basic", "fits_pld", "left_pld", "spent_pld", "total"]

#: More than decimals lose, relatively, when they become floats.
_ROUNDING: Final = 1e-12
#: What is left is looked for this closely, as a part of the budget.
_CLOSE: Final = 1e-6


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

    Rounded upwards, and never above the sum where that is proven at the same delta.
    """
    charges = tuple(charges)
    spent = total(charges)
    if not spent.epsilon and not spent.delta:
        return 0.0
    by_pld = _by_distribution(charges, budget)
    return min(by_pld, _upwards(spent.epsilon)) if spent.delta <= budget.delta else by_pld


def left_pld(charges: Iterable[Charge], budget: Charge) -> float:
    """Epsilon that further charges may sum to, so that `fits_pld` holds with it, up to a millionth.

    Any answers whose epsilons sum to it are together one answer of that epsilon.
    """
    from scipy.optimize import brentq  # noqa: PLC0415 - SciPy takes its time

    charges = tuple(charges)
    least = _downwards(max(Fraction(0), budget.epsilon - total(charges).epsilon))

    def excess(epsilon: float) -> float:
        with_it = (*charges, Charge(Fraction(epsilon), Fraction(0)))
        return _by_distribution(with_it, budget) - float(budget.epsilon)

    def fits(epsilon: float) -> bool:
        return fits_pld((*charges, Charge(Fraction(epsilon), Fraction(0))), budget)

    most = float(budget.epsilon)
    if not fits(least):
        return 0.0
    if excess(least) >= 0 or excess(most) <= 0:
        return _downwards(budget.epsilon) if fits(_downwards(budget.epsilon)) else least
    close = _CLOSE * most
    left = float(cast("float", brentq(excess, least, most, xtol=close / 4)))
    while left > least and not fits(left):
        left -= close
    return max(left, least)


def _downwards(value: Fraction) -> float:
    found = float(value)
    return found if Fraction(found) <= value else math.nextafter(found, 0.0)


def _upwards(value: Fraction) -> float:
    found = float(value)
    return found if Fraction(found) >= value else math.nextafter(found, math.inf)


def _by_distribution(charges: tuple[Charge, ...], budget: Charge) -> float:
    from trivet.privacy.accountants import whatever_noise  # noqa: PLC0415 - loads SciPy

    kept = Fraction(1)
    equal: Counter[Fraction] = Counter()
    for charge in charges:
        kept *= (1 - charge.delta / charge.parts) ** charge.parts
        if charge.epsilon:
            equal[charge.epsilon / charge.parts] += charge.parts
    # What deltas of the charges leave of the budget's: (1 - delta) = (1 - rest) * (1 - delta_1) * ...
    rest = 1 - (1 - budget.delta) / kept if kept else Fraction(-1)
    delta = float(rest)
    if rest < 0:
        return math.inf
    if not equal:
        return 0.0
    if not delta:
        return _upwards(total(charges).epsilon)
    found = whatever_noise([float(1 / each) for each in equal], list(equal.values()), delta)
    return found * (1 + _ROUNDING)
