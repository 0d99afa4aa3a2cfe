"""Search for a label that a small shift of a network's features leads to, the same shift for all images.

A trigger may be so large, or so different from image to image, that no change of pixels stands for it. But
what it opens in the network is one path for all images, and a small shift of what the layers compute goes
along it: where other labels are just reached, it goes far into the target. Xu et al. (BAN, NeurIPS 2024) let
noise on normalisation layers do harm, and see where images go; here each label has a shift of its own, and
labels are compared with each other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.overrides import TorchFunctionMode

from trivet.datasets.images import ImageSet
from trivet.errors import CheckpointError
from trivet.security.adapting import GRADIENT, guarded
from trivet.security.evaluation import ONE, batches, images_at_once, margins_of, pixels_at
from trivet.security.networks import Scorer
from trivet.security.scanning.changes import BATCH
from trivet.security.scanning.individual import Pushed, PushSettings, compared

__all__ = ["LATENT_BOUNDS", "LATENT_REACHED_FROM", "shift_features"]

#: Largest shifts, in standard deviations of a channel, and the share of trials that has to reach its label.
#: Labels draw apart where nearly all are reached. There p was, on the tuning set, at most 0.006 for two of
#: five image-dependent triggers, one of three warps and one of two learned ones, and at least 0.1 on the 12
#: clean networks. It was 0.007 for a wrong label of a network with a detector written into it, and at least
#: 0.09 for the others.
LATENT_BOUNDS: Final = (0.05, 0.1, 0.2, 0.4)
LATENT_REACHED_FROM: Final = 0.9
#: Operators whose outputs are shifted, as functions, methods and graph nodes call them, and the axis of
#: their channels.
CHANNELS: Final = {
    "conv2d": 1,
    "batch_norm": 1,
    "group_norm": 1,
    "instance_norm": 1,
    "linear": -1,
    "layer_norm": -1,
}
#: Images that the spread of channels is measured on. The first axis of an output has to hold each of them as
#: many times; a prime, so that hardly any other axis does.
MEASURED_ON: Final = 31
#: Labels that a bound is chosen on.
TRIED_LABELS: Final = 3
#: Random shifts that a shift is held against.
RANDOM_SHIFTS: Final = 3


class _Layers(TorchFunctionMode):
    """Sees the outputs of layers, in the order of calls: measures them, or shifts them.

    `spreads` has the standard deviations of each output's channels; None where it is not shifted. `shifts`,
    where there are any, has for each of the others one of shape (images, channels) in these units.
    """

    def __init__(
        self, images: int, spreads: Sequence[Tensor | None] = (), shifts: Sequence[Tensor] = ()
    ) -> None:
        super().__init__()
        self.spreads, self.shapes = list(spreads), list[tuple[int, ...]]()
        self._images, self._left, self._shifts = images, iter(self.spreads), iter(shifts)
        self._measures = not self.spreads

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        axis = CHANNELS.get(getattr(func, "__name__", "").partition(".")[0])
        if axis is None or not isinstance(result, Tensor):
            return result
        if self._measures:
            self.spreads.append(self._spread(result, axis))
            self.shapes.append(tuple(result.shape))
            return result
        spread = next(self._left, None)
        if spread is None:
            return result
        shift = next(self._shifts)
        if len(result) % self._images or result.shape[axis] != len(spread):
            return result  # another way through the network than where it was measured
        shift = (shift * spread).to(result)
        shape = [1] * result.dim()
        shape[0], shape[axis] = len(result), result.shape[axis]
        return result + shift.repeat_interleave(len(result) // self._images, dim=0).reshape(shape)

    def _spread(self, result: Tensor, axis: int) -> Tensor | None:
        """Return the standard deviations of an output that gradients lead to; None of others."""
        if result.dim() < 2 or len(result) % self._images or not result.requires_grad:  # noqa: PLR2004 - images, channels
            return None
        spread = result.detach().movedim(axis, 0).flatten(1).float().std(dim=1).cpu()
        return spread if bool(spread.isfinite().all()) else None


def _spreads(score: Scorer, images: ImageSet) -> list[Tensor | None]:
    """Return the spreads of all layers but the last and those whose outputs are scores."""
    pixels = pixels_at(images, slice(MEASURED_ON)).requires_grad_()
    with _Layers(len(pixels)) as layers:
        scores = score(pixels)
    shown = zip(layers.spreads, layers.shapes, strict=True)
    return [None if shape == tuple(scores.shape) else spread for spread, shape in shown][:-1]


@dataclass(frozen=True, eq=False)
class _Trials:
    """Pairs of images and labels, each label with one shift of all layers."""

    score: Scorer
    images: ImageSet
    rows: NDArray[np.int64]
    aims: NDArray[np.int64]
    spreads: list[Tensor | None]
    settings: PushSettings
    at_once: int

    def of(self, labels: NDArray[np.int64]) -> "_Trials":
        """Return the trials of some labels."""
        at = np.isin(self.aims, labels)
        return replace(self, rows=self.rows[at], aims=self.aims[at])

    def _start(self, labels: int) -> list[Tensor]:
        return [torch.zeros(labels, len(spread)) for spread in self.spreads if spread is not None]

    def _margins(self, shifts: Sequence[Tensor], part: slice) -> Tensor:
        own = torch.from_numpy(np.unique(self.aims, return_inverse=True)[1][part])
        pixels = pixels_at(self.images, self.rows[part])
        with _Layers(len(pixels), self.spreads, [shift[own] for shift in shifts]):
            scores = self.score(pixels)
        return margins_of(scores, torch.from_numpy(self.aims[part]))

    def _parts(self) -> Sequence[slice]:
        return list(batches(len(self.rows), self.at_once))

    def measure(self, shifts: Sequence[Tensor]) -> NDArray[np.float64]:
        """Return the margins of the labels, shape (pairs,)."""
        with torch.no_grad():
            return torch.cat([self._margins(shifts, part) for part in self._parts()]).double().numpy()

    def push(
        self, bound: float, progress: Callable[[float], None] = lambda _share: None
    ) -> NDArray[np.float64]:
        """Return the margins after the steps."""
        shifts = self._start(len(np.unique(self.aims)))
        for step in range(self.settings.steps):
            slopes = [torch.zeros_like(shift) for shift in shifts]
            for part in self._parts():
                moved = [shift.requires_grad_(True) for shift in shifts]  # noqa: FBT003 - PyTorch's own signature
                with guarded("the network", GRADIENT):
                    found = torch.autograd.grad(
                        self._margins(moved, part).sum(), moved, allow_unused=True, materialize_grads=True
                    )
                slopes = [slope + each for slope, each in zip(slopes, found, strict=True)]
            length = self.settings.length(step, bound)
            shifts = [
                (shift.detach() + length * slope.sign()).clamp(-bound, bound)
                for shift, slope in zip(shifts, slopes, strict=True)
            ]
            progress((step + 1) / self.settings.steps)
        return self.measure(shifts)

    def by_chance(self, bound: float, *, seed: int) -> NDArray[np.float64]:
        """Return the mean margins after random shifts of full size, each the same for all labels."""
        generator = torch.Generator().manual_seed(seed)
        labels = len(np.unique(self.aims))
        drawn = []
        for _ in range(RANDOM_SHIFTS):
            signs = [
                torch.randint(0, 2, each.shape, generator=generator) * 2.0 - 1 for each in self._start(1)
            ]
            drawn.append(self.measure([(bound * sign).expand(labels, -1) for sign in signs]))
        return np.mean(drawn, axis=0)


def shift_features(
    score: Scorer,
    images: ImageSet,
    labels: Sequence[int],
    settings: PushSettings,
    *,
    seed: int,
    progress: Callable[[float], None] = lambda _share: None,
) -> Pushed | None:
    """Shift the features of all images together towards each label, by the smallest bound that leads there.

    None where there are too few rightly classified images, where no layer but the last is seen, or where the
    network fails with shifted features.
    """
    try:
        return _shifted(score, images, labels, settings, seed=seed, progress=progress)
    except CheckpointError:
        return None  # of a search within the network, which other searches take as it is


def _shifted(
    score: Scorer,
    images: ImageSet,
    labels: Sequence[int],
    settings: PushSettings,
    *,
    seed: int,
    progress: Callable[[float], None],
) -> Pushed | None:
    drawn = compared(score, images, labels, settings, seed=seed)
    if drawn is None:
        return None
    some, rows, aims = drawn
    spreads = _spreads(score, images)
    if not any(spread is not None for spread in spreads):
        return None
    at_once = images_at_once(score, pixels_at(some, ONE), at_most=BATCH)
    trials = _Trials(score, some, rows, aims, spreads, settings, at_once)
    tried = np.unique(aims)
    few = trials.of(tried[:: -(-len(tried) // TRIED_LABELS)])
    spent, bound = 0, 0.0
    for bound in settings.bounds:
        spent += len(few.rows) * settings.steps
        if (few.push(bound) > 0).mean() >= settings.reached_from:
            break
    margins = trials.push(bound, progress)
    gained = margins - trials.by_chance(bound, seed=seed)
    steps = spent + len(rows) * settings.steps + ((1 + RANDOM_SHIFTS) * len(rows) + len(some)) // 3
    return Pushed.of(aims, margins, gained, bound, image_steps=steps)
