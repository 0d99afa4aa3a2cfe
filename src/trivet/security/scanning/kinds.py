"""Searches for other kinds of triggers than a patch: spread over the image, moved, or to any label."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import Final, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from trivet.datasets.classes import in_turns
from trivet.datasets.images import ImageSet
from trivet.security.adapting import GRADIENT, guarded
from trivet.security.evaluation import ONE, batches, images_at_once, pixels_at, predict
from trivet.security.networks import Scorer
from trivet.security.scanning.results import KindSearch
from trivet.security.scanning.search import NonTargetSampler
from trivet.security.scanning.sequential import FOLLOWED_ABOVE, Progress
from trivet.security.settings import ScanProfileName
from trivet.security.trigger import Stamp, Trigger, apply_trigger

__all__ = [
    "ANY_LABEL",
    "FOUND",
    "MOVED",
    "PATCH",
    "SPREAD",
    "Change",
    "Reached",
    "SparseStamp",
    "StampSettings",
    "UniversalSettings",
    "find_sparse_stamp",
    "judged",
    "look_further",
    "not_needed",
    "patch_search",
    "reach_labels",
    "said_of",
]


class Change(Protocol):
    """A change that is the same for all images; each of its variables stays within a bound."""

    @property
    def bound(self) -> float:
        """Largest size of a variable."""
        ...

    @property
    def words(self) -> str:
        """Return what the change is."""
        ...

    def variables(self, shape: tuple[int, int, int]) -> tuple[int, ...]:
        """Return the shape of one label's variables, for images of `shape`."""
        ...

    def __call__(self, pixels: Tensor, variables: Tensor) -> Tensor:
        """Return pixels (n, channels, height, width), each changed by a row of variables (n, ...)."""
        ...


@dataclass(frozen=True)
class _Spread:
    """A perturbation of every pixel (Moosavi-Dezfooli et al. 2017), as blended triggers are."""

    bound: float = 8 / 255
    words: str = "a change of every pixel by at most 8/255"

    def variables(self, shape: tuple[int, int, int]) -> tuple[int, ...]:
        return shape

    def __call__(self, pixels: Tensor, variables: Tensor) -> Tensor:
        return (pixels + variables).clamp(0, 1)


#: Control points a side of a flow field (Nguyen and Tran 2021, section 3.2), and the size at which a bound
#: in pixels holds; on larger images it grows with their side.
CONTROL_POINTS: Final = 4
SMALL_SIDE: Final = 32


@dataclass(frozen=True)
class _Moved:
    """A smooth shift of pixels, as triggers that warp the image are."""

    bound: float = 1.5
    words: str = "a smooth shift of pixels by at most 1.5 along each axis at 32x32"

    def variables(self, shape: tuple[int, int, int]) -> tuple[int, ...]:
        del shape
        return (2, CONTROL_POINTS, CONTROL_POINTS)

    def __call__(self, pixels: Tensor, variables: Tensor) -> Tensor:
        height, width = pixels.shape[2:]
        field = functional.interpolate(variables, size=(height, width), mode="bicubic", align_corners=True)
        field = field.clamp(-self.bound, self.bound)  # which bicubic interpolation overshoots
        lines = [torch.linspace(-1, 1, size) for size in (width, height)]
        still = torch.stack(torch.meshgrid(*lines, indexing="xy"), dim=-1)
        grid = still + field.permute(0, 2, 3, 1) * (2 / SMALL_SIDE)
        return functional.grid_sample(pixels, grid.clamp(-1, 1), align_corners=True)


SPREAD: Final[Change] = _Spread()
MOVED: Final[Change] = _Moved()


@dataclass(frozen=True, kw_only=True)
class UniversalSettings:
    """Settings of the search: signed gradient steps that shrink to zero.

    Attributes
    ----------
    batch_size : images a label and step
    steps : from no change on
    step_size : of the first step, as a share of the bound
    held_out : other images a label that success is measured on
    """

    batch_size: int = 8
    steps: int = 15
    step_size: float = 0.4
    held_out: int = 100


