"""Unlearning of the universal perturbation that does most harm: needs no trigger (I-BAU)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from trivet.datasets.images import ImageSet
from trivet.security.contract import InputContract
from trivet.security.evaluation import pixels_at
from trivet.security.networks import Classifier
from trivet.security.repairs.training import finished, shifted, shuffled_batches, trainable_copy

__all__ = ["UniversalUnlearningSettings", "unlearn_universally"]


@dataclass(frozen=True, kw_only=True)
class UniversalUnlearningSettings:
    """Settings of I-BAU.

    Attributes
    ----------
    rounds
        How often a new perturbation is sought.
    ascents, descents
        Batches in each round on which it grows, and on which the network then unlearns it.
    batch_size, learning_rate
        Of the training by Adam.
    radius
        L2 bound of the perturbation on images of 3x32x32; on others it is as large a pixel.
    shift
        Move each image by up to so many pixels each way.
    """

    rounds: int = 5
    ascents: int = 10
    descents: int = 20
    batch_size: int = 64
    learning_rate: float = 5e-4
    radius: float = 3.0
    shift: int = 1

    @property
    def image_steps(self) -> int:
        """Images pushed forward and back: a descent takes each one clean and perturbed."""
        return self.rounds * (self.ascents + 2 * self.descents) * self.batch_size


#: Numbers in an image for which `radius` holds.
NUMBERS = 3 * 32 * 32


def unlearn_universally(
    model: Classifier,
    contract: InputContract,
    images: ImageSet,
    settings: UniversalUnlearningSettings,
    *,
    seed: int,
    progress: Callable[[float], None] = lambda _share: None,
) -> Classifier:
    """Return a copy of `model` that withstands one perturbation common to all images.

    Zeng et al., ICLR 2022, equation 1: the weights minimise the loss under the perturbation that, within
    a bound, maximises it. Of its gradient only the part of first order is used; the implicit part, by which
    the worst perturbation moves with the weights, costs five second-order products a step and is left out,
    as it is small where the perturbation sits on the bound. Clean images beside perturbed ones hold the
    accuracy.

    Parameters
    ----------
    model, contract, images, seed, progress
        As of `fine_tune`.
    settings
        Rounds, bound and optimiser.
    """
    trained = trainable_copy(model)
    labels = torch.from_numpy(images.labels)
    optimiser = torch.optim.Adam(trained.parameters(), lr=settings.learning_rate)
    each = settings.ascents + settings.descents
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.rounds * settings.descents)
    moves = torch.Generator().manual_seed(seed)
    steps = settings.rounds * each
    batches = shuffled_batches(len(images), batch_size=settings.batch_size, steps=steps, seed=seed)
    radius = settings.radius * (images.pixels[0].size / NUMBERS) ** 0.5
    change = torch.zeros(images.pixels.shape[1:])
    for step, rows in enumerate(batches):
        pixels, truth = pixels_at(images, rows), labels[rows]
        if step % each == 0:
            change = torch.zeros_like(change)
        if step % each < settings.ascents:
            change = _worse(trained, contract, pixels, truth, change, radius, settings.ascents)
        else:
            moved = shifted(pixels, at_most=settings.shift, generator=moves)
            both = torch.cat([moved, (moved + change).clamp(0, 1)])
            optimiser.zero_grad()
            functional.cross_entropy(trained.logits(contract(both)), torch.cat([truth, truth])).backward()
            optimiser.step()
            schedule.step()
        progress((step + 1) / steps)
    return finished(trained)


def _worse(
    model: Classifier,
    contract: InputContract,
    pixels: Tensor,
    truth: Tensor,
    change: Tensor,
    radius: float,
    steps: int,
) -> Tensor:
    """Return the perturbation after a step up the loss, within the bound."""
    change = change.detach().requires_grad_(True)  # noqa: FBT003 - PyTorch's own signature
    loss = functional.cross_entropy(model.logits(contract((pixels + change).clamp(0, 1))), truth)
    (slope,) = torch.autograd.grad(loss, change)
    grown = change.detach() + 2 * radius / steps * slope / slope.norm().clamp_min(1e-12)
    return grown * (radius / grown.norm().clamp_min(radius))
