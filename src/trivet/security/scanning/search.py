"""Search for the smallest trigger of each label after a number of steps, all labels side by side."""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader

from trivet.datasets.images import ImageSet
from trivet.security.adapting import GRADIENT, guarded
from trivet.security.evaluation import ONE, images_at_once, margins_of, pixels_at
from trivet.security.networks import Scorer
from trivet.security.trigger import Trigger, apply_trigger

__all__ = [
    "Inversion",
    "InversionSettings",
    "MarginSettings",
    "Margins",
    "NonTargetSampler",
    "SearchSettings",
    "TriggerBatch",
    "TriggerSearch",
    "invert_triggers",
    "joined",
    "maximum_margins",
    "shuffled_passes",
]

ADAM_EPSILON = 1e-8


class NonTargetSampler:
    """Draws, for a target label, rows of images of all the other classes.

    Images are ordered by class once, so that leaving a class out is a shift and costs no memory
    for each target.
    """

    def __init__(self, labels: NDArray[np.int64], classes: int) -> None:
        self._order = np.argsort(labels, kind="stable")
        counts = np.bincount(labels, minlength=classes)
        self._first = np.concatenate([[0], np.cumsum(counts)])

    def draw(self, rng: np.random.Generator, target: int, size: tuple[int, ...]) -> NDArray[np.int64]:
        """Return rows drawn with replacement from the images that are not of class `target`."""
        start, stop = self._first[target], self._first[target + 1]
        places = rng.integers(0, len(self._order) - (stop - start), size)
        return self._order[np.where(places < start, places, places + (stop - start))]


@dataclass(eq=False)
class TriggerBatch:
    """Free variables of masks and patterns, one row a label, with their Adam state.

    Labels do not influence each other: what a row becomes does not depend on its neighbours.
    """

    targets: Tensor
    variables: Tensor
    mean: Tensor
    square: Tensor
    penalty: Tensor
    steps: int = 0

    @classmethod
    def start(
        cls,
        targets: Sequence[int],
        shape: tuple[int, int, int],
        *,
        penalty: float,
        mask: float,
        pattern: float,
    ) -> Self:
        """Return a stack for images of `shape` whose variables start at `mask` and `pattern`."""
        channels, height, width = shape
        variables = torch.full((len(targets), 1 + channels, height, width), pattern)
        variables[:, 0] = mask
        zeros = torch.zeros_like(variables)
        return cls(
            torch.tensor(targets, dtype=torch.int64),
            variables,
            zeros,
            zeros.clone(),
            torch.full((len(targets),), penalty),
        )

    def take(self, rows: Tensor) -> Self:
        """Return the rows at `rows` as a stack of their own."""
        return type(self)(
            self.targets[rows],
            self.variables[rows],
            self.mean[rows],
            self.square[rows],
            self.penalty[rows],
            self.steps,
        )

    def put(self, rows: Tensor, block: "TriggerBatch") -> None:
        """Write a block that was taken from `rows` back to its place."""
        self.variables[rows], self.mean[rows], self.square[rows] = block.variables, block.mean, block.square
        self.penalty[rows] = block.penalty

    @property
    def masks(self) -> Tensor:
        """Masks in [0, 1], shape (rows, 1, height, width)."""
        return self.variables[:, :1].sigmoid()

    @property
    def patterns(self) -> Tensor:
        """Patterns in [0, 1], shape (rows, channels, height, width)."""
        return self.variables[:, 1:].sigmoid()

    @property
    def norms(self) -> NDArray[np.float64]:
        """Mask norms |m|_1 in pixels, shape (rows,)."""
        return self.masks.sum(dim=(1, 2, 3), dtype=torch.float64).numpy()

    def step(
        self,
        score: Scorer,
        pixels: Tensor,
        *,
        learning_rate: float,
        betas: tuple[float, float],
        at_once: int | None = None,
    ) -> Tensor:
        """Move every row one step of Adam down its objective.

        The objective of row y is the mean cross-entropy of its triggered images towards y plus
        ``penalty * mean(mask)``: Wang et al. 2019, equation 3, with the norm as a share of the
        image.
        """
        rows, batch = pixels.shape[:2]
        targets = self.targets.repeat_interleave(batch)
        variables = self.variables.detach().requires_grad_(True)  # noqa: FBT003 - PyTorch's own signature
        shown = variables.sigmoid()[:, None]
        mask = shown[:, :, :1]
        stamped = apply_trigger(pixels, mask, shown[:, :, 1:]).flatten(0, 1)
        penalty = (self.penalty * mask.mean(dim=(1, 2, 3, 4))).sum()
        parts = [
            _gradient(score, images, labels, batch)
            for images, labels in zip(
                *(tensor.split(at_once or len(stamped)) for tensor in (stamped.detach(), targets)),
                strict=True,
            )
        ]
        moved = torch.cat([part for part, _ in parts])
        # One number, not [stamped, penalty] with `moved`: for given gradients PyTorch imports SymPy, .5 s.
        (gradient,) = torch.autograd.grad((stamped * moved).sum() + penalty, variables)
        self._move(gradient, learning_rate, betas)
        reached = torch.cat([part for _, part in parts])
        return reached.view(rows, batch).float().mean(dim=1)

    def _move(self, gradient: Tensor, learning_rate: float, betas: tuple[float, float]) -> None:
        """Kingma and Ba 2015, algorithm 1."""
        first, second = betas
        self.steps += 1
        self.mean.mul_(first).add_(gradient, alpha=1 - first)
        self.square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        spread = (self.square / (1 - second**self.steps)).sqrt_().add_(ADAM_EPSILON)
        self.variables.addcdiv_(self.mean, spread, value=-learning_rate / (1 - first**self.steps))


