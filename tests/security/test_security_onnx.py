import sys
from itertools import product

import numpy as np
import pytest
import torch
from onnx_nets import network_of
from torch.nn import functional

from trivet.errors import CheckpointError, UsageError
from trivet.security import load_checkpoint
from trivet.security.frozen import freeze
from trivet.security.reading.onnx import file as onnx_file
from trivet.security.reading.onnx.file import refuse_heavy
from trivet.work.confined import Confined

SHAPE = (1, 8, 8)


@pytest.fixture
def onnx():
    pytest.importorskip("onnx2torch", reason="the extra onnx is not installed")
    return pytest.importorskip("onnx")


def weights():
    draw = np.random.default_rng(0).normal
    return {"W": draw(size=(4, 1, 3, 3)), "b": draw(size=4), "F": draw(size=(10, 4 * 36))}


def logits(images):
    kernel, bias, dense = (torch.from_numpy(value).float() for value in weights().values())
    return functional.conv2d(images, kernel, bias).relu().flatten(1) @ dense.t()


def model(onnx, *, batch="n", shape=None, dtype=np.float32):
    """Return a convolution, a dense layer and a softmax, with a Reshape to `shape` or a Flatten between."""
    make, from_array = onnx.helper.make_node, onnx.numpy_helper.from_array
    held = [from_array(value.astype(dtype), name) for name, value in weights().items()]
    flat = make("Flatten", ["r"], ["f"], axis=1)
    if shape is not None:
        held.append(from_array(np.array(shape, dtype=np.int64), "s"))
        flat = make("Reshape", ["r", "s"], ["f"])
    nodes = [
        make("Conv", ["x", "W", "b"], ["c"], kernel_shape=[3, 3]),
        make("Relu", ["c"], ["r"]),
        flat,
        make("Gemm", ["f", "F"], ["y"], transB=1),
        make("Softmax", ["y"], ["z"], axis=1),
    ]
    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes, "g", [value("x", kind, [batch, *SHAPE])], [value("z", kind, [batch, 10])], held
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)


def load(path, proto):
    path.write_bytes(proto.SerializeToString())
    return load_checkpoint(path, architecture=None, input_shape=SHAPE, classes=10)


@pytest.mark.parametrize(
    ("settings", "batch"),
    [
        ({}, None),
        ({"dtype": np.float16}, None),
        ({"shape": (-1, 144)}, None),
        ({"batch": 1}, None),
        ({"batch": 1, "shape": (1, 144)}, 1),
    ],
)
def test_a_network_computes_what_its_nodes_say(onnx, tmp_path, settings, batch):
    loaded = load(tmp_path / "a.onnx", model(onnx, **settings))
    assert (loaded.model.kind, loaded.model.batch, loaded.info.architecture) == ("softmax", batch, "onnx")
    images = torch.rand(5, *SHAPE, generator=torch.Generator().manual_seed(0))
    tolerance = 3e-2 if settings.get("dtype") else 1e-4
    for found in (loaded.model, freeze(loaded.model)):
        torch.testing.assert_close(found.logits(images), logits(images), rtol=tolerance, atol=tolerance)


def test_a_name_that_is_code_stays_a_name(onnx, tmp_path, monkeypatch):
    """torch.fx writes names into source without escaping them: onnx2torch alone would run this one."""
    monkeypatch.chdir(tmp_path)
    evil = model(onnx)
    code = "import os; os\" + chr(46) + \"system('touch executed')"
    evil.graph.node[1].name = f'training"), exec("{code}"), getattr(self, "training'
    loaded = load(tmp_path / "a.onnx", evil)
    loaded.model.logits(torch.zeros(1, *SHAPE))
    assert [path.name for path in tmp_path.iterdir()] == ["a.onnx"]


def test_weights_that_are_written_once_may_be_used_twice(onnx, tmp_path):
    shared = model(onnx)
    make = onnx.helper.make_node
    shared.graph.node.insert(0, make("Identity", ["W"], ["W2"]))
    shared.graph.node.insert(1, make("Identity", ["W2"], ["W3"]))
    shared.graph.node[2].input[1] = "W3"
    images = torch.rand(2, *SHAPE, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        load(tmp_path / "a.onnx", shared).model.logits(images), logits(images), rtol=1e-4, atol=1e-4
    )


def external(tensor, onnx):
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"


def external_weight(proto, onnx):
    external(proto.graph.initializer[0], onnx)


def external_attribute(proto, onnx):
    value = onnx.helper.make_tensor("v", onnx.TensorProto.FLOAT, [2], [1.0, 2.0])
    proto.graph.node.append(onnx.helper.make_node("Constant", [], ["k"], value=value))
    external(proto.graph.node[-1].attribute[0].t, onnx)


