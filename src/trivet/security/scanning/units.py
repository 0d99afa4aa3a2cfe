"""Search for one unit before the last layer that alone leads to a label.

A detector that is written into a trained network (Qi et al., CVPR 2022) is a narrow path beside all others:
closed on clean images, and with a last unit that overrules the rest. No mask and no margin is drawn to it,
since its rectifiers are closed, gradients and all, and other paths are louder. Here each unit is opened by
itself: the network computes what it always does, but the gradient goes through that unit alone, and on
through closed rectifiers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from trivet.datasets.images import ImageSet
from trivet.security.adapting import GRADIENT, guarded
from trivet.security.detection import lead_probability
from trivet.security.evaluation import ONE, attack_success_rate, batches, images_at_once, pixels_at
from trivet.security.networks import Scorer
from trivet.security.scanning.changes import BATCH
from trivet.security.scanning.refine import RefinementSettings, refine_triggers
from trivet.security.scanning.search import SearchSettings, TriggerSearch
from trivet.security.scanning.sequential import margin_scores
from trivet.security.scanning.stamps import rightly_classified
from trivet.security.trigger import Trigger

__all__ = ["LoneUnit", "UnitSettings", "find_lone_unit", "trigger_through_unit"]

#: Bounds of the rectifiers, by the names that modules, functions, methods and graph nodes call them by.
BOUNDS: Final[dict[str, tuple[float, float | None]]] = {"relu": (0.0, None), "relu6": (0.0, 6.0)}
#: How far scores may be off with the rectifiers replaced, of the largest: a network that uses what an
#: operator in place leaves behind would be another one.
ROUNDING: Final = 1e-4
TRIALS: Final = 2
#: Steps that a label's patch is optimised for, and held-out images that it is tried on.
STEPS: Final = 135
TRIED_ON: Final = 300
#: Of the images of other labels so many have to go over for a unit to have led to its label.
MOVES: Final = 0.9
#: Smaller gains, and smaller leads of a clean label, count as this.
LEAST: Final = 1e-6
#: Fewer rightly classified images say too little of what a unit does on clean ones.
FEWEST_IMAGES: Final = 24


class _Opened(torch.autograd.Function):
    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        _ctx: Any, inputs: Tensor, low: float, high: float | None
    ) -> Tensor:
        return inputs.clamp(low, high)

    @staticmethod
    def backward(_ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return gradient, None, None


class _Dense(TorchFunctionMode):
    """Sees the last dense layer of a pass, opens rectifiers, and cuts off all units before it but one."""

    def __init__(self, *, opens: bool = False, layer: int | None = None, unit: int = 0) -> None:
        super().__init__()
        self._opens, self._layer, self._unit = opens, layer, unit
        self.met = self.layers = self.last = 0
        self.features = self.weights = self.scores = torch.empty(0)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "").partition(".")[0].removesuffix("_")
        given = args[0] if args else kwargs.get("input")
        if self._opens and name in BOUNDS and isinstance(given, Tensor):
            self.met += 1
            return cast("Tensor", _Opened.apply(given, *BOUNDS[name]))
        if name != "linear":
            return func(*args, **kwargs)
        named = dict(zip(("input", "weight", "bias"), args, strict=False)) | kwargs
        if self.layers == self._layer:
            alone = torch.zeros_like(named["input"])
            alone[..., self._unit] = 1
            named["input"] = named["input"].detach() * (1 - alone) + named["input"] * alone
        result = func(**named)
        if result.dim() == 2:  # noqa: PLR2004 - images and scores
            self.last, self.features, self.weights, self.scores = (
                self.layers,
                named["input"],
                named["weight"],
                result,
            )
        self.layers += 1
        return result


@dataclass(frozen=True, kw_only=True)
class UnitSettings:
    """Settings of the search.

    Attributes
    ----------
    images
        Clean images that the units are seen on.
    labels, heaviest, idle
        Units that are opened, where the weight of a unit is the lead of one label's weight over all others':
        the heaviest unit of each label, up to so many labels; the heaviest of all; and of the rest those that
        differ least between clean images.
    starts, steps, step_size
        Random images from which a unit is opened, and signed gradient steps that shrink.
    """

    images: int = 200
    labels: int = 100
    heaviest: int = 24
    idle: int = 24
    starts: int = 2
    steps: int = 20
    step_size: float = 0.15


@dataclass(frozen=True, eq=False)
class LoneUnit:
    """The unit that leads furthest to a label.

    Attributes
    ----------
    layer, unit
        The last dense layer, counted in a pass, and the unit among its inputs.
    label
        The label that it speaks for.
    gain
        What the unit adds to the label's score where it is open, over what takes nine of ten clean images of
        other labels there.
    lead
        That over the largest such gain of a unit for any other label.
    p_value
        Chance that the first of as many clean labels leads as far, where the logarithms of gains are normal.
    opens
        Whether gradients go on through closed rectifiers.
    image_steps
        Images pushed forward and back.
    """

    layer: int
    unit: int
    label: int
    gain: float
    lead: float
    p_value: float
    opens: bool
    image_steps: int


def find_lone_unit(
    score: Scorer,
    images: ImageSet,
    settings: UnitSettings,
    *,
    seed: int,
    progress: Callable[[float], None] = lambda _share: None,
) -> LoneUnit | None:
    """Open units one by one; return the one that gains most.

    None where images are too few, where the scores come from no dense layer, or where units speak for too few
    labels to compare them.
    """
    some = rightly_classified(score, images, settings.images, seed=seed)
    if len(some) < FEWEST_IMAGES or len(np.unique(some.labels)) < 2:  # noqa: PLR2004 - a label and others
        return None
    at_once = images_at_once(score, pixels_at(some, ONE), at_most=BATCH)
    seen = [_seen(score, pixels_at(some, rows)) for rows in batches(len(some), at_once)]
    first = seen[0][0]
    if not all(_are_scores(layer.scores, shown) for layer, shown in seen):
        return None
    features = torch.cat([layer.features for layer, _ in seen]).float().cpu()
    given = torch.cat([layer.scores for layer, _ in seen]).float().cpu()
    weights = first.weights.detach().float().cpu()
    if not (features.isfinite().all() and weights.isfinite().all()):
        return None
    two, labels = weights.topk(2, dim=0)
    heavy, labels = two[0] - two[1], labels[0]
    units = _chosen(features, heavy, labels, settings)
    opens = _can_open(score, pixels_at(some, slice(TRIALS)))
    reached = _reached(score, units, tuple(some.pixels.shape[1:]), opens, settings, seed, at_once, progress)
    gains = (reached - features[:, units].median(dim=0).values) * heavy[units]
    best = []
    for label in labels[units].unique():
        own = labels[units] == label
        behind = (given.amax(dim=1) - given[:, label])[torch.from_numpy(some.labels) != label]
        gains[own] /= behind.quantile(MOVES).clamp_min(LEAST)
        best.append(float(gains[own].max()))
    logs = np.log(np.maximum(best, LEAST))
    scores = margin_scores(logs) if np.isfinite(logs).all() else None
    if scores is None:
        return None
    at = int(gains.argmax())
    second, lead = np.sort(logs)[-2:].tolist()
    p_value = lead_probability(float(np.diff(np.sort(scores)[-2:])[0]), len(scores))
    steps = len(units) * settings.starts * (settings.steps + 1) + 2 * len(some) // 3
    return LoneUnit(
        layer=first.last,
        unit=int(units[at]),
        label=int(labels[units[at]]),
        gain=float(gains[at]),
        lead=float(np.exp(lead - second)),
        p_value=p_value,
        opens=opens,
        image_steps=steps,
    )


def _seen(score: Scorer, pixels: Tensor) -> tuple[_Dense, Tensor]:
    with torch.no_grad(), _Dense() as layer:
        return layer, score(pixels)


def _are_scores(found: Tensor, shown: Tensor) -> bool:
    """Return whether a layer's outputs rank the labels as the network does."""
    return found.shape == shown.shape and torch.equal(found.argmax(dim=1).cpu(), shown.argmax(dim=1).cpu())


