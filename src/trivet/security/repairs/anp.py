"""Pruning of the channels that the network trips over when its weights are disturbed (ANP)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from trivet.datasets.images import ImageSet
from trivet.security.contract import InputContract
from trivet.security.evaluation import ONE, clean_accuracy, pixels_at
from trivet.security.networks import Classifier
from trivet.security.repairs.pruning import (
    PRUNING_IMAGES,
    Convolution,
    Pruned,
    most_allowed,
    observe,
    silence,
    silenced_by,
)
from trivet.security.repairs.training import copied_network, shuffled_batches

__all__ = ["AdversarialPruningSettings", "prune_adversarially"]


@dataclass(frozen=True, kw_only=True)
class AdversarialPruningSettings:
    """Settings of ANP; noise, share and threshold are those of Wu and Wang 2021.

    Attributes
    ----------
    epsilon
        Bound on the relative noise of a channel's scale and offset.
    alpha
        Share of the loss without noise in the loss of the masks.
    threshold, tolerance
        Channels whose mask falls below the first are pruned, smallest masks first, as many as cost no more
        clean accuracy than the second on images of the repair.
    steps, batch_size, learning_rate
        Of the descent of the masks, by Adam in place of 2,000 steps of plain descent.
    """

    epsilon: float = 0.4
    alpha: float = 0.2
    threshold: float = 0.2
    tolerance: float = 0.01
    steps: int = 100
    batch_size: int = 64
    learning_rate: float = 0.05

    @property
    def image_steps(self) -> int:
        """Images pushed forward and back: once for the noise, with and without it for the masks."""
        return 3 * self.steps * self.batch_size


class _Logits(nn.Module):
    """A network whose `forward` gives the logits."""

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Tensor) -> Tensor:
        return self.model.logits(inputs)


def prune_adversarially(
    model: Classifier,
    contract: InputContract,
    images: ImageSet,
    settings: AdversarialPruningSettings,
    *,
    seed: int,
    progress: Callable[[float], None] = lambda _share: None,
) -> Pruned:
    """Return a copy of `model` without the channels that noise in the weights turns against it: ANP.

    Wu and Wang, NeurIPS 2021, algorithm 1: an attacked network tips over to the target as soon as its
    channels are disturbed by some relative noise. Masks on the channels are trained to lower the loss under
    the noise that raises it most, and channels with small masks are silenced. The
    channels are those of the convolutions, by the scale and offset of their batch norm where they have one.

    Parameters
    ----------
    model, contract, images, seed, progress
        As of `fine_tune`.
    settings
        Noise, masks and their descent.
    """
    pruned = copied_network(model)
    layers = observe(pruned, contract(pixels_at(images, ONE)))
    if not layers:
        return Pruned(pruned, 0, 0)
    tensors = {**dict(pruned.named_buffers()), **dict(pruned.named_parameters())}
    labels = torch.from_numpy(images.labels)
    logits = _Logits(pruned)
    draw = torch.Generator().manual_seed(seed)
    masks = [torch.ones(len(layer.activity), requires_grad=True) for layer in layers]
    ones = [torch.ones(len(layer.activity)) for layer in layers]
    batches = shuffled_batches(len(images), batch_size=settings.batch_size, steps=settings.steps, seed=seed)
    optimiser = torch.optim.Adam(masks, lr=settings.learning_rate)

    def loss(inputs: Tensor, truth: Tensor, scales: Sequence[Tensor], offsets: Sequence[Tensor]) -> Tensor:
        changed = {
            f"model.{name}": each
            for layer, scale, offset in zip(layers, scales, offsets, strict=True)
            for name, each in _disturbed(tensors, layer, scale, offset).items()
        }
        return functional.cross_entropy(functional_call(logits, changed, (inputs,)), truth)

    for step, rows in enumerate(batches, start=1):
        inputs, truth = contract(pixels_at(images, rows)), labels[rows]
        noise = [
            (torch.rand(2, len(mask), generator=draw) * 2 - 1).mul_(settings.epsilon).requires_grad_()
            for mask in masks
        ]
        fixed = [mask.detach() for mask in masks]
        harm = loss(inputs, truth, *_noisy(fixed, noise))
        slopes = torch.autograd.grad(harm, noise, materialize_grads=True)  # zero where nothing depends on it
        worst = [
            (each.detach() + settings.epsilon * slope.sign()).clamp(-settings.epsilon, settings.epsilon)
            for each, slope in zip(noise, slopes, strict=True)
        ]
        plain, disturbed = loss(inputs, truth, masks, ones), loss(inputs, truth, *_noisy(masks, worst))
        optimiser.zero_grad()
        (settings.alpha * plain + (1 - settings.alpha) * disturbed).backward()
        optimiser.step()
        with torch.no_grad():
            for mask in masks:
                mask.clamp_(0, 1)
        progress(step / settings.steps)
    values = torch.cat([mask.detach() for mask in masks])
    order, sizes = values.argsort(stable=True), [len(mask) for mask in masks]

    def without(count: int) -> Classifier:
        chosen = torch.zeros(len(values), dtype=torch.bool).index_fill(0, order[:count], 1)
        copy = copied_network(pruned)
        for layer, channels in zip(layers, chosen.split(sizes), strict=True):
            silence(copy, silenced_by(layer, channels))
        return copy

    some = images.take(np.arange(min(PRUNING_IMAGES, len(images))))
    least = clean_accuracy(contract.bind(pruned), some) - settings.tolerance
    low = int((values < settings.threshold).sum())
    count = most_allowed(low + 1, lambda count: clean_accuracy(contract.bind(without(count)), some) >= least)
    return Pruned(without(count), count, len(values))


def _noisy(masks: Sequence[Tensor], noise: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Return the factors of scales and offsets: noise is added to the masks and to one."""
    pairs = zip(masks, noise, strict=True)
    return [mask + each[0] for mask, each in pairs], [1 + each[1] for each in noise]


def _disturbed(
    tensors: Mapping[str, Tensor], layer: Convolution, scale: Tensor, offset: Tensor
) -> dict[str, Tensor]:
    """Return the tensors of a layer with the scale and the offset of each channel multiplied."""
    norm = layer.norm
    by_norm = norm is not None and norm.weight is not None
    weight, bias = (norm.weight, norm.bias) if norm is not None and by_norm else (layer.weight, layer.bias)
    pairs = [(name, factor) for name, factor in ((weight, scale), (bias, offset)) if name is not None]
    return {
        name: tensors[name] * factor.to(tensors[name].device).view(-1, *[1] * (tensors[name].dim() - 1))
        for name, factor in pairs
    }
