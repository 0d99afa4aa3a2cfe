"""Changes that are the same for all images, and the search for one that sends images to a label."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from trivet.datasets.images import ImageSet
from trivet.security.adapting import GRADIENT, guarded
from trivet.security.evaluation import ONE, batches, images_at_once, pixels_at, predict
from trivet.security.networks import Scorer
from trivet.security.scanning.search import NonTargetSampler
from trivet.security.trigger import Stamp

__all__ = [
    "BATCH",
    "MOVED",
    "SPREAD",
    "WAVE_STEPS",
    "WAVE_WORDS",
    "Change",
    "Reached",
    "UniversalSettings",
    "reach_by_waves",
    "reach_labels",
]

#: Images that are pushed through the network together, at most.
BATCH: Final = 200


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


#: Waves that are tried: periods along a side of the image, phases of each, and the largest change of a pixel.
#: Published triggers have few periods (Barni et al. 2019: six); from eight on, clean networks answer to waves
#: as to the texture of some class.
PERIODS: Final = (1, 2, 3, 4, 5, 6, 7)
PHASES: Final = 6
WAVE_BOUND: Final = 36 / 255
WAVE_WORDS: Final = "a sinusoid along the rows or the columns, of at most 36/255"
#: Images that a wave is chosen on for each label.
CHOSEN_ON: Final = 40
#: Image-steps of that choice; three images pushed forward count as one.
WAVE_STEPS: Final = 2 * len(PERIODS) * PHASES * CHOSEN_ON // 3

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
    kept : labels with the smallest cross-entropy that go on after a third of the steps
    held_out : other images a label that success is measured on
    """

    batch_size: int = 8
    steps: int = 15
    step_size: float = 0.4
    kept: int = 12
    held_out: int = 100


