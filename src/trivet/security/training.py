"""Training of a network from scratch: the specimens of the zoo and the embedded network."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional

from trivet.datasets.images import ImageSet
from trivet.security.architecture import Classifier, build_architecture
from trivet.security.contract import InputContract

__all__ = ["TrainingSettings", "train_classifier"]


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Settings of training: Adam with a cosine schedule from `learning_rate` to zero."""

    epochs: int = 1
    batch_size: int = 128
    learning_rate: float = 2e-3


def train_classifier(
    architecture: str,
    contract: InputContract,
    images: ImageSet,
    settings: TrainingSettings,
    *,
    seed: int,
    progress: Callable[[float], None] | None = None,
) -> Classifier:
    """Train a network of a named architecture; weights, order and dropout follow `seed`.

    Returns
    -------
    Classifier
        In evaluation mode, weights frozen.
    """
    pixels, labels = torch.from_numpy(images.pixels), torch.from_numpy(images.labels)
    order = torch.Generator().manual_seed(seed)
    steps = settings.epochs * -(-len(images) // settings.batch_size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_architecture(architecture, seed=seed).train()
        optimiser = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=steps)
        step = 0
        for _ in range(settings.epochs):
            for rows in torch.randperm(len(images), generator=order).split(settings.batch_size):
                loss = functional.cross_entropy(model.logits(contract(pixels[rows])), labels[rows])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                step += 1
                if progress is not None:
                    progress(step / steps)
    return model.eval().requires_grad_(False)  # noqa: FBT003 - PyTorch's own signature