def _chosen(features: Tensor, heavy: Tensor, labels: Tensor, settings: UnitSettings) -> Tensor:
    """Return the units that are opened."""
    order = heavy.argsort(descending=True).tolist()
    of_labels: dict[int, int] = {}
    for unit in order:
        of_labels.setdefault(int(labels[unit]), unit)
    varies = features.quantile(0.98, dim=0) - features.quantile(0.02, dim=0)
    idle = [unit for unit in varies.argsort().tolist() if heavy[unit] > 0]
    chosen = [
        *list(of_labels.values())[: settings.labels],
        *order[: settings.heaviest],
        *idle[: settings.idle],
    ]
    return torch.tensor(list(dict.fromkeys(chosen)))


def _can_open(score: Scorer, trial: Tensor) -> bool:
    """Return whether there are rectifiers that can be replaced, and the scores stay the same."""
    with torch.no_grad(), _Dense(opens=True) as mode:
        replaced = score(trial)
    with torch.no_grad():
        expected = score(trial)
    return bool(mode.met) and bool((replaced - expected).abs().max() <= ROUNDING * expected.abs().max())


def _reached(
    score: Scorer,
    units: Tensor,
    shape: tuple[int, ...],
    opens: bool,  # noqa: FBT001 - of a private function
    settings: UnitSettings,
    seed: int,
    at_once: int,
    progress: Callable[[float], None],
) -> Tensor:
    """Return the largest output of each unit that was met on the way from any start."""
    starts = torch.rand((settings.starts, *shape), generator=torch.Generator().manual_seed(seed))
    found: list[Tensor] = []
    for part in units.split(max(1, at_once // settings.starts)):
        pixels = starts.repeat(len(part), *[1] * len(shape))
        aimed = part.repeat_interleave(settings.starts)
        best = torch.full((len(pixels),), -torch.inf)
        for step in range(settings.steps + 1):
            pixels = pixels.detach().requires_grad_(True)  # noqa: FBT003 - PyTorch's own signature
            with _Dense(opens=opens) as layer:
                score(pixels)
            rows = torch.arange(len(pixels), device=layer.features.device)
            value = layer.features[rows, aimed.to(rows.device)]
            best = torch.maximum(best, value.detach().float().cpu())
            with guarded("the network", GRADIENT):
                (slope,) = torch.autograd.grad(value.sum(), pixels)
            size = settings.step_size * (1 - step / settings.steps)
            pixels = (pixels + size * slope.sign()).clamp(0, 1)
        found.append(best.view(len(part), -1).amax(dim=1))
        progress(sum(map(len, found)) / len(units))
    return torch.cat(found)


def trigger_through_unit(
    score: Scorer, working: ImageSet, held_out: ImageSet, lone: LoneUnit, *, seed: int
) -> tuple[Trigger, float, int]:
    """Return the smallest patch found through a unit, what it sends to the label, and the image-steps."""

    def through(pixels: Tensor) -> Tensor:
        with _Dense(opens=lone.opens, layer=lone.layer, unit=lone.unit):
            return score(pixels)

    search = TriggerSearch(through, working, SearchSettings(), seed=seed)
    search.advance(STEPS, [lone.label])
    refined = refine_triggers(through, working, [search.stack(lone.label)], RefinementSettings(), seed=seed)
    trigger = refined.triggers[lone.label]
    others = held_out.take(np.flatnonzero(held_out.labels != lone.label)[:TRIED_ON])
    success = attack_success_rate(score, others, trigger, lone.label)
    return trigger, success, search.image_steps + refined.image_steps + len(others) // 3
