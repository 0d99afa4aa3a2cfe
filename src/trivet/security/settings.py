"""Settings of the security leg: the published procedure, a scan or repair, and a network of the zoo."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from annotated_types import Ge, Gt, Interval, Le, MinLen

from trivet.settings import Count, Positive, Rate, Seed, SettingError, Settings

if TYPE_CHECKING:
    from trivet.datasets.fitting import Fit

__all__ = [
    "DEFAULT_IMAGES",
    "DEMO",
    "MAX_LOSS",
    "PROFILES",
    "ArchitectureName",
    "AttackName",
    "MethodName",
    "NetworkOptions",
    "Profile",
    "ProfileName",
    "Recipe",
    "ReferenceOptions",
    "RepairOptions",
    "ScanOptions",
    "ScanProfileName",
    "ScanSettings",
    "SecuritySettings",
]

ProfileName = Literal["smoke", "balanced", "high-fidelity"]
Share = Annotated[float, Ge(0), Le(1)]


@dataclass(frozen=True)
class Profile:
    """Cost profile of the published procedure: steps a label, and test images (None is all)."""

    steps: int
    images: int | None


PROFILES: dict[ProfileName, Profile] = {
    "smoke": Profile(steps=40, images=1_000),
    "balanced": Profile(steps=250, images=3_000),
    "high-fidelity": Profile(steps=500, images=None),
}


@dataclass(frozen=True, kw_only=True)
class SecuritySettings:
    """Constants of the security study; the defaults are the published ones.

    Attributes
    ----------
    profile
        Steps and images of the published procedure.
    contract
        The declared input contract: a name from `trivet.security.contract.CANDIDATES`.
    kappa
        Bound on the modified z-score, the study's equation 15.
    unlearning_fraction
        Share of stamped images in the repair.
    sweep_fractions, sweep_images
        Fractions that the repair is repeated with, and on how many images at most.
    """

    profile: ProfileName = "high-fidelity"
    contract: str = "[0,1]"
    kappa: Annotated[float, Gt(0)] = 3.5
    unlearning_fraction: Annotated[float, Gt(0), Le(1)] = 0.2
    sweep_fractions: Annotated[tuple[Share, ...], MinLen(2)] = (0.0, 0.1, 0.2, 0.3, 0.4)
    sweep_images: Annotated[int, Ge(100), Le(10_000)] = 3_000


ScanProfileName = Literal["quick", "standard", "thorough"]
MethodName = Literal["auto", "clp", "unlearn", "fst", "i-bau", "anp", "fine-tune", "fine-prune", "ft-sam"]
#: Points of clean accuracy.
Points = Annotated[float, Interval(ge=0, le=100)]
#: What a repair may cost by default: more than sampling hides on some thousand images, and less than a user
#: would notice.
MAX_LOSS: Final = 1.0

#: Stands for the embedded network.
DEMO: Final = "demo"
#: What trivet's own architectures classify, for calls that give no images.
DEFAULT_IMAGES: Final = {"mnist-cnn": "mnist", "small-resnet": "colour-digits", "pairs-cnn": "digit-pairs"}


@dataclass(frozen=True, kw_only=True)
class NetworkOptions(Settings):
    """Options of everything that scans: what the weights belong to, images, and how much work it takes.

    Attributes
    ----------
    arch
        What the weights belong to: mnist-cnn, package.module:factory, timm:NAME, torchvision:NAME, or
        hf:FOLDER.
    state_key
        Where the weights stand in the file, KEY or KEY.KEY, such as state_dict_ema: for files that hold
        several networks that fit.
    layers
        Of Keras files, .h5 or .keras: a .json file that says which of their layers each module of the network
        has.
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
    device
        Where the network runs: cpu, cuda, cuda:1, mps, or auto, which takes an accelerator where there is
        one. Results are the same bit for bit on the processor only.
    profile
        How much work the scan takes: quick for a first look or a thousand classes, thorough for a network
        that matters.
    """

    arch: str | None = None
    state_key: str | None = None
    layers: str | None = None
    images: str | None = None
    resize: str | None = None
    crop: Count | None = None
    rgb: bool = False
    class_order: str = "auto"
    contract: str = "auto"
    limit: Count | None = None
    device: str = "cpu"
    profile: ScanProfileName = "standard"

    def fit(self) -> "Fit":
        """Return what is done to each image."""
        from trivet.datasets.fitting import Fit  # noqa: PLC0415 - options alone need no pictures

        return Fit(self.resize, self.crop, self.rgb)


@dataclass(frozen=True, kw_only=True)
class ScanOptions(NetworkOptions):
    """Options of ``trivet scan`` and ``trivet repair``, beside the checkpoint.

    Attributes
    ----------
    reference
        Folder that `trivet zoo reference` made of clean networks of the same architecture: the score is
        ranked among theirs, and at most one clean network of twenty is accused.
    """

    reference: Path | None = None


@dataclass(frozen=True, kw_only=True)
class ReferenceOptions(NetworkOptions):
    """Options of ``trivet zoo reference``: those of the scans, and how the clean networks are trained.

    Attributes
    ----------
    count
        Clean networks to train; 19 are the fewest for an alarm, 99 for a p-value of 0.01.
    train
        Images to train on, as of --images, and other ones; trivet's own architectures have theirs.
    train_limit
        Training images of each network, drawn by its seed.
    epochs
        Passes over the training images.
    """

    count: Count = 39
    train: str | None = None
    train_limit: Count | None = None
    epochs: Count | None = None


@dataclass(frozen=True, kw_only=True)
class RepairOptions(Settings):
    """Options of ``trivet repair``, beside those of the scan.

    Attributes
    ----------
    method
        How; auto tries one after the other until one removes the backdoor at a loss of at most 0.2 points.
    max_loss
        Points of clean accuracy that a repair may cost. A method fails where the whole interval of its loss
        lies above; where the bound lies within, the outcome is unsettled.
    budget
        Seconds that the methods may take, the scan before them apart. What is not tried by then is named.
    """

    method: MethodName = "auto"
    max_loss: Points = MAX_LOSS
    budget: Positive | None = None


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
    max_loss
        Points of clean accuracy that the repair may cost.
    """

    checkpoint: Path
    class_names: Annotated[tuple[str, ...], MinLen(1)] | None = None
    repair: MethodName | None = None
    max_loss: Points = MAX_LOSS

    @property
    def is_demo(self) -> bool:
        """True for the embedded network."""
        return str(self.checkpoint) == DEMO


AttackName = Literal["badnets", "blended", "sinusoidal", "warping", "source-specific", "none"]
ArchitectureName = Literal["mnist-cnn", "small-resnet", "pairs-cnn"]


@dataclass(frozen=True, kw_only=True)
class Recipe(Settings):
    """Recipe of a specimen; the same recipe gives the same weights on the same machine.

    Attributes
    ----------
    architecture
        Grey 28x28, colour 32x32, or pairs of digits in 100 classes.
    attack
        How it is attacked, or none.
    target
        The attacker's label, for an attack.
    seed
        Draws trigger, poisoned images, weights and order.
    fraction
        Share of the training images that are poisoned.
    images
        Training images; None means all.
    contract
        Name of the preprocessing that it is trained with.
    """

    architecture: ArchitectureName = field(default="mnist-cnn", metadata={"option": "arch"})
    attack: AttackName = "none"
    target: Annotated[int, Ge(0)] | None = None
    seed: Seed = 0
    fraction: Rate = 0.1
    images: Count | None = field(default=40_000, metadata={"option": "limit"})
    contract: str = "(x-0.5)/0.5"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.attack != "none" and self.target is None:
            raise SettingError(
                "an attack needs the label that it aims at; give {target} with {kind}.", kind=self.attack
            )