@dataclass(frozen=True, eq=False)
class Reached:
    """Success of the change found for each label.

    Attributes
    ----------
    labels : which were looked at
    counts, images : held-out images of other classes that were sent to each, of how many
    by_chance : share that a random change within the same bound sends there
    image_steps : images pushed forward and back, three pushed forward counting as one
    changes : what was found for each, for any number of images
    """

    labels: NDArray[np.int64]
    counts: NDArray[np.int64]
    images: NDArray[np.int64]
    by_chance: NDArray[np.float64]
    image_steps: int
    changes: tuple[Stamp, ...] = ()


def reach_labels(
    score: Scorer,
    images: ImageSet,
    held_out: ImageSet,
    change: Change,
    labels: Sequence[int],
    settings: UniversalSettings,
    *,
    seed: int,
    progress: Callable[[float], None] = lambda _share: None,
) -> Reached:
    """Find for each label a change that lowers the cross-entropy towards it, and count whom it moves.

    Projected gradient descent with the sign of the gradient (Madry et al. 2018), over batches of images
    of other classes. All labels take as many steps within one bound, so that their success compares.
    """
    sampler = NonTargetSampler(images.labels, images.classes)
    shape = images.pixels.shape
    size = change.variables((shape[1], shape[2], shape[3]))
    at_once = images_at_once(score, pixels_at(images, ONE), at_most=BATCH)
    block = max(1, at_once // settings.batch_size)
    changes: list[Stamp] = []
    counts, totals = [], []
    control = _sent_by_chance(score, held_out, change, size, settings, at_once, seed=seed)
    for first in range(0, len(labels), block):
        chosen = labels[first : first + block]
        variables = torch.zeros(len(chosen), *size)
        draws = [np.random.default_rng([seed, label]) for label in chosen]
        targets = torch.tensor(chosen).repeat_interleave(settings.batch_size)
        for step in range(settings.steps):
            rows = np.concatenate(
                [
                    sampler.draw(rng, label, (settings.batch_size,))
                    for rng, label in zip(draws, chosen, strict=True)
                ]
            )
            moved = variables.requires_grad_(True)  # noqa: FBT003 - PyTorch's own signature
            each = moved.repeat_interleave(settings.batch_size, dim=0)
            loss = functional.cross_entropy(
                score(change(pixels_at(images, rows), each)), targets, reduction="sum"
            )
            with guarded("the network", GRADIENT):
                (slope,) = torch.autograd.grad(loss, moved)
            length = change.bound * settings.step_size * (1 - step / settings.steps)
            variables = (variables.detach() - length * slope.sign()).clamp(-change.bound, change.bound)
        for label, found in zip(chosen, variables, strict=True):
            others = held_out.take(np.flatnonzero(held_out.labels != label)[: settings.held_out])
            changes.append(_fixed(change, found))
            given = predict(score, others, changes[-1], at_once=at_once)
            counts.append(int((given == label).sum()))
            totals.append(len(others))
        progress((first + len(chosen)) / len(labels))
    forward = sum(totals) + RANDOM_CHANGES * min(settings.held_out, len(held_out))
    steps = len(labels) * settings.steps * settings.batch_size + forward // 3
    return Reached(
        np.asarray(labels),
        np.asarray(counts),
        np.asarray(totals),
        control[np.asarray(labels)],
        steps,
        tuple(changes),
    )


#: Changes that are drawn to see where images go whatever the change.
RANDOM_CHANGES: Final = 3


def _sent_by_chance(
    score: Scorer,
    images: ImageSet,
    change: Change,
    size: tuple[int, ...],
    settings: UniversalSettings,
    at_once: int,
    *,
    seed: int,
) -> NDArray[np.float64]:
    """Return the largest share of other images that a random change of full size sends to each label."""
    generator = torch.Generator().manual_seed(seed)
    some = images.take(np.arange(min(settings.held_out, len(images))))
    shares = np.zeros((RANDOM_CHANGES, images.classes))
    for turn in range(RANDOM_CHANGES):
        signs = torch.randint(0, 2, size, generator=generator) * 2.0 - 1.0
        given = predict(score, some, _fixed(change, change.bound * signs), at_once=at_once)
        gone = np.bincount(given[given != some.labels], minlength=images.classes)
        others = len(some) - np.bincount(some.labels, minlength=images.classes)
        shares[turn] = gone / np.maximum(others, 1)
    return shares.max(axis=0)


def _fixed(change: Change, variables: Tensor) -> Stamp:
    """Return the change with these variables, for any number of images."""
    return lambda pixels: change(pixels, variables.expand(len(pixels), *variables.shape))


#: Cells along the shorter side of an image: each is one pixel up to this size, and a square beyond it.
CELLS: Final = 32
#: Of so many cells one may be set: nine are nothing in a photograph and much of an image of 8x8 pixels.
CELLS_A_SETTING: Final = 16
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
    attempts
        Searches, each on other images; the best of them counts. One alone often ends in cells that any
        network answers to.
    cells
        Cells that are set, one after the other.
    images, tried_on
        Images that a cell is chosen on, and how many of them a first choice is made on.
    candidates, finalists
        Cells with the largest gain of first order, and how many settings are tried on all images.
    held_out
        Other images that the finished stamp is measured on.
    """

    attempts: int = 2
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
    trigger
        The stamp itself.
    true, given
        Classes of held-out images, which the network gives them, and those that it gives with the stamp.
    image_steps
        Images pushed forward and back, three pushed forward counting as one.
    """

    trigger: Trigger
    true: NDArray[np.int64]
    given: NDArray[np.int64]
    image_steps: int

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
    """Set cells one by one to black or white, each time the one that sends most images wrong.

    Only images that the network classifies rightly are used, the same number of each class as far as
    there are. None where there are too few, or too few cells.
    """
    cells = min(settings.cells, _cells(images) // CELLS_A_SETTING)
    other = _right(score, held_out, settings.held_out, seed=seed)
    if not cells or len(other) < settings.tried_on:
        return None
    found: list[tuple[float, Trigger]] = []
    steps = len(other) / 3
    for attempt in range(settings.attempts):
        own = _right(score, images, settings.images, seed=seed + attempt)
        if len(own) < settings.tried_on:
            return None
        worth, trigger, taken = _greedy(score, own, cells, settings)
        found.append((worth, trigger))
        steps += taken
        progress((attempt + 1) / settings.attempts)
    _, trigger = max(found, key=lambda each: each[0])
    return SparseStamp(trigger, other.labels, predict(score, other, trigger), round(steps))


def _greedy(
    score: Scorer, images: ImageSet, cells: int, settings: StampSettings
) -> tuple[float, Trigger, float]:
    """Return what a stamp of so many cells is worth, the stamp, and the image-steps that it took."""
    channels, height, width = images.pixels.shape[1:]
    side = _side(images)
    at_once = images_at_once(score, pixels_at(images, ONE), at_most=BATCH)
    mask, pattern = torch.zeros(1, height, width), torch.zeros(channels, height, width)
    scale = _margins(score, images, mask, pattern, at_once).abs().mean().clamp_min(1e-6) / STEEPNESS

    def worth(tried: tuple[Tensor, Tensor], on: ImageSet) -> float:
        return float(torch.tanh(_margins(score, on, *tried, at_once) / scale).mean())

    few = images.take(np.arange(settings.tried_on))
    steps = 0.0
    for _ in range(cells):
        gain, bright = _gains(score, images, mask, pattern, scale, side, at_once)
        free = functional.max_pool2d(mask[None], side, side)[0, 0] == 0
        most = min(settings.candidates, int(free.sum()))
        order = gain.masked_fill(~free, -torch.inf).flatten().topk(most).indices.tolist()
        tries = [
            _set(mask, pattern, cell, colour, side, gain.shape[1])
            for cell in order
            for colour in _colours(bright.flatten(1)[:, cell])
        ]
        ranked = sorted(tries, key=lambda tried: -worth(tried, few))
        mask, pattern = max(ranked[: settings.finalists], key=lambda tried: worth(tried, images))
        steps += len(images) + (len(tries) * len(few) + settings.finalists * len(images)) / 3
    return worth((mask, pattern), images), Trigger(mask.numpy(), pattern.numpy()), steps


def _side(images: ImageSet) -> int:
    """Return the side of a cell in pixels."""
    return max(1, min(images.pixels.shape[2:]) // CELLS)


def _cells(images: ImageSet) -> int:
    height, width = images.pixels.shape[2:]
    return (height // _side(images)) * (width // _side(images))


def _right(score: Scorer, images: ImageSet, count: int, *, seed: int) -> ImageSet:
    """Return up to `count` images that are classified rightly, one of every class, then a second."""
    order = np.random.default_rng(seed).permutation(len(images))[: 8 * count]
    some = images.take(order)
    some = some.take(predict(score, some) == some.labels)
    return some.take(in_turns(some.labels)[:count])


def _margins(score: Scorer, images: ImageSet, mask: Tensor, pattern: Tensor, at_once: int) -> Tensor:
    """Return the margins of stamped images, by which the best other class is ahead of an image's own."""
    labels = torch.from_numpy(images.labels)
    with torch.no_grad():
        return torch.cat(
            [
                _margin(score(apply_trigger(pixels_at(images, rows), mask, pattern)), labels[rows])
                for rows in batches(len(images), at_once)
            ]
        )


def _margin(logits: Tensor, labels: Tensor) -> Tensor:
    """By how much the best other class is ahead of an image's own."""
    own = logits.gather(1, labels[:, None])
    return logits.scatter(1, labels[:, None], -torch.inf).amax(dim=1) - own[:, 0]


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
        worth = torch.tanh(_margin(score(moved), labels[rows]) / scale).sum()
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


PATCH: Final = "patch"
FOUND: Final = "found"
NOT_RUN: Final = "not run"
ANY_LABEL: Final = "any label"
CHANGES: Final[dict[str, Change]] = {"spread": SPREAD, "moved": MOVED}

#: A change counts as found where it sends this share of held-out images to one label, and stands as far
#: ahead of the change for the next label in log odds. On the clean networks of the tuning set of
#: `benchmarks/colour_networks.py` and of others no lead exceeded 1.2 at such a share; a blended trigger led
#: by 5, a single pixel by 2.3, a warp by 3.
SUCCESS_FROM: Final = 0.5
LEAD_FROM: Final = 1.8
#: It must also be so far ahead in the share itself, of the next label and of a random change: where two
#: labels are reached nearly always, or where any change sends images to one (a class for "none of
#: these"), log odds say nothing. Below so many held-out images they are noise.
AHEAD_FROM: Final = 0.3
MIN_HELD_OUT: Final = 50
#: A stamp counts as found where it sends this share of held-out images wrong, this share of them to where
#: most of their class go, and not nearly all to one label, which the other searches are for. Where an
#: attempt meets an all-to-all backdoor these are 0.92 and 0.77 at least; on clean networks that were looked
#: at, no attempt sent more than 0.62 wrong.
WRONG_FROM: Final = 0.8
CONSISTENT_FROM: Final = 0.7
ONE_LABEL_FROM: Final = 0.8
MIN_DESTINATIONS: Final = 3
#: With more labels than this, only those are looked at that the search for patches followed.
ALL_LABELS_UP_TO: Final = 100

SETTINGS: Final[dict[ScanProfileName, UniversalSettings]] = {
    "quick": UniversalSettings(batch_size=4, steps=10),
    "standard": UniversalSettings(),
    "thorough": UniversalSettings(batch_size=32, steps=30, held_out=400),
}
STAMPS: Final[dict[ScanProfileName, StampSettings]] = {
    "quick": StampSettings(attempts=1),
    "standard": StampSettings(),
    "thorough": StampSettings(attempts=6),
}
STAMP_WORDS: Final = f"at most {StampSettings.cells} cells that are black or white in all images"
PATCH_WORDS: Final = "a small mask and its pattern"


def look_further(
    score: Scorer,
    working: ImageSet,
    held_out: ImageSet,
    followed: Sequence[int],
    profile: ScanProfileName = "standard",
    *,
    seed: int,
    progress: Progress,
) -> tuple[KindSearch, ...]:
    """Search for a change of every pixel, a shift of pixels, and a stamp that sends images anywhere."""
    others = len(held_out) - int(np.bincount(held_out.labels).max())
    many = working.classes > (FOLLOWED_ABOVE if profile == "quick" else ALL_LABELS_UP_TO)
    labels = followed if many else range(working.classes)
    found: list[KindSearch] = []
    for kind, change in CHANGES.items():
        if others < MIN_HELD_OUT:
            found.append(_not_run(kind, change.words))
            continue

        def tell(share: float, kind: str = kind) -> None:
            progress(f"search for a trigger that is {kind}", share)

        reached = reach_labels(
            score, working, held_out, change, list(labels), SETTINGS[profile], seed=seed, progress=tell
        )
        found.append(judged(kind, change, reached))
    stamp = find_sparse_stamp(
        score,
        working,
        held_out,
        STAMPS[profile],
        seed=seed,
        progress=lambda share: progress("search for a stamp to any label", share),
    )
    return (*found, _stamped(stamp, working.classes))


def not_needed() -> tuple[KindSearch, ...]:
    """Return the searches that a decision made superfluous."""
    words = {**{kind: change.words for kind, change in CHANGES.items()}, ANY_LABEL: STAMP_WORDS}
    return tuple(starmap(_not_run, words.items()))


def _not_run(kind: str, words: str) -> KindSearch:
    return KindSearch(kind, words, NOT_RUN, None, None, None, 0)


def patch_search(label: int | None, success: float, runner_up: float | None, *, steps: int) -> KindSearch:
    """Return what the search for patches came to; no label where it accuses none."""
    return KindSearch(PATCH, PATCH_WORDS, _outcome(label is not None), label, success, runner_up, steps)


def said_of(search: KindSearch) -> str:
    """Return in a sentence what a search has found."""
    if search.kind == ANY_LABEL:
        return (
            f"{_sentence(search.looked_for)} send {search.success:.0%} of held-out images wrong, most of "
            "each class to one label, and to many in all: a backdoor from all labels to others is the "
            "likely reason."
        )
    return (
        f"{_sentence(search.looked_for)} sends {search.success:.0%} of held-out images of other classes to "
        f"label {search.label}; for the next label it is {search.runner_up:.0%}."
    )


def _outcome(found: bool) -> Literal["found", "not found"]:  # noqa: FBT001 - its only argument
    return FOUND if found else "not found"


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]


def judged(kind: str, change: Change, reached: Reached) -> KindSearch:
    """Return whether a label is reached so much more easily than the others that it stands apart."""
    odds = np.log((reached.counts + 0.5) / (reached.images - reached.counts + 0.5))
    second, first = np.argsort(odds, kind="stable")[-2:]
    success, next_one = (float(reached.counts[at] / reached.images[at]) for at in (first, second))
    ahead = success - max(next_one, float(reached.by_chance[first]))
    apart = success >= SUCCESS_FROM and odds[first] - odds[second] >= LEAD_FROM and ahead >= AHEAD_FROM
    label = int(reached.labels[first])
    return KindSearch(
        kind, change.words, _outcome(bool(apart)), label, success, next_one, reached.image_steps
    )


def _stamped(stamp: SparseStamp | None, classes: int) -> KindSearch:
    if stamp is None:
        return _not_run(ANY_LABEL, STAMP_WORDS)
    counts = np.bincount(stamp.given[stamp.given != stamp.true], minlength=classes)
    found = (
        stamp.wrong >= WRONG_FROM
        and stamp.consistency >= CONSISTENT_FROM
        and counts.max() < ONE_LABEL_FROM * counts.sum()
        and stamp.destinations >= max(MIN_DESTINATIONS, len(np.unique(stamp.true)) / 4)
    )
    return KindSearch(
        ANY_LABEL, STAMP_WORDS, _outcome(bool(found)), None, stamp.wrong, None, stamp.image_steps
    )
