"""Changes to a graph of ONNX that leave what it computes: its constants, names, and dropout."""

from collections.abc import Iterator
from typing import Any

from trivet.errors import CheckpointError

__all__ = [
    "DOMAINS",
    "constants",
    "drop_training",
    "hold",
    "hold_constants",
    "keep",
    "misread",
    "named",
    "rename",
    "settings",
    "without",
]

DOMAINS = frozenset({"", "ai.onnx"})


def constants(graph: Any) -> Iterator[Any]:
    """Yield the tensors in attributes."""
    for node in graph.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors


def hold_constants(graph: Any) -> None:
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
    keep(graph, kept)


def hold(onnx: Any, graph: Any, name: str, numbers: list[int] | list[float]) -> str:
    """Add a constant; return its name."""
    kind = onnx.TensorProto.INT64 if all(type(each) is int for each in numbers) else onnx.TensorProto.FLOAT
    graph.initializer.append(onnx.helper.make_tensor(name, kind, [len(numbers)], numbers))
    return name


def keep(graph: Any, nodes: list[Any]) -> None:
    """Let a graph have these nodes alone; they are copied, since some may be its own."""
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def drop_training(graph: Any) -> None:
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
    keep(graph, kept)
    used = {name for node in graph.node for name in node.input}
    left = [type(value).FromString(value.SerializeToString()) for value in graph.input if value.name in used]
    del graph.input[:]
    graph.input.extend(left)


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
    """Return what a node's attribute says, a text as bytes and numbers as a list."""
    said = next((each for each in node.attribute if each.name == name), None)
    return None if said is None else said.s or list(said.ints)


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
