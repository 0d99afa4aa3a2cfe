"""A network out of an ONNX file, by way of onnx2torch, with no other file touched and no name trusted.

onnx2torch hands the names in the file to torch.fx, which writes them into Python source; a name with
a quotation mark in it is code. So every name is replaced before the conversion, in the child process
of `trivet.work.confined`; the conversion sees only what the child has written.
"""

import re
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from trivet.errors import CheckpointError, import_extra
from trivet.security.reading.onnx.constants import FOLDED, constants, fold, hold_constants
from trivet.security.reading.onnx.graph import (
    DOMAINS,
    drop_training,
    drop_weights_from_inputs,
    keep_first_results,
    put_in_order,
    rename,
)
from trivet.security.reading.onnx.operators import write_older
from trivet.security.reading.onnx.padding import pad_in_numbers
from trivet.security.reading.onnx.program import AXES, Program, Sizes
from trivet.security.reading.onnx.sizes import known_sizes
from trivet.security.reading.onnx.versions import later_versions, refuse_unknown, upgrade
from trivet.security.reading.parts import GRAPH, INITIALIZER, MAX_GRAPH_BYTES, beside, fields, under
from trivet.wording import first_line, quote
from trivet.work.confined import Confined

__all__ = ["prepare", "read_onnx", "refuse_heavy"]

PREPARED: Final = "network.onnx"
#: onnx and onnx2torch copy the weights some six times before they are a network.
MAX_BYTES = MAX_GRAPH_BYTES
#: Bytes other than weights: a network of a thousand layers needs a tenth of it. The smallest
#: message takes two bytes in the file and a hundred in memory.
MAX_STRUCTURE_BYTES = 4 * 2**20
#: Field numbers of GraphProto.node, NodeProto.attribute and AttributeProto.t.
NODE, ATTRIBUTE, TENSOR = 1, 5, 5
#: Field numbers of TensorProto's float_data, raw_data and double_data, which take as much memory as on disk.
NUMBERS = frozenset({4, 9, 10})
EXTERNAL = 1
#: In the names of operators that round to whole numbers.
QUANTISED: Final = re.compile(r"^QLinear|^Q[A-Z][a-z]|(?<!De)[Qq]uantize|Integer$")
#: How often the weights may be used, all in all.
MOST_COPIES: Final = 2


