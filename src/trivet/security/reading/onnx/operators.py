"""Operators of any version, written as versions before 18 had them."""

from typing import Any, Final

from trivet.errors import CheckpointError
from trivet.security.reading.onnx.formulas import written_out
from trivet.security.reading.onnx.graph import DOMAINS, hold, keep, misread, named, without
from trivet.security.reading.onnx.padding import PADDED, SAME, pad
from trivet.security.reading.onnx.resize import resized
from trivet.security.reading.onnx.versions import NOOP, REDUCTIONS

__all__ = ["known_sizes", "write_older"]

#: Of what has to be known to write an operator in an older way.
SIZED: Final = frozenset({"Pad", "Split", "Resize", "LayerNormalization"})


def known_sizes(onnx: Any, model: Any) -> dict[str, list[int | None]]:
    """Return the sizes of results, as far as they are known and anything may depend on them."""
    if not any(_is_sized(node) for node in model.graph.node):
        return {}
    inferred = onnx.shape_inference.infer_shapes(model).graph
    return {
        value.name: [size.dim_value or None for size in value.type.tensor_type.shape.dim]
        for value in (*inferred.input, *inferred.value_info)
    }


def _is_sized(node: Any) -> bool:
    return node.op_type in SIZED or (node.op_type in PADDED and named(node, "auto_pad") in SAME)


def write_older(onnx: Any, model: Any, name: str, known: dict[str, list[int | None]]) -> None:
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
            pad(onnx, graph, node, held, known)
        else:
            _plainly(onnx, node, given)
        if node.op_type == "Resize":
            written += resized(onnx, graph, node, held, known, name)
        elif node.op_type == "LayerNormalization":
            written += _layer_norm(onnx, node, known)
        else:
            written += written_out(onnx, node, opset, given)
    if len(written) > len(graph.node):
        keep(graph, written)


#: Converted otherwise than ONNX says.
MISREAD: Final = frozenset({"NonZero"})


def _refuse_unclear(node: Any, given: Any, name: str) -> None:
    if node.op_type == "Squeeze" and given is not None and given.size == 0:
        raise CheckpointError(
            f"{name} was refused: a Squeeze in it names no axes, which runtimes read in different "
            "ways. Name them, or leave the input out."
        )
    if node.op_type in MISREAD:
        raise misread(name, node.op_type)


def _plainly(onnx: Any, node: Any, given: Any) -> None:
    """Say what an operator means by its default, or leave out what means nothing."""
    if node.op_type == "Reshape" and given is not None and (given != 0).all():
        without(node, "allowzero")
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


def _split(onnx: Any, graph: Any, node: Any, known: dict[str, list[int | None]], name: str) -> None:
    """Write the sizes of parts that are as large as possible and equal but for the last."""
    parts = len(node.output)
    if not any(each.name == "num_outputs" for each in node.attribute):
        return
    without(node, "num_outputs")
    axis = next((each.i for each in node.attribute if each.name == "axis"), 0)
    sizes = known.get(node.input[0], [])
    size = sizes[axis] if -len(sizes) <= axis < len(sizes) else None
    if size is None:
        raise misread(name, "Split of an axis whose size is not known")
    if size % parts:
        most = -(-size // parts)
        lengths = [most] * (parts - 1) + [size - most * (parts - 1)]
        node.input[:] = [node.input[0], hold(onnx, graph, f"{node.name}_parts", lengths)]


ELEMENTWISE: Final = {"ReduceL1": "Abs", "ReduceL2": "Abs", "ReduceLogSum": "Log"}


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
        without(node, NOOP)
