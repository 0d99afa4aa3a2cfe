"""A small residual network for colour images of 32x32: the zoo's second family."""

from torch import Tensor, nn
from torch.nn import functional

from trivet.security.classifier import Classifier

__all__ = ["SmallResNet"]


class SmallResNet(Classifier):
    """A residual network with batch norm, one block at each of three widths (He et al. 2016).

    `forward` returns logits.
    """

    input_shape = (3, 32, 32)
    classes = 10

    def __init__(self, widths: tuple[int, int, int] = (8, 16, 32)) -> None:
        super().__init__()
        first, second, third = widths
        self.stem = nn.Sequential(
            nn.Conv2d(3, first, kernel_size=3, padding=1, bias=False), nn.BatchNorm2d(first), nn.ReLU()
        )
        self.blocks = nn.Sequential(
            _Block(first, first, 1), _Block(first, second, 2), _Block(second, third, 2)
        )
        self.fc = nn.Linear(third, self.classes)

    def logits(self, inputs: Tensor) -> Tensor:
        """Return class scores, shape (n, 10), for inputs (n, 3, 32, 32)."""
        features: Tensor = self.blocks(self.stem(inputs))
        scores: Tensor = self.fc(features.mean(dim=(2, 3)))
        return scores

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits."""
        return self.logits(inputs)


class _Block(nn.Module):
    def __init__(self, wide: int, wider: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(wide, wider, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(wider)
        self.conv2 = nn.Conv2d(wider, wider, kernel_size=3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(wider)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or wide != wider:
            self.shortcut = nn.Sequential(
                nn.Conv2d(wide, wider, kernel_size=1, stride=stride, bias=False), nn.BatchNorm2d(wider)
            )

    def forward(self, inputs: Tensor) -> Tensor:
        inside = functional.relu(self.bn1(self.conv1(inputs)))
        return functional.relu(self.bn2(self.conv2(inside)) + self.shortcut(inputs))
