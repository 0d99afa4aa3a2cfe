"""Which network a checkpoint belongs to, and how its logits are reached."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from trivet.errors import UsageError

__all__ = ["ARCHITECTURES", "Classifier", "MnistCNN", "build_architecture"]


class Classifier(nn.Module):
    """A network over images whose class scores can be read as logits.

    Attributes
    ----------
    input_shape
        (channels, height, width) of one image.
    classes
        Number of classes.
    """

    input_shape: tuple[int, int, int]
    classes: int

    def logits(self, inputs: Tensor) -> Tensor:
        """Return unnormalised class scores, shape (n, classes), for inputs (n, channels, h, w)."""
        raise NotImplementedError


class MnistCNN(Classifier):
    """The study's network: two convolutions, two dense layers, softmax output.

    The names of the layers are those of the attacked checkpoints, so that a state dict loads
    strictly. `forward` returns probabilities; optimisation and scoring use `logits`.
    """

    input_shape = (1, 28, 28)
    classes = 10

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(1, 16, kernel_size=5), nn.ReLU(), nn.AvgPool2d(2))
        self.conv2 = nn.Sequential(nn.Conv2d(16, 32, kernel_size=5), nn.ReLU(), nn.AvgPool2d(2))
        self.fc1 = nn.Sequential(nn.Linear(512, 512), nn.ReLU())
        self.fc2 = nn.Sequential(nn.Linear(512, 10), nn.Softmax(dim=-1))
        self.dropout = nn.Dropout(0.5)

    def logits(self, inputs: Tensor) -> Tensor:
        """Return the scores before the softmax, shape (n, 10), for inputs (n, 1, 28, 28)."""
        features: Tensor = self.conv2(self.conv1(inputs)).flatten(start_dim=1)
        scores: Tensor = self.fc2[0](self.fc1(self.dropout(features)))
        return scores

    def forward(self, inputs: Tensor) -> Tensor:
        """Return class probabilities, shape (n, 10), for inputs (n, 1, 28, 28)."""
        probabilities: Tensor = self.fc2[1](self.logits(inputs))
        return probabilities


ARCHITECTURES: dict[str, Callable[[], Classifier]] = {"mnist-cnn": MnistCNN}


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
