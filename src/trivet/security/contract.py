"""Which preprocessing a network expects, measured rather than believed."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from trivet.datasets.images import ImageSet
from trivet.errors import UsageError
from trivet.security.architecture import Classifier
from trivet.security.evaluation import Scorer, clean_accuracy
from trivet.security.results import ContractCandidate, ContractCheck

__all__ = ["CANDIDATES", "UNIT", "InputContract", "check_contract", "contract_named"]

#: A declared contract that loses more clean accuracy than this against the best one is a finding.
TOLERATED_LOSS = 0.05


@dataclass(frozen=True)
class InputContract:
    """What stands between pixels in [0, 1] and the network: ``(pixels * scale - mean) / std``.

    `mean` and `std` have one entry for all channels, or one a channel.
    """

    name: str
    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def __call__(self, pixels: Tensor) -> Tensor:
        """Turn pixels (n, channels, h, w) in [0, 1] into what the network expects."""
        if self.scale == 1.0 and self.mean == (0.0,) and self.std == (1.0,):
            return pixels
        mean = torch.tensor(self.mean, dtype=pixels.dtype).view(1, -1, 1, 1)
        std = torch.tensor(self.std, dtype=pixels.dtype).view(1, -1, 1, 1)
        return (pixels * self.scale - mean) / std

    def bind(self, model: Classifier) -> Scorer:
        """Return the function from pixels in [0, 1] to the model's logits."""
        return lambda pixels: model.logits(self(pixels))


UNIT = InputContract("[0,1]")

#: The usual contracts, most common first.
CANDIDATES = (
    UNIT,
    InputContract("(x-0.5)/0.5", mean=(0.5,), std=(0.5,)),
    InputContract("MNIST mean and std", mean=(0.1307,), std=(0.3081,)),
    InputContract("Fashion-MNIST mean and std", mean=(0.2860,), std=(0.3530,)),
    InputContract("[0,255]", scale=255.0),
)


def contract_named(name: str) -> InputContract:
    """Return the candidate called `name`.

    Raises
    ------
    UsageError
        If no candidate has that name.
    """
    for contract in CANDIDATES:
        if contract.name == name:
            return contract
    known = ", ".join(repr(contract.name) for contract in CANDIDATES)
    raise UsageError(f"no input contract is called {name!r}; expected one of: {known}")


def check_contract(model: Classifier, images: ImageSet, declared: InputContract = UNIT) -> ContractCheck:
    """Measure clean accuracy under the declared contract and under the usual candidates.

    A network fed with another scale than it was trained on looks damaged when it is not, and an
    audit of it measures the mistake.

    Parameters
    ----------
    model
        The network, in evaluation mode.
    images
        Clean images with true classes.
    declared
        What the network is said to expect.

    Notes
    -----
    The best contract is the first, the declared one before the candidates in their order, that
    lies within two standard errors of the highest accuracy: what the images cannot tell apart is
    settled by what is common.
    """
    contracts = (declared, *(c for c in CANDIDATES if c != declared))
    measured = tuple(
        ContractCandidate(c.name, c.scale, c.mean, c.std, clean_accuracy(c.bind(model), images))
        for c in contracts
    )
    top = max(candidate.clean_accuracy for candidate in measured)
    noise = 2 * math.sqrt(top * (1 - top) / len(images))
    best = next(candidate for candidate in measured if candidate.clean_accuracy >= top - noise)
    loss = best.clean_accuracy - measured[0].clean_accuracy
    mismatch = loss > TOLERATED_LOSS
    finding = (
        f"The declared input contract {declared.name} gives clean accuracy "
        f"{measured[0].clean_accuracy:.4f}; {best.name} gives {best.clean_accuracy:.4f}. "
        "The network was very probably trained with the latter."
        if mismatch
        else None
    )
    return ContractCheck(measured[0], best, measured, loss, TOLERATED_LOSS, mismatch, finding)
