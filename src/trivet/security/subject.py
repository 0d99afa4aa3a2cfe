"""Network and clean images of a scan."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trivet.errors import CheckpointError, UsageError
from trivet.wording import one_line, reason
from trivet.work.confined import Confined

if TYPE_CHECKING:
    from trivet.datasets.images import ImageSet
    from trivet.security.checkpoint import Checkpoint
    from trivet.security.contract import InputContract

__all__ = [
    "DEFAULT_IMAGES",
    "LONGEST_FILE_NAME",
    "READERS",
    "Subject",
    "existing_checkpoint",
    "images_for",
    "load_subject",
    "missing_architecture",
]

#: What trivet's own architectures classify, for calls that give no images.
DEFAULT_IMAGES: Final = {"mnist-cnn": "mnist", "small-resnet": "colour-digits", "pairs-cnn": "digit-pairs"}
#: Files that hold the network beside its weights, and files whose network is code.
SELF_CONTAINED: Final = {".onnx"}
PROGRAM: Final = ".pt2"
#: What the child process imports to read weights.
READERS: Final = "trivet.security.weights"
MISSING_IMAGES: Final = (
    "clean images with true classes are needed; give --images (images in audit.toml): a folder of pictures "
    "with a subfolder a class, an .npz file, an IDX file, or the name of an embedded set such as mnist."
)
#: File systems take no longer names.
LONGEST_FILE_NAME: Final = 255


@dataclass(frozen=True, eq=False)
class Subject:
    """A loaded network, clean images of its classes, and the declared input contract."""

    checkpoint: "Checkpoint"
    images: "ImageSet"
    declared: "InputContract | None"


def images_for(architecture: str | None, images: str | None) -> str:
    """Return the image source to use."""
    if images is not None:
        return images
    if architecture in DEFAULT_IMAGES:
        return DEFAULT_IMAGES[architecture]
    if architecture is not None and ":" not in architecture:
        raise UsageError(
            f"no architecture is called {architecture!r}; expected one of {', '.join(DEFAULT_IMAGES)}, or "
            "package.module:factory, or timm:NAME."
        )
    raise UsageError(MISSING_IMAGES)


def existing_checkpoint(path: Path) -> Path:
    """Return `path` where there is a file."""
    shown = one_line(path, limit=LONGEST_FILE_NAME)
    try:
        found = path.is_file()
    except (OSError, ValueError) as error:  # a name too long, a folder that is locked, a NUL
        why = (isinstance(error, OSError) and error.strerror) or reason(error)
        raise CheckpointError(f"the checkpoint {shown} cannot be opened: {why}.") from error
    if not found:
        raise CheckpointError(f"there is no checkpoint at {shown}; check the path.")
    return path


def missing_architecture(name: str) -> str:
    """Return what to say of weights that come without the name of their architecture."""
    if Path(name).suffix.lower() == PROGRAM:
        return (
            f"{name} is an exported program, of which only the weights are read; name the architecture that "
            "they belong to with --arch (arch in audit.toml). Or export the network as ONNX: "
            "torch.onnx.export(model, images, 'model.onnx', dynamo=False)."
        )
    return (
        f"which network do the weights in {name} belong to? Give --arch (arch in audit.toml): mnist-cnn, "
        "package.module:factory, or timm:NAME."
    )


def load_subject(
    weights: Path,
    architecture: str | None,
    images: str | None,
    contract: str,
    *,
    limit: int | None,
    seed: int,
) -> Subject:
    """Load what the command line, or audit.toml, names."""
    existing_checkpoint(weights)
    if architecture is None and weights.suffix.lower() not in SELF_CONTAINED:
        also = "" if images is not None else f" Unless that is one of trivet's own, {MISSING_IMAGES}"
        raise UsageError(missing_architecture(one_line(weights.name, limit=LONGEST_FILE_NAME)) + also)
    source = images_for(architecture, images)
    with Confined(ready=READERS) as reader:  # it starts while PyTorch is loaded
        from trivet.datasets.source import load_images  # noqa: PLC0415
        from trivet.security.checkpoint import load_checkpoint  # noqa: PLC0415
        from trivet.security.declaration import parse_contract  # noqa: PLC0415

        declared = parse_contract(contract)
        clean = load_images(source, limit=limit, seed=seed)
        shape = clean.pixels.shape
        checkpoint = load_checkpoint(
            weights,
            architecture=architecture,
            input_shape=(shape[1], shape[2], shape[3]),
            classes=clean.classes,
            reader=reader,
        )
        return Subject(checkpoint, clean, declared)
