"""Events, and the samples from which a family proposes them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from trivet.privacy.auditing.answers import Answers

__all__ = ["Event", "Proposer", "Sample"]


@dataclass(frozen=True)
class Event:
    """Something that an answer is or is not."""

    words: str
    otherwise: str
    holds: Callable[[Answers], NDArray[np.bool_]]


@dataclass(frozen=True)
class Sample:
    """The answers from which events are proposed; no other answer is looked at for that."""

    on_a: Answers
    on_b: Answers
    input_a: Any
    input_b: Any


#: A family of events: proposes some from a sample, none where it does not apply.
Proposer: TypeAlias = Callable[[Sample], Iterable[Event]]
