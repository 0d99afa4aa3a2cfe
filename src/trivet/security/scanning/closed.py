"""Search through closed units: rectifiers that let a gradient pass where their output is at a bound.

A trigger may be answered by units that nothing else opens. So is a narrow detector that is written into a
trained network (Qi et al., CVPR 2022): on the way to a large margin, or to a small mask, its rectifiers are
zero and so are their gradients, and a search sees nothing of it. Here the network computes what it always
does, and only the gradient goes on through a closed unit, weakened.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.overrides import TorchFunctionMode

from trivet.datasets.images import ImageSet
from trivet.security.evaluation import attack_success_rate
from trivet.security.networks import Scorer
from trivet.security.scanning.refine import RefinementSettings, refine_triggers
from trivet.security.scanning.search import MarginSettings, SearchSettings, TriggerSearch, maximum_margins
from trivet.security.trigger import Trigger

__all__ = ["ThroughClosed", "margins_through_closed", "opened", "trigger_through_closed"]

#: What is left of a gradient behind a closed unit. With a tenth one of three detectors of the tuning set was
#: missed, with three tenths none.
LEFT: Final = 0.3
#: Bounds of the rectifiers, by the names that modules, functions, methods and graph nodes call them by.
BOUNDS: Final[dict[str, tuple[float, float | None]]] = {"relu": (0.0, None), "relu6": (0.0, 6.0)}
#: How far scores may be off with the rectifiers replaced, of the largest: a network that uses what an
#: operator in place leaves behind would be another one.
ROUNDING: Final = 1e-4
TRIALS: Final = 2
#: Steps that a label's trigger is optimised for, and held-out images that it is tried on.
STEPS: Final = 135
TRIED_ON: Final = 300


class _Opened(torch.autograd.Function):
    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, inputs: Tensor, low: float, high: float | None
    ) -> Tensor:
        result = inputs.clamp(low, high)
        within = result > low
        ctx.save_for_backward(within if high is None else within & (result < high))
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        (within,) = ctx.saved_tensors
        return torch.where(within, gradient, LEFT * gradient), None, None


class _OpenUnits(TorchFunctionMode):
    """Replaces rectifiers by such whose gradient passes; counts them."""

    def __init__(self) -> None:
        super().__init__()
        self.met = 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "").partition(".")[0].removesuffix("_")
        given = args[0] if args else kwargs.get("input")
        if name not in BOUNDS or not isinstance(given, Tensor):
            return func(*args, **kwargs)
        self.met += 1
        return cast("Tensor", _Opened.apply(given, *BOUNDS[name]))


def opened(score: Scorer, shape: tuple[int, int, int]) -> Scorer | None:
    """Return the same scores with gradients through closed units; None where the network has no such units.

    Parameters
    ----------
    score
        From pixels in [0, 1], shape (n, channels, height, width), to logits.
    shape
        (channels, height, width) of the images.
    """

    def through(pixels: Tensor) -> Tensor:
        with _OpenUnits():
            return score(pixels)

    trial = torch.rand((TRIALS, *shape), generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), _OpenUnits() as mode:
        replaced = score(trial)
    with torch.no_grad():
        expected = score(trial)
    same = bool((replaced - expected).abs().max() <= ROUNDING * expected.abs().max())
    return through if mode.met and same else None


@dataclass(frozen=True, eq=False)
class ThroughClosed:
    """Margins with gradients through closed units, held against those without.

    Attributes
    ----------
    gains
        Each label's margin over its own without, shape (classes,).
    leads
        The same over the largest margin of any other label, found either way.
    image_steps
        Images pushed forward and back.
    """

    gains: NDArray[np.float64]
    leads: NDArray[np.float64]
    image_steps: int


def margins_through_closed(
    through: Scorer,
    shape: tuple[int, int, int],
    margins: NDArray[np.float64],
    settings: MarginSettings,
    *,
    seed: int,
    progress: Callable[[float], None] = lambda _share: None,
) -> ThroughClosed:
    """Maximise all margins once more.

    A margin is held against the same label's own: a label that is easy by nature is so either way, and gains
    nothing. For a margin below half of the median, that half counts.

    Parameters
    ----------
    through
        As `opened` returns it.
    shape
        (channels, height, width) of the images.
    margins
        Margins that were found without, shape (classes,).
    settings, seed, progress
        As for `maximum_margins`.
    """
    again = maximum_margins(through, shape, len(margins), settings, seed=seed, progress=progress)
    least = float(np.median(margins)) / 2
    if least <= 0:
        none = np.zeros(len(margins))
        return ThroughClosed(none, none, again.image_steps)
    best = np.maximum(margins, again.values)
    second, first = np.sort(best)[-2:]
    rivals = np.where(best == first, second, first)
    return ThroughClosed(again.values / np.maximum(margins, least), again.values / rivals, again.image_steps)


def trigger_through_closed(
    through: Scorer, working: ImageSet, held_out: ImageSet, label: int, *, seed: int
) -> tuple[Trigger, float, int]:
    """Return a label's smallest working patch, the share of held-out images sent there, and the cost.

    Parameters
    ----------
    through
        As `opened` returns it.
    working, held_out
        Images to optimise on, and others to try the patch on.
    label
        The label.
    seed
        Draws the batches.
    """
    search = TriggerSearch(through, working, SearchSettings(), seed=seed)
    search.advance(STEPS, [label])
    refined = refine_triggers(through, working, [search.stack(label)], RefinementSettings(), seed=seed)
    others = held_out.take(np.flatnonzero(held_out.labels != label)[:TRIED_ON])
    success = attack_success_rate(through, others, refined.triggers[label], label)
    return refined.triggers[label], success, search.image_steps + refined.image_steps + len(others) // 3
