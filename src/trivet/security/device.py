"""Device that a network runs on, hidden from what feeds it."""

import torch
from torch import Tensor

from trivet.security.adapting import guarded
from trivet.security.networks import Classifier
from trivet.work.device import CPU, find_device

__all__ = ["CPU", "OnDevice", "device_of", "find_device", "on_device"]


def on_device(model: Classifier, device: torch.device) -> Classifier:
    """Return a network that runs on `device` and takes and gives tensors of the processor."""
    return model if device.type == CPU else OnDevice(model, device)


def device_of(model: Classifier) -> str:
    """Return the name of the device that a network runs on."""
    return str(model.device) if isinstance(model, OnDevice) else CPU


class OnDevice(Classifier):
    """A network on an accelerator.

    Images go there batch by batch and logits come back, gradients likewise, so that neither a search
    nor a repair needs to know where the weights are.
    """

    def __init__(self, model: Classifier, device: torch.device) -> None:
        super().__init__()
        self.input_shape, self.classes, self.name = model.input_shape, model.classes, model.name
        self.device = device
        with guarded(model.name, f"be moved to {device}"):
            self.model = model.to(device)

    def logits(self, inputs: Tensor) -> Tensor:
        """Return class scores, shape (n, classes), where the inputs are."""
        with guarded(self.name, f"run on {self.device}"):
            return self.model.logits(inputs.to(self.device)).to(inputs.device)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits."""
        return self.logits(inputs)

    def weights(self) -> dict[str, Tensor]:
        """Return the network's own state dict, on the processor."""
        return {name: value.cpu() for name, value in self.model.weights().items()}
