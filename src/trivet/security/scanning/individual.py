"""Search for a label that small changes, one for each image, reach further than any other label.

A trigger that depends on the image, as a warp or one that a network generates, is the same change for no two
images. But the path that it takes through the network is there for all, and a change that is made for one
image alone finds it: within a bound that leads just over the border of other labels, it goes far into the
target.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trivet.datasets.images import ImageSet
from trivet.security.adapting import GRADIENT, guarded
from trivet.security.detection import GAUSSIAN_MAD, lead_probability
from trivet.security.evaluation import ONE, images_at_once, pixels_at
from trivet.security.networks import Scorer
from trivet.security.scanning.changes import BATCH
from trivet.security.scanning.stamps import rightly_classified

__all__ = ["Individual", "IndividualSettings", "go_from_each_image"]

#: Fewer images than this say nothing of a label.
FEWEST_IMAGES: Final = 12


@dataclass(frozen=True, kw_only=True)
class IndividualSettings:
    """Settings of the search: signed gradient steps that shrink to zero (Madry et al. 2018).

    Attributes
    ----------
    trials : images times labels, within the bounds of images
    least, most : images that each label is tried to be reached from
    steps : from each image on
    step_size : of the first step, as a share of the bound
    bounds : largest changes of a pixel, of which the first counts that reaches enough
    reached_from : share of all trials that have to reach their label
    """

    trials: int = 600
    least: int = 16
    most: int = 60
    steps: int = 8
    step_size: float = 0.4
    bounds: tuple[float, ...] = (4 / 255, 8 / 255, 16 / 255, 32 / 255)
    reached_from: float = 0.3


@dataclass(frozen=True, eq=False)
class Individual:
    """Margins of the labels that images of other classes reach by changes of their own.

    Attributes
    ----------
    labels : which were tried
    margins : mean over the images of f_y - max_{j != y} f_j
    shares : of the images, that reach the label
    bound : the largest change of a pixel
    image_steps : images pushed forward and back
    """

    labels: NDArray[np.int64]
    margins: NDArray[np.float64]
    shares: NDArray[np.float64]
    bound: float
    image_steps: int

    @property
    def first(self) -> int:
        """Place of the label with the largest margin."""
        return int(np.argmax(self.margins))

    @property
    def p_value(self) -> float:
        """Chance that the first of as many clean labels leads the second by as much; 1 where none differ."""
        centre = np.median(self.margins)
        spread = GAUSSIAN_MAD * float(np.median(np.abs(self.margins - centre)))
        if len(self.margins) < 3 or spread <= 1e-9 * max(1.0, abs(float(centre))):  # noqa: PLR2004 - as `log_scores`
            return 1.0
        second, first = np.sort(self.margins)[-2:]
        return lead_probability(float(first - second) / spread, len(self.margins))


def go_from_each_image(
    score: Scorer,
    images: ImageSet,
    labels: Sequence[int],
    settings: IndividualSettings,
    *,
    seed: int,
    progress: Callable[[float], None] = lambda _share: None,
) -> Individual | None:
    """Change each image by itself towards each label, within the smallest bound that leads over most borders.

    Only rightly classified images are used; None where there are too few.
    """
    wanted = max(settings.least, min(settings.most, settings.trials // len(labels)))
    some = rightly_classified(score, images, wanted, seed=seed)
    if len(some) < FEWEST_IMAGES:
        return None
    trials = [(row, label) for label in labels for row in np.flatnonzero(some.labels != label)]
    rows, aims = (np.asarray(each) for each in zip(*trials, strict=True))
    at_once = images_at_once(score, pixels_at(some, ONE), at_most=BATCH)
    spent = 0
    margins, bound = np.empty(0), 0.0
    for bound in settings.bounds:
        found = []
        for first in range(0, len(rows), at_once):
            part = slice(first, first + at_once)
            found.append(_pushed(score, pixels_at(some, rows[part]), aims[part], bound, settings))
            progress((first + 1) / len(rows))
        margins = np.concatenate(found)
        spent += len(rows) * settings.steps
        if (margins > 0).mean() >= settings.reached_from:
            break
    progress(1.0)
    own = [margins[aims == label] for label in labels]
    means, shares = np.array([each.mean() for each in own]), np.array([(each > 0).mean() for each in own])
    return Individual(np.asarray(labels), means, shares, bound, spent)


def _pushed(
    score: Scorer, pixels: Tensor, labels: NDArray[np.int64], bound: float, settings: IndividualSettings
) -> NDArray[np.float64]:
    """Return the margins of images' labels after the steps, shape (n,)."""
    aims = torch.from_numpy(labels)[:, None]
    moved = pixels
    for step in range(settings.steps + 1):
        moved = moved.detach().requires_grad_(step < settings.steps)
        logits = score(moved)
        margins = logits.gather(1, aims)[:, 0] - logits.scatter(1, aims, -torch.inf).amax(dim=1)
        if step < settings.steps:
            with guarded("the network", GRADIENT):
                (slope,) = torch.autograd.grad(margins.sum(), moved)
            length = bound * settings.step_size * (1 - step / settings.steps)
            moved = torch.clamp(moved + length * slope.sign(), pixels - bound, pixels + bound).clamp(0, 1)
    return margins.detach().double().numpy()
