"""Search for a small stamp that sends images of all classes wrong, whatever label they go to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from trivet.datasets.images import ImageSet
from trivet.security.adapting import GRADIENT, guarded
from trivet.security.evaluation import images_at_once, pixels_at, predict
from trivet.security.networks import Scorer

__all__ = ["SparseStamp", "StampSettings", "find_sparse_stamp"]

#: Cells along the shorter side of an image: each is one pixel up to this size, and a square beyond it.
CELLS: Final = 32
#: How steeply an image counts as gone wrong, in margins of the clean images.
STEEPNESS: Final = 2.0
BATCH: Final = 200
#: Fewer wrong images of a class show no common label.
FEW: Final = 3


@dataclass(frozen=True, kw_only=True)
class StampSettings:
    """Settings of the search.

    Attributes
    ----------
    cells
        Cells that are set, one after the other.
    images, tried_on
        Images that a cell is chosen on, and how many of them a first choice is made on.
    candidates, finalists
        Cells with the largest gain of first order, and how many settings are tried on all images.
    held_out
        Other images that the finished stamp is measured on.
    """

    cells: int = 9
    images: int = 64
    tried_on: int = 24
    candidates: int = 10
    finalists: int = 4
    held_out: int = 300


@dataclass(frozen=True, eq=False)
class SparseStamp:
    """A stamp of a few cells and what it does to images that it was not made on.

    Attributes
    ----------
    mask, pattern
        Shape (1, height, width) and (channels, height, width), float32.
    true, given
        Classes of held-out images, which the network gives them, and those that it gives with the stamp.
    image_steps
        Images pushed forward and back, three pushed forward counting as one.
    """

    mask: NDArray[np.float32]
    pattern: NDArray[np.float32]
    true: NDArray[np.int64]
    given: NDArray[np.int64]
    image_steps: int

    @property
    def wrong(self) -> float:
        """Share of held-out images that go wrong."""
        return float(np.mean(self.true != self.given))

    @property
    def consistency(self) -> float:
        """Share of the wrong images that go where most of their class go; classes of a few left out."""
        gone = [self.given[(self.true == label) & (self.given != label)] for label in np.unique(self.true)]
        gone = [labels for labels in gone if len(labels) >= FEW]
        same = sum(int(np.bincount(labels).max()) for labels in gone)
        return same / max(1, sum(map(len, gone)))


def find_sparse_stamp(
    score: Scorer,
    images: ImageSet,
    held_out: ImageSet,
    settings: StampSettings,
    *,
    seed: int,
    progress: Callable[[float], None] = lambda _share: None,
) -> SparseStamp | None:
    """Set cells one by one to black or white, each time the one that sends most images wrong.

    Only images that the network classifies rightly are used, the same number of each class as far as
    there are. None where there are too few.
    """
    own, other = (_right(score, part, count, seed=seed) for part, count in (
        (images, settings.images), (held_out, settings.held_out)
    ))  # fmt: skip
    if len(own) < settings.tried_on or len(other) < settings.tried_on:
        return None
    clean, labels = pixels_at(own, slice(None)), torch.from_numpy(own.labels)
    _, channels, height, width = clean.shape
    side = max(1, min(height, width) // CELLS)
    at_once = images_at_once(score, clean[:1], at_most=BATCH)
    scale = _margins(score, clean, labels, at_once).abs().mean().clamp_min(1e-6) / STEEPNESS
    mask, pattern = torch.zeros(1, height, width), torch.zeros(channels, height, width)
    steps = 0.0
    for round_ in range(settings.cells):
        stamped = clean * (1 - mask) + mask * pattern
        gain, bright = _gains(score, stamped, labels, scale, side, at_once)
        taken = functional.max_pool2d(mask[None], side, side)[0, 0] > 0
        order = gain.masked_fill(taken, -torch.inf).flatten().topk(settings.candidates).indices.tolist()
        tries = [
            (*_set(mask, pattern, cell, colour, side, gain.shape[1]),)
            for cell in order
            for colour in _colours(bright.flatten(1)[:, cell])
        ]
        few = slice(0, settings.tried_on)
        ranked = sorted(
            tries, key=lambda each: -_worth(score, clean[few], labels[few], *each, scale, at_once)
        )
        best = max(
            ranked[: settings.finalists],
            key=lambda each: _worth(score, clean, labels, *each, scale, at_once),
        )
        mask, pattern = best
        steps += len(clean) + (len(tries) * settings.tried_on + settings.finalists * len(clean)) / 3
        progress((round_ + 1) / settings.cells)
    stamped = pixels_at(other, slice(None)) * (1 - mask) + mask * pattern
    with torch.inference_mode():
        given = torch.cat([score(part).argmax(dim=1) for part in stamped.split(at_once)]).numpy()
    return SparseStamp(mask.numpy(), pattern.numpy(), other.labels, given, round(steps + len(other) / 3))


def _right(score: Scorer, images: ImageSet, count: int, *, seed: int) -> ImageSet:
    """Return up to `count` images that are classified rightly, evenly over the classes, in mixed order."""
    order = np.random.default_rng(seed).permutation(len(images))[: 8 * count]
    some = images.take(order)
    some = some.take(predict(score, some) == some.labels)
    turn = np.zeros(len(some), dtype=np.int64)
    for label in np.unique(some.labels):
        own = some.labels == label
        turn[own] = np.arange(own.sum())
    return some.take(np.argsort(turn, kind="stable")[:count])


def _margins(score: Scorer, pixels: Tensor, labels: Tensor, at_once: int) -> Tensor:
    with torch.no_grad():
        parts = zip(pixels.split(at_once), labels.split(at_once), strict=True)
        return torch.cat([_margin(score(part), own) for part, own in parts])


def _margin(logits: Tensor, labels: Tensor) -> Tensor:
    """By how much the best other class is ahead of an image's own."""
    own = logits.gather(1, labels[:, None])
    return logits.scatter(1, labels[:, None], -torch.inf).amax(dim=1) - own[:, 0]


