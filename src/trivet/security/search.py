"""Search for the smallest trigger of each label after a number of steps, all labels side by side."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from trivet.datasets.images import ImageSet
from trivet.security.classifier import Scorer
from trivet.security.footprint import images_at_once
from trivet.security.stack import OtherClasses, TriggerStack
from trivet.security.trigger import Trigger

__all__ = ["SearchSettings", "TriggerSearch"]

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
        self._pixels = torch.from_numpy(images.pixels)
        self._others = OtherClasses(images.labels, images.classes)
        self._draws = [np.random.default_rng([seed, label]) for label in range(images.classes)]
        self._stack = TriggerStack.start(
            range(images.classes),
            (shape[1], shape[2], shape[3]),
            penalty=settings.mask_penalty,
            mask=settings.mask_start,
            pattern=settings.pattern_start,
        )
        self._at_once = images_at_once(score, self._pixels[:1], at_most=STACKED_IMAGES)
        self.steps = np.zeros(images.classes, dtype=np.int64)
        self.image_steps = 0

    @property
    def norms(self) -> NDArray[np.float64]:
        """Mask norms |m_y|_1 in pixels as they are now, shape (classes,)."""
        return self._stack.norms

    def trigger(self, label: int) -> Trigger:
        """Return the trigger of `label` as it is now."""
        return Trigger(self._stack.masks[label].numpy().copy(), self._stack.patterns[label].numpy().copy())

    def triggers(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return masks and patterns of all labels as they are now."""
        return self._stack.masks.numpy(), self._stack.patterns.numpy()

    def stack(self, label: int) -> TriggerStack:
        """Return a copy of one label's variables and optimiser state, to go on with."""
        own = self._stack.take(torch.tensor([label]))
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
        self._stack.steps = int(ages[0])
        batch = self._settings.batch_size
        drawn = [self._others.draw(self._draws[label], label, (steps, batch)) for label in rows]
        workers = torch.get_num_threads()
        fitting = max(1, self._at_once // batch)
        count = max(-(-len(rows) // fitting), min(workers, len(rows)))
        blocks = np.array_split(np.arange(len(rows)), count)
        done = _Share(len(blocks), progress)
        if len(blocks) == 1:
            self._advance_block(rows, np.stack(drawn), done)
        else:
            with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                try:
                    jobs = [
                        pool.submit(
                            self._advance_block, rows[block], np.stack([drawn[i] for i in block]), done
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

    def _advance_block(self, rows: NDArray[np.int64], drawn: NDArray[np.int64], done: "_Share") -> None:
        """Advance a few labels; `drawn` has shape (labels, steps, batch)."""
        index = torch.from_numpy(rows)
        block = self._stack.take(index)
        for step in range(drawn.shape[1]):
            block.step(
                self._score,
                self._pixels[torch.from_numpy(drawn[:, step])],
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