def expanded(proto, onnx):
    sizes = np.array([10**7, *SHAPE], dtype=np.int64)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(sizes, "big"))
    proto.graph.node[0].input[0] = "many"
    proto.graph.node.insert(0, onnx.helper.make_node("Expand", ["x", "big"], ["many"]))


def enormous(proto, _onnx):
    proto.graph.initializer[0].dims[0] = 10**12


def branched(proto, onnx):
    node = proto.graph.node.add(op_type="If")
    node.attribute.add(name="then_branch", type=onnx.AttributeProto.GRAPH).g.name = "x"


def two_inputs(proto, onnx):
    proto.graph.input.append(onnx.helper.make_tensor_value_info("q", onnx.TensorProto.FLOAT, [1]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (external_weight, "names a part outside of its folder, '/etc/passwd'"),
        (external_attribute, "a constant in it points to another file"),
        (expanded, "more than 1.6 GiB of memory"),
        (enormous, "cannot be read as an ONNX network"),
        (branched, "holds a graph within its graph"),
        (two_inputs, "takes 2 inputs; expected one"),
        (lambda proto, _: setattr(proto.graph.node[1], "domain", "evil"), "is of the domain 'evil'"),
        (
            lambda proto, _: setattr(proto.graph.node[1], "op_type", "Nothing"),
            "operators that are not read as they stand",
        ),
        (lambda proto, _: proto.functions.add(name="f"), "holds functions"),
    ],
)
def test_a_hostile_or_broken_file_is_refused(onnx, tmp_path, change, message):
    proto = model(onnx)
    change(proto, onnx)
    with pytest.raises(CheckpointError) as caught:
        load(tmp_path / "a.onnx", proto)
    assert message in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    (tmp_path / "a.onnx").write_bytes(b"")
    with pytest.raises(
        UsageError, match=r"a\.onnx needs onnx, of the extra onnx: pip install 'trivet\[onnx\]'"
    ):
        load_checkpoint(tmp_path / "a.onnx", architecture=None)


def message(number, content):
    assert len(content) < 2**14
    return bytes([number << 3 | 2, len(content) & 0x7F | 0x80, len(content) >> 7]) + content


def test_what_surrounds_the_weights_is_bounded(monkeypatch):
    """A message of two bytes takes a hundred in memory, so the numbers alone may be many."""
    monkeypatch.setattr(onnx_file, "MAX_STRUCTURE_BYTES", 100)
    numbers = message(5, message(9, bytes(1000)) + message(4, bytes(400)))
    refuse_heavy(message(7, numbers), "a.onnx")
    for heavy in (
        message(7, message(1, b"") * 40),
        message(7, message(5, message(8, bytes(100)))),
        bytes(2) * 60,
    ):
        with pytest.raises(CheckpointError, match=r"a\.onnx"):
            refuse_heavy(heavy, "a.onnx")


class Pooled(torch.nn.Module):
    """What exporters write with operators of version 18 and later: a mean over pixels, dropout, a Gelu."""

    def __init__(self, arrange=None):
        super().__init__()
        self.arrange = arrange
        self.convolution = torch.nn.Conv2d(1, 64, 3)
        self.dense = torch.nn.Linear(64, 10)

    def forward(self, images):
        images = images if self.arrange is None else self.arrange(images)
        features = functional.gelu(self.convolution(images))
        return self.dense(functional.dropout(features.mean((2, 3)), training=self.training))


def seeded(*arguments):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Pooled(*arguments).eval()