@dataclass(frozen=True, eq=False)
class Reached:
    """Success of the change found for each label.

    Attributes
    ----------
    labels : which were followed to the end
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
    of other classes, within one bound. After a third of the steps only the labels that are nearest go on:
    what counts is the first and the second.
    """
    shape = images.pixels.shape
    size = change.variables((shape[1], shape[2], shape[3]))
    at_once = images_at_once(score, pixels_at(images, ONE), at_most=BATCH)
    control = _sent_by_chance(score, held_out, change, size, settings, at_once, seed=seed)
    others = NonTargetSampler(images.labels, images.classes)
    found = _Descent(score, images, others, change, settings, at_once, {}, {})
    left = np.asarray(labels)
    spent = 0
    rung = settings.steps // 3 if len(left) > settings.kept else settings.steps
    for start, stop in ((0, rung), (rung, settings.steps)):
        losses = []
        block = max(1, at_once // settings.batch_size)
        for part in np.split(left, range(block, len(left), block)) if stop > start else ():
            losses.append(found.descend(part, range(start, stop), size, seed=seed))
            spent += len(part) * (stop - start) * settings.batch_size
            progress(spent / (len(labels) * settings.steps * settings.batch_size))
        if stop < settings.steps:
            left = np.sort(left[np.argsort(np.concatenate(losses), kind="stable")[: settings.kept]])
    made = tuple(_fixed(change, found.variables[int(label)]) for label in left)
    counts, totals = _sent(score, held_out, left, made, settings, at_once)
    progress(1.0)
    forward = int(totals.sum()) + RANDOM_CHANGES * min(settings.held_out, len(held_out))
    return Reached(left, counts, totals, control[left], spent + forward // 3, made)


def reach_by_waves(
    score: Scorer,
    images: ImageSet,
    held_out: ImageSet,
    labels: Sequence[int],
    settings: UniversalSettings,
    *,
    seed: int,
    progress: Callable[[float], None] = lambda _share: None,
) -> Reached:
    """Choose for each label the sinusoid that sends most images there, and count whom else it moves.

    So few changes can all be tried, and what no gradient leads to is found as well. By chance goes what the
    median wave sends.
    """
    height, width = images.pixels.shape[2:]
    at_once = images_at_once(score, pixels_at(images, ONE), at_most=BATCH)
    drawn = np.random.default_rng(seed).permutation(len(images))[:CHOSEN_ON]
    some = images.take(np.sort(drawn))
    waves = [
        _fixed_wave(size, periods, turn / PHASES, along_rows=along_rows)
        for along_rows, size in ((True, width), (False, height))
        for periods in PERIODS
        for turn in range(PHASES)
    ]
    others = np.maximum(len(some) - np.bincount(some.labels, minlength=images.classes), 1)
    shares = np.zeros((len(waves), images.classes))
    for row, wave in enumerate(waves):
        given = predict(score, some, wave, at_once=at_once)
        shares[row] = np.bincount(given[given != some.labels], minlength=images.classes) / others
        progress((row + 1) / len(waves))
    left = np.asarray(labels)
    left = np.sort(left[np.argsort(-shares[:, left].max(axis=0), kind="stable")[: settings.kept]])
    made = tuple(waves[int(row)] for row in shares[:, left].argmax(axis=0))
    counts, totals = _sent(score, held_out, left, made, settings, at_once)
    steps = (len(waves) * len(some) + int(totals.sum())) // 3
    return Reached(left, counts, totals, np.median(shares, axis=0)[left], steps, made)


def _fixed_wave(size: int, periods: int, phase: float, *, along_rows: bool) -> Stamp:
    """Return the addition of a sinusoid with so many periods on `size` pixels; `phase` is a share of one."""
    wave = WAVE_BOUND * torch.sin(2 * torch.pi * (periods * torch.arange(size) / size + phase))
    wave = wave if along_rows else wave[:, None]
    return lambda pixels: (pixels + wave).clamp(0, 1)


def _sent(
    score: Scorer,
    held_out: ImageSet,
    labels: NDArray[np.int64],
    made: Sequence[Stamp],
    settings: UniversalSettings,
    at_once: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the held-out images of other classes that each label's change sends there, and all of them."""
    counts, totals = [], []
    for label, change in zip(labels, made, strict=True):
        rest = held_out.take(np.flatnonzero(held_out.labels != label)[: settings.held_out])
        counts.append(int((predict(score, rest, change, at_once=at_once) == label).sum()))
        totals.append(len(rest))
    return np.asarray(counts), np.asarray(totals)


@dataclass(eq=False)
class _Descent:
    """Signed gradient descent of the labels' changes; each label has its own variables and draws."""

    score: Scorer
    images: ImageSet
    others: NonTargetSampler
    change: Change
    settings: UniversalSettings
    at_once: int
    variables: dict[int, Tensor]
    draws: dict[int, np.random.Generator]

    def descend(
        self, labels: NDArray[np.int64], steps: range, size: tuple[int, ...], *, seed: int
    ) -> NDArray[np.float64]:
        """Take the steps with some labels, and return the last cross-entropy of each."""
        settings, bound = self.settings, self.change.bound
        chosen = [int(label) for label in labels]
        for label in chosen:
            self.variables.setdefault(label, torch.zeros(size))
            self.draws.setdefault(label, np.random.default_rng([seed, label]))
        variables = torch.stack([self.variables[label] for label in chosen])
        owners = torch.arange(len(chosen)).repeat_interleave(settings.batch_size)
        targets = torch.tensor(chosen)[owners]
        losses = torch.zeros(len(targets))
        for step in steps:
            rows = np.concatenate(
                [self.others.draw(self.draws[label], label, (settings.batch_size,)) for label in chosen]
            )
            slope = torch.zeros_like(variables)
            for part in batches(len(rows), self.at_once):
                moved = variables.detach().requires_grad_(True)  # noqa: FBT003 - PyTorch's own signature
                each = moved[owners[part]]
                scores = self.score(self.change(pixels_at(self.images, rows[part]), each))
                wrong = functional.cross_entropy(scores, targets[part], reduction="none")
                with guarded("the network", GRADIENT):
                    (gradient,) = torch.autograd.grad(wrong.sum(), moved)
                slope, losses[part] = slope + gradient, wrong.detach()
            length = bound * settings.step_size * (1 - step / settings.steps)
            variables = (variables - length * slope.sign()).clamp(-bound, bound)
        self.variables |= dict(zip(chosen, variables, strict=True))
        return losses.view(len(chosen), -1).mean(dim=1).double().numpy()


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
