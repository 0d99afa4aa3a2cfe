"""Weights out of an untrusted file into a network that can be audited, with nothing executed."""

import itertools
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from copy import copy
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import safetensors.torch
import torch
from torch import Tensor, nn

from trivet.errors import CheckpointError, DataError, TrivetError, UsageError
from trivet.security.adapting import adapt, guarded
from trivet.security.device import find_device, on_device
from trivet.security.networks import (
    FOLDER,
    FOLDER_FILES,
    TIMM,
    Classifier,
    build_architecture,
    build_network,
    load_from_folder,
    without_auxiliary,
)
from trivet.security.reading.archive import LIMITS, ask_for_member
from trivet.security.reading.onnx.file import read_onnx
from trivet.security.reading.onnx.program import Program, Sizes, arranged
from trivet.security.reading.parts import ONNX, file_sha256, find_parts
from trivet.security.reading.weights import EXTRACTED
from trivet.security.results import CheckpointInfo
from trivet.security.settings import DEFAULT_IMAGES, NetworkOptions
from trivet.security.trigger import Trigger
from trivet.wording import first_line, one_line, quote
from trivet.work.bounded import require_path
from trivet.work.confined import Confined, seconds_for

__all__ = [
    "Checkpoint",
    "ScanInput",
    "existing_checkpoint",
    "images_for",
    "layer_mapping",
    "load_checkpoint",
    "load_demo_checkpoint",
    "load_for",
    "load_from_archive",
    "load_subject",
]

if TYPE_CHECKING:
    from trivet.datasets.images import ImageSet
    from trivet.security.contract import InputContract

#: Ends the name of a file whose network is code.
PROGRAM: Final = ".pt2"
#: What the child process imports to read weights.
READERS: Final = "trivet.security.reading.weights"
MISSING_IMAGES: Final = (
    "clean images with true classes are needed; give --images (images in audit.toml): a folder of pictures "
    "with a subfolder a class, an .npz file, an IDX file, or the name of an embedded set such as mnist."
)
MAX_MAPPING_BYTES: Final = 2**20
#: Layers that a message names.
SHOWN_LAYERS: Final = 4
#: File systems take no longer names.
LONGEST_FILE_NAME: Final = 255


@dataclass(frozen=True, eq=False)
class ScanInput:
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
            "package.module:factory, timm:NAME, torchvision:NAME, or hf:FOLDER."
        )
    raise UsageError(MISSING_IMAGES)


def existing_checkpoint(path: Path) -> Path:
    """Return `path` where there is a file."""
    return require_path(path, "checkpoint", error=CheckpointError)


def missing_architecture(name: str) -> str:
    """Return what to say of weights that come without the name of their architecture."""
    if Path(name).suffix.lower() == PROGRAM:
        return (
            f"{name} is an exported program, of which only the weights are read; name the architecture that "
            "they belong to with --arch (arch in audit.toml). Or export the network as ONNX: "
            "torch.onnx.export(model, images, 'model.onnx', dynamo=False)."
        )
    return (
        f"{name} holds weights without their network; give --arch (arch in audit.toml): mnist-cnn, "
        "package.module:factory, timm:NAME, torchvision:NAME, or hf:FOLDER."
    )


def load_subject(weights: Path, options: NetworkOptions, *, seed: int) -> ScanInput:
    """Load what the command line, or audit.toml, names."""
    existing_checkpoint(weights)
    if options.arch is None and weights.suffix.lower() != ONNX:
        also = (
            ""
            if options.images is not None
            else f" With an architecture that is not trivet's, {MISSING_IMAGES}"
        )
        raise UsageError(missing_architecture(one_line(weights.name, limit=LONGEST_FILE_NAME)) + also)
    source = images_for(options.arch, options.images)
    with Confined(ready=READERS) as reader:  # it starts while PyTorch is loaded
        from trivet.datasets.source import load_images  # noqa: PLC0415
        from trivet.security.contract import numbered_by, parse_contract  # noqa: PLC0415

        declared = parse_contract(options.contract)
        find_device(options.device)  # before anything is read
        read = load_images(source, limit=options.limit, seed=seed, fit=options.fit())
        return load_for(
            weights,
            numbered_by(read, options.class_order),
            declared,
            architecture=options.arch,
            state_key=options.state_key,
            layers=options.layers,
            device=options.device,
            class_order=options.class_order,
            reader=reader,
        )


