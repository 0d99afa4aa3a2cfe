"""Changes to a graph of ONNX that leave what it computes: its names, its results, and dropout."""

from graphlib import TopologicalSorter
from typing import Any, Final

from trivet.errors import CheckpointError
from trivet.wording import quote

__all__ = [
    "DOMAINS",
    "SEVERAL",
    "drop_training",
    "drop_weights_from_inputs",
    "keep",
    "keep_first_results",
    "misread",
    "named",
    "opset_of",
    "put_in_order",
    "rename",
    "settings",
    "without",
    "without_weights",
]

DOMAINS = frozenset({"", "ai.onnx"})
#: Operators of which onnx2torch returns every result.
SEVERAL: Final = frozenset({"Split", "TopK"})
#: The version of the format from which on weights need not be inputs.
UNLISTED: Final = 4
#: Constants up to this size may say what shape a result has; larger ones are weights.
MAX_SHAPE_BYTES: Final = 4096


def opset_of(model: Any) -> int:
    """Return the version of ONNX's operators that a file means."""
    return next((each.version for each in model.opset_import if each.domain in DOMAINS), 1)


def without_weights(onnx: Any, model: Any) -> Any:
    """Return a copy of a model in which inputs of the same shapes stand for large weights."""
    copy, graph = onnx.ModelProto(), model.graph
    copy.ir_version = model.ir_version
    copy.opset_import.extend(model.opset_import)
    for part in ("node", "input", "output"):
        getattr(copy.graph, part).extend(getattr(graph, part))
    copy.graph.name = "graph"
    for tensor in graph.initializer:
        if tensor.ByteSize() <= MAX_SHAPE_BYTES:
            copy.graph.initializer.append(tensor)
        else:
            info = onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            copy.graph.input.append(info)
    return copy


def keep_first_results(graph: Any, name: str) -> None:
    """Leave each operator the results that onnx2torch returns; refuse a graph that uses others."""
    results = {value.name for value in graph.output}
    used = {each for node in graph.node for each in node.input} | results
    for node in list(graph.node):
        if node.op_type in SEVERAL:
            for place, result in enumerate(node.output):
                if result in results:  # onnx2torch would return all of the operator's
                    node.output[place] = f"{result} of several"
                    graph.node.add(op_type="Identity", input=[node.output[place]], output=[result])
            continue
        if len(node.output) < 2:  # noqa: PLR2004 - a result, and others
            continue
        if node.op_type == "BatchNormalization":  # of training, which is refused but for constants
            continue
        if any(each in used for each in node.output[1:] if each):
            raise CheckpointError(
                f"{name} was refused: what a {quote(node.op_type)} in it returns beside its first result is "
                "used, and not read. Give its state dict, and --arch for the code of its network."
            )
        del node.output[1:]


def keep(graph: Any, nodes: list[Any]) -> None:
    """Let a graph have these nodes alone; they are copied, since some may be its own."""
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def put_in_order(graph: Any) -> None:
    """Put each node behind those whose results it takes, as converters to half precision do not."""
    makers = {result: place for place, node in enumerate(graph.node) for result in node.output if result}
    before = {
        place: [makers[each] for each in node.input if each in makers]
        for place, node in enumerate(graph.node)
    }
    if any(max(makes, default=-1) >= place for place, makes in before.items()):
        keep(graph, [graph.node[place] for place in TopologicalSorter(before).static_order()])


def drop_training(graph: Any) -> None:
    """Take out what a network has for its training: dropout, and the inputs that switch it."""
    replaced: dict[str, str] = {}
    switches: set[str] = set()
    kept: list[Any] = []
    results = {value.name for value in graph.output}
    for node in graph.node:
        node.input[:] = [replaced.get(name, name) for name in node.input]
        if node.op_type == "Dropout":
            switches.update(node.input[1:])
            if node.output[0] not in results:
                replaced[node.output[0]] = node.input[0]
                continue
            node.op_type, node.input[:] = "Identity", node.input[:1]
            del node.attribute[:]
        kept.append(node)
    keep(graph, kept)
    switches -= {name for node in graph.node for name in node.input}
    for place, value in reversed(list(enumerate(graph.input))):
        if value.name in switches:
            del graph.input[place]


def drop_weights_from_inputs(model: Any) -> None:
    """Take weights out of the inputs, where files of before version 4 of the format list them as well."""
    held = {tensor.name for tensor in model.graph.initializer}
    for place, value in reversed(list(enumerate(model.graph.input))):
        if value.name in held:
            del model.graph.input[place]
    model.ir_version = max(model.ir_version, UNLISTED)


def rename(graph: Any) -> None:
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
        keep(graph, kept)


def named(node: Any, name: str) -> Any:
    """Return what a node's attribute says: a whole number, a text as bytes, or several numbers as a list."""
    said = next((each for each in node.attribute if each.name == name), None)
    if said is None or said.HasField("i"):
        return None if said is None else said.i
    return said.s or list(said.ints) or list(said.floats)


def settings(onnx: Any, node: Any, opset: int) -> dict[str, Any]:
    """Return a node's attributes, with ONNX's own where it says nothing."""
    value = onnx.helper.get_attribute_value
    known = onnx.defs.get_schema(node.op_type, opset).attributes.items()
    defaults = {key: value(each.default_value) for key, each in known if each.default_value.name}
    return defaults | {each.name: value(each) for each in node.attribute}


def without(node: Any, name: str) -> None:
    """Take an attribute off a node."""
    for attribute in [each for each in node.attribute if each.name == name]:
        node.attribute.remove(attribute)


def misread(name: str, what: str) -> CheckpointError:
    """Return the refusal of what onnx2torch would compute in another way."""
    return CheckpointError(
        f"{name} was refused: a {what} in it would be computed in another way than ONNX says. Give its state "
        "dict, and --arch for the code of its network."
    )
