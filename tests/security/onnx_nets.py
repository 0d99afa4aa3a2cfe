"""Networks of a few ONNX operators, and what trivet makes of them."""

import numpy as np

from trivet.security.reading.onnx.file import read_onnx

SHAPE = (1, 8, 8)


def graph_of(onnx, nodes, held, *, opset, images=SHAPE, output="y0"):
    """Return a network of nodes, with weights by their names, that takes the images x."""
    value = onnx.helper.make_tensor_value_info
    tensors = [onnx.numpy_helper.from_array(np.asarray(each), key) for key, each in held.items()]
    graph = onnx.helper.make_graph(
        nodes, "g", [value("x", 1, ["n", *images])], [value(output, 1, None)], tensors
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=10)


def of_one(onnx, operator, opset, *constants, images=SHAPE, outputs=1, **settings):
    """Return a network of one operator on images and constants; None leaves an input out."""
    held = {f"c{number}": each for number, each in enumerate(constants) if each is not None}
    inputs = ["" if each is None else f"c{number}" for number, each in enumerate(constants)]
    names = [f"y{number}" for number in range(outputs)]
    node = onnx.helper.make_node(operator, ["x", *inputs], names, **settings)
    return graph_of(onnx, [node], held, opset=opset, images=images)


def network_of(child, path, proto):
    path.write_bytes(proto.SerializeToString())
    return read_onnx(child, path, path.name).network.eval()


def drawn(*shape):
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def whole(*numbers):
    return np.array(numbers, dtype=np.int64)


def single(*numbers):
    return np.array(numbers, dtype=np.float32)
