"""Weights of a Keras file, `.h5` or `.keras`, for the layers of a network that a mapping names."""

import io
import itertools
import math
import zlib
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import IO, Any, Final

from trivet.errors import CheckpointError, import_extra
from trivet.security.reading.torchfile import FLOATING, LazyTensor, Storage, strides_of
from trivet.security.reading.zipped import ZippedFile
from trivet.wording import first_line, one_line, quote

__all__ = ["HDF5", "KERAS_WEIGHTS", "KerasLayers", "read_keras", "read_keras_zip", "renamed"]

#: How an HDF5 file begins, and the member of a `.keras` zip that is one.
HDF5: Final = b"\x89HDF\r\n\x1a\n"
KERAS_WEIGHTS: Final = "model.weights.h5"
#: NumPy's names of numbers, little-endian, by those of safetensors.
NUMBERS: Final = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U8": "|u1",
}
#: Groups that hold an optimiser's numbers.
BESIDE: Final = ("optimizer", "optimizer_weights")
MOST_OBJECTS: Final = 20_000
SHOWN_LAYERS: Final = 12
#: Axes of a kernel that is used for each channel alone: height, width, channels, multiplier.
DEPTHWISE_AXES: Final = 4

#: HDF5's numbers of the filters that a variable's chunks may have passed: gzip, and two that keep their size
#: or add a checksum of so many bytes.
GZIP: Final = 1
FILTERS: Final = (GZIP, 2, 3)
CHECKSUM_BYTES: Final = 4
#: What a chunk of a small variable may take, which others than Keras make longer than the variable.
SMALL_CHUNK: Final = 2**20

#: Datasets of HDF5 by their names or numbers.
Variables = list[tuple[str, Any]]


class KerasLayers(dict[str, list[tuple[str, LazyTensor]]]):
    """By a layer's name, or path: its variables in Keras's order, by their names or numbers."""


def read_keras_zip(archive: ZippedFile, name: str, *, at_most: int) -> KerasLayers:
    """Return the layers of a `.keras` file, whose description, which is code, is not read."""
    return read_keras(io.BytesIO(archive.read(KERAS_WEIGHTS, at_most=at_most)), name)


def read_keras(stream: IO[bytes], name: str) -> KerasLayers:
    """Return the layers that an HDF5 file of Keras holds; no link out of the file is followed."""
    h5py = import_extra("h5py", name)
    objects: dict[str, Any] = {}

    def visit(path: str, item: Any) -> None:
        if len(objects) >= MOST_OBJECTS:
            raise ValueError(f"it holds more than {MOST_OBJECTS} objects")
        objects[path] = item

    try:
        file = h5py.File(stream, "r")
        file.visititems(visit)  # hard links only
        groups = {path: each for path, each in objects.items() if not isinstance(each, h5py.Dataset)}
        layers = _layers(list(_held(groups, objects)), name)
    except (CheckpointError, MemoryError):
        raise
    except Exception as error:  # a damaged file can fail anywhere in HDF5
        raise CheckpointError(f"{name} cannot be read as a Keras file ({first_line(error)}).") from error
    return layers


def _held(groups: Mapping[str, Any], objects: Mapping[str, Any]) -> Iterator[tuple[str, str, Variables]]:
    """Yield of each layer its own name, its path, and its variables."""
    for path, group in groups.items():
        if path.partition("/")[0] in BESIDE:
            continue
        last = path.rpartition("/")[2]
        if names := _weight_names(group):  # until Keras 3, and its `.h5`
            parts: dict[str, Variables] = {}
            for each in names:  # a network within the network is one group, whose names tell its layers
                parts.setdefault(each.rpartition("/")[0], []).append((each, objects[f"{path}/{each}"]))
            for part, variables in parts.items():
                own = last if len(parts) == 1 else part.rpartition("/")[2]
                yield own, path if len(parts) == 1 else f"{path}/{part}", variables
        elif last == "vars" and len(group):
            inside = sorted((int(key), objects[f"{path}/{key}"]) for key in group)
            place = path.removesuffix("/vars")
            own = _text(group.attrs.get("name", "")) or place
            yield own, place, [(str(number), variable) for number, variable in inside]


def _layers(held: Sequence[tuple[str, str, Variables]], name: str) -> KerasLayers:
    """Return layers by their own names, or by their paths where several have the same."""
    times = Counter(own for own, _, _ in held)
    layers = KerasLayers()
    for own, place, variables in held:
        layer = own if times[own] == 1 else place
        if layer in layers:
            raise CheckpointError(f"{name} was refused: two layers in it have the name {quote(layer)}.")
        layers[layer] = [(key, _described(variable, name)) for key, variable in variables]
    return layers


def _weight_names(group: Any) -> list[str]:
    """Return what a layer's variables are called, in parts where an attribute has no room for all."""
    parts = itertools.takewhile(
        group.attrs.__contains__, (f"weight_names{part}" for part in itertools.count())
    )
    keys = ["weight_names"] if "weight_names" in group.attrs else parts
    return [_text(each) for key in keys for each in group.attrs[key]]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _described(dataset: Any, name: str) -> LazyTensor:
    """Return the claim of a variable, whose numbers are in the file itself."""
    if dataset.external or dataset.is_virtual:
        raise CheckpointError(f"{name} was refused: numbers in it lie in another file.")
    shape = tuple(map(int, dataset.shape))
    found = {code: key for key, code in NUMBERS.items()}
    dtype = found.get(dataset.dtype.newbyteorder("<").str)

    if dataset.chunks is not None and _chunk_bytes(dataset) > max(dataset.nbytes, SMALL_CHUNK):
        raise CheckpointError(
            f"{name} was refused: {quote(dataset.name)} takes {dataset.nbytes:,} bytes, and is packed in "
            f"chunks of {_chunk_bytes(dataset):,}, as a decompression bomb is."
        )

    def numbers(storage: Storage) -> bytearray:
        _refuse_bomb(dataset, name)
        return bytearray(dataset[()].astype(NUMBERS[storage.dtype]).tobytes())

    return LazyTensor(
        shape, dtype, Storage(dataset.name, dtype or "U8", dataset.size, name, numbers), strides_of(shape)
    )


