"""Operators of any version, written as versions before 18 had them."""

from collections.abc import Set as AbstractSet
from typing import Any, Final

import numpy as np

from trivet.errors import CheckpointError
from trivet.security.reading.onnx.constants import hold
from trivet.security.reading.onnx.formulas import written_out
from trivet.security.reading.onnx.graph import (
    keep,
    misread,
    named,
    opset_of,
    without,
)
from trivet.security.reading.onnx.padding import averaged, pad
from trivet.security.reading.onnx.resize import resized
from trivet.security.reading.onnx.sizes import Sizes
from trivet.security.reading.onnx.versions import NOOP, REDUCTIONS

__all__ = ["write_older"]


def write_older(onnx: Any, model: Any, name: str, known: Sizes) -> None:
    """Write operators as versions before 18 had them, where constants show that they say the same."""
    graph = model.graph
    held = {tensor.name: tensor for tensor in graph.initializer}
    opset = opset_of(model)
    written: list[Any] = []
    for node in graph.node:
        while node.input and not node.input[-1]:
            del node.input[-1]
        second = held.get(node.input[1]) if len(node.input) > 1 else None
        given = None if second is None else onnx.numpy_helper.to_array(second)
        _refuse_unclear(node, given, held.keys(), name)
        given = _count_from_first(onnx, graph, node, given, known, name)
        if node.op_type in REDUCTIONS or node.op_type == "ReduceSum":
            _reduction(onnx, node, given, name)
        elif node.op_type == "Split":
            _split(onnx, graph, node, known, name)
        elif node.op_type == "Pad":
            pad(onnx, graph, node, held, known)
        elif node.op_type == "PRelu":
            _slope(onnx, graph, node, given, known, name)
        else:
            _plainly(onnx, graph, node, given, known)
        if node.op_type == "Resize":
            written += resized(onnx, graph, node, held, known, name)
        elif node.op_type == "LayerNormalization":
            written += _layer_norm(onnx, graph, node, held, known)
        elif node.op_type == "AveragePool":
            written += averaged(onnx, graph, node, opset, known)
        else:
            rank = len(known[node.input[0]]) if node.input and node.input[0] in known else None
            written += written_out(onnx, node, opset, given, rank, name)
    keep(graph, written)


#: Operators that put axes in or take them out.
MOVED: Final = frozenset({"Squeeze", "Unsqueeze", "ReduceSum"})
POOLS: Final = frozenset({"AveragePool", "MaxPool"})
CONVOLUTIONS: Final = frozenset({"Conv", "ConvTranspose"})
#: Converted otherwise than ONNX says where an attribute says something else than this.
MISREAD: Final[dict[str, dict[str, Any]]] = {
    "ConvTranspose": {"output_shape": []},
    "IsInf": {"detect_negative": 1, "detect_positive": 1},
    "GatherND": {"batch_dims": 0},
}


def _refuse_unclear(node: Any, given: Any, held: AbstractSet[str], name: str) -> None:
    if node.op_type == "Squeeze" and given is not None and given.size == 0:
        raise CheckpointError(
            f"{name} was refused: a Squeeze in it names no axes, which runtimes read in different "
            "ways. Name them, or leave the input out."
        )
    for key, usual in MISREAD.get(node.op_type, {}).items():
        if (said := named(node, key)) is not None and said != usual:
            raise misread(name, f"{node.op_type} with {key}")
    if node.op_type == "NonZero":
        raise misread(name, node.op_type)
    if node.op_type == "LRN" and (named(node, "size") or 0) % 2 == 0:
        raise misread(name, "LRN over an even number of channels")
    if node.op_type in POOLS and _is_far_out(node):
        raise misread(name, f"{node.op_type} with more padding than half of its window")
    if node.op_type == "BatchNormalization" and (len(node.output) > 1 or named(node, "training_mode")):
        raise CheckpointError(
            f"{name} was refused: a BatchNormalization in it goes by the images at hand, as in "
            "training. Call model.eval() before the export."
        )
    if node.op_type in CONVOLUTIONS and not held >= {each for each in node.input[1:] if each}:
        raise CheckpointError(
            f"{name} was refused: the weights of a {node.op_type} in it are computed; expected constants. "
            "Give its state dict, and --arch for the code of its network."
        )


def _is_far_out(node: Any) -> bool:
    """Return True if windows with equal padding on both sides have more of it than PyTorch puts there."""
    pads, windows = named(node, "pads") or [], named(node, "kernel_shape") or []
    spread = named(node, "dilations") or [1] * len(windows)
    alike = pads[: len(windows)] == pads[len(windows) :]
    return alike and any(
        2 * pad > (window - 1) * step + 1 for pad, window, step in zip(pads, windows, spread, strict=False)
    )


