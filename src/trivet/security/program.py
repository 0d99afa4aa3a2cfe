"""A network that came with its own graph, and what it says of its images."""

from dataclasses import dataclass

from torch import nn

__all__ = ["Program", "Sizes"]

#: Of (n, channels, height, width), None for one that may vary.
Sizes = tuple[int | None, int | None, int | None, int | None]


@dataclass(frozen=True, eq=False)
class Program:
    """A network with its graph, and what it says of its images.

    Attributes
    ----------
    network
        Takes images (n, channels, height, width).
    sizes
        What the network was written down for.
    """

    network: nn.Module
    sizes: Sizes
