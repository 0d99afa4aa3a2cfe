"""Search for a label that small changes, one for each image, reach further than any other label.

A trigger that depends on the image, as a warp or one that a network generates, is the same change for no two
images. But the path that it takes through the network is there for all, and a change that is made for one
image alone finds it: within a bound that leads just over the border of other labels, it goes far into the
target.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trivet.datasets.images import ImageSet
from trivet.security.adapting import GRADIENT, guarded
from trivet.security.detection import lead_probability
from trivet.security.evaluation import ONE, batches, images_at_once, margins_of, pixels_at
from trivet.security.networks import Scorer
from trivet.security.scanning.changes import BATCH
from trivet.security.scanning.sequential import margin_scores
from trivet.security.scanning.stamps import rightly_classified

__all__ = ["IMAGE_BOUNDS", "PushSettings", "Pushed", "compared", "go_from_each_image"]

#: Fewer images than this, and fewer of other classes, say nothing of a label.
FEWEST_IMAGES: Final = 12
FEWEST_OTHERS: Final = 8
#: Largest changes of a pixel.
IMAGE_BOUNDS: Final = (4 / 255, 8 / 255, 16 / 255, 32 / 255)
#: Trials that a bound is chosen on.
TRIED_FIRST: Final = 60


@dataclass(frozen=True, kw_only=True)
class PushSettings:
    """Settings of a search: signed gradient steps that shrink to zero (Madry et al. 2018).

    Attributes
    ----------
    bounds : largest sizes of a change, of which the first counts that reaches enough
    trials : images times labels, within the bounds of images
    least, most : images that each label is tried to be reached from
    steps : from no change on
    step_size : of the first step, as a share of the bound
    reached_from : share of all trials that have to reach their label
    """

    bounds: tuple[float, ...] = ()
    trials: int = 600
    least: int = 16
    most: int = 60
    steps: int = 8
    step_size: float = 0.4
    reached_from: float = 0.3

    def length(self, step: int, bound: float) -> float:
        """Return the length of a step within a bound."""
        return bound * self.step_size * (1 - step / self.steps)


@dataclass(frozen=True, eq=False)
class Pushed:
    """Margins of the labels that images of other classes reach by a change.

    Attributes
    ----------
    labels : which were tried
    margins : mean over the images of f_y - max_{j != y} f_j
    gains : by how much that exceeds the same after a random change within the bound
    shares : of the images, that reach the label
    bound : the largest size of a change
    image_steps : images pushed forward and back
    """

    labels: NDArray[np.int64]
    margins: NDArray[np.float64]
    gains: NDArray[np.float64]
    shares: NDArray[np.float64]
    bound: float
    image_steps: int

    @classmethod
    def of(
        cls,
        aims: NDArray[np.int64],
        margins: NDArray[np.float64],
        gained: NDArray[np.float64],
        bound: float,
        *,
        image_steps: int,
    ) -> Self:
        """Average over the trials of each label, all of shape (trials,)."""
        labels = np.unique(aims)
        means, gains, shares = (
            np.array([float(each[aims == label].mean()) for label in labels])
            for each in (margins, gained, margins > 0)
        )
        return cls(labels, means, gains, shares, bound, image_steps)

    @property
    def first(self) -> int:
        """Place of the label with the largest margin."""
        return int(np.argmax(self.margins))

    @property
    def p_value(self) -> float:
        """Chance that the first of as many clean labels leads all others as far, in margins and in gains.

        A label that a network prefers whatever it sees has large margins by nature, but no gain.
        """
        return max(_lead_probability(each, self.first) for each in (self.margins, self.gains))


def _lead_probability(margins: NDArray[np.float64], place: int) -> float:
    """Return the chance that a first label leads as far as this one does; 1 where this one does not."""
    scores = margin_scores(margins)
    if scores is None:
        return 1.0
    lead = float(scores[place] - np.delete(scores, place).max())
    return lead_probability(lead, len(scores)) if lead > 0 else 1.0


def go_from_each_image(
    score: Scorer,
    images: ImageSet,
    labels: Sequence[int],
    settings: PushSettings,
    *,
    seed: int,
    progress: Callable[[float], None] = lambda _share: None,
) -> Pushed | None:
    """Change each image by itself towards each label, within the smallest bound that leads over most borders.

    Only rightly classified images are used; None where there are too few.
    """
    trials = compared(score, images, labels, settings, seed=seed)
    if trials is None:
        return None
    some, rows, aims = trials
    at_once = images_at_once(score, pixels_at(some, ONE), at_most=BATCH)

    def push(places: NDArray[np.int64], bound: float, *, tells: bool = False) -> NDArray[np.float64]:
        found = []
        for part in batches(len(places), at_once):
            at = places[part]
            found.append(_pushed(score, pixels_at(some, rows[at]), aims[at], bound, settings))
            if tells:
                progress(part.stop / len(places))
        return np.concatenate(found)

    few = np.unique(np.linspace(0, len(rows) - 1, TRIED_FIRST).astype(np.int64))
    spent, bound = 0, 0.0
    for bound in settings.bounds:
        spent += len(few) * settings.steps
        if (push(few, bound) > 0).mean() >= settings.reached_from:
            break
    margins = push(np.arange(len(rows)), bound, tells=True)
    by_chance = margins_of(_by_chance(score, some, bound, at_once, seed=seed)[rows], torch.from_numpy(aims))
    gained = margins - by_chance.double().numpy()
    return Pushed.of(
        aims, margins, gained, bound, image_steps=spent + len(rows) * settings.steps + len(some) // 3
    )


def compared(
    score: Scorer, images: ImageSet, labels: Sequence[int], settings: PushSettings, *, seed: int
) -> tuple[ImageSet, NDArray[np.int64], NDArray[np.int64]] | None:
    """Pair rightly classified images with labels that they are not of; None where there are too few.

    The pairs are rows of the images and labels, both of shape (pairs,), label by label.
    """
    wanted = max(settings.least, min(settings.most, settings.trials // len(labels)))
    some = rightly_classified(score, images, wanted, seed=seed)
    tried = [label for label in labels if int((some.labels != label).sum()) >= FEWEST_OTHERS]
    if len(some) < FEWEST_IMAGES or len(tried) < 3:  # noqa: PLR2004 - a lead and a spread
        return None
    pairs = [(row, label) for label in tried for row in np.flatnonzero(some.labels != label)]
    rows, aims = (np.asarray(each) for each in zip(*pairs, strict=True))
    return some, rows, aims


def _by_chance(score: Scorer, images: ImageSet, bound: float, at_once: int, *, seed: int) -> Tensor:
    """Return the scores after a random change within the bound, shape (images, classes)."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    with torch.no_grad():
        for part in batches(len(images), at_once):
            pixels = pixels_at(images, part)
            signs = torch.randint(0, 2, pixels.shape, generator=generator) * 2.0 - 1.0
            found.append(score((pixels + bound * signs).clamp(0, 1)))
    return torch.cat(found)


def _pushed(
    score: Scorer, pixels: Tensor, labels: NDArray[np.int64], bound: float, settings: PushSettings
) -> NDArray[np.float64]:
    """Return the margins of images' labels after the steps, shape (n,)."""
    aims = torch.from_numpy(labels)
    moved = pixels
    for step in range(settings.steps):
        moved = moved.detach().requires_grad_(True)  # noqa: FBT003 - PyTorch's own signature
        with guarded("the network", GRADIENT):
            (slope,) = torch.autograd.grad(margins_of(score(moved), aims).sum(), moved)
        length = settings.length(step, bound)
        moved = torch.clamp(moved + length * slope.sign(), pixels - bound, pixels + bound).clamp(0, 1)
    with torch.no_grad():
        return margins_of(score(moved), aims).double().numpy()