@pytest.mark.filterwarnings("ignore")
def test_what_the_exporter_writes_by_default_is_read_with_its_weights_beside_it(onnx, tmp_path):
    pytest.importorskip("onnxscript", reason="PyTorch's exporter needs it")
    network = seeded()
    torch.onnx.export(network, (torch.zeros(1, *SHAPE),), tmp_path / "a.onnx", verbose=False)
    images = torch.rand(3, *SHAPE)
    loaded = load_checkpoint(tmp_path / "a.onnx", architecture=None, input_shape=SHAPE, classes=10)
    torch.testing.assert_close(loaded.model.logits(images), network(images), rtol=1e-4, atol=1e-4)
    data = tmp_path / "a.onnx.data"
    if data.exists() and data.stat().st_size:
        data.unlink()
        with pytest.raises(CheckpointError, match=r"lacks its part 'a\.onnx\.data'"):
            load_checkpoint(tmp_path / "a.onnx", architecture=None, input_shape=SHAPE, classes=10)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("inward", "outward"),
    [
        (lambda images: images.permute(0, 2, 3, 1), lambda images: images.permute(0, 3, 1, 2)),
        (lambda images: images[:, 0], lambda images: images.unsqueeze(1)),
        (lambda images: images.flatten(1), lambda images: images.reshape(-1, *SHAPE)),
    ],
    ids=["channels last", "no channels", "all in a row"],
)
def test_images_are_arranged_as_the_network_takes_them(onnx, tmp_path, inward, outward):
    network, images = seeded(outward), torch.rand(3, *SHAPE)
    settings = {"dynamo": False, "input_names": ["x"], "dynamic_axes": {"x": {0: "n"}}}
    torch.onnx.export(network, (inward(images)[:1],), tmp_path / "a.onnx", **settings)
    loaded = load_checkpoint(tmp_path / "a.onnx", architecture=None, input_shape=SHAPE, classes=10)
    torch.testing.assert_close(loaded.model.logits(images), network(inward(images)), rtol=1e-4, atol=1e-4)


def test_weights_beside_the_network_are_read_from_its_own_folder_alone(onnx, tmp_path):
    proto = model(onnx)
    tensor = proto.graph.initializer[0]
    numbers = bytes(tensor.raw_data)
    (tmp_path / "weights.bin").write_bytes(b"four" + numbers)
    external(tensor, onnx)
    del tensor.external_data[:]
    for key, value in (("location", "weights.bin"), ("offset", "4"), ("length", str(len(numbers)))):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    images = torch.rand(2, *SHAPE)
    torch.testing.assert_close(
        load(tmp_path / "a.onnx", proto).model.logits(images), logits(images), rtol=1e-4, atol=1e-4
    )
    (tmp_path / "weights.bin").write_bytes(numbers)
    with pytest.raises(CheckpointError, match="ends before its weights do"):
        load(tmp_path / "a.onnx", proto)
    (tmp_path / "weights.bin").rename(tmp_path / "moved.bin")
    (tmp_path / "weights.bin").symlink_to(tmp_path / "moved.bin")
    with pytest.raises(CheckpointError, match="there is no such file beside it"):
        load(tmp_path / "a.onnx", proto)


def alone(onnx, operator, *, axes, opset=18, **settings):
    """Return a network of one operator on images; axes are a list, None, or "computed"."""
    make, inputs, nodes, held = onnx.helper.make_node, ["x"], [], []
    if axes == "computed":
        nodes.append(make("Shape", ["x"], ["a"]))
        inputs.append("a")
    elif axes is not None:
        held.append(onnx.numpy_helper.from_array(np.array(axes, dtype=np.int64), "a"))
        inputs.append("a")
    nodes.append(make(operator, inputs, ["y"], **settings))
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(nodes, "g", [value("x", 1, ["n", *SHAPE])], [value("y", 1, None)], held)
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=8)


@pytest.fixture(scope="module")
def child():
    with Confined(ready="onnx") as reader:
        yield reader


def test_what_a_later_version_added_is_never_read_as_an_earlier_one(onnx, child, tmp_path):
    plain = alone(onnx, "AveragePool", axes=None, opset=19, kernel_shape=[2, 2])
    spread = alone(onnx, "AveragePool", axes=None, opset=19, kernel_shape=[2, 2], dilations=[2, 2])
    images = torch.rand(2, *SHAPE)
    found = network_of(child, tmp_path / "a.onnx", plain)(images)
    torch.testing.assert_close(found, functional.avg_pool2d(images, 2, stride=1))
    with pytest.raises(CheckpointError, match="operators that are not read as they stand"):
        network_of(child, tmp_path / "b.onnx", spread)
    spread.graph.node.append(onnx.helper.make_node("AveragePool", ["y"], ["z"], kernel_shape=[2, 2]))
    spread.graph.output[0].name = "z"
    with pytest.raises(CheckpointError, match="operators that are not read as they stand"):
        network_of(child, tmp_path / "c.onnx", spread)


@pytest.mark.parametrize("opset", [13, 19])
def test_a_padding_is_that_of_any_version(onnx, child, tmp_path, opset):
    proto = alone(onnx, "Pad", axes=[0, 0, 1, 2, 0, 0, 1, 0], opset=opset)
    images = torch.rand(2, *SHAPE)
    found = network_of(child, tmp_path / "a.onnx", proto)(images)
    torch.testing.assert_close(found, functional.pad(images, (2, 0, 1, 1)))


REDUCING = ("Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSum", "LogSumExp", "Sum")


