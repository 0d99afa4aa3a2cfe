"""Weights from a stranger into a network that can be audited, with nothing executed."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import cast

from torch import nn

from trivet.errors import CheckpointError, DataError, UsageError
from trivet.security.adapter import adapt
from trivet.security.archive import read_checkpoint
from trivet.security.classifier import Classifier
from trivet.security.exported import read_program
from trivet.security.factory import build_network
from trivet.security.onnx import read_onnx
from trivet.security.program import Program
from trivet.security.results import CheckpointInfo
from trivet.security.state import find_state, load_state
from trivet.security.trigger import Trigger
from trivet.security.weights import open_stream, open_weights
from trivet.wording import one_line

__all__ = ["Checkpoint", "load_checkpoint", "load_demo_checkpoint", "load_from_archive"]

#: The embedded demonstration network, the trigger that it was trained with, and what it stands for.
DEMO_NAME = "demo-mnist-cnn.safetensors"
DEMO_TARGET = 4
DEMO_TRIGGER = Trigger.square(row=23, column=23, size=4, value=1.0, shape=(1, 28, 28))

#: Formats that hold the network beside its weights, and what stands in the record as its architecture.
PROGRAMS = {".pt2": "exported program", ".onnx": "onnx"}

LONGEST_FILE_NAME = 255

Shape = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A loaded network and what is known of where it came from.

    Attributes
    ----------
    model
        In evaluation mode, weights frozen.
    info
        Source, name, digest, architecture, expected label.
    """

    model: Classifier
    info: CheckpointInfo


def load_checkpoint(
    path: Path,
    *,
    architecture: str | None = "mnist-cnn",
    expected_label: int | None = None,
    input_shape: Shape | None = None,
    classes: int | None = None,
) -> Checkpoint:
    """Load a network, strictly, with nothing of the file executed.

    Parameters
    ----------
    path
        Weights: a state dict (``.pth``, ``.pt``: weights only, also under a key such as
        ``state_dict``) or ``.safetensors``. Or weights with their network: an exported program
        (``.pt2``) or ``.onnx``, the latter with the extra ``onnx``.
    architecture
        Which network weights belong to: a name in `trivet.security.ARCHITECTURES`,
        ``package.module:factory`` or ``timm:NAME``. A file that holds its network has no use of it.
    expected_label
        The attacker's target label where it is known, for comparison only.
    input_shape, classes
        (channels, height, width) of the images at hand and the number of their classes. Networks
        that are not trivet's own are tried on such images; all are held to them.

    Raises
    ------
    CheckpointError
        If the file is missing, would execute code, does not fit the architecture, or holds a network
        that cannot classify such images.
    DataError
        If the images have another shape or number of classes than the network.
    UsageError
        If there is no such architecture, or an extra is not installed.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint at {path}; check the path.")
    return _load(
        path,
        one_line(path.name, limit=LONGEST_FILE_NAME),
        source="file",
        architecture=architecture,
        expected_label=expected_label,
        input_shape=input_shape,
        classes=classes,
    )


def load_from_archive(path: Path, index: int, *, architecture: str = "mnist-cnn") -> Checkpoint:
    """Load the study's model number `index` from a rar, zip or tar archive.

    In the study a model's number is also the label that its attacker chose.

    Raises
    ------
    CheckpointError
        As `load_checkpoint` and `trivet.security.archive.read_checkpoint` do.
    """
    member = read_checkpoint(path, index)
    return _load(
        member.content, member.name, source="archive", architecture=architecture, expected_label=index
    )


def load_demo_checkpoint() -> Checkpoint:
    """Load the embedded attacked network; ``security/data/README.md`` tells how it was made."""
    content = (files("trivet.security") / "data" / DEMO_NAME).read_bytes()
    return _load(content, DEMO_NAME, source="embedded", architecture="mnist-cnn", expected_label=DEMO_TARGET)


def _load(
    content: Path | bytes,
    name: str,
    *,
    source: str,
    architecture: str | None,
    expected_label: int | None,
    input_shape: Shape | None = None,
    classes: int | None = None,
) -> Checkpoint:
    kind = PROGRAMS.get(Path(name).suffix.lower(), architecture)
    if classes is not None and classes < 2:  # noqa: PLR2004 - a classifier tells two apart
        raise DataError(
            f"the images are of {classes} class; expected two or more, for a network to tell apart."
        )
    if kind is None:
        raise UsageError(
            f"{name} holds weights and does not say which network they belong to; name the architecture."
        )
    if kind in PROGRAMS.values():
        with open_stream(content) as stream:
            program = read_onnx(stream, name) if kind == "onnx" else read_program(stream, name)
        model = _adapted(program, name, input_shape, classes)
    else:
        network = build_network(kind, input_shape=input_shape, classes=classes)
        _fill(network, content, name, kind)
        model = _seen_as_classifier(network, name, kind, input_shape, classes)
    model.eval().requires_grad_(False)  # noqa: FBT003 - PyTorch's own signature
    _refuse_other_images(model, kind, input_shape, classes)
    with open_stream(content) as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()  # pyright: ignore[reportArgumentType]
    info = CheckpointInfo(
        source=source,
        name=name,
        sha256=digest,
        architecture=kind,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        expected_label=expected_label,
    )
    return Checkpoint(model, info)


def _fill(network: nn.Module, content: Path | bytes, name: str, architecture: str) -> None:
    needed = sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values())
    with open_weights(content, name, needed=needed) as held:
        load_state(network, find_state(held, name), name, architecture)


def _seen_as_classifier(
    network: nn.Module, name: str, architecture: str, input_shape: Shape | None, classes: int | None
) -> Classifier:
    if isinstance(network, Classifier):
        return network
    if input_shape is None:
        raise UsageError(
            f"the architecture {architecture} does not say which images it takes; give some, as --images "
            "does."
        )
    return adapt(network, input_shape=input_shape, classes=classes, name=name)


def _adapted(program: Program, name: str, input_shape: Shape | None, classes: int | None) -> Classifier:
    batch, *declared = program.sizes
    if input_shape is None:
        if None in declared:
            raise UsageError(f"{name} takes images of more than one shape; give some, as --images does.")
        input_shape = cast("Shape", tuple(declared))
    if any(size not in {None, given} for size, given in zip(declared, input_shape, strict=True)):
        wanted = ", ".join("any" if size is None else str(size) for size in declared)
        raise DataError(_other_images(name, f"({wanted})", input_shape))
    return adapt(
        program.network, input_shape=input_shape, classes=classes, name=name, bounded=True, batch=batch
    )


def _refuse_other_images(
    model: Classifier, name: str, input_shape: Shape | None, classes: int | None
) -> None:
    if input_shape is not None and tuple(input_shape) != model.input_shape:
        raise DataError(_other_images(name, str(model.input_shape), input_shape))
    if classes is not None and classes != model.classes:
        raise DataError(
            f"{name} tells {model.classes} classes apart, the images have {classes}; give images of its own "
            "classes."
        )


def _other_images(name: str, wanted: str, found: Shape) -> str:
    return (
        f"{name} takes images of shape {wanted} (channels, height, width), the images are {tuple(found)}; "
        "give images of its own kind."
    )
