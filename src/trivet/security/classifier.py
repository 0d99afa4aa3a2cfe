"""Classifier interface: the shape of its images, its classes, and logits."""

from collections.abc import Callable

from torch import Tensor, nn

__all__ = ["Classifier", "Scorer"]

#: From pixels in [0, 1], shape (n, channels, height, width), to finite logits, shape (n, classes).
Scorer = Callable[[Tensor], Tensor]


class Classifier(nn.Module):
    """A network over images whose class scores can be read as logits."""

    input_shape: tuple[int, int, int]
    classes: int
    name: str = "the network"

    def logits(self, inputs: Tensor) -> Tensor:
        """Return unnormalised class scores, shape (n, classes), for inputs (n, channels, h, w)."""
        raise NotImplementedError

    def weights(self) -> dict[str, Tensor]:
        """Return the state dict, named as in the file that the weights came from."""
        return self.state_dict()
