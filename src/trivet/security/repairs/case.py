"""Input and output of a repair method."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from trivet.datasets.images import ImageSet
from trivet.security.classifier import Classifier
from trivet.security.contract import InputContract
from trivet.security.trigger import Trigger

__all__ = ["Case", "Method", "Progress", "Treatment"]


#: Called with the finished share of the work, 0 to 1.
Progress = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class Case:
    """An attacked network and what is known of its backdoor.

    Attributes
    ----------
    model
        The network; no method changes it.
    contract
        What it expects of its inputs.
    images
        Clean images with true labels, to work with.
    trigger, target
        The reconstructed trigger, and the label that it leads to.
    """

    model: Classifier
    contract: InputContract
    images: ImageSet
    trigger: Trigger
    target: int


@dataclass(frozen=True, eq=False)
class Treatment:
    """A repaired copy, in evaluation mode with frozen weights.

    Attributes
    ----------
    model
        The copy.
    work
        What was done, in a few words.
    image_steps
        Images pushed forward and back.
    """

    model: Classifier
    work: str
    image_steps: int


class Method(Protocol):
    """A way to repair."""

    def __call__(self, case: Case, *, seed: int, progress: Progress) -> Treatment:
        """Return a repaired copy; `seed` draws all that is random."""
        ...
