"""Constants of a graph: held as weights, and computed where all that they come from is constant."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final

import numpy as np

from trivet.errors import CheckpointError
from trivet.security.reading.onnx.graph import keep, named, opset_of

__all__ = ["FOLDED", "constants", "fold", "hold", "hold_constants"]

#: Operators that are computed where they have nothing but constants.
FOLDED: Final = frozenset(
    (
        *("Abs", "Add", "BatchNormalization", "Cast", "Clip", "Concat", "ConstantOfShape"),
        *("DequantizeLinear", "Div", "Equal", "Exp", "Expand", "Floor", "Gather"),
        *("InstanceNormalization", "Log", "MatMul", "Max", "Min", "Mul", "Neg", "Not", "Pow"),
        *("QuantizeLinear", "Range", "Reciprocal", "ReduceL2", "ReduceMax", "ReduceMean"),
        *("ReduceProd", "ReduceSum", "Reshape", "Shape", "Sigmoid", "Slice", "Sqrt", "Squeeze"),
        *("Sub", "Sum", "Tanh", "Tile", "Transpose", "Unsqueeze", "Where"),
    )
)
#: What a `Constant` says its value by, and the type of its numbers.
VALUES: Final = {
    "value": None,
    **dict.fromkeys(("value_float", "value_floats"), np.float32),
    **dict.fromkeys(("value_int", "value_ints"), np.int64),
}

#: Operators that ONNX's own evaluator computes rightly in later versions alone, which say what the others do.
IMPROVED: Final = frozenset({"BatchNormalization", "DequantizeLinear", "QuantizeLinear"})
LATER: Final = 21


def constants(graph: Any) -> Iterator[Any]:
    """Yield the tensors in attributes."""
    for node in graph.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors


def hold_constants(onnx: Any, graph: Any) -> None:
    """Write constants as weights, which onnx2torch takes wherever it takes constants, and in more places."""
    results, kept = {value.name for value in graph.output}, []
    for node in graph.node:
        value = node.attribute[0] if node.op_type == "Constant" and len(node.attribute) == 1 else None
        if value is None or value.name not in VALUES or node.output[0] in results:
            kept.append(node)
            continue
        tensor = graph.initializer.add()
        if value.name == "value":
            tensor.CopyFrom(value.t)
        else:
            said = onnx.helper.get_attribute_value(value)
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.asarray(said, dtype=VALUES[value.name])))
        tensor.name = node.output[0]
    keep(graph, kept)


def hold(onnx: Any, graph: Any, name: str, numbers: list[int] | list[float]) -> str:
    """Add a constant; return its name."""
    kind = onnx.TensorProto.INT64 if all(type(each) is int for each in numbers) else onnx.TensorProto.FLOAT
    graph.initializer.append(onnx.helper.make_tensor(name, kind, [len(numbers)], numbers))
    return name


def fold(onnx: Any, model: Any, name: str, *, room: int) -> None:
    """Compute what comes of constants alone, as of weights that are kept as whole numbers with a scale."""
    graph = model.graph
    held = {tensor.name: tensor for tensor in graph.initializer}
    results = {value.name for value in graph.output}
    kept: list[Any] = []
    for node in graph.node:
        given = [each for each in node.input if each]
        ready = node.op_type in FOLDED and given and all(each in held for each in given)
        if not ready or node.output[0] in results:
            kept.append(node)
            continue
        tensor = _computed(onnx, model, node, [held[each] for each in given])
        room -= tensor.ByteSize()
        if room < 0:
            raise CheckpointError(f"{name} was refused: the weights that it computes take too much memory.")
        graph.initializer.append(tensor)
        held[node.output[0]] = tensor
    for tensor in graph.initializer:
        if tensor.data_type == onnx.TensorProto.BFLOAT16:  # which NumPy, and so onnx2torch, has not
            numbers = onnx.numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(numbers, tensor.name))
    if len(kept) == len(graph.node):
        return
    keep(graph, kept)
    used = {each for node in graph.node for each in node.input} | results
    for place, tensor in reversed(list(enumerate(graph.initializer))):
        if tensor.name not in used:
            del graph.initializer[place]


def _computed(onnx: Any, model: Any, node: Any, given: list[Any]) -> Any:
    """Return what a node makes of constants."""
    make, empty = onnx.helper, onnx.TypeProto()
    if node.op_type == "BatchNormalization" and len(node.output) > 1 and named(node, "training_mode") is None:
        node.attribute.append(make.make_attribute("training_mode", 1))  # as was meant before version 14
    alone = make.make_graph([node], "g", [], [make.make_value_info(node.output[0], empty)], given)
    opset = max(opset_of(model), LATER if node.op_type in IMPROVED else 0)
    runnable = make.make_model(alone, opset_imports=[make.make_opsetid("", opset)])
    (found,) = import_module("onnx.reference").ReferenceEvaluator(runnable).run(None, {})
    return onnx.numpy_helper.from_array(found, node.output[0])