def _count_from_first(onnx: Any, graph: Any, node: Any, given: Any, known: Sizes, name: str) -> Any:
    """Count several axes from the first one on; return those that an operator is given as an input.

    onnx2torch sorts them as numbers, and takes one after the other.
    """
    if node.op_type not in REDUCTIONS | MOVED:
        return given
    axes = named(node, "axes") or ([] if given is None else given.ravel().tolist())
    if len(axes) < 2 or min(axes) >= 0:  # noqa: PLR2004 - one axis stays where it is
        return given
    if node.input[0] not in known:
        raise misread(name, f"{node.op_type} of axes that are counted from the last, of an unknown number,")
    rank = len(known[node.input[0]]) + (len(axes) if node.op_type == "Unsqueeze" else 0)
    counted = sorted(axis % rank for axis in axes)
    if named(node, "axes"):
        without(node, "axes")
        node.attribute.append(onnx.helper.make_attribute("axes", counted))
        return given
    node.input[1] = hold(onnx, graph, f"{node.name}_axes", counted)
    return np.array(counted)


def _slope(onnx: Any, graph: Any, node: Any, given: Any, known: Sizes, name: str) -> None:
    """Give the slopes of a PRelu all axes, since onnx2torch takes the first for the channels."""
    if given is None or node.input[0] not in known:
        raise misread(name, "PRelu of slopes or sizes that are not known")
    rank = len(known[node.input[0]])
    if given.size > 1 and given.ndim < rank:
        slopes = given.reshape((1,) * (rank - given.ndim) + given.shape)
        node.input[1] = f"{node.name}_slopes"
        graph.initializer.append(onnx.numpy_helper.from_array(slopes, node.input[1]))


#: Numbers of half and of double precision, which are computed in single precision.
FRACTIONS: Final = frozenset({10, 11, 16})


def _plainly(onnx: Any, graph: Any, node: Any, given: Any, known: Sizes) -> None:
    """Say what an operator means by its default, or leave out what means nothing."""
    if node.op_type == "MaxPool":
        without(node, "storage_order")  # of the places of the largest pixels, which are not read
    elif node.op_type == "Reshape" and given is not None and (given != 0).all():
        without(node, "allowzero")
    elif node.op_type == "Clip" and len(node.input) > 2 and not node.input[1]:  # noqa: PLR2004 - x, least, most
        node.op_type, node.input[:] = "Min", [node.input[0], node.input[2]]
    elif node.op_type == "Cast" and named(node, "to") in FRACTIONS:
        without(node, "to")
        node.attribute.append(onnx.helper.make_attribute("to", int(onnx.TensorProto.FLOAT)))
    elif node.op_type == "Flatten" and (ends := _ends(node, known)):
        node.op_type, node.input[:] = (
            "Reshape",
            [node.input[0], hold(onnx, graph, f"{node.name}_shape", ends)],
        )
        del node.attribute[:]
    elif node.op_type == "CumSum" and all(each.name != "reverse" for each in node.attribute):
        node.attribute.append(onnx.helper.make_attribute("reverse", 0))  # the converter takes it for 1


def _ends(node: Any, known: Sizes) -> list[int] | None:
    """Return the shape of what is flattened from its first axis on, or up to its last."""
    axis, rank = named(node, "axis"), len(known.get(node.input[0], []))
    return [1, -1] if axis in {0, -rank} else [-1, 1] if axis == rank else None


def _layer_norm(onnx: Any, graph: Any, node: Any, held: dict[str, Any], known: Sizes) -> list[Any]:
    """Let a normalisation find its sizes in what it is given, where they are not known before.

    Where they are, its scale and offset get them, which ONNX lets be smaller.
    """
    axis = next((each.i for each in node.attribute if each.name == "axis"), -1)
    sizes = known.get(node.input[0], [None])
    whole = [size for size in sizes[axis:] if size is not None]
    if len(whole) == len(sizes[axis:]):
        for place, given in enumerate(list(node.input[1:]), 1):
            if given in held and list(held[given].dims) != whole:
                spread = np.broadcast_to(onnx.numpy_helper.to_array(held[given]), whole)
                node.input[place] = f"{node.name}_{place}"
                graph.initializer.append(onnx.numpy_helper.from_array(spread, node.input[place]))
        return [node]
    scale, node.input[1] = node.input[1], f"{node.name}_scale"
    return [onnx.helper.make_node("Identity", [scale], [node.input[1]], name=f"{node.name}_a"), node]


def _split(onnx: Any, graph: Any, node: Any, known: Sizes, name: str) -> None:
    """Write the sizes of parts that are as large as possible and equal but for the last."""
    parts = len(node.output)
    if parts == 1:
        node.op_type, node.input[:] = "Identity", node.input[:1]
        del node.attribute[:]
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