def read_onnx(child: Confined, path: Path, name: str, *, seconds: float | None = None) -> Program:
    """Read an ONNX file."""
    onnx, onnx2torch = import_extra("onnx", name), import_extra("onnx2torch", name)
    request = {"path": str(path.absolute()), "name": name}
    batch, *sizes = child.ask(
        "trivet.security.reading.onnx.file:prepare",
        request,
        name=name,
        error=CheckpointError,
        seconds=seconds,
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = onnx.load_model(child.file(PREPARED))
            with later_versions(onnx, model):
                refuse_unknown(model, name)
                network = onnx2torch.convert(model).float()
    except CheckpointError:
        raise
    except Exception as error:  # onnx and onnx2torch complain in many ways
        raise _unreadable(name, error) from error
    return Program(network, batch, tuple(sizes))


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
        _take_in(model, path, name, room=MAX_BYTES - size)
        for version in model.opset_import:
            version.domain = "" if version.domain in DOMAINS else version.domain
        hold_constants(onnx, model.graph)
        put_in_order(model.graph)
        keep_first_results(model.graph, name)
        drop_training(model.graph)
        drop_weights_from_inputs(model)
        upgrade(onnx, model, name)
        hold_constants(onnx, model.graph)
        sizes = _sizes(model.graph, name)
        rename(model.graph)
        fold(onnx, model, name, room=MAX_BYTES)
        _refuse_rounding(model.graph.node, name)
        _refuse_copies(model.graph, name)
        known = known_sizes(onnx, model)
        pad_in_numbers(onnx, model.graph, known)
        write_older(onnx, model, name, known)
        hold_constants(onnx, model.graph)  # of what was written out
        (folder / PREPARED).write_bytes(model.SerializeToString())
    except (CheckpointError, MemoryError):
        raise
    except Exception as error:  # protobuf and onnx complain in many ways
        raise _unreadable(name, error) from error
    return sizes


def _unreadable(name: str, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"{name} cannot be read as an ONNX network ({type(error).__name__}: {first_line(error)}). If it runs "
        "elsewhere, give its state dict, and --arch for the code of its network."
    )


def refuse_heavy(content: bytes, name: str) -> None:
    """Refuse a file that would take far more memory than disk: bounded before it is parsed."""
    numbers = 0
    try:
        for tensor in _tensors(memoryview(content)):
            numbers += sum(len(value) for field, value in fields(tensor) if field in NUMBERS)
    except ValueError as error:
        raise CheckpointError(f"{name} cannot be read as an ONNX network: {first_line(error)}.") from error
    if len(content) - numbers > MAX_STRUCTURE_BYTES:
        raise CheckpointError(
            f"{name} was refused: what it holds beside weights takes more than "
            f"{MAX_STRUCTURE_BYTES // 2**20} MiB."
        )


def _tensors(content: memoryview) -> Iterator[memoryview]:
    """Yield the weights of a graph, and the constants that are operators in it, as Paddle writes weights."""
    yield from under(content, GRAPH, INITIALIZER)
    yield from under(content, GRAPH, NODE, ATTRIBUTE, TENSOR)


def _refuse_unsafe(model: Any, name: str) -> None:
    graph = model.graph
    if len(model.functions) > 0 or len(graph.sparse_initializer) > 0:
        raise CheckpointError(f"{name} was refused: it holds functions or sparse tensors of its own.")
    _refuse_rounding((node for node in graph.node if node.op_type not in FOLDED), name)
    for node in graph.node:
        if node.domain not in DOMAINS:
            raise CheckpointError(
                f"{name} was refused: the operator {quote(node.op_type)} is of the domain "
                f"{quote(node.domain)}, not of ONNX itself."
            )
        if any(attribute.HasField("g") or len(attribute.graphs) > 0 for attribute in node.attribute):
            raise CheckpointError(f"{name} was refused: it holds a graph within its graph.")
    if any(each.data_location == EXTERNAL or len(each.external_data) > 0 for each in constants(graph)):
        raise CheckpointError(f"{name} was refused: a constant in it points to another file.")


def _refuse_rounding(nodes: Iterable[Any], name: str) -> None:
    """Refuse a network that computes with whole numbers, be it of ONNX or of a runtime."""
    for node in nodes:
        if QUANTISED.search(node.op_type):
            raise CheckpointError(
                f"{name} was refused: it was quantised; {quote(node.op_type)} in it rounds what it computes, "
                "which has no gradients to search for a trigger with. Give the network from before that, or "
                "one of which the weights alone are quantised."
            )


def _refuse_copies(graph: Any, name: str) -> None:
    """Refuse weights that are used many times, since onnx2torch copies them each time."""
    sizes = {tensor.name: tensor.ByteSize() for tensor in graph.initializer}
    if sum(sizes.get(each, 0) for node in graph.node for each in node.input) > MOST_COPIES * MAX_BYTES:
        raise CheckpointError(f"{name} was refused: it uses its weights too many times.")


def _take_in(model: Any, path: Path, name: str, *, room: int) -> None:
    """Read the weights that lie in files beside the network's, as exporters write them."""
    for tensor in model.graph.initializer:
        if tensor.data_location != EXTERNAL and not len(tensor.external_data):
            continue
        entries = {entry.key: entry.value for entry in tensor.external_data}
        place = entries.get("location", "")
        file = beside(path, place, name)
        offset = int(entries.get("offset", 0))
        length = int(entries.get("length", file.stat().st_size - offset))
        room -= length
        if offset < 0 or length < 0 or room < 0:
            raise CheckpointError(
                f"{name} was refused: its weights take more than {MAX_BYTES / 2**20:.0f} MiB, or lie where "
                "no file has anything."
            )
        with file.open("rb") as stream:
            stream.seek(offset)
            content = stream.read(length)
        if len(content) != length:
            raise CheckpointError(f"{name} is damaged: {quote(place)} ends before its weights do.")
        tensor.ClearField("external_data")
        tensor.data_location = 0
        tensor.raw_data = content


def _sizes(graph: Any, name: str) -> Sizes:
    """Return (n, channels, height, width) of the images, None for a size that may vary."""
    if len(graph.input) != 1:
        raise CheckpointError(f"{name} takes {len(graph.input)} inputs; expected one, the images.")
    sizes = [dim.dim_value or None for dim in graph.input[0].type.tensor_type.shape.dim]
    if not 2 <= len(sizes) <= AXES:  # noqa: PLR2004 - images all in a row
        raise CheckpointError(
            f"{name} takes inputs of {len(sizes)} axes; expected images of shape (n, channels, height, "
            "width), or with fewer axes."
        )
    return tuple(sizes)
