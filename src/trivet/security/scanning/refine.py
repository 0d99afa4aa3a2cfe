"""The smallest mask that still reaches the success bound: Neural Cleanse's own schedule, for a few labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trivet.datasets.images import ImageSet
from trivet.security.evaluation import ONE, attack_success_rate, images_at_once, pixels_at
from trivet.security.networks import Scorer
from trivet.security.scanning.search import NonTargetSampler, TriggerBatch, joined
from trivet.security.trigger import Trigger

__all__ = ["Refined", "RefinementSettings", "refine_triggers"]


@dataclass(frozen=True, kw_only=True)
class RefinementSettings:
    """Settings of mask refinement, which shrinks masks of working triggers: Wang et al. 2019, appendix.

    Attributes
    ----------
    steps
        Steps at most.
    batch_size, learning_rate, betas
        Of Adam.
    success_bound
        Share of triggered images that must reach the label.
    window
        Batches that a success rate is taken over; the penalty moves once a window.
    penalty_up, penalty_down
        What the penalty is multiplied with after success, and divided by after failure.
    patience
        Windows without a smaller mask, after the penalty has moved both ways, before a label leaves.
    improvement
        A mask counts as smaller below this share of the smallest so far.
    checked_images
        Images that the smallest masks are tried on in the end: a window is small, and the smallest of
        many that pass it has also been lucky.
    """

    steps: int = 100
    batch_size: int = 16
    learning_rate: float = 0.2
    betas: tuple[float, float] = (0.5, 0.9)
    success_bound: float = 0.99
    window: int = 4
    penalty_up: float = 1.5
    penalty_down: float = 1.5**1.5
    patience: int = 6
    improvement: float = 0.99
    checked_images: int = 256


@dataclass(frozen=True, eq=False)
class Refined:
    """The triggers kept for a few labels.

    Attributes
    ----------
    triggers
        By label: the smallest that reached the bound, or the last one where none did.
    reached
        By label: whether the bound was reached.
    steps
        By label: steps until it left.
    image_steps
        Images pushed forward and back in all.
    """

    triggers: dict[int, Trigger]
    reached: dict[int, bool]
    steps: dict[int, int]
    image_steps: int


def refine_triggers(
    score: Scorer,
    images: ImageSet,
    starts: Sequence[TriggerBatch],
    settings: RefinementSettings,
    *,
    seed: int,
) -> Refined:
    """Shrink the triggers of a few labels, each under a penalty of its own that moves.

    A label that has converged leaves the batch, so the cost is what the labels need.

    Parameters
    ----------
    score
        From pixels to logits, with frozen weights.
    images
        Clean images to optimise on.
    starts
        Where each label's variables start; stacks as `TriggerSearch.stack` returns them.
    settings
        Schedule and optimiser.
    seed
        Draws the batches.
    """
    if not starts:
        return Refined({}, {}, {}, 0)
    others = NonTargetSampler(images.labels, images.classes)
    rows = [_Row(start, settings) for start in starts]
    draws = {row.label: np.random.default_rng([seed, row.label]) for row in rows}
    stack = joined([row.stack for row in rows])
    at_once = images_at_once(score, pixels_at(images, ONE), at_most=settings.batch_size * len(rows))
    active = rows
    image_steps = 0
    for _ in range(settings.steps):
        before = stack.variables.clone()
        drawn = [others.draw(draws[row.label], row.label, (settings.batch_size,)) for row in active]
        success = stack.step(
            score,
            pixels_at(images, np.stack(drawn)),
            learning_rate=settings.learning_rate,
            betas=settings.betas,
            at_once=at_once,
        )
        image_steps += settings.batch_size * len(active)
        for place, row in enumerate(active):
            stack.penalty[place] *= row.judge(float(success[place]), before[place])
        staying = [place for place, row in enumerate(active) if not row.converged]
        if not staying:
            break
        if len(staying) < len(active):
            stack = stack.take(torch.tensor(staying))
            active = [active[place] for place in staying]
    kept = {row.label: row.choose(score, images, draws[row.label], others) for row in rows}
    return Refined(
        {label: trigger for label, (trigger, _reached) in kept.items()},
        {label: reached for label, (_trigger, reached) in kept.items()},
        {row.label: row.steps for row in rows},
        image_steps,
    )


class _Row:
    """One label's way: successes of the current window, the smaller and smaller masks, when to leave."""

    def __init__(self, start: TriggerBatch, settings: RefinementSettings) -> None:
        self.label = int(start.targets[0])
        self.stack, self._settings = start, settings
        self._window: list[float] = []
        self._passed: list[Tensor] = []
        self._smallest = float("inf")
        self._last = start.variables[0]
        self._went_up = self._went_down = False
        self._waited = 0
        self.steps = 0

    @property
    def converged(self) -> bool:
        return self._went_up and self._went_down and self._waited >= self._settings.patience

    def judge(self, success: float, variables: Tensor) -> float:
        """Take in one batch's success; return what the penalty is multiplied with."""
        self.steps += 1
        self._last = variables
        self._window.append(success)
        if len(self._window) < self._settings.window:
            return 1.0
        rate, self._window = float(np.mean(self._window)), []
        if rate < self._settings.success_bound:
            self._went_down = True
            self._waited += 1
            return 1 / self._settings.penalty_down
        self._went_up = True
        norm = float(variables[:1].sigmoid().sum())
        self._waited = 0 if norm < self._settings.improvement * self._smallest else self._waited + 1
        if norm < self._smallest:
            self._passed.append(variables.clone())
            self._smallest = norm
        return self._settings.penalty_up

    def choose(
        self, score: Scorer, images: ImageSet, rng: np.random.Generator, others: NonTargetSampler
    ) -> tuple[Trigger, bool]:
        """Return the smallest trigger that reaches the bound on more images, else the best one."""
        rows = others.draw(rng, self.label, (self._settings.checked_images,))
        checked = images.take(rows)
        best, best_rate = self._last, -1.0
        for variables in reversed(self._passed):
            rate = attack_success_rate(score, checked, _shown(variables), self.label)
            if rate >= self._settings.success_bound:
                return _shown(variables), True
            if rate > best_rate:
                best, best_rate = variables, rate
        return _shown(best), False


def _shown(variables: Tensor) -> Trigger:
    pixels = variables.sigmoid()
    return Trigger(pixels[:1].numpy().copy(), pixels[1:].numpy().copy())
