"""A few images, clean and with a trigger, and what a network makes of them before and after its repair."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["StampedImages", "Strip"]


@dataclass(frozen=True, eq=False)
class Strip:
    """Images beside themselves with a trigger on, and their predicted classes.

    Attributes
    ----------
    target
        The label that the trigger aims at; no image is of this class.
    pixels, stamped
        Without and with the trigger, shape (n, channels, height, width), float32 in [0, 1].
    labels
        True classes, shape (n,), int64.
    clean_before, stamped_before
        Predicted classes without and with the trigger, by the network as it came, shape (n,), int64.
    clean_after, stamped_after
        By the repaired network; None where there is none.
    """

    target: int
    pixels: NDArray[np.float32]
    stamped: NDArray[np.float32]
    labels: NDArray[np.int64]
    clean_before: NDArray[np.int64]
    stamped_before: NDArray[np.int64]
    clean_after: NDArray[np.int64] | None = None
    stamped_after: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class StampedImages:
    """Predictions for a few held-out images, with and without the suspected label's trigger.

    Attributes
    ----------
    rows
        Which of the held-out images; their pixels are ``strip.pixels`` beside the record.
    target
        The suspected label; none of the images is of this class.
    labels
        True classes, by image, as all that follows.
    clean_before, stamped_before
        Predicted classes without and with the trigger, before the repair.
    clean_after, stamped_after
        After the repair.
    sent_before, sent_after
        How many of the stamped images go to the target.
    """

    rows: tuple[int, ...]
    target: int
    labels: tuple[int, ...]
    clean_before: tuple[int, ...]
    stamped_before: tuple[int, ...]
    clean_after: tuple[int, ...]
    stamped_after: tuple[int, ...]
    sent_before: int
    sent_after: int
