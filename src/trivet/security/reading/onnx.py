"""A network out of an ONNX file, by way of onnx2torch, with no other file touched and no name trusted.

onnx2torch hands the names in the file to torch.fx, which writes them into Python source; a name with
a quotation mark in it is code. So every name is replaced before the conversion, in the child process
of `trivet.work.confined`; the conversion sees only what the child has written.
"""

import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from trivet.errors import CheckpointError, import_extra
from trivet.security.reading.parts import GRAPH, INITIALIZER, MAX_GRAPH_BYTES, beside, fields
from trivet.wording import first_line, quote
from trivet.work.confined import Confined

__all__ = ["Program", "Sizes", "arranged", "prepare", "read_onnx", "refuse_heavy"]

if TYPE_CHECKING:
    from torch import nn

PREPARED: Final = "network.onnx"
#: Of a batch of images, axis by axis, None for one that may vary.
Sizes = tuple[int | None, ...]


@dataclass(frozen=True, eq=False)
class Program:
    """A network with the images that it takes at a time and an image's axes; None stands for any."""

    network: "nn.Module"
    batch: int | None
    sizes: tuple[int | None, ...]


Shape = tuple[int, int, int]


def arranged(program: Program, shape: Shape) -> "nn.Module | None":
    """Return the network as one of images (channels, height, width); None where no arrangement fits."""
    from torch import nn  # noqa: PLC0415 - the child process has no use of it

    class Arranged(nn.Module):
        """A network behind an arrangement of the pixels."""

        def __init__(self, arrange: Callable[[Any], Any]) -> None:
            super().__init__()
            self.network, self.arrange = program.network, arrange

        def forward(self, images: Any) -> Any:
            return self.network(self.arrange(images))

    channels, height, width = shape
    ways: tuple[tuple[tuple[int, ...], Callable[[Any], Any]], ...] = (
        (shape, lambda images: images),
        ((height, width, channels), lambda images: images.permute(0, 2, 3, 1)),
        *((((height, width), lambda images: images[:, 0]),) if channels == 1 else ()),
        ((channels * height * width,), lambda images: images.flatten(1)),
    )
    for way, arrange in ways:
        if len(way) == len(program.sizes) and all(
            size in {None, given} for size, given in zip(program.sizes, way, strict=True)
        ):
            return program.network if way == shape else Arranged(arrange)
    return None


#: onnx and onnx2torch copy the weights some six times before they are a network.
MAX_BYTES = MAX_GRAPH_BYTES
#: Bytes other than weights: a network of a thousand layers needs a tenth of it. The smallest
#: message takes two bytes in the file and a hundred in memory.
MAX_STRUCTURE_BYTES = 4 * 2**20
#: Field numbers of TensorProto's float_data, raw_data and double_data, which take as much memory as on disk.
NUMBERS = frozenset({4, 9, 10})
DOMAINS = frozenset({"", "ai.onnx"})
EXTERNAL = 1
AXES = 4


def read_onnx(child: Confined, path: Path, name: str, *, seconds: float | None = None) -> Program:
    """Read an ONNX file."""
    onnx, onnx2torch = import_extra("onnx", name), import_extra("onnx2torch", name)
    request = {"path": str(path.absolute()), "name": name}
    batch, *sizes = child.ask(
        "trivet.security.reading.onnx:prepare", request, name=name, error=CheckpointError, seconds=seconds
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = onnx.load_model(child.file(PREPARED))
            with _later_versions(onnx, model):
                network = onnx2torch.convert(model).float()
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
        _hold_constants(model.graph)
        _drop_training(model.graph)
        sizes = _sizes(model.graph, name)
        _rename(model.graph)
        known = _known_sizes(onnx, model)
        _pad_in_numbers(onnx, model.graph, known)
        _written_older(onnx, model, name, known)
        _hold_constants(model.graph)  # of what was written out
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
        for number, part in fields(memoryview(content)):
            if number == GRAPH:
                for inner, tensor in fields(part):
                    if inner == INITIALIZER:
                        numbers += sum(len(value) for field, value in fields(tensor) if field in NUMBERS)
    except ValueError as error:
        raise CheckpointError(f"{name} cannot be read as an ONNX network: {first_line(error)}.") from error
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
                f"{name} was refused: the operator {quote(node.op_type)} is of the domain "
                f"{quote(node.domain)}, not of ONNX itself."
            )
        if any(attribute.HasField("g") or len(attribute.graphs) > 0 for attribute in node.attribute):
            raise CheckpointError(f"{name} was refused: it holds a graph within its graph.")
    if any(each.data_location == EXTERNAL or len(each.external_data) > 0 for each in _constants(graph)):
        raise CheckpointError(f"{name} was refused: a constant in it points to another file.")


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


