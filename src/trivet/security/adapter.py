"""Adapter from any network to a `Classifier` with differentiable logits."""

from contextlib import nullcontext
from typing import Literal

import torch
from torch import Tensor, nn

from trivet.errors import CheckpointError
from trivet.security.activations import MAX_BYTES, Measured, measured
from trivet.security.classifier import Classifier
from trivet.security.guard import all_finite, guarded
from trivet.security.outputs import LastActivation, are_probabilities, scores_among

__all__ = ["AdaptedClassifier", "Kind", "adapt"]

#: What a network returns: logits (log-probabilities are such), what a softmax or a sigmoid made of
#: logits, or probabilities that came about in another way.
Kind = Literal["logits", "softmax", "sigmoid", "probabilities"]

#: Images of the second probe; with the first it shows whether an image's neighbours matter.
PROBES = 3
#: How far scores may differ when the same image stands in another batch.
RELATIVE, ABSOLUTE = 1e-3, 1e-4


class AdaptedClassifier(Classifier):
    """A network that was not written for trivet, seen as one that was; `adapt` makes it.

    Attributes
    ----------
    network
        The network itself.
    kind
        What it returns.
    batch
        The only number of images that it takes at a time, None where it takes any.
    name
        What messages call it.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        input_shape: tuple[int, int, int],
        classes: int,
        kind: Kind,
        batch: int | None,
        name: str,
    ) -> None:
        super().__init__()
        self.network = network
        self.input_shape, self.classes = input_shape, classes
        self.kind: Kind = kind
        self.batch, self.name = batch, name

    def forward(self, inputs: Tensor) -> Tensor:
        """Return what `logits` does."""
        return self.logits(inputs)

    def logits(self, inputs: Tensor) -> Tensor:
        """Return unnormalised class scores, shape (n, classes), for inputs (n, channels, h, w).

        Where the network ends in a softmax or a sigmoid these are what went into it: its gradients
        do not fade near 0 and 1 as those of probabilities do.
        """
        if self.batch is None:
            return self._logits(inputs)
        missing = -len(inputs) % self.batch
        filled = torch.cat([inputs, inputs[-1:].expand(missing, -1, -1, -1)])
        scores = torch.cat([self._logits(part) for part in filled.split(self.batch)])
        return scores[: len(inputs)]

    def weights(self) -> dict[str, Tensor]:
        """Return the network's own state dict, named as in the file that it came from."""
        return self.network.state_dict()

    def _logits(self, inputs: Tensor) -> Tensor:
        if self.kind == "logits":
            return _scores(self.network, inputs, self.classes, self.name)
        with LastActivation() as activation:
            scores = _scores(self.network, inputs, self.classes, self.name)
        found = activation.before(scores)
        return scores.clamp_min(torch.finfo(scores.dtype).tiny).log() if found is None else found[1]


def adapt(
    network: nn.Module,
    *,
    input_shape: tuple[int, int, int],
    classes: int | None = None,
    name: str = "the network",
    bounded: bool = False,
    batch: int | None = None,
) -> AdaptedClassifier:
    """Return `network` as a `Classifier`, in evaluation mode and with frozen weights.

    It is run on a few random images to see what it returns.

    Parameters
    ----------
    network
        Takes images (n, channels, height, width); `scores_among` tells what it may return.
    input_shape
        (channels, height, width) of the images at hand.
    classes
        Number of their classes; where it is None, as many as the network has.
    name
        What messages call the network.
    bounded
        Whether each operator runs on shapes alone first, so that a graph from an untrusted file that
        would take more than `trivet.security.activations.MAX_BYTES` is refused and not fed.
    batch
        How many images an exported network was written down for. It is kept to only where the
        network does not work on other numbers too.

    Raises
    ------
    CheckpointError
        If the network cannot classify such images, takes too much memory, or has another number of
        classes.
    """
    pixels = torch.rand(PROBES, *input_shape, generator=torch.Generator().manual_seed(0))
    with guarded(name, "be set up"), torch.no_grad():
        network.eval().requires_grad_(False)  # noqa: FBT003 - PyTorch's own signature
        held = sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values())
        with measured(name, held=held) if bounded else nullcontext(Measured()) as tally:
            one = pixels[:1].expand(batch or 1, -1, -1, -1)
            scores, kind = _examine(network, one, classes, name)
        affordable = held + PROBES * tally.bytes <= MAX_BYTES
        if batch is not None and affordable and _takes_any(network, pixels, scores[:1], name):
            batch = None
        elif batch is None and affordable:
            _, kind = _examine(network, pixels, scores.shape[1], name)
    return AdaptedClassifier(
        network, input_shape=input_shape, classes=scores.shape[1], kind=kind, batch=batch, name=name
    ).eval()


def _scores(network: nn.Module, pixels: Tensor, classes: int | None, name: str) -> Tensor:
    """Return what a user's network says of `pixels`: the only place where its forward runs."""
    with guarded(name, f"classify images of shape {tuple(pixels.shape[1:])}"):
        return scores_among(network(pixels), len(pixels), classes, name)


def _examine(network: nn.Module, pixels: Tensor, classes: int | None, name: str) -> tuple[Tensor, Kind]:
    """Return the scores of `pixels` and of what kind they are."""
    with LastActivation() as activation:
        scores = all_finite(_scores(network, pixels, classes, name), name)
    found = activation.before(scores)
    made_by = None if found is None else found[0]
    if are_probabilities(scores):
        return scores, "softmax" if made_by == "softmax" else "probabilities"
    return scores, "sigmoid" if made_by == "sigmoid" else "logits"


def _takes_any(network: nn.Module, pixels: Tensor, first: Tensor, name: str) -> bool:
    """Tell whether images may come in other numbers, and each is scored as if it were alone."""
    try:
        scores, _ = _examine(network, pixels, first.shape[1], name)
    except CheckpointError:  # whatever it is, the network's own number is left
        return False
    return torch.allclose(scores[:1], first, rtol=RELATIVE, atol=ABSOLUTE)
