"""Removing a backdoor: unlearning with reconstructed triggers."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional
from torch.utils.data import DataLoader

from trivet.datasets.images import ImageSet
from trivet.security.architecture import Classifier
from trivet.security.contract import InputContract
from trivet.security.trigger import Trigger

__all__ = ["UnlearningSettings", "unlearn"]


@dataclass(frozen=True, kw_only=True)
class UnlearningSettings:
    """How a network is trained on stamped images with their true labels, by Adam.

    Attributes
    ----------
    fraction
        Share of the images that are stamped.
    epochs, batch_size, learning_rate
        Of the training.
    leading
        Stamp whole batches at the head of each epoch, as published, instead of that share of
        every batch.
    dropout
        Train with the network's dropout. Off, a small set of images costs less accuracy.
    annealing
        Let the learning rate fall to zero along a cosine.
    """

    fraction: float = 0.2
    epochs: int = 3
    batch_size: int = 128
    learning_rate: float = 5e-4
    leading: bool = False
    dropout: bool = False
    annealing: bool = True


def unlearn(
    model: Classifier,
    contract: InputContract,
    images: ImageSet,
    triggers: Sequence[Trigger],
    settings: UnlearningSettings,
    *,
    seed: int,
    order: torch.Generator | None = None,
    progress: Callable[[float], None] | None = None,
) -> Classifier:
    """Return a copy of `model` trained to give stamped images their true labels.

    Wang et al. 2019, section VI-B. The global generator is left as it was.

    Parameters
    ----------
    model
        The attacked network; it is not changed.
    contract
        What the network expects of its inputs.
    images
        Clean images with true labels, to train on.
    triggers
        The triggers to unlearn, in turn from batch to batch.
    settings
        Share of stamped images and optimiser.
    seed
        Seed of the dropout, and of the order where `order` is not given.
    order
        Generator of the order, for calls that continue one stream.
    progress
        Called with the finished share of the work, 0 to 1.

    Returns
    -------
    Classifier
        In evaluation mode, weights frozen.
    """
    repaired = copy.deepcopy(model).train(settings.dropout).requires_grad_(True)  # noqa: FBT003 - PyTorch's
    pixels, labels = torch.from_numpy(images.pixels), torch.from_numpy(images.labels)
    loader = DataLoader(
        range(len(images)),  # pyright: ignore[reportArgumentType] - any sequence will do
        batch_size=settings.batch_size,
        shuffle=True,
        generator=order or torch.Generator().manual_seed(seed),
    )
    steps = settings.epochs * len(loader)
    optimiser = torch.optim.Adam(repaired.parameters(), lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=steps)
    step = 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for _ in range(settings.epochs):
            seen = 0
            for rows in loader:
                if settings.leading:
                    count = len(rows) if seen < settings.fraction * len(images) else 0
                else:
                    count = round(settings.fraction * len(rows))
                stamp = triggers[step % len(triggers)]
                batch = torch.cat([stamp(pixels[rows[:count]]), pixels[rows[count:]]])
                loss = functional.cross_entropy(repaired.logits(contract(batch)), labels[rows])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                if settings.annealing:
                    schedule.step()
                seen += len(rows)
                step += 1
                if progress is not None:
                    progress(step / steps)
    return repaired.eval().requires_grad_(False)  # noqa: FBT003 - PyTorch's own signature
