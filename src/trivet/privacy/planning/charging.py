"""Epsilons of a plan as they are typed, and as a ledger lets them through to the last answer."""

from collections.abc import Callable, Sequence
from decimal import ROUND_DOWN, Decimal
from fractions import Fraction

from trivet.privacy.planning.lines import Line
from trivet.privacy.planning.settings import PlanSettings
from trivet.privacy.ranges import OutOfReachError
from trivet.privacy.releases.budget import Charge, fits_basic, fits_pld

__all__ = ["let_through", "plain", "typed"]

#: Digits of an epsilon that is typed: the last one costs a thousandth of the noise at most.
_DIGITS = 4
#: An epsilon that misses its decimal by the rounding of a calculation is that decimal, if it fits.
_FACTORS = (1 + 1e-9, 1 - 1e-9, 1 - 1e-5, 1 - 1e-4, 1 - 1e-3)


def typed(epsilons: Sequence[float], fits: Callable[[tuple[str, ...]], bool]) -> tuple[str, ...]:
    """Round epsilons down to a few digits, so that all of them together fit."""
    for factor in _FACTORS:
        texts = tuple(_rounded_down(epsilon * factor) for epsilon in epsilons)
        if fits(texts):
            return texts
    raise OutOfReachError("no epsilons of four digits stay within the budget")


def let_through(texts: Sequence[str], lines: Sequence[Line], settings: PlanSettings, *, pure: bool) -> bool:
    """Return whether a ledger of the plan's budget lets all answers through, as it would decide."""
    budget = Charge(_decimal(settings.epsilon), _decimal(settings.delta))
    charges = [
        Charge(_decimal(text) * line.asked.count, Fraction(0), line.asked.count)
        for text, line in zip(texts, lines, strict=True)
    ]
    return fits_basic(charges, budget) if pure else fits_pld(charges, budget)


def plain(number: object) -> str:
    """Write a number as a decimal without an exponent and without zeros at its end."""
    return format(Decimal(str(number)).normalize(), "f")


def _decimal(number: object) -> Fraction:
    """Return what the shortest decimal of a number means, as a ledger reads it."""
    return Fraction(Decimal(str(number)))


def _rounded_down(epsilon: float) -> str:
    whole = Decimal(epsilon)
    cut = whole.quantize(Decimal(1).scaleb(whole.adjusted() - _DIGITS + 1), ROUND_DOWN)
    return plain(cut)
