"""A network with the images that it takes, and the arrangement of pixels that makes them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

__all__ = ["AXES", "Program", "Sizes", "arranged"]

#: Of a batch of images, axis by axis, None for one that may vary.
Sizes = tuple[int | None, ...]


@dataclass(frozen=True, eq=False)
class Program:
    """A network with the images that it takes at a time and an image's axes; None stands for any."""

    network: "nn.Module"
    batch: int | None
    sizes: tuple[int | None, ...]


#: How many a batch of images has.
AXES = 4
Shape = tuple[int, int, int]


def arranged(program: Program, shape: Shape) -> "nn.Module | None":
    """Return the network as one of images (channels, height, width); None where no arrangement fits."""
    from torch import nn  # noqa: PLC0415 - the child process has no use of it

    class Arranged(nn.Module):
        """A network behind an arrangement of the pixels."""

        def __init__(self, arrange: Callable[[Any], Any]) -> None:
            super().__init__()
            self.network, self.arrange = program.network, arrange

        def forward(self, images: Any) -> Any:
            return self.network(self.arrange(images))

    channels, height, width = shape
    ways: tuple[tuple[tuple[int, ...], Callable[[Any], Any]], ...] = (
        (shape, lambda images: images),
        ((height, width, channels), lambda images: images.permute(0, 2, 3, 1)),
        *((((height, width), lambda images: images[:, 0]),) if channels == 1 else ()),
        ((channels * height * width,), lambda images: images.flatten(1)),
    )
    for way, arrange in ways:
        if len(way) == len(program.sizes) and all(
            size in {None, given} for size, given in zip(program.sizes, way, strict=True)
        ):
            return program.network if way == shape else Arranged(arrange)
    return None
