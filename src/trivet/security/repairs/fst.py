"""Fine-tuning from a new last layer that is kept away from the old one (FST)."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from trivet.datasets.images import ImageSet
from trivet.security.contract import InputContract
from trivet.security.networks import Classifier
from trivet.security.repairs.training import copied_network
from trivet.security.repairs.tuning import FineTuningSettings, fine_tune

__all__ = ["SHIFT", "last_layer", "shift_features"]

#: alpha of Min et al. 2023: weight of the inner product of the old and the new last layer.
SHIFT = 0.1


def last_layer(model: Classifier) -> str | None:
    """Return the name of the last weight matrix with a row or a column a class; None without one."""
    names = [
        name
        for name, weight in model.named_parameters()
        if weight.dim() >= 2 and model.classes in weight.shape[:2]  # noqa: PLR2004 - a matrix
    ]
    return names[-1] if names else None


def shift_features(
    model: Classifier,
    contract: InputContract,
    images: ImageSet,
    settings: FineTuningSettings,
    *,
    alpha: float = SHIFT,
    seed: int,
    progress: Callable[[float], None] | None = None,
) -> Classifier:
    """Return a copy of `model` whose features have moved away from those that the backdoor uses.

    Min et al., NeurIPS 2023, equation 2: the last layer is drawn anew, its norm is held at what it was, and
    training on clean images minimises the cross-entropy plus `alpha` times the inner product of the new and
    the old last layer. A network without a last layer (see `last_layer`) is fine-tuned as it is.

    Parameters
    ----------
    model, contract, images, settings, seed, progress
        As of `fine_tune`.
    alpha
        Larger values move the features further, at a loss of accuracy.
    """
    name = last_layer(model)
    if name is None:
        return fine_tune(model, contract, images, settings, seed=seed, progress=progress)
    started = copied_network(model)
    place = [each for each, weight in started.named_parameters() if weight.is_floating_point()].index(name)
    old = started.get_parameter(name).detach().clone()
    size = old.norm()
    draw = torch.rand(old.shape, generator=torch.Generator().manual_seed(seed)).to(old) * 2 - 1
    _set(started.get_parameter(name), draw, size)

    def gradients(weights: Sequence[nn.Parameter], loss: Callable[[], Tensor]) -> None:
        (loss() + alpha * (weights[place] * old).sum()).backward()

    return fine_tune(
        started,
        contract,
        images,
        settings,
        seed=seed,
        gradients=gradients,
        after_step=lambda trained: _set(trained.get_parameter(name), trained.get_parameter(name), size),
        progress=progress,
    )


def _set(weight: nn.Parameter, values: Tensor, size: Tensor) -> None:
    """Give a weight these values, scaled to this norm."""
    with torch.no_grad():
        weight.copy_(values * (size / values.norm().clamp_min(1e-12)))
