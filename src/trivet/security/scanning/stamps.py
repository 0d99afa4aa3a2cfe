"""Stamps of a few pixels that send images wrong, whatever label they go to."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from trivet.datasets.classes import in_turns
from trivet.datasets.images import ImageSet
from trivet.security.adapting import GRADIENT, guarded
from trivet.security.evaluation import ONE, batches, images_at_once, margins_of, pixels_at, predict
from trivet.security.networks import Scorer
from trivet.security.scanning.changes import BATCH
from trivet.security.scanning.results import StampCell
from trivet.security.trigger import Trigger, apply_trigger

__all__ = [
    "SourceSettings",
    "SourceStamp",
    "SparseStamp",
    "StampSettings",
    "find_source_stamps",
    "find_sparse_stamp",
    "rightly_classified",
]

#: Cells along the shorter side of an image: each is one pixel up to this size, and a square beyond it.
CELLS: Final = 32
#: Of so many cells one may be set: nine are nothing in a photograph and much of an image of 8x8 pixels.
CELLS_A_SETTING: Final = 16
#: How steeply an image counts as gone wrong, in margins of the clean images.
STEEPNESS: Final = 2.0
#: Fewer wrong images of a class show no common label.
FEW: Final = 3


@dataclass(frozen=True, kw_only=True)
class StampSettings:
    """Settings of the search.

    Attributes
    ----------
    attempts
        Searches cell by cell, each on other images, after one with a white or black square in any place; the
        best of them all counts. One alone often ends in cells that any network answers to.
    cells
        Cells that are set, one after the other.
    images, tried_on
        Images that a cell is chosen on, and how many of them a first choice is made on.
    candidates, finalists
        Cells with the largest gain of first order, and how many settings are tried on all images.
    slid_over
        Images that the square is tried on in all places.
    held_out
        Other images that the finished stamp is measured on.
    """

    attempts: int = 2
    cells: int = 9
    images: int = 64
    tried_on: int = 24
    candidates: int = 10
    finalists: int = 4
    slid_over: int = 16
    held_out: int = 300


@dataclass(frozen=True, eq=False)
class SparseStamp:
    """A stamp of a few cells and what it does to images that it was not made on.

    Attributes
    ----------
    trigger
        The stamp itself.
    true, given
        Classes of held-out images, which the network gives them, and those that it gives with the stamp.
    image_steps
        Images pushed forward and back, three pushed forward counting as one.
    side
        Of a cell, in pixels.
    """

    trigger: Trigger
    true: NDArray[np.int64]
    given: NDArray[np.int64]
    image_steps: int
    side: int = 1

    @property
    def cells(self) -> tuple[StampCell, ...]:
        """Cells that are set, row by row."""
        mask, pattern, side = self.trigger.mask[0], self.trigger.pattern, self.side
        corners = np.argwhere(mask[::side, ::side] > 0) * side
        return tuple(
            StampCell(row, column, side, tuple(pattern[:, row, column].tolist()))
            for row, column in corners.tolist()
        )

    @property
    def wrong(self) -> float:
        """Share of held-out images that go wrong."""
        return float(np.mean(self.true != self.given))

    @property
    def destinations(self) -> int:
        """Number of labels that most of some class go to."""
        return len({int(np.bincount(labels).argmax()) for labels in self._gone()})

    def _gone(self) -> list[NDArray[np.int64]]:
        """Return, for each class of which more than a few go wrong, where they go."""
        gone = [self.given[(self.true == label) & (self.given != label)] for label in np.unique(self.true)]
        return [labels for labels in gone if len(labels) >= FEW]

    @property
    def consistency(self) -> float:
        """Share of the wrong images that go where most of their class go; classes of a few left out."""
        gone = self._gone()
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
    """Set cells to black or white that send most images wrong: a square in its best place, or one by one.

    Only images that the network classifies rightly are used, the same number of each class as far as
    there are. None where there are too few, or too few cells.
    """
    cells = _most_cells(images, settings.cells)
    other = rightly_classified(score, held_out, settings.held_out, seed=seed)
    if not cells or len(other) < settings.tried_on:
        return None
    found: list[_Growing] = []
    for attempt in range(settings.attempts):
        own = rightly_classified(score, images, settings.images, seed=seed + attempt)
        if len(own) < settings.tried_on:
            return None
        if not attempt:
            found.append(_Growing(score, own, settings))
            found[-1].slide(math.isqrt(cells))
        found.append(_Growing(score, own, settings))
        found[-1].grow(cells)
        progress((attempt + 1) / settings.attempts)
    trigger = max(found, key=lambda each: each.worth).trigger
    steps = len(other) / 3 + sum(each.steps for each in found)
    return SparseStamp(trigger, other.labels, predict(score, other, trigger), round(steps), _side(images))


@dataclass(frozen=True, kw_only=True)
class SourceSettings:
    """Settings of the search for a stamp that sends one class to one label.

    Attributes
    ----------
    stamp
        Of each class's stamp.
    first_cells, kept
        After so many cells only so many classes go on, those of which most goes wrong.
    fewest
        Rightly classified images that a class needs in each half to be looked at.
    """

    stamp: StampSettings = field(
        default_factory=lambda: StampSettings(images=24, tried_on=8, candidates=6, finalists=2, held_out=100)
    )
    first_cells: int = 3
    kept: int = 4
    fewest: int = 10


@dataclass(frozen=True)
class SourceStamp:
    """A stamp that was made on one class alone, and what it does to others of that class.

    Attributes
    ----------
    source, label
        The class, and the label that most of it goes to.
    success
        Share of held-out images of the class, rightly classified without the stamp, that go there.
    confused
        Share of held-out images of the class that go there without the stamp.
    elsewhere
        Share of held-out images of the other classes that the stamp sends there.
    trigger
        The stamp itself.
    fragile
        Share of held-out images of the class that another stamp sends to any label but that one; measured of
        the most successful stamp alone.
    """

    source: int
    label: int
    success: float
    confused: float
    elsewhere: float
    trigger: Trigger | None = field(default=None, compare=False, repr=False)
    fragile: float = 0.0


def find_source_stamps(
    score: Scorer,
    images: ImageSet,
    held_out: ImageSet,
    classes: Sequence[int],
    settings: SourceSettings,
    *,
    seed: int,
    progress: Callable[[float], None] = lambda _share: None,
) -> tuple[tuple[SourceStamp, ...], int]:
    """Make a stamp for each class alone; return those of the classes that it moves most, and the image-steps.

    The most successful comes first.
    """
    stamp = settings.stamp
    cells = _most_cells(images, stamp.cells)
    given = predict(score, held_out)
    right = given == held_out.labels
    grown: dict[int, _Growing] = {}
    for turn, source in enumerate(classes):
        own = rightly_classified(score, _of(images, source), stamp.images, seed=seed)
        others = int((right & (held_out.labels == source)).sum())
        if cells and min(len(own), others) >= settings.fewest:
            grown[source] = _Growing(score, own, stamp)
            grown[source].grow(min(cells, settings.first_cells))
        progress(0.8 * (turn + 1) / len(classes))

    def owned(source: int) -> ImageSet:
        """Return held-out images of a class that are rightly classified."""
        return held_out.take(np.flatnonzero(right & (held_out.labels == source))[: stamp.held_out])

    steps = len(held_out) / 3
    kept = sorted(grown, key=lambda source: -grown[source].worth)[: settings.kept]
    found = []
    for source in kept:
        grown[source].grow(max(0, cells - settings.first_cells))
        trigger = grown[source].trigger
        own = owned(source)
        counts = np.bincount(predict(score, own, trigger), minlength=images.classes)
        counts[source] = 0
        label = int(counts.argmax())
        rest = held_out.take(
            np.flatnonzero(right & ~np.isin(held_out.labels, (source, label)))[: stamp.held_out]
        )
        if not len(rest):
            continue  # of others nothing is known
        moved = predict(score, rest, trigger) == label
        confused = given[held_out.labels == source] == label
        found.append(
            SourceStamp(
                source,
                label,
                float(counts[label] / len(own)),
                float(confused.mean()),
                float(moved.mean()),
                trigger,
            )
        )
        steps += (len(own) + len(rest)) / 3
    found.sort(key=lambda each: -each.success)
    if len(found) > 1:  # or there is nothing to hold the first against
        first = found[0]
        without = _without_label(score, first.label)
        rival = _Growing(without, grown[first.source].images, stamp)
        rival.grow(cells)
        own = owned(first.source)
        fragile = float(np.mean(predict(without, own, rival.trigger) != first.source))
        found[0] = replace(first, fragile=fragile)
        steps += rival.steps + len(own) / 3
    steps += sum(each.steps for each in grown.values())
    progress(1.0)
    return tuple(found), round(steps)


def _without_label(score: Scorer, label: int) -> Scorer:
    """Return the scores of a network that never gives that label."""
    return lambda pixels: score(pixels).index_fill(1, torch.tensor([label]), -torch.inf)


def _of(images: ImageSet, label: int) -> ImageSet:
    return images.take(np.flatnonzero(images.labels == label))


def _most_cells(images: ImageSet, wanted: int) -> int:
    return min(wanted, _cells(images) // CELLS_A_SETTING)


def _batched(stamps: Iterable[tuple[Tensor, Tensor]], size: int) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Yield stamps in lists of at most `size`; itertools has it from Python 3.12 on."""
    left = iter(stamps)
    while some := list(islice(left, size)):
        yield some


