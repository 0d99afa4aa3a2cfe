"""Keras files written by hand, as Keras 2 and 3 write them, for the network `ChannelsLast`."""

import io
import zipfile

import numpy as np

SHAPES = {
    "stem": [("kernel", (3, 3, 1, 4)), ("bias", (4,))],
    "norm": [(name, (4,)) for name in ("gamma", "beta", "moving_mean", "moving_variance")],
    "deep": [("depthwise_kernel", (3, 3, 4, 1)), ("bias", (4,))],
    "hidden": [("kernel", (64, 16)), ("bias", (16,))],
    "head": [("kernel", (16, 10)), ("bias", (10,))],
}
SAME = {name: name for name in SHAPES}


def weights():
    draw = np.random.default_rng(0).uniform
    return {
        layer: {name: draw(0.1, 1, shape).astype(np.float32) for name, shape in variables}
        for layer, variables in SHAPES.items()
    }


def of_keras_2(file):
    root = file.create_group("model_weights")
    root.attrs["layer_names"] = [layer.encode() for layer in SHAPES]
    for layer, variables in weights().items():
        group = root.create_group(layer)
        group.attrs["weight_names"] = [f"{layer}/{name}:0".encode() for name in variables]
        for name, value in variables.items():
            group[f"{layer}/{name}:0"] = value
    file["optimizer_weights/Adam/iteration:0"] = np.int64(1)


def of_keras_within(file):
    """Write all layers but the last as those of a network within the network, trainable variables first."""
    root = file.create_group("model_weights")
    held = weights()
    names = [f"{layer}/{name}" for layer, variables in held.items() for name in variables if layer != "head"]
    for group, inside in (
        (
            root.create_group("inner"),
            sorted((f"inner/{name}" for name in names), key=lambda n: "moving" in n),
        ),
        (root.create_group("head"), ["outer/head/kernel", "outer/head/bias"]),
    ):
        group.attrs["weight_names"] = inside
        for name in inside:
            group[name] = held[name.split("/")[1]][name.split("/")[2]]


def of_keras_3(file):
    for number, (layer, variables) in enumerate(weights().items()):
        group = file.create_group(f"layers/layer_{number}/vars")
        group.attrs["name"] = layer
        for place, value in enumerate(variables.values()):
            group[str(place)] = value
    file["optimizer/vars/0"] = np.int64(1)


def written(h5py, path, write):
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        write(file)
    if path.suffix == ".keras":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", "{}")
            archive.writestr("model.weights.h5", stream.getvalue())
    else:
        path.write_bytes(stream.getvalue())
    return path