def _hold_constants(graph: Any) -> None:
    """Write constants as weights, which onnx2torch takes wherever it takes constants, and in more places."""
    results, kept = {value.name for value in graph.output}, []
    for node in graph.node:
        value = node.attribute[0] if node.op_type == "Constant" and len(node.attribute) == 1 else None
        if value is not None and value.name == "value" and node.output[0] not in results:
            tensor = graph.initializer.add()
            tensor.CopyFrom(value.t)
            tensor.name = node.output[0]
        else:
            kept.append(node)
    _keep(graph, kept)


def _keep(graph: Any, nodes: list[Any]) -> None:
    """Let a graph have these nodes alone; they are copied, since some may be its own."""
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def _drop_training(graph: Any) -> None:
    """Take out what a network has for its training: dropout, and the inputs that switch it."""
    replaced: dict[str, str] = {}
    kept: list[Any] = []
    for node in graph.node:
        node.input[:] = [replaced.get(name, name) for name in node.input]
        if node.op_type == "Dropout" and len(node.output) == 1:
            replaced[node.output[0]] = node.input[0]
        else:
            kept.append(node)
    if not replaced or any(value.name in replaced for value in graph.output):
        return
    _keep(graph, kept)
    used = {name for node in graph.node for name in node.input}
    left = [type(value).FromString(value.SerializeToString()) for value in graph.input if value.name in used]
    del graph.input[:]
    graph.input.extend(left)


#: Says that a window is padded for the output to be as large as the input, or its stride's part of it.
SAME: Final = {b"SAME_UPPER": True, b"SAME_LOWER": False}
PADDED: Final = frozenset({"Conv", "MaxPool", "AveragePool"})


#: Of what has to be known to write an operator in an older way.
SIZED: Final = frozenset({"Pad", "Split", "Resize", "LayerNormalization"})


def _known_sizes(onnx: Any, model: Any) -> dict[str, list[int | None]]:
    """Return the sizes of results, as far as they are known and anything may depend on them."""
    if not any(_is_sized(node) for node in model.graph.node):
        return {}
    inferred = onnx.shape_inference.infer_shapes(model).graph
    return {
        value.name: [size.dim_value or None for size in value.type.tensor_type.shape.dim]
        for value in (*inferred.input, *inferred.value_info)
    }


def _is_sized(node: Any) -> bool:
    return node.op_type in SIZED or (node.op_type in PADDED and _named(node, "auto_pad") in SAME)


