"""Settings for a scan or repair of the user's network."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from annotated_types import MinLen

from trivet.settings import Count, Settings

if TYPE_CHECKING:
    from trivet.datasets.fitting import Fit

__all__ = ["DEMO", "MethodName", "ScanOptions", "ScanSettings"]

MethodName = Literal["auto", "unlearn", "fine-tune", "fine-prune", "clp", "ft-sam"]

#: Stands for the embedded network.
DEMO: Final = "demo"


@dataclass(frozen=True, kw_only=True)
class ScanOptions(Settings):
    """Options of ``trivet scan`` and ``trivet repair``, beside the checkpoint.

    Attributes
    ----------
    arch
        What the weights belong to: mnist-cnn, package.module:factory, timm:NAME, torchvision:NAME, or
        hf:FOLDER.
    state_key
        Where the weights stand in the file, KEY or KEY.KEY, such as state_dict_ema: for files that hold
        several networks that fit.
    images
        Clean images with true classes: an embedded set's name, a folder with a subfolder a class,
        an .npz or an IDX file. A repair works on half of them, and the other half judges it.
    resize
        Scale each image: N for its shorter side in pixels, or WxH for both.
    crop
        Cut a square of so many pixels out of the middle of each image, after scaling it.
    rgb
        Make grey images colour ones, of three equal channels.
    class_order
        Numbers of the classes of a folder: auto (by value, or as text where only that fits the network),
        number, text, or a .json file with the number of each name (class_to_idx).
    contract
        What the network expects of pixels in [0, 1]: auto, a name such as "(x-0.5)/0.5", mean/std,
        or a .json or .toml file.
    limit
        Use at most that many images.
    """

    arch: str | None = None
    state_key: str | None = None
    images: str | None = None
    resize: str | None = None
    crop: Count | None = None
    rgb: bool = False
    class_order: str = "auto"
    contract: str = "auto"
    limit: Count | None = None

    def fit(self) -> "Fit":
        """Return what is done to each image."""
        from trivet.datasets.fitting import Fit  # noqa: PLC0415 - options alone need no pictures

        return Fit(self.resize, self.crop, self.rgb)


@dataclass(frozen=True, kw_only=True)
class ScanSettings(ScanOptions):
    """``[security.scan]``: the user's network, to be scanned and repaired.

    Attributes
    ----------
    checkpoint
        A .pth or .pt state dict, .safetensors, .onnx, or the weights of a .pt2; ``demo`` is the
        embedded network.
    class_names
        Names of the classes by their number, where the images have none of their own.
    repair
        How a suspected backdoor is removed; None leaves the network as it is.
    """

    checkpoint: Path
    class_names: Annotated[tuple[str, ...], MinLen(1)] | None = None
    repair: MethodName | None = None

    @property
    def is_demo(self) -> bool:
        """True for the embedded network."""
        return str(self.checkpoint) == DEMO
