"""The verdict on a privacy budget."""

from typing import Final

__all__ = ["OVER_BUDGET", "WITHIN_BUDGET", "budget_verdict"]

WITHIN_BUDGET: Final = "within budget"
OVER_BUDGET: Final = "over budget"


def budget_verdict(spent: float, allowed: float) -> str:
    """Say whether what is spent is at most what is allowed, both an epsilon."""
    return WITHIN_BUDGET if spent <= allowed else OVER_BUDGET