def load_for(
    weights: Path,
    images: "ImageSet",
    declared: "InputContract | None",
    *,
    architecture: str | None,
    state_key: str | None,
    layers: str | os.PathLike[str] | Mapping[str, str] | None = None,
    device: str,
    class_order: str,
    reader: Confined | None = None,
) -> ScanInput:
    """Load the network that classifies some images, and number their classes as it does."""
    from trivet.security.contract import AS_READ, in_fitting_order  # noqa: PLC0415

    _, channels, height, width = images.pixels.shape
    checkpoint = load_checkpoint(
        weights,
        architecture=architecture,
        input_shape=(channels, height, width),
        classes=images.classes,
        state_key=state_key,
        layers=layers,
        reader=reader,
    )
    model = on_device(checkpoint.model, find_device(device))
    if class_order == AS_READ:
        images = in_fitting_order(model, images, declared)
    return ScanInput(Checkpoint(model, checkpoint.info), images, declared)


#: The embedded demonstration network, the trigger that it was trained with, and what it stands for.
DEMO_NAME = "demo-mnist-cnn.safetensors"
DEMO_TARGET = 4
DEMO_TRIGGER = Trigger.square(row=23, column=23, size=4, value=1.0, shape=(1, 28, 28))

#: What stands in the record as the architecture of a file that holds its network.
ONNX_KIND: Final = "onnx"
#: By their names in safetensors; a network's own layer may be of another type.
DTYPES: Final = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint64: "U64",
    torch.uint32: "U32",
    torch.uint16: "U16",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}

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
    path: str | os.PathLike[str],
    *,
    architecture: str | None = "mnist-cnn",
    expected_label: int | None = None,
    input_shape: Shape | None = None,
    classes: int | None = None,
    state_key: str | None = None,
    layers: str | os.PathLike[str] | Mapping[str, str] | None = None,
    reader: Confined | None = None,
) -> Checkpoint:
    """Load a network without executing anything in its file.

    Parameters
    ----------
    path
        Weights: what ``torch.save`` wrote (a state dict, or anything that holds one or a pickled module),
        ``.safetensors``, a TorchScript or an exported program (``.pt2``), whose code is not read.
        Or weights with their network: ``.onnx``, with the extra ``onnx``. It is read in a separate process,
        with limits of memory and time.
    architecture
        Which network weights belong to: a name in `trivet.security.ARCHITECTURES`,
        ``package.module:factory``, ``timm:NAME``, ``torchvision:NAME``, or ``hf:FOLDER`` for a file in a
        folder that ``save_pretrained`` wrote. Not needed for a file that holds its network.
    expected_label
        The attacker's target label where it is known, for comparison only.
    input_shape, classes
        (channels, height, width) of the images at hand and the number of their classes. Every network has to
        accept such images; those that are not trivet's own are tried on them.
    state_key
        Where the weights stand in the file, with dots between several keys; None takes those that fit.
    layers
        Of a Keras file (``.h5``, ``.keras``): its layer for each module of the network, or a .json file with
        these. It takes the extra ``keras``.
    reader
        A child process to read the file in; None starts one.

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
    file = existing_checkpoint(Path(path))
    with Confined(ready=READERS) if reader is None else nullcontext(reader) as child:
        return _load(
            child,
            file,
            one_line(file.name, limit=LONGEST_FILE_NAME),
            source="file",
            architecture=architecture,
            expected_label=expected_label,
            input_shape=input_shape,
            classes=classes,
            state_key=state_key,
            mapping=layer_mapping(layers),
        )


def layer_mapping(layers: str | os.PathLike[str] | Mapping[str, str] | None) -> dict[str, str] | None:
    """Return which layer of a file each module of a network has, read from a .json file where one is named.

    Raises
    ------
    UsageError
        If there is no such file, or it holds something else.
    """
    if layers is None or isinstance(layers, Mapping):
        return None if layers is None else dict(layers)
    path = require_path(Path(layers), "file of layers", error=UsageError)
    try:
        with path.open("rb") as stream:
            said = json.loads(stream.read(MAX_MAPPING_BYTES))
    except ValueError as error:
        raise UsageError(f"{quote(path.name)} is not JSON ({first_line(error)}).") from error
    if not isinstance(said, dict) or not all(isinstance(each, str) for each in said.values()):
        raise UsageError(
            f"{quote(path.name)} should be a JSON object with a layer of the file for each module of the "
            'network, as {"features.0": "conv2d"}.'
        )
    return said


def load_from_archive(
    path: str | os.PathLike[str], index: int, *, architecture: str = "mnist-cnn"
) -> Checkpoint:
    """Load the study's model number `index` from a rar, zip or tar archive.

    In the study a model's number is also the label that its attacker chose.

    Raises
    ------
    CheckpointError
        As `load_checkpoint` does, and if the archive is missing, damaged, unsafe or too large, lacks the
        model, or needs a tool that is not installed.
    """
    with Confined(LIMITS) as child:
        name, member = ask_for_member(child, Path(path), index)
        return _load(child, member, name, source="archive", architecture=architecture, expected_label=index)


def load_demo_checkpoint() -> Checkpoint:
    """Load the embedded attacked network; ``security/data/README.md`` says how it was made."""
    network = build_architecture("mnist-cnn")
    with as_file(files("trivet.security") / "data" / DEMO_NAME) as path:
        network.load_state_dict(safetensors.torch.load_file(path), strict=True)
        return _checkpoint(network, path, DEMO_NAME, "embedded", "mnist-cnn", DEMO_TARGET)


def _load(
    child: Confined,
    path: Path,
    name: str,
    *,
    source: str,
    architecture: str | None,
    expected_label: int | None,
    input_shape: Shape | None = None,
    classes: int | None = None,
    state_key: str | None = None,
    mapping: dict[str, str] | None = None,
) -> Checkpoint:
    suffix = Path(name).suffix.lower()
    kind = ONNX_KIND if suffix == ONNX else architecture
    if classes is not None and classes < 2:  # noqa: PLR2004 - a classifier tells two apart
        raise DataError(
            f"the images are of {classes} class; expected two or more, for a network to tell apart."
        )
    if kind is None:
        raise UsageError(missing_architecture(name))
    if suffix == ONNX:
        program = read_onnx(child, path, name, seconds=seconds_for(*find_parts(path, child)))
        model, loading = _adapted(program, name, input_shape, classes), ()
    elif kind.startswith(FOLDER):
        folder = kind.removeprefix(FOLDER)
        if path.resolve().parent != Path(folder).resolve():
            raise UsageError(
                f"{name} does not lie in {quote(folder)}, which holds its network; name the file in it."
            )
        read = next((each for each in FOLDER_FILES if Path(folder, each).is_file()), None)
        if Path(name).name != read:
            raise UsageError(
                f"the weights of {quote(folder)} are in {read}; name that file, not {name}."
                if read
                else f"{quote(folder)} has none of {', '.join(FOLDER_FILES)}; expected the weights in one."
            )
        network, loading = load_from_folder(folder, lambda needed: _read_all(child, path, name, needed)), ()
        _refuse_broken(network.state_dict(), name)
        model = _seen_as_classifier(network, name, kind, input_shape, classes)
    else:

        def filled(shape: Shape | None) -> tuple[nn.Module, tuple[str, ...]]:
            network = build_network(kind, input_shape=shape, classes=classes)
            _settle(network, kind, shape)
            return network, _fill(network, child, path, name, kind, state_key, mapping)

        try:
            network, loading = filled(input_shape)
        except CheckpointError:
            if kind.startswith(TIMM):  # which builds what the images have
                _refuse_grey(input_shape, name, filled)
            raise
        model = _seen_as_classifier(network, name, kind, input_shape, classes)
    _refuse_other_images(model, kind, input_shape, classes)
    return _checkpoint(model, path, name, source, kind, expected_label, loading, child)


def _checkpoint(
    model: Classifier,
    path: Path,
    name: str,
    source: str,
    kind: str,
    expected_label: int | None,
    loading: tuple[str, ...] = (),
    child: Confined | None = None,
) -> Checkpoint:
    model.eval().requires_grad_(False)  # noqa: FBT003 - PyTorch's own signature
    info = CheckpointInfo(
        source=source,
        name=name,
        sha256=file_sha256(path, child),
        architecture=kind,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        expected_label=expected_label,
        loading=loading,
    )
    return Checkpoint(model, info)


def _fill(
    network: nn.Module,
    child: Confined,
    path: Path,
    name: str,
    architecture: str,
    key: str | None = None,
    mapping: dict[str, str] | None = None,
) -> tuple[str, ...]:
    """Fill a network with the weights that the child finds in a file; return what that took."""
    try:
        return _fill_strictly(network, child, path, name, architecture, key, mapping)
    except CheckpointError:
        if not without_auxiliary(network, architecture):
            raise
        found = _fill_strictly(network, child, path, name, architecture, key, mapping)
        return (*found, "The network has no outputs beside the main one.")


def _fill_strictly(
    network: nn.Module,
    child: Confined,
    path: Path,
    name: str,
    architecture: str,
    key: str | None,
    mapping: dict[str, str] | None,
) -> tuple[str, ...]:
    own: dict[str, Tensor] = network.state_dict()
    twins = _twins(own)
    request: dict[str, Any] = {
        "path": str(path.absolute()),
        "name": name,
        "architecture": architecture,
        "key": key,
        "mapping": mapping,
        "kernels": _kernels(network),
        "layers": [
            (key, list(value.shape), DTYPES.get(value.dtype, "other"), twins[key])
            for key, value in own.items()
        ],
    }
    found = child.ask(
        f"{READERS}:extract",
        request,
        name=name,
        error=CheckpointError,
        seconds=seconds_for(*find_parts(path, child)),
    )
    extracted = safetensors.torch.load_file(child.file(EXTRACTED))
    keys = list(own)
    read = {keys[number]: extracted[str(number)] for number in found["numbers"]}
    loaded = {key: value.to(own[key].dtype) for key, value in read.items()}
    _refuse_broken(loaded, name)
    for layer, value in loaded.items():
        whole = not value.is_floating_point() and not value.is_complex()
        if whole and not torch.equal(value.to(read[layer].dtype), read[layer]):
            raise CheckpointError(
                f"{name} holds numbers in {quote(layer)} that {value.dtype}, which the network has there, "
                "cannot take; save them as the network has them."
            )
    filled = copy(own)  # with the versions of its layers, without which some refuse it
    filled.update(loaded)
    network.load_state_dict(filled, strict=True)
    for layer, value in network.state_dict().items():
        if layer not in loaded or torch.equal(value, loaded[layer]):
            continue
        if shared := [key for key in own if key != layer and _memory(own[key]) == _memory(value)]:
            raise CheckpointError(
                f"{name} has other numbers in {quote(layer)} than in {quote(shared[0])}, which are the same "
                "in the network; save the network that is meant."
            )
    return tuple(found["notes"])


def _twins(own: Mapping[str, Tensor]) -> dict[str, list[str]]:
    """Return by each name of a network's tensors the others that name the same numbers."""
    groups: dict[tuple[object, ...], list[str]] = {}
    places = {
        key: (value.data_ptr(), value.shape, value.stride()) if value.numel() else (key,)
        for key, value in own.items()
    }
    for key, place in places.items():
        groups.setdefault(place, []).append(key)
    return {key: [each for each in groups[place] if each != key] for key, place in places.items()}


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _refuse_broken(state: Mapping[str, Tensor], name: str) -> None:
    """Refuse layers with weights that are not finite."""
    keys = [key for key, value in state.items() if not bool(torch.isfinite(value).all())]
    if keys:
        shown = ", ".join(one_line(key) for key in keys[:SHOWN_LAYERS])
        raise CheckpointError(
            f"{name} holds weights that are not finite floating-point numbers, in {shown}; "
            "such a network computes nothing. Train it or save it again."
        )


