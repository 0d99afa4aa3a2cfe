"""Convolutions that a network runs, the batch norm after each, and the activity of their channels.

The operators tell it while they run, so it makes no difference whether the network is made of layers or
is a graph read from a file.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from trivet.datasets.images import ImageSet
from trivet.security.contract import InputContract
from trivet.security.evaluation import OperatorMode, batches, clean_accuracy, pixels_at
from trivet.security.networks import Classifier
from trivet.security.repairs.training import copied_network
from trivet.security.repairs.tuning import FineTuningSettings, fine_tune

__all__ = [
    "channel_bounds",
    "fine_prune",
    "most_allowed",
    "observe",
    "prune_by_lipschitz",
    "silence",
    "silenced_by",
]

#: By name in the state dict, which entries along the first axis are zero for good.
Silenced = Mapping[str, Tensor]

NORMS: Final = frozenset(
    {
        "native_batch_norm",
        "_native_batch_norm_legit",
        "_native_batch_norm_legit_no_training",
        "_batch_norm_with_update",
        "_batch_norm_no_update",
        "batch_norm",
        "cudnn_batch_norm",
    }
)


@dataclass(frozen=True)
class Norm:
    """A batch norm, its tensors by their names in the state dict; None where it has none."""

    weight: str | None
    bias: str | None
    variance: str | None
    eps: float


@dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution that ran."""

    weight: str
    bias: str | None
    norm: Norm | None
    kernel: tuple[int, ...]
    activity: Tensor


def observe(model: Classifier, inputs: Tensor) -> list[Convolution]:
    """Run `model` and return its convolutions in the order in which they ran, transposed ones left out."""
    with torch.no_grad(), _Watch(model) as watch:
        model.logits(inputs)
    return list(watch.found.values())


def silenced_by(convolution: Convolution, channels: Tensor) -> dict[str, Tensor]:
    """Return what has to be zero for `channels` of a convolution to be silent, a mask by name."""
    norm = convolution.norm
    names = [convolution.weight, convolution.bias, *((norm.weight, norm.bias) if norm else ())]
    return {name: channels for name in names if name is not None}


def silence(model: Classifier, silenced: Silenced) -> Classifier:
    """Set what is silenced to zero in `model` itself, and return it."""
    tensors = _tensors(model)
    with torch.no_grad():
        for name, channels in silenced.items():
            tensors[name][channels] = 0
    return model


def _tensors(model: Classifier) -> dict[str, Tensor]:
    return {**dict(model.named_buffers()), **dict(model.named_parameters())}


class _Watch(OperatorMode):
    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self._names = {_place(tensor): name for name, tensor in _tensors(model).items() if tensor.numel()}
        self.found: dict[str, Convolution] = {}
        self._last: tuple[str, Tensor] | None = None

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        operator = func.overloadpacket.__name__
        if operator in NORMS or operator == "convolution":
            named = dict(zip((a.name for a in func._schema.arguments), args, strict=False)) | (kwargs or {})  # noqa: SLF001 - the only way to arguments by name
            if operator == "convolution":
                self._note_convolution(named, result)
            else:
                self._note_norm(named, result[0] if isinstance(result, tuple) else result)
        return result

    def _note_convolution(self, named: Mapping[str, Any], output: Tensor) -> None:
        self._last = None
        weight = named["weight"]
        name = self._names.get(_place(weight))
        if name is None or named["transposed"]:
            return
        self._last = (name, output)
        self.found[name] = Convolution(
            name, self._name(named["bias"]), None, tuple(weight.shape[2:]), _activity(output)
        )

    def _note_norm(self, named: Mapping[str, Any], output: Tensor) -> None:
        if self._last is None or named["input"] is not self._last[1]:
            return
        name, before = self._last[0], self.found[self._last[0]]
        norm = Norm(
            self._name(named["weight"]),
            self._name(named["bias"]),
            self._name(named["running_var"]),
            float(named["eps"]),
        )
        self.found[name] = Convolution(name, before.bias, norm, before.kernel, _activity(output))
        self._last = None

    def _name(self, tensor: Tensor | None) -> str | None:
        return None if tensor is None else self._names.get(_place(tensor))


def _place(tensor: Tensor) -> tuple[int, torch.Size]:
    return tensor.data_ptr(), tensor.shape


def _activity(output: Tensor) -> Tensor:
    return output.clamp_min(0).mean(dim=[axis for axis in range(output.dim()) if axis != 1]).cpu()


#: u of Zheng et al. 2022: a channel so many standard deviations above its layer's mean is pruned.
LIPSCHITZ_DEVIATIONS: Final = 3.0


@dataclass(frozen=True, eq=False)
class Pruned:
    """A network with silent channels, and how many of the channels examined were silenced."""

    model: Classifier
    channels: int
    examined: int