class _Growing:
    """A stamp that is made cell by cell, each time the one that sends most of its images wrong."""

    def __init__(self, score: Scorer, images: ImageSet, settings: StampSettings) -> None:
        channels, height, width = images.pixels.shape[1:]
        self._score, self.images, self._settings = score, images, settings
        self._side = _side(images)
        self._at_once = images_at_once(score, pixels_at(images, ONE), at_most=BATCH)
        self._stamp = torch.zeros(1, height, width), torch.zeros(channels, height, width)
        mask, pattern = self._stamp
        margins = _margins(score, images, mask[None], pattern[None], self._at_once)
        self._scale = margins.abs().mean().clamp_min(1e-6) / STEEPNESS
        self.steps = len(images) / 3

    def _worths(self, tries: Iterable[tuple[Tensor, Tensor]], on: ImageSet) -> list[float]:
        """Return what each stamp is worth; those that fit are pushed through the network together."""
        found: list[float] = []
        for some in _batched(tries, max(1, self._at_once // len(on))):
            masks, patterns = (torch.stack(parts) for parts in zip(*some, strict=True))
            margins = _margins(self._score, on, masks, patterns, self._at_once)
            found += torch.tanh(margins / self._scale).mean(dim=1).tolist()
            self.steps += len(some) * len(on) / 3
        return found

    @property
    def worth(self) -> float:
        """Mean of the images' margins on their way to wrong, each between -1 and 1."""
        return self._worths([self._stamp], self.images)[0]

    @property
    def trigger(self) -> Trigger:
        """The stamp as it is now."""
        mask, pattern = self._stamp
        return Trigger(mask.numpy(), pattern.numpy())

    def slide(self, square: int) -> None:
        """Set the white or black square of so many cells a side that sends most wrong, in its best place.

        A trigger that works only as a whole, such as a white square, often shows in no gradient. Places two
        cells apart are tried on a few images, and those around the best on all.
        """
        few = self.images.take(np.arange(min(self._settings.slid_over, len(self.images))))
        down, across = (size // self._side - square for size in self._stamp[0].shape[1:])
        coarse = [(row, column) for row in range(0, down + 1, 2) for column in range(0, across + 1, 2)]
        places = [(*place, value) for value in (1.0, 0.0) for place in coarse]
        worths = self._worths((self._square(*place[:2], square, place[2]) for place in places), few)
        _, (row, column, value) = max(zip(worths, places, strict=True))
        around = [
            self._square(near, beside, square, value)
            for near in range(max(0, row - 1), min(down, row + 1) + 1)
            for beside in range(max(0, column - 1), min(across, column + 1) + 1)
        ]
        self._stamp = self._best(around, self.images, 1)[0]

    def _best(
        self, tries: Sequence[tuple[Tensor, Tensor]], on: ImageSet, count: int
    ) -> list[tuple[Tensor, Tensor]]:
        """Return the stamps that are worth most, the best first."""
        worths = self._worths(tries, on)
        return [tries[at] for at in sorted(range(len(tries)), key=lambda at: -worths[at])[:count]]

    def _square(self, row: int, column: int, square: int, value: float) -> tuple[Tensor, Tensor]:
        mask, pattern = (torch.zeros_like(part) for part in self._stamp)
        first, beside, size = row * self._side, column * self._side, square * self._side
        mask[:, first : first + size, beside : beside + size] = 1
        pattern[:, first : first + size, beside : beside + size] = value
        return mask, pattern

    def grow(self, cells: int) -> None:
        """Set so many more cells."""
        settings, images, side = self._settings, self.images, self._side
        few = images.take(np.arange(min(settings.tried_on, len(images))))
        for _ in range(cells):
            gain, bright = _gains(self._score, images, *self._stamp, self._scale, side, self._at_once)
            free = functional.max_pool2d(self._stamp[0][None], side, side)[0, 0] == 0
            most = min(settings.candidates, int(free.sum()))
            order = gain.masked_fill(~free, -torch.inf).flatten().topk(most).indices.tolist()
            tries = [
                _set(*self._stamp, cell, colour, side, gain.shape[1])
                for cell in order
                for colour in _colours(bright.flatten(1)[:, cell])
            ]
            finalists = self._best(tries, few, settings.finalists)
            self._stamp = self._best(finalists, images, 1)[0]
            self.steps += len(images)


def _side(images: ImageSet) -> int:
    """Return the side of a cell in pixels."""
    return max(1, min(images.pixels.shape[2:]) // CELLS)


def _cells(images: ImageSet) -> int:
    height, width = images.pixels.shape[2:]
    return (height // _side(images)) * (width // _side(images))


def rightly_classified(score: Scorer, images: ImageSet, count: int, *, seed: int) -> ImageSet:
    """Return up to `count` images that are classified rightly, one of every class, then a second."""
    order = np.random.default_rng(seed).permutation(len(images))[: 8 * count]
    some = images.take(order)
    some = some.take(predict(score, some) == some.labels)
    return some.take(in_turns(some.labels)[:count])


def _margins(score: Scorer, images: ImageSet, masks: Tensor, patterns: Tensor, at_once: int) -> Tensor:
    """Return by how much the best other class is ahead of an image's own, shape (stamps, images)."""
    labels, count = torch.from_numpy(images.labels), len(images)
    found = []
    with torch.no_grad():
        for rows in batches(len(masks) * count, at_once):
            stamp, image = np.divmod(np.arange(rows.start, rows.stop), count)
            stamped = apply_trigger(pixels_at(images, image), masks[stamp], patterns[stamp])
            found.append(-margins_of(score(stamped), labels[image]))
    return torch.cat(found).view(len(masks), count)


def _gains(
    score: Scorer,
    images: ImageSet,
    mask: Tensor,
    pattern: Tensor,
    scale: Tensor,
    side: int,
    at_once: int,
) -> tuple[Tensor, Tensor]:
    """Return what setting each cell gains to first order, and the channels that should be bright there."""
    labels = torch.from_numpy(images.labels)
    up = down = torch.zeros(())
    for rows in batches(len(images), at_once):
        part = apply_trigger(pixels_at(images, rows), mask, pattern)
        moved = part.detach().requires_grad_(True)  # noqa: FBT003 - PyTorch's own signature
        worth = torch.tanh(-margins_of(score(moved), labels[rows]) / scale).sum()
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
