"""Sizes of the results in a graph, as far as they are known before any image is."""

from collections.abc import Iterator
from typing import Any, Final

from trivet.security.reading.onnx.graph import without_weights

__all__ = ["Sizes", "known_sizes"]

#: By a result's name the sizes of its axes, as far as they are known.
Sizes = dict[str, list[int | None]]
#: How often ONNX is let look again, each time with the axes that it could not count before.
ROUNDS: Final = 8


def known_sizes(onnx: Any, model: Any) -> Sizes:
    """Return the sizes of results, and write them into the graph, from where onnx2torch takes them."""
    light = without_weights(onnx, model)
    values = _inferred(onnx, light)
    for _ in range(ROUNDS):
        counted = list(_counted(model.graph, _known(values)))
        if not counted:
            break
        kinds = {value.name: value.type.tensor_type.elem_type for value in values}
        for node, axes in counted:
            kind = kinds.get(node.input[0], onnx.TensorProto.FLOAT)
            info = onnx.helper.make_tensor_value_info(node.output[0], kind, [None] * axes)
            light.graph.value_info.append(info)
        values = _inferred(onnx, light)
    given = {value.name for value in (*light.graph.input, *light.graph.output)}
    for value in values:
        if value.name not in given and value.type.tensor_type.HasField("shape"):
            for size in value.type.tensor_type.shape.dim:
                size.ClearField("dim_param")
            model.graph.value_info.append(value)
    return _known(values)


def _inferred(onnx: Any, light: Any) -> list[Any]:
    graph = onnx.shape_inference.infer_shapes(light, data_prop=True).graph
    return [*graph.input, *graph.output, *graph.value_info]


def _known(values: list[Any]) -> Sizes:
    return {
        value.name: [size.dim_value or None for size in value.type.tensor_type.shape.dim]
        for value in values
        if value.type.tensor_type.HasField("shape")
    }


def _counted(graph: Any, known: Sizes) -> Iterator[tuple[Any, int]]:
    """Yield reshapes with how many numbers their shape has, where ONNX has not taken these for their axes."""
    results = {value.name for value in graph.output}
    for node in graph.node:
        if node.op_type == "Reshape" and node.output[0] not in known and node.output[0] not in results:
            length = known.get(node.input[1], [])
            if len(length) == 1 and length[0] is not None:
                yield node, length[0]
