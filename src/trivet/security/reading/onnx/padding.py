"""Paddings of ONNX by numbers, of all axes."""

from functools import reduce
from typing import Any, Final

import numpy as np

from trivet.security.reading.onnx.constants import hold
from trivet.security.reading.onnx.graph import named, without
from trivet.security.reading.onnx.sizes import Sizes
from trivet.security.reading.onnx.versions import PADDING, PLACED

__all__ = ["averaged", "pad", "pad_in_numbers"]

#: Says that a window is padded for the output to be as large as the input, or its stride's part of it.
SAME: Final = {b"SAME_UPPER": True, b"SAME_LOWER": False}
PADDED: Final = frozenset({"Conv", "MaxPool", "AveragePool"})


def pad_in_numbers(onnx: Any, graph: Any, sizes: Sizes) -> None:
    """Write by numbers the padding that Keras and CNTK name, as far as the sizes are known."""
    padded = [node for node in graph.node if node.op_type in PADDED and named(node, "auto_pad") in SAME]
    weights = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    for node in padded:
        window = named(node, "kernel_shape") or weights.get(node.input[1], [])[2:]
        steps = named(node, "strides") or [1] * len(window)
        spread = named(node, "dilations") or [1] * len(window)
        found = sizes.get(node.input[0], [])[2:] or [None] * len(window)
        asked = zip(found, window, steps, spread, strict=len(found) == len(window))
        pads = [pad for each in asked if (pad := _same(*each)) is not None]
        if not pads or len(pads) < len(window):
            continue
        less, more = [pad // 2 for pad in pads], [pad - pad // 2 for pad in pads]
        first, last = (less, more) if SAME[named(node, "auto_pad")] else (more, less)
        without(node, "auto_pad")
        without(node, "pads")
        node.attribute.append(onnx.helper.make_attribute("pads", [*first, *last]))


def _same(size: int | None, window: int, step: int, spread: int) -> int | None:
    """Return how many pixels are put beside an axis; None where that depends on a size not known."""
    reach = (window - 1) * spread + 1
    if step == 1:
        return reach - 1
    return None if size is None else max((-(-size // step) - 1) * step + reach - size, 0)


def pad(onnx: Any, graph: Any, node: Any, held: dict[str, Any], known: Sizes) -> None:
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
            hold(onnx, graph, f"{node.name}_pads", whole),
            *node.input[2:PADDING],
        ]
    if named(node, "mode") not in {None, b"constant"} and len(node.input) <= PADDING:
        del node.input[2:]


def averaged(onnx: Any, graph: Any, node: Any, opset: int, known: Sizes) -> list[Any]:
    """Write a mean over windows with more padding on one side as one over padded images, times a constant."""
    pads = named(node, "pads") or []
    sizes = [size for size in known.get(node.input[0], [])[2:] if size is not None]
    axes = len(pads) // 2
    first, last = pads[:axes], pads[axes:]
    counted = named(node, "count_include_pad")
    if first == last or named(node, "ceil_mode") or (not counted and len(sizes) != axes):
        return [node]
    windows, steps = named(node, "kernel_shape"), named(node, "strides") or [1] * axes
    shares = (
        [] if counted else [_shares(*each) for each in zip(sizes, first, last, windows, steps, strict=True)]
    )
    if any((share <= 0).any() for share in shares):  # a window of nothing but padding
        return [node]
    make, own, whole = onnx.helper.make_node, node.name, [0, 0, *first, 0, 0, *last]
    given = {"pads": whole} if opset < PLACED else {}
    inputs = [node.input[0]] if given else [node.input[0], hold(onnx, graph, f"{own}_pads", whole)]
    node.input[0] = f"{own}_padded"
    without(node, "pads")
    padded = make("Pad", inputs, [node.input[0]], name=f"{own}_a", **given)
    if counted:
        return [padded, node]
    factors = reduce(np.multiply.outer, [1 / share for share in shares])[None, None].astype(np.float32)
    graph.initializer.append(onnx.numpy_helper.from_array(factors, f"{own}_factors"))
    result, node.output[0] = node.output[0], f"{own}_mean"
    return [padded, node, make("Mul", [node.output[0], f"{own}_factors"], [result], name=f"{own}_b")]


def _shares(size: int, first: int, last: int, window: int, step: int) -> Any:
    """Return which part of each window along an axis lies in the image."""
    starts = np.arange(0, first + size + last - window + 1, step) - first
    return (np.minimum(starts + window, size) - np.maximum(starts, 0)) / window
