"""Settings for a scan or repair of the user's network."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from annotated_types import Ge, MinLen

__all__ = ["DEMO", "MethodName", "ScanSettings"]

MethodName = Literal["auto", "unlearn", "fine-tune", "fine-prune", "clp", "ft-sam"]

#: Stands for the embedded network.
DEMO: Final = "demo"


@dataclass(frozen=True, kw_only=True)
class ScanSettings:
    """``[security.scan]``: what ``trivet scan`` and ``trivet repair`` take on the command line.

    Attributes
    ----------
    checkpoint
        A .pth or .pt state dict, .safetensors, .onnx, or the weights of a .pt2; ``demo`` is the
        embedded network.
    arch
        What weights belong to: mnist-cnn, package.module:factory, or timm:NAME.
    images
        Clean images with true classes: an embedded set's name, a folder with a subfolder a class, an
        .npz or an IDX file.
    class_names
        Names of the classes by their number, where the images have none of their own.
    contract
        What the network expects of pixels in [0, 1]: auto, a name, mean/std, or a .json or .toml file.
    limit
        Images at most.
    repair
        How a suspected backdoor is removed; None leaves the network as it is.
    """

    checkpoint: Path
    arch: str | None = None
    images: str | None = None
    class_names: Annotated[tuple[str, ...], MinLen(1)] | None = None
    contract: str = "auto"
    limit: Annotated[int, Ge(1)] | None = None
    repair: MethodName | None = None

    @property
    def is_demo(self) -> bool:
        """True for the embedded network."""
        return str(self.checkpoint) == DEMO
