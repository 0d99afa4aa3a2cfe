"""Exact arithmetic of epsilon and delta: decimal text and fractions."""

import math
import re
from decimal import Decimal
from fractions import Fraction
from typing import Final

from trivet.errors import UsageError
from trivet.wording import one_line

__all__ = ["Amount", "as_text", "exact", "require_delta", "require_epsilon", "written"]

#: What a caller may give: text as written, or a number, which means its shortest decimal.
Amount = str | int | float | Decimal

_DECIMAL: Final = re.compile(r"(\d{1,12}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,2})?", re.ASCII)


def written(amount: Amount) -> str:
    """Return an amount as decimal text: text as it stands, without spaces around it, a number in short."""
    return amount.strip() if isinstance(amount, str) else str(amount)


def exact(text: str) -> Fraction | None:
    """Return the number that decimal text means; None for any other text."""
    return Fraction(Decimal(text)) if _DECIMAL.fullmatch(text) else None


def as_text(value: Fraction) -> str:
    """Write a fraction that has a finite decimal expansion, all digits of it."""
    places, rest = 0, value.denominator
    while 10**places % rest:
        places += 1
        if places > rest.bit_length():
            raise ValueError("no finite decimal")
    digits = str(value.numerator * 10**places // rest).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits


def require_epsilon(amount: Amount) -> Fraction:
    """Return an epsilon as a fraction."""
    value = exact(written(amount))
    if value is None or value <= 0 or not math.isfinite(value):
        raise UsageError(f"epsilon must be a positive decimal such as 0.1, not {one_line(amount)}.")
    return value


def require_delta(amount: Amount) -> Fraction:
    """Return a delta as a fraction; 0 is pure differential privacy."""
    value = exact(written(amount))
    if value is None or not 0 <= value < 1:
        raise UsageError(
            f"delta must be a decimal, at least 0 and below 1, such as 1e-6, not {one_line(amount)}."
        )
    return value