@pytest.mark.parametrize("kind", REDUCING)
def test_a_reduction_without_axes_reduces_what_onnx_says(onnx, child, tmp_path, kind):
    reference = pytest.importorskip("onnx.reference")
    images = np.random.default_rng(0).uniform(0.1, 1, (2, *SHAPE)).astype(np.float32)
    for axes, settings in product(
        (None, [], [2, 3]), ({}, {"noop_with_empty_axes": 1}, {"noop_with_empty_axes": 1, "keepdims": 0})
    ):
        proto = alone(onnx, f"Reduce{kind}", axes=axes, **settings)
        (wanted,) = reference.ReferenceEvaluator(proto).run(None, {"x": images})
        found = network_of(child, tmp_path / "a.onnx", proto)(torch.from_numpy(images))
        assert found.shape == wanted.shape, (axes, settings)
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-4, err_msg=f"{axes} {settings}")


@pytest.mark.parametrize(
    ("operator", "axes", "message"),
    [
        ("Squeeze", [], "a Squeeze in it names no axes"),
        ("ReduceMean", "computed", "the axes of a ReduceMean in it are computed"),
    ],
)
def test_axes_that_are_unclear_are_refused(onnx, child, tmp_path, operator, axes, message):
    with pytest.raises(CheckpointError, match=message):
        network_of(child, tmp_path / "a.onnx", alone(onnx, operator, axes=axes))


def test_no_axes_to_add_leave_the_images_as_they_are(onnx, child, tmp_path):
    images = torch.rand(2, *SHAPE)
    network = network_of(child, tmp_path / "a.onnx", alone(onnx, "Unsqueeze", axes=[], opset=13))
    torch.testing.assert_close(network(images), images)


def test_many_small_weights_take_a_time_that_grows_with_their_number(onnx, child, tmp_path):
    proto = alone(onnx, "Relu", axes=None)
    for number in range(60_000):
        proto.graph.initializer.add(name=str(number), data_type=1, float_data=[1.0])
    (tmp_path / "a.onnx").write_bytes(proto.SerializeToString())
    request = {"path": str(tmp_path / "a.onnx"), "name": "a.onnx"}
    assert child.ask(f"{onnx_file.__name__}:prepare", request, name="a.onnx", seconds=5) == [None, *SHAPE]


@pytest.mark.parametrize("upper", [True, False])
@pytest.mark.parametrize(("kind", "step"), [("Conv", 1), ("Conv", 2), ("MaxPool", 2), ("AveragePool", 1)])
def test_padding_that_is_named_is_written_in_numbers(onnx, tmp_path, kind, step, upper):
    """Keras and CNTK name it; of an even window or stride one side has a pixel more (ONNX, Conv)."""
    padded = model(onnx)
    window = [2, 2] if kind == "MaxPool" else [3, 3]
    says = {
        "auto_pad": "SAME_UPPER" if upper else "SAME_LOWER",
        "strides": [step, step],
        "kernel_shape": window,
    }
    inputs = ["x", "K"] if kind == "Conv" else ["x"]
    padded.graph.initializer.append(
        onnx.numpy_helper.from_array(np.eye(3, dtype=np.float32)[None, None], "K")
    )
    padded.graph.node.insert(0, onnx.helper.make_node(kind, inputs, ["same"], **says))
    padded.graph.node[1].input[0] = "same"
    size = (8 // step - 2) ** 2
    padded.graph.initializer[2].CopyFrom(
        onnx.numpy_helper.from_array(weights()["F"][:, : 4 * size].astype(np.float32), "F")
    )
    images = torch.rand(2, *SHAPE, generator=torch.Generator().manual_seed(0))
    less, more = ((window[0] - step) // 2, -(-(window[0] - step) // 2))
    first, last = (less, more) if upper else (more, less)
    beside = functional.pad(images, (first, last) * 2, value=-torch.inf if kind == "MaxPool" else 0.0)
    expected = {
        "Conv": lambda: functional.conv2d(beside, torch.eye(3)[None, None], stride=step),
        "MaxPool": lambda: functional.max_pool2d(beside, 2, step),
        "AveragePool": lambda: functional.avg_pool2d(images, 3, 1, padding=1, count_include_pad=False),
    }[kind]()
    kernel, bias, dense = (torch.from_numpy(value).float() for value in weights().values())
    scores = functional.conv2d(expected, kernel, bias).relu().flatten(1) @ dense[:, : 4 * size].t()
    found = load(tmp_path / "a.onnx", padded).model.logits(images)
    torch.testing.assert_close(found, scores, rtol=1e-4, atol=1e-4)
