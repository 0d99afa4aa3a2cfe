"""A figure without and with a remedy, and how sure the difference is."""

from dataclasses import dataclass

__all__ = ["Change", "unmeasured"]


@dataclass(frozen=True)
class Change:
    """A difference with its interval."""

    before: float | None
    after: float | None
    change: float | None
    low: float | None
    high: float | None
    by_construction: str | None = None
    reason: str | None = None
    note: str = ""


def unmeasured(reason: str) -> Change:
    """Return the change of a figure that could not be measured."""
    return Change(None, None, None, None, None, reason=reason)
