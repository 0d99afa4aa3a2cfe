"""Weights of Keras files, written as Keras 2 and 3 write them, for the modules that a mapping names."""

import io
import json
import sys
import zlib

import numpy as np
import pytest
import torch
from keras_files import SAME, of_keras_2, of_keras_3, of_keras_within, weights, written
from layout_nets import ChannelsLast
from torch import nn

from trivet.errors import CheckpointError, UsageError
from trivet.security import load_checkpoint
from trivet.security.checkpoint import _kernels
from trivet.security.reading.keras import KerasLayers, read_keras, renamed
from trivet.security.reading.torchfile import LazyTensor, Storage


@pytest.fixture
def h5py():
    return pytest.importorskip("h5py", reason="the extra keras is not installed")


def loaded(path, layers=SAME):
    return load_checkpoint(
        path, architecture="layout_nets:ChannelsLast", input_shape=(1, 8, 8), classes=10, layers=layers
    )


def computed(images):
    """Return what Keras computes, pixel by pixel."""
    held = weights()
    windows = np.lib.stride_tricks.sliding_window_view(images[:, 0], (3, 3), axis=(1, 2))
    x = np.einsum("nijhw,hwco->nijo", windows, held["stem"]["kernel"]) + held["stem"]["bias"]
    norm = held["norm"]
    x = (x - norm["moving_mean"]) / np.sqrt(norm["moving_variance"] + 1e-3) * norm["gamma"] + norm["beta"]
    windows = np.lib.stride_tricks.sliding_window_view(np.maximum(x, 0), (3, 3), axis=(1, 2))
    x = (
        np.einsum("nijchw,hwcm->nijcm", windows, held["deep"]["depthwise_kernel"])[..., 0]
        + held["deep"]["bias"]
    )
    x = np.maximum(x.reshape(len(x), -1) @ held["hidden"]["kernel"] + held["hidden"]["bias"], 0)
    return x @ held["head"]["kernel"] + held["head"]["bias"]


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.h5", of_keras_2),
        ("a.h5", of_keras_within),
        ("a.weights.h5", of_keras_3),
        ("a.keras", of_keras_3),
    ],
    ids=lambda each: getattr(each, "__name__", each),
)
def test_a_network_computes_what_keras_computes(h5py, tmp_path, name, write):
    path = written(h5py, tmp_path / name, write)
    (tmp_path / "layers.json").write_text(json.dumps(SAME))
    images = np.random.default_rng(1).random((3, 1, 8, 8)).astype(np.float32)
    for layers in (SAME, tmp_path / "layers.json"):
        found = loaded(path, layers).model.logits(torch.from_numpy(images))
        np.testing.assert_allclose(found.numpy(), computed(images), rtol=1e-4)


