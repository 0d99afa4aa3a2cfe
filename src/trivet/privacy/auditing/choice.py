"""Choice of an event from a family: the one that shows most on answers kept for this choice."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from trivet.privacy.auditing.answers import Answers
from trivet.privacy.auditing.bounds import epsilon_bounds
from trivet.privacy.auditing.events import Event

__all__ = ["Chosen", "choose"]


@dataclass(frozen=True)
class Chosen:
    """An event and the input on which it is expected more often."""

    event: Event
    likelier_on_a: bool


def choose(
    events: Iterable[Event], on_a: Answers, on_b: Answers, *, level: float, delta: float
) -> tuple[Chosen | None, int]:
    """Return the event, or complement, with the largest lower bound on epsilon, and how many there were."""
    proposed = list(events)
    if not proposed:
        return None, 0
    trials = len(on_a)
    a = np.array([np.count_nonzero(event.holds(on_a)) for event in proposed])
    b = np.array([np.count_nonzero(event.holds(on_b)) for event in proposed])
    # Rows: the event and its complement, each likelier on A and on B.
    p = np.stack([a, b, trials - a, trials - b])
    q = np.stack([b, a, trials - b, trials - a])
    shown = epsilon_bounds(p, q, trials, level=level, delta=delta)
    if not np.isfinite(shown).any():  # delta is beyond every bound on p: the largest difference is left
        shown = p - q
    row, column = np.unravel_index(int(np.argmax(shown)), shown.shape)
    event = proposed[int(column)]
    return Chosen(event if row < 2 else _complement(event), likelier_on_a=row % 2 == 0), len(proposed)  # noqa: PLR2004 - see the rows above


def _complement(event: Event) -> Event:
    return replace(
        event, words=event.otherwise, otherwise=event.words, holds=lambda answers: ~event.holds(answers)
    )
