"""A network out of an ONNX file, by way of onnx2torch, with no other file touched and no name trusted.

onnx2torch hands the names in the file to torch.fx, which writes them into Python source; a name with
a quotation mark in it is code. So every name is replaced before the conversion, in the child process
of `trivet.work.confined`; the conversion sees only what the child has written.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from trivet.errors import CheckpointError, import_extra
from trivet.wording import quoted, reason
from trivet.work.confined import Confined

__all__ = ["Program", "Sizes", "fields", "prepare", "read_onnx", "refuse_heavy"]

#: Wire types of https://protobuf.dev/programming-guides/encoding/: a variable-length integer, eight
#: bytes, a length with as many bytes behind it, four bytes.
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
VARINT_BYTES = 10


def fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield the number and the content of each field, in order."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        kind = key & 7
        start = position
        if kind == VARINT:
            _, position = _varint(message, position)
        elif kind == LENGTH:
            length, start = _varint(message, position)
            position = start + length
        elif kind in {FIXED32, FIXED64}:
            position += 4 if kind == FIXED32 else 8
        else:
            raise ValueError("expected a protobuf message")
        if position > len(message):
            raise ValueError("it ends within a field")
        yield key >> 3, message[start:position]


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """Return the integer at `position`, and where it ends."""
    value = 0
    for index, byte in enumerate(message[position : position + VARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:  # noqa: PLR2004 - the bit that says that more bytes follow
            return value, position + index + 1
    raise ValueError("it ends within a number")


if TYPE_CHECKING:
    from torch import nn

PREPARED: Final = "network.onnx"
#: Of (n, channels, height, width), None for one that may vary.
Sizes = tuple[int | None, int | None, int | None, int | None]


@dataclass(frozen=True, eq=False)
class Program:
    """A network that came with its graph: it takes images of `sizes`, as it was written down."""

    network: "nn.Module"
    sizes: Sizes


#: onnx and onnx2torch copy the weights some six times before they are a network.
MAX_BYTES = 240 * 2**20
#: Bytes other than weights: a network of a thousand layers needs a tenth of it. The smallest
#: message takes two bytes in the file and a hundred in memory.
MAX_STRUCTURE_BYTES = 4 * 2**20
#: Field numbers of onnx.proto: ModelProto.graph, GraphProto.initializer, and TensorProto's float_data,
#: raw_data and double_data, which take as much memory as they do on disk.
GRAPH, INITIALIZER = 7, 5
NUMBERS = frozenset({4, 9, 10})
DOMAINS = frozenset({"", "ai.onnx"})
EXTERNAL = 1
AXES = 4


def read_onnx(child: Confined, path: Path, name: str) -> Program:
    """Read an ONNX file."""
    onnx, onnx2torch = import_extra("onnx", name), import_extra("onnx2torch", name)
    request = {"path": str(path.absolute()), "name": name}
    n, channels, height, width = child.ask(
        "trivet.security.reading.onnx:prepare", request, name=name, error=CheckpointError
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network = onnx2torch.convert(onnx.load_model(child.file(PREPARED))).float()
    except Exception as error:  # onnx and onnx2torch complain in many ways
        raise _unreadable(name, error) from error
    return Program(network, (n, channels, height, width))


def prepare(request: dict[str, Any], folder: Path) -> Sizes:
    """Vet the ONNX file at ``path``, and write it to `PREPARED` with names of our own."""
    path, name = Path(request["path"]), request["name"]
    onnx = import_extra("onnx", name)
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise CheckpointError(
            f"{name} was refused: it takes {size / 2**20:.0f} MiB; at most {MAX_BYTES / 2**20:.0f} MiB of "
            "ONNX are read. Give the state dict with the architecture's code."
        )
    content = path.read_bytes()
    refuse_heavy(content, name)
    try:
        model = onnx.load_model_from_string(content)
        del content
        _refuse_unsafe(model, name)
        sizes = _sizes(model.graph, name)
        _rename(model.graph)
        (folder / PREPARED).write_bytes(model.SerializeToString())
    except (CheckpointError, MemoryError):
        raise
    except Exception as error:  # protobuf and onnx complain in many ways
        raise _unreadable(name, error) from error
    return sizes


def _unreadable(name: str, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"{name} cannot be read as an ONNX network ({type(error).__name__}: {reason(error)})."
    )


def refuse_heavy(content: bytes, name: str) -> None:
    """Refuse a file that would take far more memory than disk: bounded before it is parsed."""
    numbers = 0
    try:
        for number, part in fields(memoryview(content)):
            if number == GRAPH:
                for inner, tensor in fields(part):
                    if inner == INITIALIZER:
                        numbers += sum(len(value) for field, value in fields(tensor) if field in NUMBERS)
    except ValueError as error:
        raise CheckpointError(f"{name} cannot be read as an ONNX network: {reason(error)}.") from error
    if len(content) - numbers > MAX_STRUCTURE_BYTES:
        raise CheckpointError(
            f"{name} was refused: what it holds beside weights takes more than "
            f"{MAX_STRUCTURE_BYTES // 2**20} MiB."
        )


def _refuse_unsafe(model: Any, name: str) -> None:
    graph = model.graph
    if len(model.functions) > 0 or len(graph.sparse_initializer) > 0:
        raise CheckpointError(f"{name} was refused: it holds functions or sparse tensors of its own.")
    for node in graph.node:
        if node.domain not in DOMAINS:
            raise CheckpointError(
                f"{name} was refused: the operator {quoted(node.op_type)} is of the domain "
                f"{quoted(node.domain)}, not of ONNX itself."
            )
        if any(attribute.HasField("g") or len(attribute.graphs) > 0 for attribute in node.attribute):
            raise CheckpointError(f"{name} was refused: it holds a graph within its graph.")
    if any(tensor.data_location == EXTERNAL or len(tensor.external_data) > 0 for tensor in _tensors(graph)):
        raise CheckpointError(
            f"{name} was refused: it points to weights in another file. Save it with all weights inside: "
            "onnx.save(onnx.load(path), path, save_as_external_data=False)."
        )


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors


def _rename(graph: Any) -> None:
    """Give every node and every value a name of ours.

    PyTorch's exporter writes equal weights once, and an Identity for each other use; onnx2torch wants
    them at hand, so such a copy gets the name of its weights.
    """
    names: dict[str, str] = {"": ""}  # an input that is left out

    def ours(name: str) -> str:
        return names.setdefault(name, f"value_{len(names)}")

    for value in (*graph.input, *graph.output, *graph.initializer):
        value.name = ours(value.name)
    del graph.value_info[:]
    held = {tensor.name for tensor in graph.initializer}
    results = {value.name for value in graph.output}
    kept: list[Any] = []
    for index, node in enumerate(graph.node):
        node.name, node.domain = f"node_{index}", ""
        node.input[:] = [ours(name) for name in node.input]
        if node.op_type == "Identity" and node.input[0] in held and names.get(node.output[0]) not in results:
            names[node.output[0]] = node.input[0]
            continue
        node.output[:] = [ours(name) for name in node.output]
        kept.append(node)
    if len(kept) < len(graph.node):
        copies = [type(node).FromString(node.SerializeToString()) for node in kept]
        del graph.node[:]
        graph.node.extend(copies)


def _sizes(graph: Any, name: str) -> Sizes:
    """Return (n, channels, height, width) of the images, None for a size that may vary."""
    held = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in held]
    if len(inputs) != 1:
        raise CheckpointError(f"{name} takes {len(inputs)} inputs; expected one, the images.")
    sizes = [dim.dim_value or None for dim in inputs[0].type.tensor_type.shape.dim]
    if len(sizes) != AXES:
        raise CheckpointError(
            f"{name} takes inputs of {len(sizes)} axes; expected images of shape (n, channels, height, "
            "width)."
        )
    n, channels, height, width = sizes
    return n, channels, height, width
