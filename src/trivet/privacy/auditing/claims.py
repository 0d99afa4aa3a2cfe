"""Power check: a number of answers against the epsilon that it has to refute."""

from typing import Final

from trivet.errors import UsageError
from trivet.privacy.auditing.bounds import fewest_trials
from trivet.privacy.auditing.registry import FAMILIES
from trivet.privacy.ranges import require_open_unit, require_positive

__all__ = ["FEWEST_TRIALS", "MOST_TRIALS", "PARTS", "planned_level", "require_refutable"]

#: One part in so many proposes events, as many choose, the rest is for the test.
PARTS: Final = 4
#: With fewer, a quarter proposes next to nothing.
FEWEST_TRIALS: Final = 400
#: All answers are kept in memory, some hundred bytes each.
MOST_TRIALS: Final = 5_000_000


def planned_level(error_rate: float) -> float:
    """Level of one Clopper-Pearson bound where every family has an event to test."""
    return error_rate / (2 * len(FAMILIES))


def require_refutable(*, epsilon: float, delta: float, error_rate: float, trials: int) -> None:
    """Raise UsageError for a number out of range, and where so few trials could show no violation."""
    require_positive(epsilon=epsilon)
    require_open_unit(error_rate=error_rate)
    if not 0 <= delta < 1:
        raise UsageError(f"delta must be 0 or lie between 0 and 1, not {delta!r}.")
    if trials > MOST_TRIALS:
        raise UsageError(f"{trials} trials are too many; expected {MOST_TRIALS} or fewer.")
    needed = fewest_trials(
        epsilon,
        level=planned_level(error_rate),
        delta=delta,
        most=MOST_TRIALS // 2,
    )
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
