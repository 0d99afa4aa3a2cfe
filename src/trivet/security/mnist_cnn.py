"""The network of the published study, for grey images of 28x28."""

from torch import Tensor, nn

from trivet.security.classifier import Classifier

__all__ = ["MnistCNN"]


class MnistCNN(Classifier):
    """The study's network: two convolutions, two dense layers, softmax output.

    The names of the layers are those of the attacked checkpoints, so that a state dict loads
    strictly. `forward` returns probabilities; optimisation and scoring use `logits`.
    """

    input_shape = (1, 28, 28)

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.classes = classes
        self.conv1 = nn.Sequential(nn.Conv2d(1, 16, kernel_size=5), nn.ReLU(), nn.AvgPool2d(2))
        self.conv2 = nn.Sequential(nn.Conv2d(16, 32, kernel_size=5), nn.ReLU(), nn.AvgPool2d(2))
        self.fc1 = nn.Sequential(nn.Linear(512, 512), nn.ReLU())
        self.fc2 = nn.Sequential(nn.Linear(512, classes), nn.Softmax(dim=-1))
        self.dropout = nn.Dropout(0.5)

    def logits(self, inputs: Tensor) -> Tensor:
        """Return the scores before the softmax, shape (n, classes), for inputs (n, 1, 28, 28)."""
        features: Tensor = self.conv2(self.conv1(inputs)).flatten(start_dim=1)
        scores: Tensor = self.fc2[0](self.fc1(self.dropout(features)))
        return scores

    def forward(self, inputs: Tensor) -> Tensor:
        """Return class probabilities, shape (n, classes), for inputs (n, 1, 28, 28)."""
        probabilities: Tensor = self.fc2[1](self.logits(inputs))
        return probabilities
