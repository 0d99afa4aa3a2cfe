"""Removing a backdoor without any data: prune the channels that amplify their input most."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from trivet.security.classifier import Classifier
from trivet.security.repairs.channels import Convolution, observe, silence, silenced_by
from trivet.security.repairs.training import copied_network

__all__ = ["LIPSCHITZ_DEVIATIONS", "Pruned", "channel_bounds", "prune_by_lipschitz"]

#: u of Zheng et al. 2022: a channel so many standard deviations above its layer's mean is pruned.
LIPSCHITZ_DEVIATIONS: Final = 3.0


@dataclass(frozen=True, eq=False)
class Pruned:
    """A network with silent channels, and how many of the channels examined were silenced."""

    model: Classifier
    channels: int
    examined: int


def channel_bounds(model: Classifier, convolution: Convolution) -> Tensor:
    """Return an upper bound on the Lipschitz constant of each output channel, shape (channels,).

    The largest singular value of the channel's weights, reshaped to (in_channels, height * width),
    times |gamma| / sqrt(var + eps) of the batch norm that follows (Zheng et al., ECCV 2022,
    equations 8 and 9).
    """
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
