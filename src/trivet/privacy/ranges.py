"""Range checks of privacy parameters."""

import math

from trivet.errors import UsageError

__all__ = [
    "OutOfReachError",
    "require_at_least_one",
    "require_below_one",
    "require_finite",
    "require_open_unit",
    "require_positive",
]


class OutOfReachError(UsageError):
    """A theorem holds for these answers, but its figure cannot be computed."""


def require_positive(**values: float) -> None:
    """Raise UsageError unless every value is a positive finite number; the keywords are the names."""
    for name, value in values.items():
        if not (value > 0 and math.isfinite(value)):
            raise UsageError(f"{name} must be a positive finite number, not {value!r}.")


def require_open_unit(**values: float) -> None:
    """Raise UsageError unless every value lies strictly between 0 and 1."""
    for name, value in values.items():
        if not 0 < value < 1:
            raise UsageError(f"{name} must lie strictly between 0 and 1, not {value!r}.")


def require_below_one(**values: float) -> None:
    """Raise UsageError unless every value is 0 or more, and below 1."""
    for name, value in values.items():
        if not 0 <= value < 1:
            raise UsageError(f"{name} must be 0 or more, and below 1, not {value!r}.")


def require_finite(**values: float) -> None:
    """Raise UsageError unless every value is a finite number."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise UsageError(f"{name} must be a finite number, not {value!r}.")


def require_at_least_one(**values: int) -> None:
    """Raise UsageError unless every value is 1 or more."""
    for name, value in values.items():
        if value < 1:
            raise UsageError(f"{name} must be at least 1, not {value!r}.")