def joined(stacks: Sequence[TriggerBatch]) -> TriggerBatch:
    """Put stacks under each other, as if they had started together."""
    fields = ("targets", "variables", "mean", "square", "penalty")
    return TriggerBatch(
        *(torch.cat([getattr(stack, name) for stack in stacks]) for name in fields),
        steps=max(stack.steps for stack in stacks),
    )


def _gradient(score: Scorer, images: Tensor, labels: Tensor, batch: int) -> tuple[Tensor, Tensor]:
    """Return how the cross-entropy moves with each image, and which images are given their label."""
    images = images.detach().requires_grad_(True)  # noqa: FBT003 - PyTorch's own signature
    logits = score(images)
    loss = functional.cross_entropy(logits, labels, reduction="sum") / batch
    with guarded("the network", GRADIENT):
        (gradient,) = torch.autograd.grad(loss, images)
    return gradient, logits.detach().argmax(dim=1) == labels


#: One worker's batch at most: beyond it activations outgrow the cache, and an image costs more.
STACKED_IMAGES = 160


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """Settings of the trigger search before labels are compared.

    The penalty is the same for all labels and does not move: after equal steps the norms then
    differ by what the labels need and by nothing else. (Penalties that adapt make smaller masks and
    noisier comparisons.)

    Attributes
    ----------
    batch_size
        Images a label and step.
    learning_rate, betas
        Of Adam.
    mask_penalty
        Weight of the mask's mean over the pixels; 8 on 28x28 images is 0.01 a pixel.
    mask_start, pattern_start
        Where the free variables start; 0 is a half-transparent grey.
    """

    batch_size: int = 16
    learning_rate: float = 0.3
    betas: tuple[float, float] = (0.5, 0.9)
    mask_penalty: float = 8.0
    mask_start: float = 0.0
    pattern_start: float = 0.0