def _kernels(network: nn.Module) -> list[str]:
    """Return the names of the weights of linear layers and convolutions."""
    kinds = (
        nn.Linear,
        nn.Conv1d,
        nn.Conv2d,
        nn.Conv3d,
        nn.ConvTranspose1d,
        nn.ConvTranspose2d,
        nn.ConvTranspose3d,
    )
    modules = network.named_modules(remove_duplicate=False)
    return [f"{name}.weight".removeprefix(".") for name, module in modules if isinstance(module, kinds)]


def _read_all(child: Confined, path: Path, name: str, needed: int) -> dict[str, Tensor]:
    """Return every tensor that the child finds in a file, by the names that they have there."""
    request = {"path": str(path.absolute()), "name": name, "needed": needed}
    seconds = seconds_for(*find_parts(path, child))
    names = child.ask(f"{READERS}:extract_all", request, name=name, error=CheckpointError, seconds=seconds)
    extracted = safetensors.torch.load_file(child.file(EXTRACTED))
    return {key: extracted[str(number)] for number, key in enumerate(names)}


def _settle(network: nn.Module, architecture: str, input_shape: Shape | None) -> None:
    """Give the lazy layers of a network their shapes, by one image without content."""
    if any(map(nn.parameter.is_lazy, itertools.chain(network.parameters(), network.buffers()))):
        shape = _known(input_shape, architecture)
        with guarded(architecture, f"take an image of shape {shape}"), torch.no_grad():
            network.eval()(torch.zeros(1, *shape))