def _pad_in_numbers(onnx: Any, graph: Any, sizes: dict[str, list[int | None]]) -> None:
    """Write by numbers the padding that Keras and CNTK name, as far as the sizes are known."""
    padded = [node for node in graph.node if node.op_type in PADDED and _named(node, "auto_pad") in SAME]
    weights = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    for node in padded:
        window = _named(node, "kernel_shape") or weights.get(node.input[1], [])[2:]
        steps = _named(node, "strides") or [1] * len(window)
        spread = _named(node, "dilations") or [1] * len(window)
        found = sizes.get(node.input[0], [])[2:] or [None] * len(window)
        asked = zip(found, window, steps, spread, strict=len(found) == len(window))
        pads = [pad for each in asked if (pad := _same(*each)) is not None]
        if not pads or len(pads) < len(window):
            continue
        less, more = [pad // 2 for pad in pads], [pad - pad // 2 for pad in pads]
        first, last = (less, more) if SAME[_named(node, "auto_pad")] else (more, less)
        _without(node, "auto_pad")
        _without(node, "pads")
        node.attribute.append(onnx.helper.make_attribute("pads", [*first, *last]))


def _same(size: int | None, window: int, step: int, spread: int) -> int | None:
    """Return how many pixels are put beside an axis; None where that depends on a size not known."""
    reach = (window - 1) * spread + 1
    if step == 1:
        return reach - 1
    return None if size is None else max((-(-size // step) - 1) * step + reach - size, 0)


def _named(node: Any, name: str) -> Any:
    """Return what a node's attribute says, a text as bytes and numbers as a list."""
    said = next((each for each in node.attribute if each.name == name), None)
    return None if said is None else said.s or list(said.ints)


#: Reductions, whose axes became an input with version 18.
REDUCTIONS: Final = frozenset(
    f"Reduce{kind}" for kind in ("Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSum", "LogSumExp")
)
#: Says that a reduction without axes reduces none, and what such a one still does to each number.
NOOP: Final = "noop_with_empty_axes"
ELEMENTWISE: Final = {"ReduceL1": "Abs", "ReduceL2": "Abs", "ReduceLogSum": "Log"}
#: Operators of which the versions after 13 take more types of numbers, and what else some of these added.
WIDENED: Final[dict[str, str | None]] = {
    **dict.fromkeys(("Identity", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Size", "Constant", "Cast")),
    **dict.fromkeys(("ConstantOfShape", "MaxPool", "GlobalAveragePool", "GlobalMaxPool", "Conv", "Relu")),
    **dict.fromkeys(("LeakyRelu", "Sigmoid", "Tanh", "HardSwish", "HardSigmoid", "Equal", "Where", "Pow")),
    **dict.fromkeys(
        ("Add", "Sub", "Mul", "Div", "Sqrt", "MatMul", "Gemm", "Concat", "Softmax", "Elu", "Split")
    ),
    **dict.fromkeys(("Shape", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "ConvTranspose", "Round", "Selu")),
    **dict.fromkeys(("InstanceNormalization", "IsInf", "IsNaN", "EyeLike", "GreaterOrEqual", "LessOrEqual")),
    **dict.fromkeys(("Softplus", "Softsign", "Pad", "Resize")),
    "Reshape": "allowzero",
    "AveragePool": "dilations",
    "ScatterND": "reduction",
}
#: Inputs of a `Pad` that has no axes of its own.
PADDING: Final = 3
#: The oldest version that the widened ones go back to.
UNIFIED: Final = 13


def _written_older(onnx: Any, model: Any, name: str, known: dict[str, list[int | None]]) -> None:
    """Write operators as versions before 18 had them, where constants show that they say the same."""
    graph = model.graph
    held = {tensor.name: tensor for tensor in graph.initializer}
    opset = next((each.version for each in model.opset_import if each.domain in DOMAINS), 1)
    written: list[Any] = []
    for node in graph.node:
        while node.input and not node.input[-1]:
            del node.input[-1]
        second = held.get(node.input[1]) if len(node.input) > 1 else None
        given = None if second is None else onnx.numpy_helper.to_array(second)
        _refuse_unclear(node, given, name)
        if node.op_type in REDUCTIONS or node.op_type == "ReduceSum":
            _reduction(onnx, node, given, name)
        elif node.op_type == "Split":
            _split(onnx, graph, node, known, name)
        elif node.op_type == "Pad":
            _pad(onnx, graph, node, held, known)
        else:
            _plainly(onnx, node, given)
        if node.op_type == "Resize":
            written += _resize(onnx, graph, node, held, known, name)
        elif node.op_type == "LayerNormalization":
            written += _layer_norm(onnx, node, known)
        else:
            written += _written_out(onnx, node, opset, given)
    if len(written) > len(graph.node):
        _keep(graph, written)


def _refuse_unclear(node: Any, given: Any, name: str) -> None:
    if node.op_type == "Squeeze" and given is not None and given.size == 0:
        raise CheckpointError(
            f"{name} was refused: a Squeeze in it names no axes, which runtimes read in different "
            "ways. Name them, or leave the input out."
        )
    if node.op_type in MISREAD:
        raise _misread(name, node.op_type)


def _plainly(onnx: Any, node: Any, given: Any) -> None:
    """Say what an operator means by its default, or leave out what means nothing."""
    if node.op_type == "Reshape" and given is not None and (given != 0).all():
        _without(node, "allowzero")
    elif node.op_type == "Clip" and len(node.input) > 2 and not node.input[1]:  # noqa: PLR2004 - x, least, most
        node.op_type, node.input[:] = "Min", [node.input[0], node.input[2]]
    elif node.op_type == "CumSum" and all(each.name != "reverse" for each in node.attribute):
        node.attribute.append(onnx.helper.make_attribute("reverse", 0))  # the converter takes it for 1


def _layer_norm(onnx: Any, node: Any, known: dict[str, list[int | None]]) -> list[Any]:
    """Let a normalisation find its sizes in what it is given, where they are not known before."""
    axis = next((each.i for each in node.attribute if each.name == "axis"), -1)
    sizes = known.get(node.input[0], [None])
    if None not in sizes[axis:]:
        return [node]
    scale, node.input[1] = node.input[1], f"{node.name}_scale"
    return [onnx.helper.make_node("Identity", [scale], [node.input[1]], name=f"{node.name}_a"), node]


#: Converted otherwise than ONNX says.
MISREAD: Final = frozenset({"NonZero"})


def _misread(name: str, what: str) -> CheckpointError:
    return CheckpointError(
        f"{name} was refused: a {what} in it would be computed in another way than ONNX says. Give its state "
        "dict, and --arch for the code of its network."
    )


def _hold(onnx: Any, graph: Any, name: str, numbers: list[int] | list[float]) -> str:
    """Add a constant; return its name."""
    kind = onnx.TensorProto.INT64 if all(type(each) is int for each in numbers) else onnx.TensorProto.FLOAT
    graph.initializer.append(onnx.helper.make_tensor(name, kind, [len(numbers)], numbers))
    return name


def _split(onnx: Any, graph: Any, node: Any, known: dict[str, list[int | None]], name: str) -> None:
    """Write the sizes of parts that are as large as possible and equal but for the last."""
    parts = len(node.output)
    if not any(each.name == "num_outputs" for each in node.attribute):
        return
    _without(node, "num_outputs")
    axis = next((each.i for each in node.attribute if each.name == "axis"), 0)
    sizes = known.get(node.input[0], [])
    size = sizes[axis] if -len(sizes) <= axis < len(sizes) else None
    if size is None:
        raise _misread(name, "Split of an axis whose size is not known")
    if size % parts:
        most = -(-size // parts)
        lengths = [most] * (parts - 1) + [size - most * (parts - 1)]
        node.input[:] = [node.input[0], _hold(onnx, graph, f"{node.name}_parts", lengths)]


def _pad(onnx: Any, graph: Any, node: Any, held: dict[str, Any], known: dict[str, list[int | None]]) -> None:
    """Write the padding of some axes as one of all, and leave out a value that nothing is padded with."""
    pads, axes = (
        onnx.numpy_helper.to_array(held[node.input[place]]).tolist()
        if len(node.input) > place and node.input[place] in held
        else None
        for place in (1, PADDING)
    )
    rank = len(known.get(node.input[0], []))
    if (
        pads is not None
        and axes
        and len(pads) == 2 * len(axes)
        and all(-rank <= axis < rank for axis in axes)
    ):
        whole = [0] * 2 * rank
        for place, axis in enumerate(axes):
            whole[axis % rank], whole[rank + axis % rank] = pads[place], pads[len(axes) + place]
        node.input[:] = [
            node.input[0],
            _hold(onnx, graph, f"{node.name}_pads", whole),
            *node.input[2:PADDING],
        ]
    if _named(node, "mode") not in {None, b"constant"} and len(node.input) <= PADDING:
        del node.input[2:]


#: How an image is resized in PyTorch: by its words in ONNX, with the number that a cubic needs.
RESIZED: Final = {
    (b"nearest", b"asymmetric", b"floor"),
    *(
        (mode, where, None)
        for mode in (b"linear", b"cubic")
        for where in (b"half_pixel", b"pytorch_half_pixel")
    ),
    *((mode, b"align_corners", None) for mode in (b"linear", b"cubic")),
}
#: What is the same as the first of them where each pixel becomes a whole number of pixels.
WHOLE_STEPS: Final = frozenset(
    {
        *(
            (where, rounded)
            for where in (b"half_pixel", b"pytorch_half_pixel", b"half_pixel_symmetric")
            for rounded in (b"round_prefer_floor", b"round_prefer_ceil")
        ),
        (b"tf_half_pixel_for_nn", b"floor"),
    }
)
CUBIC: Final = -0.75


def _resize(
    onnx: Any, graph: Any, node: Any, held: dict[str, Any], known: dict[str, list[int | None]], name: str
) -> list[Any]:
    """Write a resize as version 13 had it, with PyTorch's words; refuse what PyTorch has no words for."""
    says = _settings(onnx, node, 19)
    if len(node.input) < 3:  # noqa: PLR2004 - of version 10, which is asymmetric
        if says["mode"] != b"nearest":
            raise _misread(name, "Resize of version 10 that is not of the nearest pixel")
        return [node]
    scales = held.get(node.input[2])
    factors = None if scales is None else onnx.numpy_helper.to_array(scales).tolist()
    where, rounded = says["coordinate_transformation_mode"], says["nearest_mode"]
    nearest = says["mode"] == b"nearest"
    if nearest and factors and all(factor >= 1 and factor % 1 == 0 for factor in factors):
        where, rounded = (b"asymmetric", b"floor") if (where, rounded) in WHOLE_STEPS else (where, rounded)
    plain = says["antialias"] == 0 and says["keep_aspect_ratio_policy"] == b"stretch"
    smooth = nearest or (says["exclude_outside"] == 0 and says["cubic_coeff_a"] == CUBIC)
    if (says["mode"], where, rounded if nearest else None) not in RESIZED or not plain or not smooth:
        raise _misread(name, f"Resize ({says['mode'].decode()}, {where.decode()})")
    del node.attribute[:]
    for key, value in (
        ("mode", says["mode"]),
        ("coordinate_transformation_mode", where),
        ("nearest_mode", rounded),
    ):
        node.attribute.append(onnx.helper.make_attribute(key, value))
    return (
        [node]
        if "axes" not in says
        else _resize_all(onnx, graph, node, list(says["axes"]), factors, known, name)
    )


def _resize_all(
    onnx: Any,
    graph: Any,
    node: Any,
    axes: list[int],
    factors: list[float] | None,
    known: dict[str, list[int | None]],
    name: str,
) -> list[Any]:
    """Write a resize of an image's height and width alone as one of all its axes."""
    if len(known.get(node.input[0], [])) != AXES or [axis % AXES for axis in axes] != [2, 3]:
        raise _misread(name, "Resize of other axes than height and width")
    if factors:
        node.input[2] = _hold(onnx, graph, f"{node.name}_scales", [1.0, 1.0, *factors])
        return [node]
    make, own = onnx.helper.make_node, node.name
    sizes, node.input[3] = node.input[3], f"{own}_sizes"
    return [
        make("Shape", [node.input[0]], [f"{own}_first"], name=f"{own}_a", start=0, end=2),
        make("Concat", [f"{own}_first", sizes], [f"{own}_sizes"], name=f"{own}_b", axis=0),
        node,
    ]


def _settings(onnx: Any, node: Any, opset: int) -> dict[str, Any]:
    """Return a node's attributes, with ONNX's own where it says nothing."""
    value = onnx.helper.get_attribute_value
    known = onnx.defs.get_schema(node.op_type, opset).attributes.items()
    defaults = {key: value(each.default_value) for key, each in known if each.default_value.name}
    return defaults | {each.name: value(each) for each in node.attribute}


def _reduction(onnx: Any, node: Any, given: Any, name: str) -> None:
    """Write the axes of a reduction as an attribute; without any it reduces all, or as it says none."""
    if given is None and len(node.input) > 1 and node.input[1] and node.op_type in REDUCTIONS:
        raise CheckpointError(
            f"{name} was refused: the axes of a {node.op_type} in it are computed; expected constants."
        )
    axes = [] if given is None else [int(axis) for axis in given.ravel()]
    if axes and node.op_type in REDUCTIONS:
        node.input[:] = node.input[:1]
        node.attribute.append(onnx.helper.make_attribute("axes", axes))
    elif given is not None and not axes:
        node.input[:] = node.input[:1]
    if len(node.input) == 1 and not axes and any(each.name == NOOP and each.i for each in node.attribute):
        squared = node.op_type == "ReduceSumSquare"
        node.input[:] = [node.input[0]] * (2 if squared else 1)
        node.op_type = "Mul" if squared else ELEMENTWISE.get(node.op_type, "Identity")
        del node.attribute[:]
    elif node.op_type in REDUCTIONS:
        _without(node, NOOP)


def _without(node: Any, name: str) -> None:
    for attribute in [each for each in node.attribute if each.name == name]:
        node.attribute.remove(attribute)


#: Operators in those of version 13, as ONNX defines them: of x, a scale s and an offset b they make y.
#: An operator has the attributes that it names; `length` is that of the scale.
IN_OTHERS: Final = {
    "Mish": "a = Softplus (x) t = Tanh (a) y = Mul (x, t)",
    "Swish": """
        a = Constant <value: tensor = float {%(alpha)r}> () t = Mul (a, x) g = Sigmoid (t) y = Mul (x, g)""",
    "Gelu": """
        root = Constant <value: tensor = float {1.4142135623730951}> ()
        one = Constant <value: tensor = float {1.0}> ()
        half = Constant <value: tensor = float {0.5}> ()
        a = Div (x, root) e = Erf (a) t = Add (e, one) g = Mul (t, half) y = Mul (x, g)""",
    "Gelu, tanh": """
        root = Constant <value: tensor = float {0.7978845608028654}> ()
        third = Constant <value: tensor = float {0.044715}> ()
        one = Constant <value: tensor = float {1.0}> ()
        half = Constant <value: tensor = float {0.5}> ()
        square = Mul (x, x) cube = Mul (square, x) a = Mul (third, cube) c = Add (x, a) d = Mul (root, c)
        e = Tanh (d) t = Add (e, one) g = Mul (t, half) y = Mul (x, g)""",
    "ThresholdedRelu": """
        a = Constant <value: tensor = float {%(alpha)r}> () none = Constant <value: tensor = float {0.0}> ()
        above = Greater (x, a) y = Where (above, x, none)""",
    "Shrink": """
        least = Constant <value: tensor = float {%(lambd)r}> () less = Neg (least)
        bias = Constant <value: tensor = float {%(bias)r}> () none = Constant <value: tensor = float {0.0}> ()
        up = Add (x, bias) down = Sub (x, bias) below = Less (x, less) above = Greater (x, least)
        rest = Where (above, down, none) y = Where (below, up, rest)""",
    "GlobalMaxPool": """
        flat = Constant <value: tensor = int64[3] {0, 0, -1}> ()
        shape = Constant <value: tensor = int64[4] {0, 0, 1, 1}> ()
        a = Reshape (x, flat) m = ReduceMax <axes = [2], keepdims = 1> (a) y = Reshape (m, shape)""",
    "MeanVarianceNormalization": """
        tiny = Constant <value: tensor = float {1e-9}> () m = ReduceMean <axes = %(axes)s, keepdims = 1> (x)
        a = Sub (x, m) c = Mul (a, a) v = ReduceMean <axes = %(axes)s, keepdims = 1> (c)
        d = Sqrt (v) e = Add (d, tiny) y = Div (a, e)""",
    "LpNormalization": """
        tiny = Constant <value: tensor = float {1e-30}> ()
        n = ReduceL%(p)d <axes = [%(axis)d], keepdims = 1> (x) m = Max (n, tiny) y = Div (x, m)""",
    "RMSNormalization": """
        tiny = Constant <value: tensor = float {%(epsilon)r}> () a = Mul (x, x)
        m = ReduceMean <axes = [%(axis)d], keepdims = 1> (a) c = Add (m, tiny) d = Sqrt (c) e = Div (x, d)
        y = Mul (e, s)""",
    "GroupNormalization": """
        flat = Constant <value: tensor = int64[3] {0, %(num_groups)d, -1}> ()
        rows = Constant <value: tensor = int64[3] {0, %(length)d, -1}> ()
        column = Constant <value: tensor = int64[2] {-1, 1}> ()
        tiny = Constant <value: tensor = float {%(epsilon)r}> ()
        f = Reshape (x, flat) m = ReduceMean <axes = [2], keepdims = 1> (f) a = Sub (f, m) c = Mul (a, a)
        v = ReduceMean <axes = [2], keepdims = 1> (c) d = Add (v, tiny) e = Sqrt (d) n = Div (a, e)
        r = Reshape (n, rows) w = Reshape (s, column) o = Reshape (b, column) p = Mul (r, w) q = Add (p, o)
        shape = Shape (x) y = Reshape (q, shape)""",
}


def _written_out(onnx: Any, node: Any, opset: int, scale: Any) -> list[Any]:
    """Return a node, or those that compute the same by other operators."""
    if node.op_type not in IN_OTHERS:
        return [node]
    says = _settings(onnx, node, opset) | {"length": 0 if scale is None else scale.size}
    kind = f"{node.op_type}, tanh" if says.get("approximate") == b"tanh" else node.op_type
    if (kind == "GroupNormalization" and scale is None) or (
        kind == "RMSNormalization" and says["axis"] != -1
    ):
        return [node]
    text = IN_OTHERS[kind] % says
    ours = dict(zip(("x", "s", "b"), node.input, strict=False)) | {"y": node.output[0]}
    made = list(
        onnx.parser.parse_graph(f"a (float[n] x, float[n] s, float[n] b) => (float[n] y) {{{text}}}").node
    )
    for step, each in enumerate(made):
        each.name = f"{node.name}_{step}"
        each.input[:] = [ours.get(key, f"{node.name}_{key}") for key in each.input]
        each.output[:] = [ours.get(key, f"{node.name}_{key}") for key in each.output]
    return made


@contextmanager
def _later_versions(onnx: Any, model: Any) -> Generator[None]:
    """Let onnx2torch convert later versions of operators that differ from an earlier one in nothing here.

    Its converters are those of the whole process, and the next network may use what was added to an operator.
    """
    registry = import_module("onnx2torch.node_converters.registry")
    converters: dict[Any, Any] = registry._CONVERTER_REGISTRY  # noqa: SLF001 - it has no way to take one out
    own = dict(converters)
    opset = next((each.version for each in model.opset_import if each.domain in DOMAINS), 1)
    operators = {node.op_type for node in model.graph.node} & (REDUCTIONS | WIDENED.keys())
    for operator in operators - {node.op_type for node in model.graph.node if _says_more(node)}:
        since = onnx.defs.get_schema(operator, opset).since_version
        oldest = 1 if operator in REDUCTIONS else UNIFIED
        for version in range(since, oldest - 1, -1):
            with suppress(NotImplementedError):
                converter = registry.get_converter(operator, version)
                if version != since:
                    registry.add_converter(operator, since)(converter)
                break
    try:
        yield
    finally:
        converters.clear()
        converters.update(own)


def _says_more(node: Any) -> bool:
    """Return True if an operator uses what a version after 13 added to it."""
    if node.op_type == "Pad":
        return len(node.input) > PADDING and node.input[PADDING] != ""
    added = WIDENED.get(node.op_type)
    return any(each.name == added and _is_set(each) for each in node.attribute)


def _is_set(attribute: Any) -> bool:
    """Return True if an attribute says something else than its default: a number but 0, or numbers but 1."""
    return bool(attribute.i) or any(number != 1 for number in attribute.ints)


def _constants(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors


def _rename(graph: Any) -> None:
    """Give every node and every value a name of ours, and a copy of weights the name of the weights."""
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
        _keep(graph, kept)


def _sizes(graph: Any, name: str) -> Sizes:
    """Return (n, channels, height, width) of the images, None for a size that may vary."""
    held = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in held]
    if len(inputs) != 1:
        raise CheckpointError(f"{name} takes {len(inputs)} inputs; expected one, the images.")
    sizes = [dim.dim_value or None for dim in inputs[0].type.tensor_type.shape.dim]
    if not 2 <= len(sizes) <= AXES:  # noqa: PLR2004 - images all in a row
        raise CheckpointError(
            f"{name} takes inputs of {len(sizes)} axes; expected images of shape (n, channels, height, "
            "width), or with fewer axes."
        )
    return tuple(sizes)