def _chunk_bytes(dataset: Any) -> int:
    return math.prod(dataset.chunks) * dataset.dtype.itemsize


def _refuse_bomb(dataset: Any, name: str) -> None:
    """Refuse chunks that unpack to more than they should, for which HDF5 makes room without a bound."""
    packing = dataset.id.get_create_plist()
    filters = [packing.get_filter(place)[0] for place in range(packing.get_nfilters())]
    if filters.count(GZIP) > 1 or not set(filters) <= set(FILTERS):
        raise CheckpointError(
            f"{name} was refused: {quote(dataset.name)} is packed in a way that is not read; save it without "
            "compression, or with gzip."
        )
    if GZIP not in filters:
        return
    most = _chunk_bytes(dataset) + CHECKSUM_BYTES
    for number in range(dataset.id.get_num_chunks()):
        skipped, packed = dataset.id.read_direct_chunk(dataset.id.get_chunk_info(number).chunk_offset)
        if skipped >> filters.index(GZIP) & 1:
            continue
        try:
            unpacked = len(zlib.decompressobj().decompress(packed, most + 1))
        except zlib.error as error:
            raise CheckpointError(f"{name} is damaged: {quote(dataset.name)} cannot be unpacked.") from error
        if unpacked > most:
            raise CheckpointError(
                f"{name} was refused: {quote(dataset.name)} unpacks to more than the {most:,} bytes of a "
                "chunk, as a decompression bomb does."
            )


def renamed(
    layers: KerasLayers,
    mapping: Mapping[str, str] | None,
    shapes: Mapping[str, Sequence[int]],
    kernels: Container[str],
    name: str,
) -> dict[str, LazyTensor]:
    """Return variables under the names of the network's own tensors.

    `mapping` names a layer of the file for each module of the network, or a variable of it (``layer/0``,
    ``layer/kernel``) for a single tensor. Those of the network's tensors that are `kernels`, the weights
    of its linear layers and convolutions, are turned from Keras's order of axes, inputs and outputs last,
    into PyTorch's, which has them first; all others stay as they are.
    """
    if mapping is None:
        example = _quoted(next(iter(layers), "conv2d"))
        raise CheckpointError(
            f"{name} is a Keras file; say with --layers FILE.json which of its layers each module of the "
            f'network has, as {{"features.0": {example}}}. It has {_shown(layers)}.'
        )
    state: dict[str, LazyTensor] = {}
    for module, source in mapping.items():
        keys = [key for key in shapes if key == module or key.rpartition(".")[0] == module]
        variables = _variables(layers, source, name)
        if len(keys) != len(variables):
            raise CheckpointError(
                f"{quote(source)} in {name} has {len(variables)} variables, and {quote(module)} of the "
                f"network {len(keys)} tensors ({one_line(', '.join(keys)) or 'there is no such module'}); "
                "expected as many."
            )
        for key, variable in zip(keys, variables, strict=True):
            state[key] = _turned(variable, tuple(shapes[key])) if key in kernels else variable
    return state


def _variables(layers: KerasLayers, source: str, name: str) -> list[LazyTensor]:
    if source in layers:
        return [tensor for _, tensor in layers[source]]
    layer, _, variable = source.rpartition("/")
    for number, (key, tensor) in enumerate(layers.get(layer, [])):
        if variable in {str(number), key, key.rpartition("/")[2].partition(":")[0]}:
            return [tensor]
    raise CheckpointError(f"{name} has no layer {quote(source)}; it has {_shown(layers)}.")


def _turned(tensor: LazyTensor, wanted: tuple[int, ...]) -> LazyTensor:
    """Return a kernel with its axes in PyTorch's order."""
    axes = len(tensor.shape)
    if axes < 2 or tensor.dtype not in FLOATING:  # noqa: PLR2004 - a kernel has inputs and outputs
        return tensor
    order = (axes - 1, axes - 2, *range(axes - 2))
    turned = _with_axes(
        tensor, tuple(tensor.shape[axis] for axis in order), tuple(tensor.stride[axis] for axis in order)
    )
    if turned.shape == wanted or axes != DEPTHWISE_AXES:
        return turned
    height, width, channels, multiplier = tensor.shape
    down, right, _, last = tensor.stride
    return _with_axes(tensor, (channels * multiplier, 1, height, width), (last, 1, down, right))


def _with_axes(tensor: LazyTensor, shape: tuple[int, ...], stride: tuple[int, ...]) -> LazyTensor:
    return LazyTensor(shape, tensor.dtype, tensor.storage, stride, tensor.offset)


def _shown(layers: KerasLayers) -> str:
    """Return layers with the shapes of their variables."""
    told = [
        f"{_quoted(layer)} ({', '.join('x'.join(map(str, each.shape)) or 'one number' for _, each in held)})"
        for layer, held in list(layers.items())[:SHOWN_LAYERS]
    ]
    more = f" and {len(layers) - SHOWN_LAYERS} more" if len(layers) > SHOWN_LAYERS else ""
    return ", ".join(told) + more if told else "no layers with weights"


def _quoted(layer: str) -> str:
    return f'"{one_line(layer)}"'
