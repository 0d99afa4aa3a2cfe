"""Amounts of a budget: decimal text as it was written, and exact fractions."""

import math
import re
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from fractions import Fraction
from typing import Final

from trivet.errors import UsageError
from trivet.wording import one_line

__all__ = [
    "Amount",
    "as_text",
    "exact",
    "in_short",
    "known",
    "require_delta",
    "require_epsilon",
    "require_rho",
    "rounded",
    "written",
]

#: What a caller may give: text as written, or a number, which means its shortest decimal.
Amount = str | int | float | Decimal

_DECIMAL: Final = re.compile(r"(\d{1,12}(\.\d{0,40})?|\.\d{1,40})([eE](\+?\d{1,2}|-\d{1,3}))?", re.ASCII)


def written(amount: Amount) -> str:
    """Return an amount as decimal text: text as it stands, without spaces around it, a number in short."""
    return amount.strip() if isinstance(amount, str) else str(amount)


def exact(text: str) -> Fraction | None:
    """Return the number that decimal text means; None for any other text."""
    return Fraction(Decimal(text)) if _DECIMAL.fullmatch(text) else None


def known(text: str) -> Fraction:
    """Return the number of decimal text that was checked before."""
    value = exact(text)
    assert value is not None, "it was checked when it was read or written"
    return value


#: Places before or behind the point of a decimal that is easily read.
_LONGEST: Final = 12
#: Digits of a fraction that has no finite decimal expansion.
_DIGITS: Final = 20


def as_text(value: Fraction, *, upwards: bool = True) -> str:
    """Write a fraction as a decimal: all digits of it, or where they have no end the first ones, rounded."""
    places, rest = 0, value.denominator
    for factor in (2, 5):
        power = 0
        while rest % factor == 0:
            rest, power = rest // factor, power + 1
        places = max(places, power)
    if rest > 1:
        places = _DIGITS
    scaled = value * 10**places
    digits = str(math.ceil(scaled) if upwards else math.floor(scaled)).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits


def in_short(number: Decimal) -> str:
    """Write a number without zeros at its end, with an exponent where it would be long."""
    shortest = number.normalize()
    return format(shortest, "f" if abs(shortest.adjusted()) < _LONGEST else "e")


def rounded(number: float | Fraction, digits: int, *, upwards: bool) -> str:
    """Write a number of at least 0 in so many digits, rounded to the safe side."""
    whole = Decimal(as_text(number, upwards=upwards)) if isinstance(number, Fraction) else Decimal(number)
    if not whole or not whole.is_finite():
        return f"{float(number):g}"
    last = Decimal(1).scaleb(whole.adjusted() - digits + 1)
    return in_short(whole.quantize(last, ROUND_UP if upwards else ROUND_DOWN))


def require_epsilon(amount: Amount) -> Fraction:
    """Return an epsilon as a fraction."""
    return _positive("epsilon", amount, "0.1")


def require_rho(amount: Amount) -> Fraction:
    """Return a rho of zero-concentrated privacy as a fraction."""
    return _positive("rho", amount, "0.005")


def _positive(name: str, amount: Amount, example: str) -> Fraction:
    value = exact(written(amount))
    if value is None or value <= 0 or not math.isfinite(value):
        raise UsageError(f"{name} must be a positive decimal such as {example}, not {one_line(amount)}.")
    return value


def require_delta(amount: Amount) -> Fraction:
    """Return a delta as a fraction; 0 is pure differential privacy."""
    value = exact(written(amount))
    if value is None or float(value) >= 1:
        raise UsageError(
            f"delta must be a decimal, at least 0 and below 1, such as 1e-6, not {one_line(amount)}."
        )
    return value
