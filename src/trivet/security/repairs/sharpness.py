"""Removing a backdoor: fine-tuning towards flat places, where a backdoor does not hold."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import torch
from torch import Tensor, nn

from trivet.datasets.images import ImageSet
from trivet.security.classifier import Classifier
from trivet.security.contract import InputContract
from trivet.security.repairs.fine_tuning import FineTuningSettings, fine_tune

__all__ = ["SHARPNESS_RADIUS", "fine_tune_sharpness_aware", "sharp_gradients"]

#: rho of Zhu et al. 2023.
SHARPNESS_RADIUS: Final = 2.0


def sharp_gradients(
    weights: Sequence[nn.Parameter], loss: Callable[[], Tensor], *, radius: float = SHARPNESS_RADIUS
) -> None:
    """Compute the gradients where the loss is largest within `radius`, the weights left as they were.

    The neighbourhood is scaled by the weights' sizes T = diag(|w|): the largest loss under
    ``||T^-1 e|| <= radius`` lies, to first order, at ``e = radius * T^2 g / ||T g||`` (Zhu et al.,
    ICCV 2023, equations 2 and 4; Kwon et al., ICML 2021). Large weights, which backdoors lean on,
    are disturbed most.
    """
    loss().backward()
    reached = [(weight, weight.grad) for weight in weights if weight.grad is not None]
    with torch.no_grad():
        scaled = [weight.abs() * gradient for weight, gradient in reached]
        size = torch.stack([part.norm() for part in scaled]).norm()
        moves = [
            radius * weight.abs() * part / (size + torch.finfo(size.dtype).tiny)
            for (weight, _), part in zip(reached, scaled, strict=True)
        ]
        before = [weight.detach().clone() for weight, _ in reached]
        for (weight, _), move in zip(reached, moves, strict=True):
            weight.add_(move)
            weight.grad = None
    loss().backward()
    with torch.no_grad():
        for (weight, _), value in zip(reached, before, strict=True):
            weight.copy_(value)


def fine_tune_sharpness_aware(
    model: Classifier,
    contract: InputContract,
    images: ImageSet,
    settings: FineTuningSettings,
    *,
    radius: float = SHARPNESS_RADIUS,
    seed: int,
    progress: Callable[[float], None] | None = None,
) -> Classifier:
    """Return a copy of `model` fine-tuned with sharpness-aware minimisation: FT-SAM.

    Zhu et al., ICCV 2023, algorithm 1. Backdoors live in few, large weights, which plain fine-tuning
    hardly moves; making the loss flat around the weights shrinks them. Each step costs two.

    Parameters
    ----------
    model
        The attacked network; it is not changed.
    contract
        What the network expects of its inputs.
    images
        Clean images with true labels.
    settings
        Steps and optimiser.
    radius
        rho: how far the weights are moved in search of a larger loss, relative to their sizes.
    seed
        Seed of order and shifts.
    progress
        Called with the finished share of the work, 0 to 1.

    Returns
    -------
    Classifier
        In evaluation mode, weights frozen.
    """
    return fine_tune(
        model,
        contract,
        images,
        settings,
        seed=seed,
        gradients=partial(sharp_gradients, radius=radius),
        progress=progress,
    )
