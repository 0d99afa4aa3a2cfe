"""Removing a backdoor: prune the channels that clean images leave silent, then fine-tune."""

from collections.abc import Callable
from typing import Final

import numpy as np
import torch

from trivet.datasets.images import ImageSet
from trivet.security.classifier import Classifier
from trivet.security.contract import InputContract
from trivet.security.evaluation import clean_accuracy
from trivet.security.repairs.channels import Convolution, Silenced, observe, silence, silenced_by
from trivet.security.repairs.fine_tuning import FineTuningSettings, fine_tune
from trivet.security.repairs.lipschitz import Pruned
from trivet.security.repairs.training import copied_network

__all__ = ["PRUNING_TOLERANCE", "fine_prune"]

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
    model
        The attacked network; it is not changed.
    contract
        What the network expects of its inputs.
    images
        Clean images with true labels. A part ranks the channels, another tells how many may go, and
        all serve the fine-tuning.
    settings
        Of the fine-tuning.
    tolerance
        Clean accuracy that pruning may cost.
    seed
        Draws the parts, the order and the shifts.
    progress
        Called with the finished share of the fine-tuning, 0 to 1.
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
    """Return the last convolution with its activity on the images; None if there is none.

    One that looks at more than single pixels is preferred, since the last to run in a residual
    network is often a shortcut.
    """
    activity = torch.zeros(())
    last = None
    for pixels in torch.from_numpy(images.pixels).split(BATCH):
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

    allowed, refused = 0, len(order)
    while refused - allowed > 1:
        count = (allowed + refused) // 2
        trial = silence(copied_network(model), idle(count))
        if clean_accuracy(contract.bind(trial), images) >= least:
            allowed = count
        else:
            refused = count
    return idle(allowed), allowed
