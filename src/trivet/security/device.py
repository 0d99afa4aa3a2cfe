"""Device that a network runs on, hidden from what feeds it."""

import torch
from torch import Tensor

from trivet.errors import UsageError
from trivet.security.adapting import guarded
from trivet.security.networks import Classifier
from trivet.wording import first_line, quote

__all__ = ["CPU", "OnDevice", "device_of", "find_device", "on_device"]

CPU = "cpu"
AUTO = "auto"
#: Kinds of accelerators, the first that is here is what ``auto`` takes.
ACCELERATORS = ("cuda", "mps")


def find_device(name: str) -> torch.device:
    """Return the device called ``cpu``, ``cuda``, ``cuda:1``, ``mps``, or, for ``auto``, the fastest here.

    Raises
    ------
    UsageError
        If there is no such device, or this build of PyTorch cannot use it.
    """
    here = {kind: getattr(torch, kind).device_count() for kind in ACCELERATORS if _is_here(kind)}
    if name == AUTO:
        return torch.device(next(iter(here), CPU))
    try:
        device = torch.device(name)
    except (RuntimeError, ValueError) as error:
        raise UsageError(
            f"{quote(name)} names no device ({first_line(error)}); expected cpu, cuda, cuda:1, mps or auto."
        ) from error
    if device.type == CPU or (device.index or 0) < here.get(device.type, 0):
        return device
    found = ", ".join(f"{count} of {kind}" for kind, count in here.items()) or "none but the processor"
    raise UsageError(
        f"PyTorch {torch.__version__} finds no device {quote(name)} here, but {found}. Leave out --device, "
        "or install the build of PyTorch for it."
    )


def _is_here(kind: str) -> bool:
    module = torch.cuda if kind == "cuda" else torch.backends.mps
    return bool(module.is_available())


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