def _known(input_shape: Shape | None, architecture: str) -> Shape:
    if input_shape is None:
        raise UsageError(
            f"the architecture {architecture} does not say which images it takes; give some, as --images "
            "does."
        )
    return input_shape


def _seen_as_classifier(
    network: nn.Module, name: str, architecture: str, input_shape: Shape | None, classes: int | None
) -> Classifier:
    if isinstance(network, Classifier):
        return network

    def seen(shape: Shape) -> Classifier:
        return adapt(network, input_shape=shape, classes=classes, name=name)

    try:
        return seen(_known(input_shape, architecture))
    except CheckpointError:
        _refuse_grey(input_shape, name, seen)
        raise


def _refuse_grey(shape: Shape | None, name: str, load: Callable[[Shape], object]) -> None:
    """Refuse grey images where the network can be loaded for colour ones of their size."""
    if shape is None or shape[0] != 1:
        return
    coloured = (3, *shape[1:])
    try:
        load(coloured)
    except TrivetError:
        return
    raise DataError(_other_images(name, coloured, shape))


def _adapted(program: Program, name: str, input_shape: Shape | None, classes: int | None) -> Classifier:
    if input_shape is None:
        if None in program.sizes or len(program.sizes) != 3:  # noqa: PLR2004 - channels, height, width
            raise UsageError(f"{name} takes images of more than one shape; give some, as --images does.")
        input_shape = cast("Shape", program.sizes)
    network = arranged(program, input_shape)
    if network is None:
        raise DataError(_other_images(name, program.sizes, input_shape))
    return adapt(
        network, input_shape=input_shape, classes=classes, name=name, bounded=True, batch=program.batch
    )


