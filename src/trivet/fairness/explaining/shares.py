"""Which share of the whole a part is, where that says something."""

from collections.abc import Sequence
from dataclasses import replace

from trivet.fairness.explaining.results import Part

__all__ = ["with_shares"]


def with_shares(whole: Part, parts: Sequence[Part]) -> tuple[Part, tuple[Part, ...]]:
    """Return the whole and its parts with the share of the whole that each is.

    Where the interval of the whole holds 0, or there is none, every share stays None: it would be a
    ratio to something that can be nothing.
    """
    if whole.value is None or whole.low is None or whole.high is None or whole.low <= 0 <= whole.high:
        return whole, tuple(parts)
    size = whole.value
    shared = [part if part.value is None else replace(part, share=part.value / size) for part in parts]
    return replace(whole, share=1.0), tuple(shared)