def test_single_variables_are_named_by_number_or_name(h5py, tmp_path):
    path = written(h5py, tmp_path / "a.h5", of_keras_2)
    one = {"head.weight": "head/kernel", "head.bias": "head/1"}
    others = {name: name for name in SAME if name != "head"}
    state = loaded(path, others | one).model.weights()
    assert torch.equal(state["head.weight"], torch.from_numpy(weights()["head"]["kernel"].T))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            None,
            r'say with --layers FILE\.json .* as \{"features\.0": "deep"\}\. It has "deep" \(3x3x4x1, 4\)',
        ),
        ({**SAME, "head": "top"}, "has no layer 'top'; it has"),
        ({**SAME, "head": "norm"}, "'norm' in a.h5 has 4 variables, and 'head' of the network 2 tensors"),
        ({**SAME, "heads": "head"}, r"0 tensors \(there is no such module\)"),
        ({**SAME, "head": "hidden"}, r"head\.weight has shape \(16, 64\) instead of \(10, 16\)"),
        ({"stem": "stem"}, "norm.weight is missing"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(h5py, tmp_path, layers, message):
    path = written(h5py, tmp_path / "a.h5", of_keras_2)
    with pytest.raises(CheckpointError, match=message):
        loaded(path, layers)


def test_numbers_in_another_file_are_refused(h5py, tmp_path):
    secret = tmp_path / "secret.raw"
    secret.write_bytes(bytes(40))

    def outside(file):
        of_keras_3(file)
        del file["layers/layer_4/vars/1"]
        file["layers/layer_4/vars"].create_dataset("1", (10,), "<f4", external=[(str(secret), 0, 40)])

    with pytest.raises(CheckpointError, match="numbers in it lie in another file"):
        loaded(written(h5py, tmp_path / "a.weights.h5", outside))

    def linked(file):
        of_keras_3(file)
        del file["layers/layer_4/vars/1"]
        file["layers/layer_4/vars/1"] = h5py.ExternalLink(str(tmp_path / "b.h5"), "x")

    with pytest.raises(CheckpointError, match="cannot be read as a Keras file"):
        loaded(written(h5py, tmp_path / "c.weights.h5", linked))


def replaced(make):
    """Return a writer of a file in the way of Keras 3, the bias of whose last layer is made by `make`."""

    def write(file):
        of_keras_3(file)
        del file["layers/layer_4/vars/1"]
        make(file["layers/layer_4/vars"], "1", weights()["head"]["bias"])

    return write


def test_packed_numbers_are_read_and_chunks_that_unpack_to_far_more_are_refused(h5py, tmp_path):
    def plain(group, name, bias):
        group.create_dataset(name, data=bias, chunks=(5,), compression="gzip", shuffle=True, fletcher32=True)

    def long_chunk(group, name, bias):
        group.create_dataset(name, (10,), "<f4", maxshape=(None,), chunks=(2**20,), compression="gzip")

    def long_stream(group, name, bias):
        plain(group, name, bias)
        packed = zlib.compress(bytes(2**16))
        group[name].id.write_direct_chunk((5,), packed)

    def otherwise(group, name, bias):
        group.create_dataset(name, data=bias, compression="lzf")

    path = tmp_path / "a.weights.h5"
    state = loaded(written(h5py, path, replaced(plain))).model.weights()
    assert torch.equal(state["head.bias"], torch.from_numpy(weights()["head"]["bias"]))
    for make, message in (
        (long_chunk, "takes 40 bytes, and is packed in chunks of 4,194,304"),
        (long_stream, "unpacks to more than the 24 bytes of a chunk"),
        (otherwise, "packed in a way that is not read"),
    ):
        with pytest.raises(CheckpointError, match=message):
            loaded(written(h5py, path, replaced(make)))


def test_layers_of_one_name_are_told_apart_by_their_paths(h5py, tmp_path):
    def old(file):
        of_keras_2(file)
        file["model_weights"].move("hidden", "enc/dense")
        file["model_weights"].move("head", "dec/dense")

    def new(file):
        of_keras_3(file)
        for number in (3, 4):
            file[f"layers/layer_{number}/vars"].attrs["name"] = "dense"

    for write, enc, dec in (
        (old, "model_weights/enc/dense", "model_weights/dec/dense"),
        (new, "layers/layer_3", "layers/layer_4"),
    ):
        path = written(h5py, tmp_path / "a.h5", write)
        state = loaded(path, {**SAME, "hidden": enc, "head": dec}).model.weights()
        for layer in ("hidden", "head"):
            expected = torch.from_numpy(weights()[layer]["kernel"].T)
            assert torch.equal(state[f"{layer}.weight"], expected)
        with pytest.raises(CheckpointError, match="no layer 'dense'"):
            loaded(path, {**SAME, "hidden": "dense", "head": dec})


def test_names_of_variables_in_several_attributes_are_read(h5py, tmp_path):
    def split(file):
        of_keras_2(file)
        attributes = file["model_weights/norm"].attrs
        names = attributes["weight_names"]
        del attributes["weight_names"]
        attributes["weight_names0"], attributes["weight_names1"] = names[:3], names[3:]

    state = loaded(written(h5py, tmp_path / "a.h5", split)).model.weights()
    assert torch.equal(state["norm.running_var"], torch.from_numpy(weights()["norm"]["moving_variance"]))


def test_only_kernels_are_turned():
    """A square position embedding or table keeps its axes, in a linear layer of the same shape they turn."""
    values = np.arange(9, dtype="<f4")
    claim = LazyTensor((3, 3), "F32", Storage("0", "F32", 9, "a.h5", lambda _: bytearray(values)), (3, 1))
    network = nn.ModuleDict({"table": nn.Embedding(3, 3), "head": nn.Linear(3, 3, bias=False)})
    network["last"] = network["head"]
    network.register_parameter("place", nn.Parameter(torch.zeros(3, 3)))
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    held = KerasLayers({"a": [("0", claim)]})
    state = renamed(
        held, dict.fromkeys(("table", "head", "last", "place"), "a"), shapes, _kernels(network), "a.h5"
    )
    read = {
        key: np.frombuffer(each.view(bytearray(values.tobytes())), "<f4").reshape(3, 3)
        for key, each in state.items()
    }
    for key in ("table.weight", "place"):
        np.testing.assert_array_equal(read[key], values.reshape(3, 3))
    for key in ("head.weight", "last.weight"):
        np.testing.assert_array_equal(read[key], values.reshape(3, 3).T)


def test_a_damaged_file_a_file_of_another_kind_and_a_missing_extra_are_named(h5py, tmp_path, monkeypatch):
    path = written(h5py, tmp_path / "a.h5", of_keras_2)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(CheckpointError, match=r"a\.h5 cannot be read as a Keras file"):
        loaded(path)
    torch.save(ChannelsLast().state_dict(), tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="is not a Keras file, whose layers --layers names"):
        loaded(tmp_path / "a.pth")
    (tmp_path / "layers.json").write_text("[1]")
    with pytest.raises(UsageError, match="should be a JSON object"):
        loaded(tmp_path / "a.pth", tmp_path / "layers.json")


def test_without_h5py_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UsageError, match=r"a\.h5 needs h5py, of the extra keras"):
        read_keras(io.BytesIO(), "a.h5")
