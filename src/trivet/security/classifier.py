"""What trivet asks of a network: the shape of its images, its classes, and logits."""

from torch import Tensor, nn

__all__ = ["Classifier"]


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

    def weights(self) -> dict[str, Tensor]:
        """Return the state dict, named as in the file that the weights came from."""
        return self.state_dict()