def channel_bounds(model: Classifier, convolution: Convolution) -> Tensor:
    """Return Lipschitz bounds of the output channels (Zheng et al., ECCV 2022, equations 8 and 9)."""
    state = {**dict(model.named_buffers()), **dict(model.named_parameters())}
    with torch.no_grad():
        bounds = torch.linalg.matrix_norm(state[convolution.weight].flatten(start_dim=2), ord=2)
        norm = convolution.norm
        if norm is not None and norm.variance is not None:
            bounds = bounds / (state[norm.variance] + norm.eps).sqrt()
        if norm is not None and norm.weight is not None:
            bounds = bounds * state[norm.weight].abs()
    return bounds


def prune_by_lipschitz(model: Classifier, *, deviations: float = LIPSCHITZ_DEVIATIONS) -> Pruned:
    """Return a copy of `model` without the channels whose Lipschitz bound stands out: CLP.

    Zheng et al., ECCV 2022, algorithm 1: in each layer, channels above the mean plus `deviations`
    standard deviations are silenced: weights, biases and the batch norm's scale and offset become
    zero. A layer of ten channels or fewer cannot have one that stands out by three.

    Parameters
    ----------
    model
        The attacked network; it is not changed.
    deviations
        u: smaller values prune more.
    """
    pruned = copied_network(model)
    channels = examined = 0
    for convolution in observe(pruned, torch.zeros(1, *pruned.input_shape)):
        bounds = channel_bounds(pruned, convolution)
        if len(bounds) > 1:
            standing_out = bounds > bounds.mean() + deviations * bounds.std()
            silence(pruned, silenced_by(convolution, standing_out))
            channels += int(standing_out.sum())
        examined += len(bounds)
    return Pruned(pruned, channels, examined)


#: How much clean accuracy pruning may cost on the images that it is judged by, before fine-tuning.
PRUNING_TOLERANCE: Final = 0.02
#: Images that activity is measured on, and as many others that accuracy is measured on.
PRUNING_IMAGES: Final = 1_000
#: Run through the network at a time.
BATCH: Final = 100


def fine_prune(
    model: Classifier,
    contract: InputContract,
    images: ImageSet,
    settings: FineTuningSettings,
    *,
    tolerance: float = PRUNING_TOLERANCE,
    seed: int,
    progress: Callable[[float], None] | None = None,
) -> Pruned:
    """Return a copy of `model` with silent channels pruned and the rest fine-tuned.

    Liu et al. 2018, section 4: a backdoor uses channels that clean images leave idle. Those of the
    last convolution are pruned in the order of their mean activity, as many as clean accuracy
    allows; fine-tuning then wins back what that cost, the pruned channels staying silent.

    Parameters
    ----------
    model, contract, settings, progress
        As of `fine_tune`.
    images
        Clean images with true labels. A part ranks the channels, another tells how many may go, and
        all serve the fine-tuning.
    tolerance
        Clean accuracy that pruning may cost.
    seed
        Draws the parts, the order and the shifts.
    """
    ranking, judging = images.split(0.5, seed=seed)
    last = _last_convolution(model, contract, ranking.take(np.arange(min(PRUNING_IMAGES, len(ranking)))))
    silenced: Silenced = {}
    examined = count = 0
    if last is not None:
        judges = judging.take(np.arange(min(PRUNING_IMAGES, len(judging))))
        silenced, count = _most(model, contract, judges, last, tolerance)
        examined = len(last.activity)
    tuned = fine_tune(
        silence(copied_network(model), silenced),
        contract,
        images,
        settings,
        seed=seed,
        after_step=lambda trained: silence(trained, silenced),
        progress=progress,
    )
    return Pruned(tuned, count, examined)


def _last_convolution(model: Classifier, contract: InputContract, images: ImageSet) -> Convolution | None:
    """Return the last convolution that looks at more than single pixels, else the last, with its activity."""
    activity = torch.zeros(())
    last = None
    for rows in batches(len(images), BATCH):
        pixels = pixels_at(images, rows)
        ran = observe(model, contract(pixels))
        wide = [convolution for convolution in ran if max(convolution.kernel, default=1) > 1]
        if not ran:
            return None
        last = (wide or ran)[-1]
        activity = activity + len(pixels) * last.activity
    if last is None:
        return None
    return Convolution(last.weight, last.bias, last.norm, last.kernel, activity / len(images))


def _most(
    model: Classifier, contract: InputContract, images: ImageSet, layer: Convolution, tolerance: float
) -> tuple[Silenced, int]:
    """Return the largest number of idle channels that accuracy allows to prune, found by bisection."""
    order = layer.activity.argsort(stable=True)
    least = clean_accuracy(contract.bind(model), images) - tolerance

    def idle(count: int) -> dict[str, torch.Tensor]:
        channels = torch.zeros(len(order), dtype=torch.bool)
        channels[order[:count]] = True
        return silenced_by(layer, channels)

    allowed = most_allowed(
        len(order),
        lambda count: (
            clean_accuracy(contract.bind(silence(copied_network(model), idle(count))), images) >= least
        ),
    )
    return idle(allowed), allowed


def most_allowed(refused: int, allows: Callable[[int], bool]) -> int:
    """Return by bisection the largest number below `refused` that is allowed; 0 always is."""
    allowed = 0
    while refused - allowed > 1:
        count = (allowed + refused) // 2
        if allows(count):
            allowed = count
        else:
            refused = count
    return allowed