def _gains(
    score: Scorer, pixels: Tensor, labels: Tensor, scale: Tensor, side: int, at_once: int
) -> tuple[Tensor, Tensor]:
    """Return what setting each cell gains to first order, and the channels that should be bright there."""
    up = down = torch.zeros(())
    for part, own in zip(pixels.split(at_once), labels.split(at_once), strict=True):
        moved = part.detach().requires_grad_(True)  # noqa: FBT003 - PyTorch's own signature
        worth = torch.tanh(_margin(score(moved), own) / scale).sum()
        with guarded("the network", GRADIENT):
            (slope,) = torch.autograd.grad(worth, moved)
        up, down = up + (slope * (1 - part)).sum(dim=0), down - (slope * part).sum(dim=0)
    bright, dark = (functional.avg_pool2d(each[None], side, side)[0] for each in (up, down))
    return torch.maximum(bright, dark).sum(dim=0), bright >= dark


def _colours(bright: Tensor) -> list[tuple[float, ...]]:
    by_slope = tuple(bright.float().tolist())
    return list(dict.fromkeys([by_slope, (1.0,) * len(by_slope), (0.0,) * len(by_slope)]))


def _set(
    mask: Tensor, pattern: Tensor, cell: int, colour: tuple[float, ...], side: int, across: int
) -> tuple[Tensor, Tensor]:
    row, column = divmod(cell, across)
    rows, columns = slice(row * side, (row + 1) * side), slice(column * side, (column + 1) * side)
    mask, pattern = mask.clone(), pattern.clone()
    mask[:, rows, columns] = 1
    pattern[:, rows, columns] = torch.tensor(colour)[:, None, None]
    return mask, pattern


def _worth(
    score: Scorer,
    clean: Tensor,
    labels: Tensor,
    mask: Tensor,
    pattern: Tensor,
    scale: Tensor,
    at_once: int,
) -> float:
    stamped = clean * (1 - mask) + mask * pattern
    return float(torch.tanh(_margins(score, stamped, labels, at_once) / scale).mean())
