"""Removing a backdoor: training on with clean images alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import cos, pi
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from trivet.datasets.images import ImageSet
from trivet.security.contract import InputContract
from trivet.security.evaluation import pixels_at
from trivet.security.networks import Classifier
from trivet.security.repairs.training import finished, shifted, shuffled_batches, trainable_copy

__all__ = ["FineTuningSettings", "fine_tune", "fine_tune_sharpness_aware", "sharp_gradients"]

#: Leaves in the weights' `.grad` what the optimiser shall follow; calls the loss as often as it needs.
Gradients = Callable[[Sequence[nn.Parameter], Callable[[], Tensor]], None]


@dataclass(frozen=True, kw_only=True)
class FineTuningSettings:
    """Settings of fine-tuning by stochastic gradient descent.

    Attributes
    ----------
    steps, batch_size
        Batches in all, and images a batch.
    learning_rate, momentum, weight_decay
        Of the descent; the rate falls to zero along a cosine.
    warm_up
        Share of the steps in which the rate rises from zero: a network whose losses are steep is
        otherwise thrown so far in the first steps that it does not come back.
    shift
        Move each image by up to so many pixels each way.
    """

    steps: int = 600
    batch_size: int = 128
    learning_rate: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 5e-4
    warm_up: float = 0.2
    shift: int = 1


def plain_gradients(_weights: Sequence[nn.Parameter], loss: Callable[[], Tensor]) -> None:
    """Compute the gradients of the loss where the weights are."""
    loss().backward()


def fine_tune(
    model: Classifier,
    contract: InputContract,
    images: ImageSet,
    settings: FineTuningSettings,
    *,
    seed: int,
    gradients: Gradients = plain_gradients,
    after_step: Callable[[Classifier], object] = lambda _model: None,
    progress: Callable[[float], None] | None = None,
) -> Classifier:
    """Return a copy of `model` trained on with clean images and their true labels.

    What the images do not call for is forgotten slowly or not at all, so a backdoor often survives
    (Liu et al. 2018, section 4.2; Zhu et al. 2023).

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
    seed
        Seed of order and shifts.
    gradients
        How each step's gradients are found.
    after_step
        Called with the network in training after each step; may change its weights.
    progress
        Called with the finished share of the work, 0 to 1.

    Returns
    -------
    Classifier
        In evaluation mode, weights frozen.
    """
    repaired = trainable_copy(model)
    labels = torch.from_numpy(images.labels)
    weights = [weight for weight in repaired.parameters() if weight.requires_grad]
    optimiser = torch.optim.SGD(
        weights, lr=settings.learning_rate, momentum=settings.momentum, weight_decay=settings.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, settings))
    moves = torch.Generator().manual_seed(seed)
    batches = shuffled_batches(len(images), batch_size=settings.batch_size, steps=settings.steps, seed=seed)
    for step, rows in enumerate(batches, start=1):
        inputs = contract(shifted(pixels_at(images, rows), at_most=settings.shift, generator=moves))
        truth = labels[rows]

        def loss(inputs: Tensor = inputs, truth: Tensor = truth) -> Tensor:
            return functional.cross_entropy(repaired.logits(inputs), truth)

        optimiser.zero_grad()
        gradients(weights, loss)
        optimiser.step()
        schedule.step()
        after_step(repaired)
        if progress is not None:
            progress(step / settings.steps)
    return finished(repaired)


def _rate(step: int, settings: FineTuningSettings) -> float:
    """Return the share of the full learning rate at a step."""
    warm_up = settings.warm_up * settings.steps
    rising = min(1.0, (step + 1) / warm_up) if warm_up > 0 else 1.0
    return rising * (1 + cos(pi * step / settings.steps)) / 2


#: rho of Zhu et al. 2023.
SHARPNESS_RADIUS: Final = 2.0


def sharp_gradients(
    weights: Sequence[nn.Parameter], loss: Callable[[], Tensor], *, radius: float = SHARPNESS_RADIUS
) -> None:
    """Compute gradients where the loss is largest nearby (Zhu et al., ICCV 2023, equations 2 and 4)."""
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
    """Return a copy of `model` as `fine_tune` does, with sharpness-aware minimisation: FT-SAM.

    Zhu et al., ICCV 2023, algorithm 1. Backdoors live in few, large weights, which plain fine-tuning
    hardly moves; making the loss flat around the weights shrinks them. Each step costs two.

    Parameters
    ----------
    model, contract, images, settings, seed, progress
        As of `fine_tune`.
    radius
        rho: how far the weights are moved in search of a larger loss, relative to their sizes.
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
