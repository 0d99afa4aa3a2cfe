"""Neural Cleanse's reverse engineering in the published order of batches: a trigger for each label."""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader

from trivet.datasets.images import ImageSet
from trivet.security.classifier import Scorer
from trivet.security.footprint import images_at_once
from trivet.security.guard import GRADIENT, guarded
from trivet.security.trigger import Trigger, apply_trigger

__all__ = ["Inversion", "InversionSettings", "invert_triggers", "shuffled_passes"]

#: Labels are optimised together, as many as keep one batch at this many images at most: beyond it the
#: activations outgrow the cache and the allocator, and an image costs more.
STACKED_IMAGES = 160

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
    pixels = torch.from_numpy(images.pixels)
    queues = [next(batches) for _ in labels]
    workers = torch.get_num_threads()
    fitting = images_at_once(score, pixels[:1], at_most=STACKED_IMAGES)
    block = max(1, min(fitting // settings.batch_size, math.ceil(len(labels) / workers)))
    cuts = [slice(first, first + block) for first in range(0, len(labels), block)]
    tally = _Tally(len(labels) * settings.steps, progress)
    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        futures = [
            pool.submit(_invert_block, score, pixels, labels[cut], queues[cut], settings, tally)
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
    pixels: Tensor,
    labels: Sequence[int],
    queues: Sequence[Iterator[Tensor]],
    settings: InversionSettings,
    tally: "_Tally",
) -> tuple[Tensor, Tensor, int]:
    """Optimise the triggers of a few labels in one stacked batch."""
    channels, height, width = pixels.shape[1:]
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
        stamped = apply_trigger(pixels[torch.cat(rows)], mask[owner], pattern[owner])
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