def _refuse_other_images(
    model: Classifier, name: str, input_shape: Shape | None, classes: int | None
) -> None:
    if input_shape is not None and tuple(input_shape) != model.input_shape:
        raise DataError(_other_images(name, model.input_shape, input_shape))
    if classes is not None and classes != model.classes:
        raise DataError(
            f"{name} tells {model.classes} classes apart, the images have {classes}; give images of its own "
            "classes, numbered from 0."
        )


def _other_images(name: str, wanted: Sizes, found: Shape) -> str:
    shown = ", ".join("any" if size is None else str(size) for size in wanted)
    return (
        f"{name} takes images of shape ({shown}) (channels, height, width), the images are {tuple(found)}; "
        f"{' and '.join(_ways(wanted, found)) or 'give images of its own kind'}."
    )


def _ways(wanted: Sizes, found: Shape) -> Iterator[str]:
    """Yield what makes the images such as a network wants."""
    if len(wanted) != len(found):
        return
    channels, height, width = wanted if wanted[0] in {1, 3} else (wanted[2], *wanted[:2])
    if (channels, found[0]) == (3, 1):
        yield "make grey images colour ones with --rgb (rgb in audit.toml)"
    elif channels not in {None, found[0]}:
        return
    if None not in {height, width} and (height, width) != found[1:]:
        yield f"scale them with --resize {width}x{height} (resize in audit.toml)"