class TriggerSearch:
    """A trigger for each label, optimised in instalments; labels may be left behind on the way.

    Wang et al. 2019, section IV, with all labels stacked into batches over frozen weights.

    Parameters
    ----------
    score
        From pixels to logits, with frozen weights.
    images
        Clean images to optimise on, of at least two classes.
    settings
        Objective and optimiser.
    seed
        Draws the batches of each label; the same seed gives the same triggers, bit for bit, on one
        machine with the same number of threads.
    """

    def __init__(self, score: Scorer, images: ImageSet, settings: SearchSettings, *, seed: int) -> None:
        shape = images.pixels.shape
        self._score, self._settings = score, settings
        self._images = images
        self._others = NonTargetSampler(images.labels, images.classes)
        self._draws = [np.random.default_rng([seed, label]) for label in range(images.classes)]
        self._shape = (shape[1], shape[2], shape[3])
        self._start = self._fresh([0])
        #: Only labels that were worked on have variables: a thousand at 224x224 pixels would take 2.4 GB.
        self._stack = self._fresh([])
        self._places = np.full(images.classes, -1)
        self._at_once = images_at_once(score, pixels_at(images, ONE), at_most=STACKED_IMAGES)
        self.steps = np.zeros(images.classes, dtype=np.int64)
        self.image_steps = 0

    def _fresh(self, labels: Sequence[int]) -> TriggerBatch:
        return TriggerBatch.start(
            labels,
            self._shape,
            penalty=self._settings.mask_penalty,
            mask=self._settings.mask_start,
            pattern=self._settings.pattern_start,
        )

    def _rows(self, labels: Sequence[int] | NDArray[np.int64]) -> Tensor:
        """Return where the variables of labels are, new ones for those that have none yet."""
        new = [int(label) for label in labels if self._places[label] < 0]
        if new:
            self._places[new] = len(self._stack.targets) + np.arange(len(new))
            self._stack = joined([self._stack, self._fresh(new)])
        return torch.from_numpy(self._places[np.asarray(labels)])

    @property
    def norms(self) -> NDArray[np.float64]:
        """Mask norms |m_y|_1 in pixels as they are now, shape (classes,)."""
        return np.append(self._stack.norms, self._start.norms)[self._places]

    def trigger(self, label: int) -> Trigger:
        """Return the trigger of `label` as it is now."""
        own = self.stack(label)
        return Trigger(own.masks[0].numpy().copy(), own.patterns[0].numpy().copy())

    def triggers(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return masks and patterns of all labels as they are now, in arrays of their own."""
        rows = torch.from_numpy(self._places)
        masks, patterns = (
            torch.cat([part, start])[rows].numpy()
            for part, start in (
                (self._stack.masks, self._start.masks),
                (self._stack.patterns, self._start.patterns),
            )
        )
        return masks, patterns

    def stack(self, label: int) -> TriggerBatch:
        """Return a copy of one label's variables and optimiser state, to go on with."""
        own = self._stack.take(self._rows([label]))
        own.steps = int(self.steps[label])
        return own

    def advance(
        self, steps: int, labels: Sequence[int], *, progress: Callable[[float], None] | None = None
    ) -> None:
        """Take `steps` steps with each of `labels`, which must have taken the same number so far.

        Blocks of labels go to as many workers as PyTorch has threads, one thread each.

        Raises
        ------
        ValueError
            If labels of different ages are mixed: their norms could not be compared.
        """
        rows = np.asarray(labels, dtype=np.int64)
        ages = np.unique(self.steps[rows])
        if len(ages) != 1:
            raise ValueError("labels with different numbers of steps cannot advance together")
        index = self._rows(rows)
        self._stack.steps = int(ages[0])
        batch = self._settings.batch_size
        drawn = [self._others.draw(self._draws[label], label, (steps, batch)) for label in rows]
        workers = torch.get_num_threads()
        fitting = max(1, self._at_once // batch)
        count = max(-(-len(rows) // fitting), min(workers, len(rows)))
        blocks = np.array_split(np.arange(len(rows)), count)
        done = _Share(len(blocks), progress)
        if len(blocks) == 1:
            self._advance_block(index, np.stack(drawn), done)
        else:
            with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                try:
                    jobs = [
                        pool.submit(
                            self._advance_block, index[block], np.stack([drawn[i] for i in block]), done
                        )
                        for block in blocks
                    ]
                    for job in jobs:
                        job.result()
                finally:
                    pool.shutdown(cancel_futures=True)
                    torch.set_num_threads(workers)  # threads that start later take the last number set
        self.steps[rows] += steps
        self.image_steps += steps * batch * len(rows)

    def _advance_block(self, index: Tensor, drawn: NDArray[np.int64], done: "_Share") -> None:
        """Advance a few labels; `drawn` has shape (labels, steps, batch)."""
        block = self._stack.take(index)
        for step in range(drawn.shape[1]):
            block.step(
                self._score,
                pixels_at(self._images, drawn[:, step]),
                learning_rate=self._settings.learning_rate,
                betas=self._settings.betas,
                at_once=self._at_once,
            )
        self._stack.put(index, block)
        done.add()


class _Share:
    """Tells a progress callback which share of the blocks is done."""

    def __init__(self, blocks: int, progress: Callable[[float], None] | None) -> None:
        self._blocks, self._done, self._progress = blocks, 0, progress

    def add(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done / self._blocks)


@dataclass(frozen=True, kw_only=True)
class MarginSettings:
    """Settings of the margin search: signed gradient steps that shrink to zero, inside [0, 1].

    Attributes
    ----------
    starts
        Random images a class.
    steps
        Steps from each.
    step_size
        Of the first step, as a share of the pixel range.
    """

    starts: int = 4
    steps: int = 30
    step_size: float = 0.15


@dataclass(frozen=True, eq=False)
class Margins:
    """The largest margin f_y - max_{j != y} f_j found for each class.

    Attributes
    ----------
    values
        In logits, shape (classes,); may be negative.
    image_steps
        Images pushed forward and back.
    """

    values: NDArray[np.float64]
    image_steps: int


def maximum_margins(
    score: Scorer,
    shape: tuple[int, int, int],
    classes: int,
    settings: MarginSettings,
    *,
    seed: int,
    progress: Callable[[float], None] | None = None,
) -> Margins:
    """Maximise each class's margin over all images, Wang et al. 2024 (MM-BD), section III.

    A backdoor lets one class reach a margin that training on clean images gives to none. The paper
    takes 300 plain gradient steps from 30 images. Signed steps that shrink reach margins about as
    large, mostly larger, in a fiftieth of the work: the optimum lies near the corners of the pixel
    box.

    Parameters
    ----------
    score
        From pixels in [0, 1] to logits, with frozen weights.
    shape
        (channels, height, width) of the images.
    classes
        Number of classes.
    settings
        Starts and steps.
    seed
        Draws the random images, the same ones for every class.
    """
    generator = torch.Generator().manual_seed(seed)
    starts = torch.rand((settings.starts, *shape), generator=generator)
    labels = torch.arange(classes)
    found: list[Tensor] = []
    fitting = images_at_once(score, starts[:1], at_most=STACKED_IMAGES)
    for block in labels.split(max(1, fitting // settings.starts)):
        found.append(_largest(score, starts, block, settings))
        if progress is not None:
            progress(float(block[-1] + 1) / classes)
    steps = classes * settings.starts * (settings.steps + 1)
    return Margins(torch.cat(found).numpy().astype(np.float64), steps)


def _largest(score: Scorer, starts: Tensor, labels: Tensor, settings: MarginSettings) -> Tensor:
    """Largest margin met on the way from any start, for each of `labels`, shape (labels,)."""
    aimed = labels.repeat_interleave(len(starts))
    pixels = starts.repeat(len(labels), 1, 1, 1)
    best = torch.full((len(pixels),), -torch.inf)
    for step in range(settings.steps + 1):
        pixels = pixels.detach().requires_grad_(True)  # noqa: FBT003 - PyTorch's own signature
        margin = margins_of(score(pixels), aimed)
        best = torch.maximum(best, margin.detach())
        with guarded("the network", GRADIENT):
            (gradient,) = torch.autograd.grad(margin.sum(), pixels)
        size = settings.step_size * (1 - step / settings.steps)
        pixels = (pixels + size * gradient.sign()).clamp(0, 1)
    return best.view(len(labels), -1).amax(dim=1)


#: For each label in turn, an iterator over the rows of each step's batch.
Batches = Iterator[Iterator[Tensor]]


@dataclass(frozen=True, kw_only=True)
class InversionSettings:
    """Settings of trigger optimisation; the defaults are the published constants.

    The objective for label y is the cross-entropy of the triggered batch towards y, plus
    ``mask_penalty * |mask|_1 + pattern_penalty * |pattern|_1`` (the study's equation 2); mask and
    pattern are sigmoids of free variables that start at `start`, and Adam moves them.
    """

    steps: int = 500
    batch_size: int = 128
    learning_rate: float = 0.1
    betas: tuple[float, float] = (0.9, 0.999)
    mask_penalty: float = 0.01
    pattern_penalty: float = 0.001
    mask_start: float = 1.0
    pattern_start: float = 1.0


@dataclass(frozen=True, eq=False)
class Inversion:
    """One reconstructed trigger for each label.

    Attributes
    ----------
    labels
        The target labels, in order.
    masks
        Shape (labels, 1, height, width), float32 in [0, 1].
    patterns
        Shape (labels, channels, height, width), float32 in [0, 1].
    image_steps
        Images pushed forward and back in all: the cost that does not depend on the machine.
    """

    labels: tuple[int, ...]
    masks: NDArray[np.float32]
    patterns: NDArray[np.float32]
    image_steps: int

    @property
    def norms(self) -> NDArray[np.float64]:
        """Mask norms |m_y|_1 in pixels, shape (labels,)."""
        return self.masks.sum(axis=(1, 2, 3), dtype=np.float64)

    def trigger(self, label: int) -> Trigger:
        """Return the trigger reconstructed for `label`."""
        row = self.labels.index(label)
        return Trigger(self.masks[row], self.patterns[row])


def shuffled_passes(images: int, *, batch_size: int, steps: int, labels: int, seed: int) -> Batches:
    """Yield the published order of batches: whole shuffled passes, one generator for all labels.

    Each label starts a new pass whose first batch is passed over. PyTorch's own loader draws the
    order, because it takes more from the generator than the permutations, and the published
    norms depend on it.
    """
    generator = torch.Generator().manual_seed(seed)
    loader = DataLoader(
        range(images),  # pyright: ignore[reportArgumentType] - any sequence will do
        batch_size=batch_size,
        shuffle=True,
        generator=generator,
    )
    for _ in range(labels):
        rows = iter(loader)
        next(rows)
        taken: list[Tensor] = []
        while len(taken) < steps:
            batch = next(rows, None)
            if batch is None:
                rows = iter(loader)
            else:
                taken.append(batch)
        yield iter(taken)


def invert_triggers(
    score: Scorer,
    images: ImageSet,
    batches: Batches,
    settings: InversionSettings,
    *,
    progress: Callable[[float], None] | None = None,
) -> Inversion:
    """Reconstruct a trigger for each target label, Wang et al. 2019, section IV.

    Labels do not influence each other: each has its own variables, batches and Adam state. They are
    stacked into batches, and the batches spread over as many workers as PyTorch has threads, one
    thread each, only because that is faster.

    Parameters
    ----------
    score
        From pixels to logits, with frozen weights.
    images
        Clean images to optimise on.
    batches
        For each target label an iterator over `settings.steps` tensors of row numbers.
    settings
        Objective and optimiser.
    progress
        Called with the finished share of the work, 0 to 1.
    """
    labels = tuple(range(images.classes))
    queues = [next(batches) for _ in labels]
    workers = torch.get_num_threads()
    fitting = images_at_once(score, pixels_at(images, ONE), at_most=STACKED_IMAGES)
    block = max(1, min(fitting // settings.batch_size, math.ceil(len(labels) / workers)))
    cuts = [slice(first, first + block) for first in range(0, len(labels), block)]
    tally = _Tally(len(labels) * settings.steps, progress)
    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        futures = [
            pool.submit(_invert_block, score, images, labels[cut], queues[cut], settings, tally)
            for cut in cuts
        ]
        try:
            blocks = [future.result() for future in futures]
        except BaseException:
            tally.stop()
            raise
        finally:
            torch.set_num_threads(workers)  # threads that start later take the last number set
    masks, patterns, image_steps = zip(*blocks, strict=True)
    return Inversion(labels, torch.cat(masks).numpy(), torch.cat(patterns).numpy(), sum(image_steps))


def _invert_block(
    score: Scorer,
    images: ImageSet,
    labels: Sequence[int],
    queues: Sequence[Iterator[Tensor]],
    settings: InversionSettings,
    tally: "_Tally",
) -> tuple[Tensor, Tensor, int]:
    """Optimise the triggers of a few labels in one stacked batch."""
    channels, height, width = images.pixels.shape[1:]
    count, targets = len(labels), torch.tensor(labels)
    mask_variable = torch.full((count, 1, height, width), settings.mask_start, requires_grad=True)
    pattern_variable = torch.full(
        (count, channels, height, width), settings.pattern_start, requires_grad=True
    )
    optimiser = torch.optim.Adam(
        [mask_variable, pattern_variable], lr=settings.learning_rate, betas=settings.betas
    )
    image_steps = 0
    for _ in range(settings.steps):
        rows = [next(queue) for queue in queues]
        sizes = torch.tensor([len(r) for r in rows])
        owner = torch.repeat_interleave(torch.arange(count), sizes)
        image_steps += len(owner)
        mask, pattern = mask_variable.sigmoid(), pattern_variable.sigmoid()
        stamped = apply_trigger(pixels_at(images, torch.cat(rows)), mask[owner], pattern[owner])
        losses = functional.cross_entropy(score(stamped), targets[owner], reduction="none")
        objective = (
            (losses / sizes[owner]).sum()
            + settings.mask_penalty * mask.sum()
            + settings.pattern_penalty * pattern.sum()
        )
        optimiser.zero_grad()
        with guarded("the network", GRADIENT):
            objective.backward()
        optimiser.step()
        tally.add(count)
    return mask_variable.detach().sigmoid(), pattern_variable.detach().sigmoid(), image_steps


class _Tally:
    """Counts finished label-steps across workers, and stops them when the caller gives up."""

    def __init__(self, total: int, progress: Callable[[float], None] | None) -> None:
        self._total, self._progress = total, progress
        self._done, self._stopped = 0, False
        self._lock = Lock()

    def add(self, count: int) -> None:
        if self._stopped:
            raise CancelledError
        with self._lock:
            self._done += count
            if self._progress is not None:
                self._progress(self._done / self._total)

    def stop(self) -> None:
        self._stopped = True
