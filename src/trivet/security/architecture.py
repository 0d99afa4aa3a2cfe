"""Registry of the architectures that have a name."""

from collections.abc import Callable
from typing import Final

import torch

from trivet.errors import UsageError
from trivet.security.classifier import Classifier
from trivet.security.mnist_cnn import MnistCNN
from trivet.security.resnet import SmallResNet

__all__ = ["ARCHITECTURES", "Classifier", "MnistCNN", "SmallResNet", "build_architecture"]

#: The study's network, and those of the zoo: colour images, and pairs of digits in 100 classes.
ARCHITECTURES: Final[dict[str, Callable[[], Classifier]]] = {
    "mnist-cnn": MnistCNN,
    "small-resnet": SmallResNet,
    "pairs-cnn": lambda: MnistCNN(classes=100),
}


def build_architecture(name: str, *, seed: int = 0) -> Classifier:
    """Return a network named in `ARCHITECTURES`, its initial weights drawn from `seed`.

    The global generator is left as it was.

    Raises
    ------
    UsageError
        If there is no architecture of that name.
    """
    if name not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise UsageError(f"no architecture is called {name!r}; expected one of: {known}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ARCHITECTURES[name]()
