"""Plain squares at the place of a reconstructed patch: what else a network answers to there.

A reconstructed patch shows where a backdoor looks, but seldom what the attacker's own trigger looks like. A
repair that unlearns the one may leave the other at work, and then no gradient leads to it any more. Squares
of one colour, or chequered, are what attackers stamp most (Gu et al. 2017), and so few that all can be tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from trivet.datasets.classes import in_turns
from trivet.datasets.images import ImageSet
from trivet.security.evaluation import ONE, attack_success_rate, batches, images_at_once, pixels_at, predict
from trivet.security.networks import Scorer
from trivet.security.trigger import Trigger

__all__ = ["PlainSquares", "leading_square", "working_squares"]

#: Sides of the squares in cells, of which 32 make the shorter side of an image.
LARGEST: Final = 6
SIDES: Final = range(1, LARGEST + 1)
CELLS: Final = 32
SMALL: Final = 3  # pixels that a square may have in smaller images as well
#: Places for each side, at most: those nearest to the middle of the patch.
PLACES: Final = 49
FEWER_PLACES: Final = 16  # in images of 64 pixels and more
#: Images that all squares are tried on, those that the best of each label are, and how many go on.
FIRST: Final = 3
FEW: Final = 12
KEPT: Final = 10
#: Images that other labels' squares are measured on, and such labels at most.
MORE: Final = 300
RIVALS: Final = 20
#: Share of the few images that a square has to send to the label to be unlearned, and such squares at most.
WORKS_FROM: Final = 0.5
MOST: Final = 8
AT_ONCE: Final = 200


@dataclass(frozen=True)
class PlainSquares:
    """Effect of plain squares on images that they were not chosen on.

    Attributes
    ----------
    success : share of the images of other classes that the label's best square sends there
    without : the same without any square
    other : how much the best square of any other label adds to the share that goes there without one
    """

    success: float
    without: float
    other: float


def leading_square(
    score: Scorer, few: ImageSet, images: ImageSet, trigger: Trigger, target: int
) -> PlainSquares:
    """Choose the best square of each label on a few images, and measure it on others."""
    squares = _Squares.at(trigger)
    first = _shares(score, _mixed(few, FIRST), squares, range(len(squares)))
    natural = predict(score, images)
    some = images.take(np.arange(min(MORE, len(images))))
    rivals = [label for label in range(images.classes) if label != target and (some.labels != label).any()]
    rivals = sorted(rivals, key=lambda label: -first[:, label].max())[:RIVALS]

    def rates(label: int, on: ImageSet) -> tuple[float, float]:
        others = on.labels != label
        best, _ = _best(score, few, squares, first, label)[0]
        without = float((natural[: len(on)][others] == label).mean())
        return attack_success_rate(score, on, squares.trigger(best), label), without

    success, without = rates(target, images)
    rises = [with_square - less for with_square, less in (rates(label, some) for label in rivals)]
    return PlainSquares(success, without, max(rises, default=0.0))


def _mixed(images: ImageSet, count: int) -> ImageSet:
    """Return some images, one of each class before a second."""
    return images.take(in_turns(images.labels)[:count])


def working_squares(score: Scorer, images: ImageSet, trigger: Trigger, target: int) -> list[Trigger]:
    """Return squares that send most of a few images to the label, the best first."""
    squares = _Squares.at(trigger)
    others = images.take(np.flatnonzero(images.labels != target))
    first = _shares(score, _mixed(others, FIRST), squares, range(len(squares)))
    best = _best(score, others, squares, first, target)
    return [squares.trigger(row) for row, share in best[:MOST] if share >= WORKS_FROM]


def _best(
    score: Scorer, images: ImageSet, squares: "_Squares", first: NDArray[np.float64], label: int
) -> list[tuple[int, float]]:
    """Return the squares that send most of the first images to a label, by the share of some more."""
    some = _mixed(images, FEW)
    rows = np.argsort(-first[:, label], kind="stable")[:KEPT].tolist()
    shares = _shares(score, some, squares, rows)[:, label].tolist()
    return sorted(zip(rows, shares, strict=True), key=lambda pair: -pair[1])


@dataclass(frozen=True, eq=False)
class _Squares:
    """Squares by place (row, column, side in pixels) and pattern, each pattern of the size of an image."""

    shape: tuple[int, int, int]
    places: tuple[tuple[int, int, int], ...]
    patterns: NDArray[np.float32]

    @classmethod
    def at(cls, trigger: Trigger) -> "_Squares":
        """Return those whose middle lies within the patch, or near it where that has many places."""
        channels, height, width = trigger.pattern.shape
        cell = max(1, min(height, width) // CELLS)
        rows, columns = np.nonzero(trigger.mask[0] >= trigger.mask.max() / 2)
        middle = np.array([rows.mean(), columns.mean()])
        lowest, highest = (rows.min(), columns.min()), (rows.max() + 1, columns.max() + 1)
        most = PLACES if cell == 1 else FEWER_PLACES
        places = []
        largest = min(height, width, max(SMALL, LARGEST * min(height, width) // CELLS))
        for side in (cell * size for size in SIDES if cell * size <= largest):
            corners = np.array(
                [
                    (row, column)
                    for row in _starts(height, side, cell)
                    for column in _starts(width, side, cell)
                ]
            )
            middles = corners + side / 2
            within = ((middles >= lowest) & (middles <= highest)).all(axis=1)
            away = np.abs(middles - middle).max(axis=1)
            near = np.lexsort((away, ~within))[: max(1, min(most, int(within.sum())))]
            places += [(int(row), int(column), side) for row, column in corners[near]]
        return cls((channels, height, width), tuple(places), _patterns(channels, height, width, cell))

    def __len__(self) -> int:
        return len(self.places) * len(self.patterns)

    def trigger(self, row: int) -> Trigger:
        """Return one of them."""
        place, pattern = divmod(row, len(self.patterns))
        top, left, side = self.places[place]
        mask = np.zeros((1, *self.shape[1:]), np.float32)
        mask[:, top : top + side, left : left + side] = 1
        return Trigger(mask, self.patterns[pattern])


def _starts(length: int, side: int, step: int) -> list[int]:
    """Return where squares of a side may start along an axis: every so many pixels, and at its end."""
    return sorted({*range(0, length - side + 1, step), length - side})


def _patterns(channels: int, height: int, width: int, cell: int) -> NDArray[np.float32]:
    """Return white, black and, of colour images, the colours between; and chequered cells either way."""
    values = product((1, 0), repeat=3) if channels == 3 else [(1,) * channels, (0,) * channels]  # noqa: PLR2004 - red, green, blue
    board = (np.arange(height)[:, None] // cell + np.arange(width) // cell) % 2
    plain = [np.asarray(each, np.float32)[:, None, None] for each in values]
    chequered = [np.asarray(each, np.float32)[None] for each in (board, 1 - board)]
    return np.stack([np.broadcast_to(each, (channels, height, width)) for each in (*plain, *chequered)])


def _shares(score: Scorer, images: ImageSet, squares: _Squares, rows: Sequence[int]) -> NDArray[np.float64]:
    """Return the share of the images of other classes that some squares send to each label."""
    at_once = images_at_once(score, pixels_at(images, ONE), at_most=AT_ONCE)
    pixels = pixels_at(images, slice(None))
    counts = []
    with torch.inference_mode():
        for part in batches(len(rows), max(1, at_once // len(images))):
            stamped = torch.cat([squares.trigger(row)(pixels) for row in rows[part]])
            given = score(stamped).argmax(dim=1).numpy().reshape(-1, len(images))
            counts += [
                np.bincount(labels[labels != images.labels], minlength=images.classes) for labels in given
            ]
    others = len(images) - np.bincount(images.labels, minlength=images.classes)
    return np.stack(counts) / np.maximum(others, 1)
